/* The session's branch in the commit protocol: members of struct driver. */
#ifndef SQLITE_BRANCH_H
#define SQLITE_BRANCH_H

#include "sqlite/conn.h"

unsigned lite_abilities(struct driver_conn *head);
const char *lite_why_not(struct driver_conn *head, enum txn_ability ability);
int lite_ask(struct driver_conn *head);
int lite_advance(struct driver_conn *head, struct pollfd *wait);
void lite_give_up(struct driver_conn *head);
int lite_prepare(struct driver_conn *head, const char *gid);
int lite_commit_prepared(struct driver_conn *head, const char *gid);
int lite_rollback_prepared(struct driver_conn *head, const char *gid);
int lite_site(struct driver_conn *head, char ret_site[TXN_SITE_MAX + 1]);
bool lite_is_open_to_looks(struct driver_conn *head);
int lite_claim(struct driver_conn *head, const struct txn_decision *decision,
	       const char *const due[], size_t n_due, bool *ret_took);
int lite_decide(struct driver_conn *head);
int lite_outcome(struct driver_conn *head);

#endif
