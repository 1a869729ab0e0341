/*
 * One branch's steps. Each is a talk that is sent here and concluded in
 * pg_advance: the coordinator waits for all branches together. A crash of
 * ours between two steps leaves
 *   before PREPARE is done    nothing: the server rolls back
 *   after it                  a branch in doubt, for recovery
 * The claim has a file of its own.
 */
#include "postgres/branch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "postgres/ending.h"
#include "postgres/error.h"
#include "postgres/exec.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "postgres/xid.h"
#include "txn/gid.h"

/* ---- abilities --------------------------------------------------------------- */

static bool can_prepare(const struct pg_link *link)
{
	return link->server.max_prepared > 0 && !link->server.is_standby &&
	       *link->server.system_identifier;
}

unsigned pg_abilities(struct driver_conn *conn)
{
	const struct pg_link *link = pg_link_of(conn);
	const struct sqla_engine_options *options = &conn->config->options;
	unsigned abilities = 0;

	if (can_prepare(link))
		abilities |= TXN_PREPARES;
	if (!*link->server.reason) {
		abilities |= TXN_DECIDES;
		if (options->decide == SQLA_DECIDE_PREFER)
			abilities |= TXN_PREFERS;
	}
	if (options->outcome == SQLA_OUTCOME_ROW)
		abilities |= TXN_ROW_ALWAYS;
	return abilities;
}

const char *pg_why_not(struct driver_conn *conn, enum txn_ability ability)
{
	struct pg_link *link = pg_link_of(conn);
	const struct pg_server *server = &link->server;

	if (ability == TXN_DECIDES)
		(void)snprintf(link->why, sizeof(link->why), "%s. %s", server->reason,
			       server->remedy);
	else if (server->is_standby)
		return "it is a standby: give the primary; see target_session_attrs";
	else if (server->max_prepared == 0)
		return "max_prepared_transactions is 0: set it to at least max_connections and "
		       "restart the server";
	else
		return "the role may not call pg_control_system(): GRANT EXECUTE ON FUNCTION "
		       "pg_catalog.pg_control_system() TO the role";
	return link->why;
}

/* ---- steps in general -------------------------------------------------------- */

int pg_step_start(struct pg_link *link, const struct pg_command commands[], unsigned n,
		  int (*conclude)(struct pg_link *link), const char *doing)
{
	link->conclude = conclude;
	return pg_talk_send(link, commands, n) < 0 ? pg_refuse(link, doing, NULL) : TXN_WAIT;
}

int pg_advance(struct driver_conn *conn, struct pollfd *wait)
{
	struct pg_link *link = pg_link_of(conn);
	int vote;

	/* A conclusion may have sent something else, which is gone on with here. */
	do {
		vote = pg_talk_go(link, wait);
		if (vote == TXN_WAIT)
			return TXN_WAIT;
		vote = link->conclude(link);
	} while (vote == TXN_WAIT && link->talk.is_open);
	pg_talk_clear(link);
	return vote;
}

/* What is under way may still happen: a PREPARE is then found by recovery, and
 * a COMMIT by looking. */
void pg_give_up(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);

	pg_break(link);
	pg_talk_clear(link);
	pg_forget_transaction(link);
}

bool pg_is_sent(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);

	/* Whoever asks leaves it for later, when there may be something to read. */
	link->talk.is_fresh = false;
	return PQflush(link->native) == 0;
}

static int fail_failed(struct pg_link *link)
{
	error_set(SQLA_EFAILED, pg_name(link), "Abort, and repair what failed.",
		  "a statement of the transaction had failed%s%s",
		  link->failure.message[0] ? ": " : "", link->failure.message);
	error_set_sqlstate(link->failure.sqlstate);
	return SQLA_EFAILED;
}

