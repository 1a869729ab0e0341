/* Decision rows, for recovery and the administrator: engine/driver.h. */
#ifndef POSTGRES_DECISIONS_H
#define POSTGRES_DECISIONS_H

#include "engine/driver.h"

int pg_list_rows(struct driver_conn *conn, int64_t age_s, driver_row_fn *fn, void *arg);
int pg_forget_rows(struct driver_conn *conn, const char *const uuids[], size_t n);
int pg_purge_tombstones(struct driver_conn *conn);

#endif
