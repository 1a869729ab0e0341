/* Work in a transaction: engine/driver.h, "work". */
#ifndef POSTGRES_EXEC_H
#define POSTGRES_EXEC_H

#include "engine/driver.h"

struct pg_link;

int pg_begin(struct driver_conn *conn, bool readonly);
int pg_begin_now(struct driver_conn *conn);
int pg_execute(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
	       size_t n, struct driver_rows **ret_rows, int64_t *ret_affected);
int pg_rollback(struct driver_conn *conn);
int pg_savepoint(struct driver_conn *conn, enum driver_savepoint verb, unsigned number);
void pg_cancel(struct driver_conn *conn);
void *pg_native(struct driver_conn *conn);
bool pg_is_transient(const struct driver_conn *conn);

/* Begins now and, behind a pooler, makes sure of where. */
int pg_begin_work(struct pg_link *link);

/* The transaction was ended in SQL or through the native handle. */
int pg_fail_ended_by_hand(struct pg_link *link);

#endif
