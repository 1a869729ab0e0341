#include "postgres/exec.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "postgres/cancel.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "postgres/rows.h"
#include "postgres/site.h"
#include "postgres/statement.h"
#include "postgres/values.h"
#include "postgres/xid.h"

/* An engine that cannot decide looks again so often whether it can by now. */
#define REFRESH_MS 10000

int pg_fail_ended_by_hand(struct pg_link *link)
{
	bool is_joined = link->base.config->options.joined == SQLA_YES;

	link->is_ended_by_hand = true;
	return error_set(SQLA_EMANAGED, pg_name(link),
			 is_joined ? "Call txn_abort. Leave COMMIT, ROLLBACK and PREPARE "
				     "TRANSACTION to the transaction manager." :
				     "Call sqla_session_rollback. Leave COMMIT, ROLLBACK and "
				     "PREPARE TRANSACTION to it and sqla_session_commit.",
			 "the transaction of engine \"%s\" was ended by hand", pg_name(link));
}

/* ---- begin ------------------------------------------------------------------ */

static bool wants_refresh(const struct pg_link *link)
{
	return *link->server.reason && link->base.config->options.joined == SQLA_YES &&
	       link->base.config->options.decide != SQLA_DECIDE_NEVER &&
	       clock_ms() - link->server.probed_ms >= REFRESH_MS;
}

int pg_begin(struct driver_conn *conn, bool readonly)
{
	struct pg_link *link = pg_link_of(conn);
	int status = 0;

	if (conn->is_in_transaction)
		return error_set(SQLA_EMISUSE, pg_name(link), NULL,
				 "a transaction is already under way on the connection");
	if (wants_refresh(link))
		status = pg_site_refresh(link);
	if (status < 0)
		return status;
	pg_forget_transaction(link);
	link->xid[0] = '\0';
	link->is_unsent = false;
	link->is_transient = false;
	link->is_readonly = readonly;
	link->is_begin_due = true;
	link->base.is_in_transaction = true;
	return 0;
}

/* Written once: it is known by its address when it is prepared. */
static const char *begin_sql(struct pg_link *link)
{
	const char *isolation = link->base.config->options.isolation;
	char *sql = link->begin[link->is_readonly];

	if (!*sql)
		(void)snprintf(sql, sizeof(link->begin[0]), "BEGIN%s%s%s",
			       isolation ? " ISOLATION LEVEL " : "", isolation ? isolation : "",
			       link->is_readonly ? " READ ONLY" : "");
	return sql;
}

/* What the server says of the transaction after a talk. */
static void note_state(struct pg_link *link, int status)
{
	PGTransactionStatusType state = PQtransactionStatus(link->native);

	if (state == PQTRANS_INTRANS || state == PQTRANS_INERROR)
		link->is_begin_due = false;
	if (state == PQTRANS_INERROR && status < 0 && link->failure.status == 0)
		error_save(&link->failure);
	if (state == PQTRANS_INTRANS)
		error_none(&link->failure);
}

static int check_usable(struct pg_link *link)
{
	PGTransactionStatusType state = PQtransactionStatus(link->native);

	if (link->base.is_broken || PQstatus(link->native) != CONNECTION_OK)
		return error_set(SQLA_ECONNECT, pg_name(link), "Abort and begin anew.",
				 "the connection was lost");
	if (link->base.is_in_transaction && !link->is_begin_due &&
	    (link->is_ended_by_hand || state == PQTRANS_IDLE))
		return pg_fail_ended_by_hand(link);
	return 0;
}

/* The BEGIN that is due, and what goes with it. */
static unsigned put_begin(struct pg_link *link, struct pg_command commands[])
{
	if (!link->base.is_in_transaction)
		return pg_settings_alone(link, commands);
	if (!link->is_begin_due)
		return 0;
	commands[0] = (struct pg_command){ .sql = begin_sql(link), .how = PG_SEND_OWN };
	return 1 + pg_pooled_settings(link, commands + 1);
}

/*
 * Sends one statement (NULL: none), the BEGIN that is due ahead of it, the question for
 * the xid behind it (ahead of it, too, where it is open), and the end of a prepared
 * statement that is not kept any more, in one round trip. RET_AT: its place among
 * the answers.
 */
