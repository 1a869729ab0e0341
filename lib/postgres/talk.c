#include "postgres/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "postgres/error.h"
#include "postgres/link.h"

void pg_talk_clear(struct pg_link *link)
{
	struct pg_talk *talk = &link->talk;

	for (unsigned i = 0; i < PG_TALK_MAX; i++)
		PQclear(talk->results[i]);
	memset(talk, 0, sizeof(*talk));
	talk->failed = -1;
}

/* ---- sending ------------------------------------------------------------- */

static int send_one(PGconn *native, const struct pg_command *command)
{
	return PQsendQueryParams(native, command->sql, command->n, command->types, command->values,
				 command->lengths, command->formats, 0);
}

/* An application that used the native handle may have left it in this mode. */
static bool leave_old_pipeline(PGconn *native)
{
	return PQpipelineStatus(native) == PQ_PIPELINE_OFF || PQexitPipelineMode(native);
}

static bool send_all(PGconn *native, const struct pg_command commands[], unsigned n)
{
	if (n == 1)
		return send_one(native, commands);
	if (!PQenterPipelineMode(native))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!send_one(native, &commands[i]))
			return false;
	return PQpipelineSync(native);
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
	talk->was_nonblocking = PQisnonblocking(link->native);
	talk->is_pipeline = n > 1;
	talk->sent = n;
	if (PQsetnonblocking(link->native, 1) != 0 || !send_all(link->native, commands, n)) {
		talk->is_lost = true;
		pg_break(link);
		return pg_fail(link, "cannot send", NULL);
	}
	talk->is_open = true;
	return 0;
}

/* ---- answers ------------------------------------------------------------- */

static void close_talk(struct pg_link *link)
{
	struct pg_talk *talk = &link->talk;

	talk->is_open = false;
	if (!talk->is_lost && talk->is_pipeline && !PQexitPipelineMode(link->native))
		talk->is_lost = true;
	if (talk->is_lost)
		pg_break(link);
	else
		(void)PQsetnonblocking(link->native, talk->was_nonblocking);
}

/* COPY would wait for data for ever; the protocol offers no way out of it in
 * a pipeline but to hang up. */
static bool is_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static bool is_refusal(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
	       status == PGRES_NONFATAL_ERROR || is_copy(result);
}

/* Takes RESULT as the answer of the command that is due. */
static void take(struct pg_talk *talk, PGresult *result)
{
	unsigned i = talk->answered;

	if (i >= talk->sent) {
		PQclear(result);
		return;
	}
	if (is_refusal(result) && talk->failed < 0)
		talk->failed = (int)i;
	talk->is_copy = talk->is_copy || is_copy(result);
	if (pg_is_unknown(result) || talk->is_copy)
		talk->is_lost = true;
	PQclear(talk->results[i]);
	talk->results[i] = result;
}

/* One step of reading; false: the talk is over. Called when reading does not
 * block. */
static bool read_one(struct pg_link *link)
{
	struct pg_talk *talk = &link->talk;
	PGresult *result = PQgetResult(link->native);

	if (!result) {
		talk->answered++;
		/* A lost connection ends a pipeline without its sync. */
		if (PQstatus(link->native) == CONNECTION_BAD)
			talk->is_lost = true;
		return talk->is_pipeline && !talk->is_lost && talk->answered <= talk->sent;
	}
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		return false;
	}
	take(talk, result);
	return !talk->is_lost;
}

int pg_talk_go(struct pg_link *link, struct pollfd *wait)
{
	struct pg_talk *talk = &link->talk;
	bool is_readable = true;
	int unsent;

	if (!talk->is_open)
		return 0;
	unsent = PQflush(link->native);
	is_readable = PQconsumeInput(link->native);
	while (!PQisBusy(link->native)) {
		if (read_one(link))
			continue;
		close_talk(link);
		return 0;
	}
	if (!is_readable || unsent < 0) {
		talk->is_lost = true;
		close_talk(link);
		return 0;
	}
	wait->fd = PQsocket(link->native);
	wait->events = (short)(POLLIN | (unsent ? POLLOUT : 0));
	wait->revents = 0;
	return TXN_WAIT;
}

void pg_talk_await(struct pg_link *link, int patience_ms)
{
	int64_t deadline = patience_ms ? clock_ms() + patience_ms : 0;
	struct pollfd wait;

	while (pg_talk_go(link, &wait) == TXN_WAIT) {
		int ready = poll(&wait, 1, clock_left(deadline));

		if (ready > 0 || (ready < 0 && errno == EINTR))
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

const char *pg_talk_value(const struct pg_link *link, unsigned i)
{
	const PGresult *result = link->talk.results[i];

	return PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "";
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
