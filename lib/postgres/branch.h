/*
 * A branch's part in the commit protocol: engine/driver.h, "the protocol"; and
 * the way a step of it is taken, for those that have a file of their own.
 */
#ifndef POSTGRES_BRANCH_H
#define POSTGRES_BRANCH_H

#include "engine/driver.h"
#include "postgres/talk.h"

struct pg_link;

/* A durable step must not be weakened by the session's settings. */
#define PG_RAISED_SYNCHRONOUS_COMMIT                                            \
	"CASE pg_catalog.current_setting('synchronous_commit') WHEN 'off' THEN" \
	" pg_catalog.set_config('synchronous_commit', 'on', true) END"

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
int pg_decide(struct driver_conn *conn);

/* What is done from here on is done in the transaction, and where it belongs. */
int pg_step_begin(struct pg_link *link);
/*
 * Sends COMMANDS and returns TXN_WAIT: CONCLUDE makes the vote of their answers,
 * or sends more and returns TXN_WAIT itself. DOING is for the text of a failure.
 */
int pg_step_start(struct pg_link *link, const struct pg_command commands[], unsigned n,
		  int (*conclude)(struct pg_link *link), const char *doing);
/* A command failed, or the connection was lost. */
bool pg_step_has_failed(const struct pg_link *link);

#endif