/* I7: nothing is sent into a transaction that is not what we think it is. */
static int check_in_transaction(struct pg_link *link)
{
	if (link->base.is_broken)
		return error_set(SQLA_ECONNECT, pg_name(link), "Abort and begin anew.",
				 "the connection was lost");
	switch (PQtransactionStatus(link->native)) {
	case PQTRANS_INTRANS:
		return link->is_ended_by_hand ? pg_fail_ended_by_hand(link) : 0;
	case PQTRANS_INERROR:
		return fail_failed(link);
	case PQTRANS_IDLE:
		return pg_fail_ended_by_hand(link);
	case PQTRANS_ACTIVE:
		return error_set(SQLA_EFAILED, pg_name(link),
				 "Read all results of what was sent through the native handle.",
				 "a command is still under way on the connection");
	case PQTRANS_UNKNOWN:
		break;
	}
	pg_break(link);
	return error_set(SQLA_ECONNECT, pg_name(link), "Abort and begin anew.",
			 "the connection was lost");
}

int pg_step_begin(struct pg_link *link)
{
	int status = link->is_begin_due ? 0 : check_in_transaction(link);

	if (status == 0 && (link->is_begin_due || !link->is_guarded))
		status = pg_begin_work(link);
	return status;
}

bool pg_step_has_failed(const struct pg_link *link)
{
	return link->talk.failed >= 0 || link->talk.is_lost;
}

/* ---- ask ----------------------------------------------------------------------- */

static int conclude_ask(struct pg_link *link)
{
	if (pg_step_has_failed(link))
		return pg_fail(link, "cannot ask what has changed", NULL);
	if (*link->xid && strcmp(link->xid, pg_talk_value(link, 0)) != 0)
		return pg_fail_ended_by_hand(link);
	pg_xid_note(link, 0);
	return *link->xid ? TXN_CHANGED : 0;
}

/* Known without asking, unless the application used the native handle. */
int pg_ask(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	struct pg_command ask;
	int status;

	if (link->is_begin_due)
		return 0;
	status = check_in_transaction(link);
	if (status < 0)
		return status;
	if (!link->is_unsure && (!link->is_xid_open || link->has_changed))
		return *link->xid || link->has_changed ? TXN_CHANGED : 0;
	ask = pg_xid_command(link);
	return pg_step_start(link, &ask, 1, conclude_ask, "cannot ask what has changed");
}

/* ---- commit, decide ------------------------------------------------------------- */

static int no_by_tag(struct pg_link *link, const char *command, const char *tag)
{
	return error_set(SQLA_EFAILED, pg_name(link), "Abort, and begin anew.",
			 "%s was answered with %s: the transaction had failed", command, tag);
}

static int conclude_commit(struct pg_link *link)
{
	const char *tag = pg_talk_tag(link, 0);

	pg_forget_transaction(link);
	if (pg_step_has_failed(link))
		return pg_refuse(link, "COMMIT", NULL);
	if (strcmp(tag, "ROLLBACK") == 0)
		return no_by_tag(link, "COMMIT", tag);
	if (strcmp(tag, "COMMIT") == 0 && !link->talk.is_warned)
		return 0;
	/* Such as: committed here, but the standby has not confirmed it. */
	pg_break(link);
	return error_set(SQLA_EINDOUBT, pg_name(link), NULL,
			 link->talk.is_warned ? "COMMIT was answered with a warning (%s)" :
						"COMMIT was answered with %s",
			 tag);
}

static int send_commit(struct pg_link *link)
{
	static const struct pg_command commit = { .sql = "COMMIT", .how = PG_SEND_SIMPLE };
	int status = check_in_transaction(link);

	if (status < 0)
		return status;
	link->is_unsent = false;
	return pg_step_start(link, &commit, 1, conclude_commit, "COMMIT");
}

static int conclude_xid(struct pg_link *link)
{
	if (pg_step_has_failed(link))
		return pg_fail(link, "cannot ask what has changed", NULL);
	pg_xid_note(link, 0);
	return send_commit(link);
}

/* Without a row its number alone tells of a commit whose answer is lost. */
int pg_commit(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	struct pg_command ask;
	int status;

	if (link->is_begin_due) {
		pg_forget_transaction(link);
		return 0;
	}
	if (*link->xid || link->is_xid_open)
		pg_xid_decides(link, false);
	if (!link->is_xid_open)
		return send_commit(link);
	status = check_in_transaction(link);
	if (status < 0)
		return status;
	link->is_unsent = true;
	ask = pg_xid_command(link);
	return pg_step_start(link, &ask, 1, conclude_xid, "cannot ask what has changed");
}

