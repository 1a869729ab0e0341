/* Prepared branches, for recovery: engine/driver.h, "recovery". */
#ifndef POSTGRES_LIST_H
#define POSTGRES_LIST_H

#include "engine/driver.h"

int pg_list_prepared(struct driver_conn *conn, driver_prepared_fn *fn, void *arg);
int pg_is_prepared(struct driver_conn *conn, const char *gid);
int pg_end_prepared(struct driver_conn *conn, const char *gid, bool commit, const char *xid);

#endif
