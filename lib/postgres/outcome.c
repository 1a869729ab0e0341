#include "postgres/outcome.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "postgres/connect.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/pooled.h"

enum {
	WAIT_MS = 5000,	  /* for our old backend to notice and end */
	PATIENT_MS = 500, /* before it is ended */
	PAUSE_MS = 20,
};

static int in_doubt(const struct pg_link *link, const char *evidence)
{
	return error_set(SQLA_EINDOUBT, pg_name(link),
			 "Look for the work itself before repeating it; outcome = row makes "
			 "such commits exact.",
			 "the commit of transaction %s is in doubt: %s",
			 *link->xid ? link->xid : "(unknown)", evidence);
}

static int in_doubt_by_error(const struct pg_link *link)
{
	char evidence[sizeof(sqla_error_last()->message)];

	(void)snprintf(evidence, sizeof(evidence), "%s", sqla_error_last()->message);
	return in_doubt(link, evidence);
}

/* ---- the incarnation --------------------------------------------------------- */

static unsigned count_common(const struct pg_server *a, const struct pg_server *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n_auxiliary; i++)
		for (unsigned j = 0; j < b->n_auxiliary; j++)
			n += a->auxiliary[i] == b->auxiliary[j];
	return n;
}

/*
 * A crash-restart replaces every auxiliary process, which the start time of
 * the postmaster does not show; a restarted container has the same process
 * ids again, which the start time does show. One common process could be a
 * number that came round again, so two are asked for.
 */
bool pg_is_same_incarnation(const struct pg_server *before, const struct pg_server *now,
			    const char **ret_why)
{
	unsigned wanted = before->n_auxiliary < 2 ? 1 : 2;

	if (!*now->system_identifier ||
	    strcmp(before->system_identifier, now->system_identifier) != 0 ||
	    strcmp(before->database_oid, now->database_oid) != 0)
		*ret_why = "another database answers at this address";
	else if (now->is_standby)
		*ret_why = "a standby answers at this address";
	else if (strcmp(before->started, now->started) != 0)
		*ret_why = "the server was restarted";
	else if (count_common(before, now) < wanted)
		*ret_why = "the server was restarted after a crash";
	else
		return true;
	return false;
}

/* ---- the xid ------------------------------------------------------------------- */

static void pause_a_moment(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
}

/*
 * Nobody will send another COMMIT on the lost connection: its backend is
 * finishing, or has not noticed yet. By pid and xid together it is ours for
 * certain.
 */
static int end_backend(struct pg_link *link, const struct pg_link *lost)
{
	char pid[16];
	const char *values[] = { pid, lost->xid };
	struct pg_command command = {
		.sql = "SELECT pg_catalog.pg_terminate_backend(pid)"
		       " FROM pg_catalog.pg_stat_activity WHERE pid = $1"
		       " AND backend_xid = ($2::pg_catalog.xid8)::pg_catalog.xid",
		.n = 2,
		.values = values,
	};

	(void)snprintf(pid, sizeof(pid), "%d", lost->server.backend_pid);
	return pg_recovery_run(link, &command, "cannot end the lost backend");
}

/* RET_OUTCOME: "committed", "aborted", "in progress" or "" (forgotten). */
static int ask_status(struct pg_link *link, const char *xid, char ret_outcome[16])
{
	struct pg_command command = {
		.sql = "SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8)",
		.n = 1,
		.values = &xid,
		.columns = 1,
		.wants_row = true,
	};
	int status = pg_recovery_run(link, &command, "cannot ask for the outcome");

	/* In the future: it was never written, or this server would know it. */
	if (status < 0 && pg_has_state(pg_talk_failure(link), "22023")) {
		(void)snprintf(ret_outcome, 16, "aborted");
		return 0;
	}
	if (status == 0)
		(void)snprintf(ret_outcome, 16, "%s", pg_talk_value(link, 0));
	return status;
}

static int await_status(struct pg_link *link, const struct pg_link *lost, char ret_outcome[16])
{
	int64_t deadline = clock_ms() + WAIT_MS;
	int64_t patient = clock_ms() + PATIENT_MS;
	int status;

	for (;;) {
		status = ask_status(link, lost->xid, ret_outcome);
		if (status < 0 || strcmp(ret_outcome, "in progress") != 0 ||
		    clock_left(deadline) == 0)
			return status;
		if (clock_left(patient) == 0)
			status = end_backend(link, lost);
		if (status < 0)
			return status;
		pause_a_moment();
	}
}

/* Visible is not yet durable, nor replicated: a synchronous write behind it in
 * the same log makes it so, or tells that it cannot be said. */
static int make_durable(struct pg_link *link)
{
	static const struct pg_command write = {
		.sql = "SELECT pg_catalog.pg_logical_emit_message(true, 'sqlassist', 'outcome')",
	};
	int status = pg_recovery_run(link, &write, "committed, but it is not known to be durable");

	if (status == 0 && link->talk.is_warned)
		status = error_set(SQLA_EINDOUBT, pg_name(link), NULL,
				   "committed, but the standby has not confirmed it");
	return status;
}

static int judge(struct pg_link *link, const struct pg_link *lost)
{
	const struct pg_server *before = &lost->server, *now = &link->server;
	char outcome[16] = "";
	const char *why = NULL;
	bool is_same = pg_is_same_incarnation(before, now, &why);

	/* Another or a read-only server proves nothing at all (I6). */
	if (strcmp(before->system_identifier, now->system_identifier) != 0 || now->is_standby)
		return in_doubt(lost, why);
	if (await_status(link, lost, outcome) < 0)
		return in_doubt_by_error(lost);
	if (strcmp(outcome, "aborted") == 0)
		return error_set(SQLA_EABORTED, pg_name(lost), "Abort, and try again.",
				 "the connection was lost during COMMIT, and the server has "
				 "rolled the transaction back");
	if (strcmp(outcome, "committed") != 0)
		return in_doubt(lost,
				*outcome ? "it is still under way" : "the server has forgotten it");
	if (!is_same)
		return in_doubt(lost, why);
	return make_durable(link) < 0 ? in_doubt_by_error(lost) : 0;
}

int pg_outcome(struct driver_conn *conn)
{
	struct pg_link *lost = pg_link_of(conn);
	struct driver_conn *fresh;
	int status;

	if (lost->is_unsent)
		return error_set(SQLA_EABORTED, pg_name(lost), "Abort, and try again.",
				 "the connection was lost before COMMIT was sent");
	if (!*lost->xid || !*lost->server.system_identifier)
		return in_doubt(lost, "its number is not known");
	if (pg_open(conn->config, DRIVER_RECOVERY, &fresh) < 0)
		return in_doubt_by_error(lost);
	status = judge(pg_link_of(fresh), lost);
	pg_close(fresh);
	return status;
}
