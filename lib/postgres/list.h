/* Prepared branches, for recovery: engine/driver.h, "recovery". */
#ifndef POSTGRES_LIST_H
#define POSTGRES_LIST_H

#include "engine/driver.h"

int pg_list_prepared(struct driver_conn *conn, driver_prepared_fn *fn, void *arg);
int pg_is_prepared(struct driver_conn *conn, const char *gid);
int pg_are_prepared(struct driver_conn *conn, const char *const gids[], size_t n);
int pg_end_prepared(struct driver_conn *conn, const char *gid, bool commit, const char *xid);
int pg_end_all(struct driver_conn *conn, struct driver_ending endings[], size_t n);

#endif
