/* Looking at a decider after a crash: members of struct driver. */
#ifndef SQLITE_LOOK_H
#define SQLITE_LOOK_H

#include "sqlite/conn.h"

enum driver_look_result lite_look(struct driver_conn *head, struct driver_look *look);
int lite_look_at_all(struct driver_conn *head, struct driver_looks *looks);

/* SQLite has no prepared branches. */
int lite_list_prepared(struct driver_conn *head, driver_prepared_fn *fn, void *arg);
int lite_is_prepared(struct driver_conn *head, const char *gid);
int lite_end_prepared(struct driver_conn *head, const char *gid, bool commit, const char *xid);

#endif
