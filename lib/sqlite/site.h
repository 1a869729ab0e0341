/* The decision table of a file: its making, its shape, the site, the rows. */
#ifndef SQLITE_SITE_H
#define SQLITE_SITE_H

#include "sqlite/conn.h"

/*
 * Makes the table and its site if they are missing and wanted, in a
 * transaction of its own. Sets no error: where it cannot be done the engine
 * cannot decide, and lite_table_obstacle tells why.
 */
void lite_table_ensure(struct lite_conn *conn);

/*
 * Why the table is of no use, and the remedy, in one line; or NULL, and the
 * site is in RET_SITE. Valid until the next call on the connection. In a
 * transaction that holds the write lock it stays true until its end.
 */
const char *lite_table_obstacle(struct lite_conn *conn, char ret_site[TXN_SITE_MAX + 1]);

/* Whether there is nothing of that name at all. */
bool lite_table_is_missing(struct lite_conn *conn);

/*
 * Removes rows by uuid from the decision table in the transaction that is
 * open (I5: their branches have all ended). Returns SQLite's code.
 */
int lite_table_forget(struct lite_conn *conn, const char *const uuids[], size_t n);

/* Members of struct driver. */
char *lite_doctor_sql(const struct engine_config *config);
int lite_list_rows(struct driver_conn *head, int64_t age_s, driver_row_fn *fn, void *arg);
int lite_forget_rows(struct driver_conn *head, const char *const uuids[], size_t n);
int lite_purge_tombstones(struct driver_conn *head);

#endif