static int run_once(struct pg_link *link, const struct pg_command *command, const char *doing,
		    unsigned *ret_at)
{
	const char *dropped = pg_statement_dropped(link->statements);
	struct pg_command commands[5 + PG_SETTINGS_MAX];
	char deallocate[64];
	bool is_due = link->base.is_in_transaction && (!*link->xid || !link->is_guarded);
	bool is_expected = is_due && pg_xid_is_expected(link, command);
	bool asks_first = is_due && !is_expected && link->is_xid_open;
	bool asks = is_due && !is_expected && !link->has_changed;
	unsigned n = put_begin(link, commands), asked;
	int status;

	if (asks_first)
		commands[n++] = pg_xid_command(link);
	*ret_at = n;
	if (command)
		commands[n++] = *command;
	asked = n;
	if (asks)
		commands[n++] = pg_xid_command(link);
	/* Behind DEALLOCATE ALL, which takes no values, nothing is prepared any more. */
	if (asks && command && command->n == 0 && strcasestr(command->sql, "DEALLOCATE"))
		commands[asked].how = PG_SEND_PLAIN;
	if (dropped && link->base.is_in_transaction) {
		(void)snprintf(deallocate, sizeof(deallocate), "DEALLOCATE %s", dropped);
		commands[n++] = (struct pg_command){ .sql = deallocate };
	}
	status = pg_talk_run(link, commands, n, 0, doing);
	note_state(link, status);
	if (status == 0 && asks_first)
		pg_xid_note(link, *ret_at - 1);
	if (status == 0 && asks && !(asks_first && *link->xid))
		pg_xid_note(link, asked);
	if (status == 0 && is_due && !asks && !*link->xid)
		link->is_xid_open = true;
	if (status == 0 && dropped && link->base.is_in_transaction)
		pg_statement_closed(link->statements);
	return status;
}

/* Nothing is lost yet with the transaction: it begins anew. */
static int begin_again(struct pg_link *link)
{
	static const struct pg_command rollback = { .sql = "ROLLBACK" };
	int status = 0;

	if (!link->base.is_in_transaction)
		return 0;
	if (PQtransactionStatus(link->native) != PQTRANS_IDLE)
		status = pg_talk_run(link, &rollback, 1, PG_ROLLBACK_MS, "cannot roll back");
	link->is_begin_due = true;
	error_none(&link->failure);
	return status;
}

/* The same; a prepared statement that the server does not have any more, or
 * not as it was, is prepared anew where nothing was done before it. */
static int run(struct pg_link *link, const struct pg_command *command, const char *doing,
	       unsigned *ret_at)
{
	bool is_first = !link->base.is_in_transaction || link->is_begin_due;
	int status = check_usable(link);

	if (status < 0)
		return status;
	status = run_once(link, command, doing, ret_at);
	if (status == 0 || !link->talk.is_stale || !is_first)
		return status;
	status = begin_again(link);
	return status < 0 ? status : run_once(link, command, doing, ret_at);
}

/* Without a question behind it, since SET TRANSACTION may follow. Whoever gets the native
 * handle next could begin another transaction: a number that is open is asked for. */
int pg_begin_now(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	struct pg_command commands[1 + PG_SETTINGS_MAX];
	unsigned n;
	int status;

	if (!link->is_begin_due) {
		status = check_usable(link);
		return status < 0 ? status : pg_xid_close(link);
	}
	n = put_begin(link, commands);
	/* Not as a statement that the server may have lost: nothing repeats it here. */
	commands[0].how = PG_SEND_SIMPLE;
	status = pg_talk_run(link, commands, n, 0, "cannot begin a transaction");
	note_state(link, status);
	pg_talk_clear(link);
	return status;
}

int pg_begin_work(struct pg_link *link)
{
	unsigned at;
	int status;

	if (link->is_guarded)
		return pg_begin_now(&link->base);
	status = run(link, NULL, "cannot begin a transaction", &at);
	pg_talk_clear(link);
	return status;
}

/* ---- statements ------------------------------------------------------------- */

/* The atomicity of all branches rests on nobody ending one in SQL. ROLLBACK is the tag of
 * ROLLBACK TO as well: then the xid is still ours. */
static int check_not_ended(struct pg_link *link, const char *tag, bool had_xid)
{
	if (!link->base.is_in_transaction)
		return 0;
	if (PQtransactionStatus(link->native) == PQTRANS_IDLE || strcmp(tag, "COMMIT") == 0)
		return pg_fail_ended_by_hand(link);
	if (strcmp(tag, "ROLLBACK") == 0 && had_xid && !pg_xid_is_same(link))
		return link->base.is_broken ? SQLA_ECONNECT : pg_fail_ended_by_hand(link);
	return 0;
}

static bool is_one_of(const char *tag, const char *const commands[])
{
	for (; *commands; commands++)
		if (strncmp(tag, *commands, strlen(*commands)) == 0)
			return true;
	return false;
}

/*
 * Prepared is only what is planned. EXECUTE is answered with the tag of what it
 * runs, and is planned already; it does no harm. What was prepared must be
 * prepared anew after DDL: the result of SELECT * may have changed, and then
 * the server fails the transaction.
 */
static void note_statement(struct pg_link *link, const struct pg_command *command, unsigned at,
			   const char *tag)
{
	static const char *const planned[] = {
		"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", NULL
	};
	static const char *const ddl[] = { "ALTER", "CREATE", "DROP", "DO", "CALL", NULL };
	static const char *const settings[] = { "SET", "RESET", "DISCARD", "DO", "CALL", NULL };

	/* It is one of those, and known. */
	if (link->talk.statements[at])
		return;
	if (is_one_of(tag, planned))
		pg_statement_seen(link->statements, command);
	if (is_one_of(tag, ddl))
		pg_statements_renew(link->statements);
	if (is_one_of(tag, settings))
		link->may_be_async = true;
	if (strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0)
		pg_statements_forget(link->statements);
}