/* I2: the only step whose success is the decision. */
int pg_decide(struct driver_conn *conn)
{
	pg_xid_decides(pg_link_of(conn), true);
	return send_commit(pg_link_of(conn));
}

/* ---- prepare ---------------------------------------------------------------------- */

static const char *prepare_hint(const PGresult *failure)
{
	if (pg_has_state(failure, "0A000"))
		return "Mark the session with sqla_session_must_decide: its transaction did what "
		       "cannot be prepared (NOTIFY, a temporary table, a WITH HOLD cursor, a "
		       "foreign table).";
	if (pg_has_state(failure, "55000"))
		return "Set max_prepared_transactions to at least max_connections and restart "
		       "the server.";
	if (pg_has_state(failure, "53200"))
		return "Raise max_prepared_transactions, and see sqlassist status for branches "
		       "in doubt.";
	return NULL;
}

/* The answers from number AT on: to PREPARE, and to the BEGIN that may follow it. */
static int conclude_prepare_at(struct pg_link *link, unsigned at)
{
	const char *tag = pg_talk_tag(link, at);
	bool is_yes = strcmp(tag, "PREPARE TRANSACTION") == 0;
	bool is_held = link->talk.sent > at + 1;

	if (pg_step_has_failed(link))
		return pg_refuse(link, "PREPARE TRANSACTION", prepare_hint(pg_talk_failure(link)));
	pg_forget_transaction(link);
	link->is_held = is_held;
	if (is_yes &&
	    PQtransactionStatus(link->native) == (is_held ? PQTRANS_INTRANS : PQTRANS_IDLE))
		return 0;
	/* I7: a failed transaction answers so, and with no error. */
	if (strcmp(tag, "ROLLBACK") == 0)
		return no_by_tag(link, "PREPARE TRANSACTION", tag);
	pg_break(link);
	return error_set(SQLA_EINDOUBT, pg_name(link), NULL,
			 "PREPARE TRANSACTION was answered with %s", tag);
}

static int conclude_prepare(struct pg_link *link)
{
	return conclude_prepare_at(link, 0);
}

static int conclude_raise_and_prepare(struct pg_link *link)
{
	const PGresult *raised = link->talk.results[0];

	if (*pg_cell(raised, 0, 0)) {
		copy_text(link->xid, sizeof(link->xid), pg_cell(raised, 0, 0));
		link->may_be_async = *pg_cell(raised, 0, 1);
	}
	return conclude_prepare_at(link, 1);
}

/*
 * Its own xid tells later how the branch was ended; PREPARE takes one if there is
 * none yet. Synchronous_commit is raised from off, where it may be off: PREPARE
 * forces the log whatever it says, but waits for no standby then.
 */
static bool must_raise(const struct pg_link *link)
{
	return !*link->xid || link->is_unsure || link->may_be_async || link->server.is_pooled;
}

int pg_prepare(struct driver_conn *conn, const char *gid)
{
	struct pg_link *link = pg_link_of(conn);
	static const char raise[] =
		"SELECT pg_catalog.pg_current_xact_id(), " PG_RAISED_SYNCHRONOUS_COMMIT;
	struct pg_command commands[3] = { 0 };
	bool raises;
	char sql[TXN_GID_MAX + 32];
	unsigned n = 0;
	int status = pg_step_begin(link);

	if (status < 0)
		return status;
	if (!gid_is_plain(gid))
		return error_set(SQLA_EMISUSE, pg_name(link), NULL, "not a gid of ours: %s", gid);
	pg_xid_decides(link, false);
	raises = must_raise(link);
	if (raises)
		commands[n++] = (struct pg_command){ .sql = raise,
						     .how = PG_SEND_OWN,
						     .columns = 2,
						     .wants_row = true };
	copy_joined(sql, sizeof(sql), "PREPARE TRANSACTION '", gid, "'", NULL);
	commands[n++] = (struct pg_command){ .sql = sql, .how = PG_SEND_SIMPLE };
	/* Holds the server process until the branch is ended (pooled.h). In the
	 * same breath: a pooler takes it away when it is seen idle. */
	if (!pg_has_own_backend(link))
		commands[n++].sql = "BEGIN";
	return pg_step_start(link, commands, n,
			     raises ? conclude_raise_and_prepare : conclude_prepare,
			     "PREPARE TRANSACTION");
}
