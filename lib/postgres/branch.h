/* A branch's part in the commit protocol: engine/driver.h, "the protocol". */
#ifndef POSTGRES_BRANCH_H
#define POSTGRES_BRANCH_H

#include "engine/driver.h"

unsigned pg_abilities(struct driver_conn *conn);
const char *pg_why_not(struct driver_conn *conn, enum txn_ability ability);
int pg_ask(struct driver_conn *conn);
int pg_advance(struct driver_conn *conn, struct pollfd *wait);
void pg_give_up(struct driver_conn *conn);
bool pg_is_sent(struct driver_conn *conn);
int pg_commit(struct driver_conn *conn);
int pg_prepare(struct driver_conn *conn, const char *gid);
int pg_commit_prepared(struct driver_conn *conn, const char *gid);
int pg_rollback_prepared(struct driver_conn *conn, const char *gid);
int pg_claim(struct driver_conn *conn, const struct txn_decision *decision, const char *const due[],
	     size_t n_due, bool *ret_took);
int pg_decide(struct driver_conn *conn);

#endif