/*
 * The types of its values are those of the day it was prepared: where a column
 * has become wider since, only preparing it anew helps.
 */
static void note_failure(struct pg_link *link, const struct pg_command *command)
{
	const char *state = pg_sqlstate(pg_talk_failure(link));

	if (strncmp(state, "22", 2) == 0 || strncmp(state, "42", 2) == 0)
		pg_statement_drop(link->statements, command);
}

static int give_rows(struct pg_link *link, PGresult *result, struct driver_rows **ret_rows)
{
	if (!ret_rows) {
		PQclear(result);
		return 0;
	}
	*ret_rows = pg_rows_new(pg_name(link), result);
	return *ret_rows ? 0 : SQLA_ENOMEM;
}

int pg_execute(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
	       size_t n, struct driver_rows **ret_rows, int64_t *ret_affected)
{
	struct pg_link *link = pg_link_of(conn);
	bool had_xid = *link->xid || link->is_xid_open;
	struct pg_command command = { .sql = sql, .how = PG_SEND_KEPT, .n = (int)n };
	struct pg_values made;
	PGresult *result = NULL;
	int64_t affected;
	unsigned at = 0;
	int status = pg_values_make(link, values, n, &made);

	if (status < 0)
		goto out;
	command.values = made.values;
	command.types = made.types;
	command.lengths = made.lengths;
	command.formats = made.formats;
	status = run(link, &command, "the statement failed", &at);
	if (status < 0) {
		note_failure(link, &command);
		goto out;
	}
	result = link->talk.results[at];
	link->talk.results[at] = NULL;
	affected = pg_rows_affected(result);
	if (link->base.is_in_transaction && affected > 0)
		pg_xid_rows_written(link, at, had_xid);
	note_statement(link, &command, at, PQcmdStatus(result));
	status = check_not_ended(link, PQcmdStatus(result), had_xid);
	if (status < 0)
		goto out;
	if (ret_affected)
		*ret_affected = affected;
	status = give_rows(link, result, ret_rows);
	result = NULL;
out:
	PQclear(result);
	pg_values_free(&made);
	pg_talk_clear(link);
	return status;
}

/* ---- savepoints and rollback ------------------------------------------------ */

static void note_savepoint(struct pg_link *link, enum driver_savepoint verb, unsigned number)
{
	if (verb == DRIVER_SAVEPOINT_SET && link->outermost == 0)
		link->outermost = number;
	else if (verb == DRIVER_SAVEPOINT_RELEASE && number <= link->outermost)
		link->outermost = 0;
}

int pg_savepoint(struct driver_conn *conn, enum driver_savepoint verb, unsigned number)
{
	static const char *const verbs[] = {
		[DRIVER_SAVEPOINT_SET] = "SAVEPOINT",
		[DRIVER_SAVEPOINT_ROLLBACK] = "ROLLBACK TO SAVEPOINT",
		[DRIVER_SAVEPOINT_RELEASE] = "RELEASE SAVEPOINT",
	};
	struct pg_link *link = pg_link_of(conn);
	struct pg_command command = { 0 };
	char sql[64];
	unsigned at;
	int status;

	(void)snprintf(sql, sizeof(sql), "%s sqlassist_%u", verbs[verb], number);
	command.sql = sql;
	status = run(link, &command, "the savepoint failed", &at);
	if (status == 0)
		note_savepoint(link, verb, number);
	pg_talk_clear(link);
	return status;
}

static void send_rollback(struct pg_link *link)
{
	static const struct pg_command rollback = { .sql = "ROLLBACK" };

	if (pg_talk_run(link, &rollback, 1, PG_ROLLBACK_MS, "cannot roll back") < 0 ||
	    PQtransactionStatus(link->native) != PQTRANS_IDLE)
		pg_break(link);
	pg_talk_clear(link);
}

/*
 * Never fails: where the server cannot be told, the connection is cut, and the
 * server rolls back by itself. Only where it truly has a transaction is it
 * told, whatever our side believes.
 */
int pg_rollback(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	struct sqla_error before;

	error_save(&before);
	if (!conn->is_broken) {
		switch (PQtransactionStatus(link->native)) {
		case PQTRANS_IDLE:
			break;
		case PQTRANS_INTRANS:
		case PQTRANS_INERROR:
			send_rollback(link);
			break;
		case PQTRANS_ACTIVE:
		case PQTRANS_UNKNOWN:
			pg_cancel(conn);
			pg_break(link);
			break;
		}
	}
	pg_forget_transaction(link);
	(void)error_restore(&before);
	return 0;
}

/* ---- the rest ---------------------------------------------------------------- */

void pg_cancel(struct driver_conn *conn)
{
	pg_canceller_fire(pg_link_of(conn)->canceller);
}

/* From now on work may be done that no answer of ours tells of. */
void *pg_native(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);

	pg_talk_lend(link);
	link->is_unsure = true;
	link->may_be_async = true;
	return link->native;
}

bool pg_is_transient(const struct driver_conn *conn)
{
	return ((const struct pg_link *)conn)->is_transient;
}
