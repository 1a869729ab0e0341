#include "postgres/error.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "postgres/link.h"
#include "postgres/pooled.h"

static const struct {
	const char *sqlstate;
	const char *hint;
} hints[] = {
	{ "25006", "Use an engine that is not readonly; a standby accepts no writes." },
	{ "25P02", "Abort, or roll back to a savepoint." },
	{ "28P01", "Check the user and the password in the URL, or in ~/.pgpass." },
	{ "3D000", "Check the name of the database in the URL." },
	{ "42501", "Ask the administrator for the right, or connect as another role." },
	{ "42601", "Check the SQL; one call takes one statement." },
	{ "53300", "Raise max_connections, or lower pool_size and pool_overflow." },
	{ "55P03", "Somebody holds the lock; see pg_locks and pg_blocking_pids()." },
	{ "57014", "A statement_timeout or a deadline has cancelled it." },
	{ "57P01", "The connection was ended there, or the server shuts down; do the work again." },
	{ "57P03", "The server is starting up or shutting down; try again soon." },
};

const char *pg_sqlstate(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state ? state : "";
}

bool pg_has_state(const PGresult *result, const char *sqlstate)
{
	return strcmp(pg_sqlstate(result), sqlstate) == 0;
}

static bool is_deadly(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

bool pg_is_unknown(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	const char *state;

	if (status == PGRES_BAD_RESPONSE)
		return true;
	if (status != PGRES_FATAL_ERROR)
		return false;
	state = pg_sqlstate(result);
	/* Without a SQLSTATE it is libpq that speaks, of a lost connection. */
	return state[0] == '\0' || is_deadly(result) || strncmp(state, "08", 2) == 0 ||
	       (strncmp(state, "57P0", 4) == 0 && state[4] >= '1' && state[4] <= '5');
}

static const char *hint_of(const PGresult *result)
{
	const char *state = pg_sqlstate(result);
	const char *own = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

	for (size_t i = 0; !own && i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strcmp(hints[i].sqlstate, state) == 0)
			own = hints[i].hint;
	return own || !pg_is_waited_out(result) ?
		       own :
		       "PgBouncer had no server process free in time: raise its default_pool_size, "
		       "or have fewer sessions in transactions at once.";
}

static int status_of(const PGresult *result)
{
	const char *state = pg_sqlstate(result);

	if (strncmp(state, "40", 2) == 0)
		return SQLA_ERETRY;
	if (strcmp(state, "25006") == 0)
		return SQLA_EREADONLY;
	if (strcmp(state, "25P02") == 0)
		return SQLA_EFAILED;
	return SQLA_EDATABASE;
}

/* The first cause, where the server only repeats that there was one. */
static int fail_again(const struct pg_link *link, const char *doing)
{
	error_set(SQLA_EFAILED, pg_name(link), "Abort, or roll back to a savepoint.",
		  "%s: an earlier statement of the transaction failed: %s", doing,
		  link->failure.message);
	error_set_sqlstate(link->failure.sqlstate);
	return SQLA_EFAILED;
}

static int fail_refused(const struct pg_link *link, int status, const char *doing, const char *hint,
			const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	if (!message)
		message = PQresultErrorMessage(result);
	error_set(status, pg_name(link), hint ? hint : hint_of(result), "%s: %s%s%s%s", doing,
		  message, detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
	error_set_sqlstate(pg_sqlstate(result));
	return status;
}

static int fail_lost(struct pg_link *link, int status, const char *doing)
{
	const PGresult *result = pg_talk_failure(link);
	const char *why = PQerrorMessage(link->native);

	pg_break(link);
	if (result && PQresultStatus(result) == PGRES_FATAL_ERROR)
		return fail_refused(link, status, doing, NULL, result);
	if (link->talk.is_late)
		why = "no answer in time";
	else if (link->talk.is_odd)
		why = "the server answered something else than it was asked";
	else if (!why || !*why)
		why = "the connection was lost";
	return error_set(status, pg_name(link), "Check that the server runs and can be reached.",
			 "%s: %s", doing, why);
}

static int fail_copy(struct pg_link *link, const char *doing)
{
	pg_break(link);
	return error_set(SQLA_EDATABASE, pg_name(link),
			 "Abort, and COPY through the native handle (sqla_session_pg).",
			 "%s: COPY from or to the client is not possible here", doing);
}

/* The transaction has failed, and for no fault of its own. */
static int fail_stale(struct pg_link *link, const char *doing, const PGresult *result)
{
	link->is_transient = true;
	return fail_refused(link, SQLA_ERETRY, doing,
			    "Abort, and try again: the statement is then prepared anew.", result);
}

static int fail(struct pg_link *link, int unknown, const char *doing, const char *hint)
{
	const PGresult *result = pg_talk_failure(link);
	int status;

	link->is_transient = false;
	if (link->talk.is_copy)
		return fail_copy(link, doing);
	if (link->talk.is_lost || !result)
		return fail_lost(link, unknown, doing);
	if (link->talk.is_stale)
		return fail_stale(link, doing, result);
	if (pg_is_moved(result))
		return pg_fail_moved(link);
	status = status_of(result);
	link->is_transient = status == SQLA_ERETRY;
	if (status == SQLA_EFAILED && link->failure.status < 0)
		return fail_again(link, doing);
	return fail_refused(link, status, doing, hint, result);
}

int pg_fail(struct pg_link *link, const char *doing, const char *hint)
{
	return fail(link, SQLA_ECONNECT, doing, hint);
}

int pg_refuse(struct pg_link *link, const char *doing, const char *hint)
{
	int status = fail(link, SQLA_EINDOUBT, doing, hint);

	/* A word for work; as a vote it is a plain no. */
	return status == SQLA_EREADONLY ? SQLA_EDATABASE : status;
}
