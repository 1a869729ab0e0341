#include "postgres/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/statement.h"

void pg_talk_clear(struct pg_link *link)
{
	struct pg_talk *talk = &link->talk;

	for (unsigned i = 0; i < talk->sent; i++)
		PQclear(talk->results[i]);
	memset(talk, 0, offsetof(struct pg_talk, statements));
	talk->failed = -1;
}

/* A warning while a COMMIT runs means that it may not be what it seems:
 * committed here, but not at the synchronous standby. */
static void take_notice(void *arg, const PGresult *notice)
{
	struct pg_link *link = arg;
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

	if (severity && strcmp(severity, "WARNING") == 0) {
		link->talk.is_warned = true;
		log_warning("engine %s: %s", pg_name(link), text ? text : "a warning");
		return;
	}
	log_debug("engine %s: %s", pg_name(link), text ? text : "a notice");
}

void pg_talk_hear(struct pg_link *link)
{
	(void)PQsetNoticeReceiver(link->native, take_notice, link);
}

/* ---- sending ------------------------------------------------------------- */

/* Decides which commands are sent as prepared statements, and what answers are
 * to be expected for each. */
static void plan(struct pg_link *link, const struct pg_command commands[], unsigned n)
{
	struct pg_talk *talk = &link->talk;

	talk->sent = n;
	for (unsigned i = 0; i < n; i++) {
		struct pg_statement *statement =
			link->server.is_pooled ? NULL :
						 pg_statement_of(link->statements, &commands[i]);

		talk->statements[i] = statement;
		talk->columns[i] = commands[i].columns;
		talk->wants_row[i] = commands[i].wants_row;
		if (statement && !statement->is_prepared)
			talk->wire[talk->expected++] = (struct pg_wire){ i, .is_preparing = true };
		talk->wire[talk->expected++] = (struct pg_wire){ i, false };
	}
	talk->is_pipeline = talk->expected > 1;
}

static int send_one(PGconn *native, const struct pg_talk *talk, const struct pg_wire *wire,
		    const struct pg_command *command)
{
	const struct pg_statement *statement = talk->statements[wire->command];

	if (wire->is_preparing)
		return PQsendPrepare(native, statement->name, command->sql, command->n,
				     command->types);
	if (statement)
		return PQsendQueryPrepared(native, statement->name, command->n, command->values,
					   command->lengths, command->formats, 0);
	if (command->how == PG_SEND_SIMPLE && PQpipelineStatus(native) == PQ_PIPELINE_OFF)
		return PQsendQuery(native, command->sql);
	return PQsendQueryParams(native, command->sql, command->n, command->types, command->values,
				 command->lengths, command->formats, 0);
}

/* An application that used the native handle may have left it in this mode. */
static bool leave_old_pipeline(PGconn *native)
{
	return PQpipelineStatus(native) == PQ_PIPELINE_OFF || PQexitPipelineMode(native);
}

static bool send_sync(PGconn *native, struct pg_talk *talk)
{
	talk->syncs++;
	return PQpipelineSync(native);
}

static bool send_all(PGconn *native, struct pg_talk *talk, const struct pg_command commands[])
{
	if (talk->is_pipeline && !PQenterPipelineMode(native))
		return false;
	for (unsigned i = 0; i < talk->expected; i++) {
		const struct pg_command *command = &commands[talk->wire[i].command];

		if ((command->is_apart && !send_sync(native, talk)) ||
		    !send_one(native, talk, &talk->wire[i], command))
			return false;
	}
	return !talk->is_pipeline || send_sync(native, talk);
}

/* Asked behind every answer, and mostly there are none. */
static size_t complaints(const struct pg_link *link)
{
	const char *text = PQerrorMessage(link->native);

	return *text ? strlen(text) : 0;
}

int pg_talk_send(struct pg_link *link, const struct pg_command commands[], unsigned n)
{
	struct pg_talk *talk = &link->talk;

	pg_talk_clear(link);
	if (PQtransactionStatus(link->native) == PQTRANS_ACTIVE ||
	    !leave_old_pipeline(link->native))
		return error_set(SQLA_EMISUSE, pg_name(link),
				 "Read all results of what was sent through the native handle.",
				 "a command is still under way on the connection");
	plan(link, commands, n);
	/* Its receiver is not put back: libpq does not tell what it is called with. */
	if (talk->is_lent)
		pg_talk_hear(link);
	talk->was_nonblocking = PQisnonblocking(link->native);
	if ((!talk->was_nonblocking && PQsetnonblocking(link->native, 1) != 0) ||
	    !send_all(link->native, talk, commands)) {
		talk->is_lost = true;
		pg_break(link);
		return pg_fail(link, "cannot send", NULL);
	}
	talk->told = complaints(link);
	talk->is_open = true;
	talk->is_fresh = true;
	return 0;
}

/* ---- answers ------------------------------------------------------------- */

/* Whether the server says that all is done, and has left an answer out. */
static bool lacks_answer(const struct pg_talk *talk)
{
	for (unsigned i = 0; talk->failed < 0 && i < talk->sent; i++)
		if (!talk->results[i])
			return true;
	return false;
}

static void close_talk(struct pg_link *link)
{
	struct pg_talk *talk = &link->talk;

	talk->is_open = false;
	if (!talk->is_lost && lacks_answer(talk)) {
		talk->is_odd = true;
		talk->is_lost = true;
	}
	if (!talk->is_lost && talk->is_pipeline && !PQexitPipelineMode(link->native))
		talk->is_lost = true;
	if (talk->is_stale)
		pg_statements_forget(link->statements);
	if (talk->is_lost)
		pg_break(link);
	else if (talk->is_lent)
		(void)PQsetnonblocking(link->native, talk->was_nonblocking);
}

void pg_talk_lend(struct pg_link *link)
{
	if (!link->talk.is_lent)
		(void)PQsetnonblocking(link->native, 0);
	link->talk.is_lent = true;
}

/* COPY would wait for data for ever; the protocol offers no way out of it in
 * a pipeline but to hang up. */
static bool is_copy(ExecStatusType status)
{
	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static bool is_refusal(ExecStatusType status)
{
	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
	       status == PGRES_NONFATAL_ERROR || is_copy(status);
}

/*
 * The application has deallocated what we prepared, or a pooler has given us
 * another connection; or what a prepared statement returns has changed, which
 * has no code of its own.
 */
static bool is_stale(const struct pg_statement *statement, const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	if (pg_has_state(result, "26000"))
		return message && strstr(message, PG_STATEMENT_PREFIX);
	return statement && pg_has_state(result, "0A000") && function &&
	       strcmp(function, "RevalidateCachedQuery") == 0;
}

/* Whoever answers otherwise than was asked is not the server that we know, and
 * nothing that it says counts (I7). */
static bool is_odd(const struct pg_talk *talk, const struct pg_wire *wire, const PGresult *result)
{
	int columns = talk->columns[wire->command];

	if (columns == 0 || wire->is_preparing || talk->failed >= 0)
		return false;
	return PQresultStatus(result) != PGRES_TUPLES_OK || PQnfields(result) != columns ||
	       (talk->wants_row[wire->command] && PQntuples(result) == 0);
}

/* Takes RESULT as the answer that is due. */
static void take(struct pg_talk *talk, PGresult *result)
{
	const struct pg_wire *wire = &talk->wire[talk->answered];
	ExecStatusType status = PQresultStatus(result);
	unsigned i = wire->command;

	/* libpq gives it again and again, also where nothing is expected. */
	if (is_copy(status))
		talk->is_copy = talk->is_lost = true;
	if (talk->answered >= talk->expected || talk->failed == (int)i) {
		PQclear(result);
		return;
	}
	if (is_refusal(status) && talk->failed < 0) {
		talk->failed = (int)i;
		talk->is_stale = is_stale(talk->statements[i], result);
	}
	talk->is_odd = talk->is_odd || is_odd(talk, wire, result);
	if (pg_is_unknown(result) || talk->is_odd)
		talk->is_lost = true;
	if (wire->is_preparing && status == PGRES_COMMAND_OK)
		talk->statements[i]->is_prepared = true;
	PQclear(talk->results[i]);
	talk->results[i] = result;
}

/*
 * libpq that has no memory for the answer to a sync says so in its error text
 * only, and is busy for ever: nothing else is on its way.
 */
static bool has_more_to_tell(const struct pg_link *link)
{
	return complaints(link) > link->talk.told;
}

/* One step of reading; false: the talk is over. Called when reading does not
 * block. */
static bool read_one(struct pg_link *link)
{
	struct pg_talk *talk = &link->talk;
	PGresult *result = PQgetResult(link->native);

	talk->told = complaints(link);
	if (!result) {
		talk->answered++;
		/* A lost connection ends a pipeline without its sync. */
		if (PQstatus(link->native) == CONNECTION_BAD)
			talk->is_lost = true;
		return talk->is_pipeline && !talk->is_lost && talk->answered <= talk->expected;
	}
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		return --talk->syncs > 0;
	}
	take(talk, result);
	return !talk->is_lost;
}

static int await(const struct pg_link *link, int unsent, struct pollfd *wait)
{
	wait->fd = PQsocket(link->native);
	wait->events = (short)(POLLIN | (unsent ? POLLOUT : 0));
	wait->revents = 0;
	return TXN_WAIT;
}

int pg_talk_go(struct pg_link *link, struct pollfd *wait)
{
	struct pg_talk *talk = &link->talk;
	bool is_readable = true, is_fresh = talk->is_fresh;
	int unsent;

	if (!talk->is_open)
		return 0;
	talk->is_fresh = false;
	unsent = PQflush(link->native);
	if (is_fresh && unsent >= 0 && PQstatus(link->native) == CONNECTION_OK)
		return await(link, unsent, wait);
	is_readable = PQconsumeInput(link->native);
	while (!PQisBusy(link->native)) {
		if (read_one(link))
			continue;
		close_talk(link);
		return 0;
	}
	if (!is_readable || unsent < 0 || has_more_to_tell(link)) {
		talk->is_lost = true;
		close_talk(link);
		return 0;
	}
	return await(link, unsent, wait);
}

void pg_talk_await(struct pg_link *link, int patience_ms)
{
	int64_t deadline = patience_ms ? clock_ms() + patience_ms : 0;
	struct pollfd wait;

	/* Time may be up while the server goes on and on without ever being done. */
	while (pg_talk_go(link, &wait) == TXN_WAIT) {
		int left = clock_left(deadline);
		int ready = await_answer(&wait, 1, left);

		if (left != 0 && (ready > 0 || (ready < 0 && errno == EINTR)))
			continue;
		link->talk.is_late = true;
		link->talk.is_lost = true;
		close_talk(link);
	}
}

int pg_talk_run(struct pg_link *link, const struct pg_command commands[], unsigned n,
		int patience_ms, const char *doing)
{
	int status = pg_talk_send(link, commands, n);

	if (status < 0)
		return status;
	pg_talk_await(link, patience_ms);
	if (link->talk.is_lost || link->talk.failed >= 0)
		return pg_fail(link, doing, NULL);
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

const char *pg_cell(const PGresult *result, int row, int column)
{
	bool is_there = row < PQntuples(result) && column >= 0 && column < PQnfields(result);

	return is_there ? PQgetvalue(result, row, column) : "";
}

const char *pg_talk_value(const struct pg_link *link, unsigned i)
{
	return pg_cell(link->talk.results[i], 0, 0);
}

const char *pg_talk_tag(const struct pg_link *link, unsigned i)
{
	const char *tag = PQcmdStatus(link->talk.results[i]);

	return tag ? tag : "";
}

const PGresult *pg_talk_failure(const struct pg_link *link)
{
	return link->talk.failed < 0 ? NULL : link->talk.results[link->talk.failed];
}
