/*
 * To look:
 *  1. Is this the database that decided, can it be believed, and is it the
 *     primary? If not, nothing is said (I6).
 *  2. The row is there and committed: a synchronous write in this database,
 *     and then: committed. The row is a tombstone: aborted.
 *  3. There is no row: a tombstone is inserted. The unique key arbitrates (I1):
 *       it blocks      the decider is open; its coordinator may be alive (I4)
 *       it is refused  there is a row by now: step 2
 *       it goes in     the decider can never commit; but was it ever a decider?
 *  4. A branch of the transaction is still prepared: its row cannot have been
 *     forgotten (I5), so there never was one. The tombstone is committed, and
 *     then: aborted. None is: the tombstone is rolled back, and nothing is said.
 * A crash of ours before the tombstone's commit leaves nothing, after it a
 * tombstone, which the next look reads.
 *
 * In model/commit.pml: look, with r_look_flush (2), r_look_tombstone (3) and
 * r_look_asks (4).
 */
#include "postgres/look.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "postgres/blockers.h"
#include "postgres/error.h"
#include "postgres/exec.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "postgres/probe.h"
#include "postgres/site.h"

enum {
	ROUNDS_MAX = 5,	 /* of reading and inserting, while others race */
	GLANCE_MS = 300, /* a tombstone that waits so long is blocked */
};

/* What one round found. */
enum finding {
	FOUND_COMMITTED,
	FOUND_ABORTED,
	FOUND_NOTHING,
	FOUND_OPEN,
	FOUND_CHANGED, /* look again */
	FOUND_UNKNOWN,
};

static void BASE_PRINTF(2, 3) tell(struct driver_look *look, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(look->evidence, sizeof(look->evidence), format, args);
	va_end(args);
}

static enum finding cannot_say(struct driver_look *look, const char *what)
{
	tell(look, "%s: %s", what, sqla_error_last()->message);
	return FOUND_UNKNOWN;
}

/* ---- step 1 -------------------------------------------------------------------- */

bool pg_look_is_trustworthy(struct pg_link *link, struct driver_look *look)
{
	const struct pg_server *server = &link->server;

	if (pg_probe(link) < 0) {
		(void)cannot_say(look, "the decider cannot be asked");
		return false;
	}
	if (server->is_standby)
		tell(look, "a standby answers, and a standby proves nothing");
	else if (!*server->table_oid)
		tell(look, "there is no decision table %s", link->table);
	else if (*server->table_fault)
		tell(look, "the decision table %s", server->table_fault);
	else if (!server->may_read || !server->may_insert || !server->may_update)
		tell(look, "the role may not select, insert and update in %s", link->table);
	else if (!pg_site_is_valid(link))
		tell(look, *server->site ? "the decision table is a copy of another database's" :
					   "the decision table has no site row");
	else if (look->site && strcmp(look->site, server->site) != 0)
		tell(look, "this database is site %s, not %s", server->site, look->site);
	else if (!server->is_fsync)
		tell(look, "the server runs with fsync = off, so that nothing is durable");
	else
		return true;
	return false;
}

/* ---- step 2 -------------------------------------------------------------------- */

static int run_table_sql(struct pg_link *link, const char *format, int columns, const char *uuid,
			 const char *doing)
{
	struct pg_command command = { .n = 1, .values = &uuid, .columns = columns };
	char *sql = NULL;
	const char *gap = strstr(format, "%s");
	int status;

	if (asprintf(&sql, "%.*s%s%s", (int)(gap - format), format, link->table, gap + 2) < 0)
		return error_nomem();
	command.sql = sql;
	status = pg_recovery_run(link, &command, doing);
	free(sql);
	return status;
}

/* Outside a transaction of its own the statement commits by itself, and its
 * answer comes after that. */
static enum finding make_durable(struct pg_link *link, struct driver_look *look)
{
	static const char update[] = "UPDATE ONLY %s SET made_at = made_at"
				     " WHERE txn = $1 AND verdict = 'committed'";

	if (look->dry_run) {
		tell(look, PG_SAW_ROW);
		return FOUND_COMMITTED;
	}
	if (run_table_sql(link, update, 0, look->uuid, "the committed row cannot be made durable") <
	    0)
		return cannot_say(look, "the committed decision row is visible");
	if (link->talk.is_warned) {
		tell(look, "the committed decision row is visible, but the synchronous standby "
			   "has not confirmed it");
		return FOUND_UNKNOWN;
	}
	if (strcmp(pg_talk_tag(link, 0), "UPDATE 1") != 0)
		return FOUND_CHANGED;
	tell(look, PG_SAW_DURABLE_ROW);
	return FOUND_COMMITTED;
}

static enum finding read_row(struct pg_link *link, struct driver_look *look)
{
	static const char select[] = "SELECT verdict FROM ONLY %s WHERE txn = $1";
	const char *verdict;

	if (run_table_sql(link, select, 1, look->uuid, "cannot read the decision row") < 0)
		return cannot_say(look, "the decider cannot be asked");
	if (PQntuples(link->talk.results[0]) == 0)
		return FOUND_NOTHING;
	verdict = pg_talk_value(link, 0);
	if (strcmp(verdict, "committed") == 0)
		return make_durable(link, look);
	if (strcmp(verdict, "aborted") == 0) {
		tell(look, PG_SAW_TOMBSTONE);
		return FOUND_ABORTED;
	}
	tell(look, "the decision row has the strange verdict \"%.40s\"", verdict);
	return FOUND_UNKNOWN;
}

/* ---- step 3 -------------------------------------------------------------------- */

/* In a transaction of its own, at the server that was found trustworthy. */
static int begin_tombstone(struct pg_link *link)
{
	struct pg_command commands[] = {
		{ .sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" },
		{ .sql = "SET LOCAL lock_timeout = '2s'" },
		{ .sql = "SET LOCAL idle_in_transaction_session_timeout = '10s'" },
		pg_guard_command(link),
	};
	bool is_pooled = !pg_has_own_backend(link);
	int status = pg_talk_run(link, commands, is_pooled ? 4 : 3, PG_RECOVERY_MS,
				 "cannot begin a transaction");

	/* By which others see that it waits for them. */
	if (status == 0 && is_pooled)
		link->server.backend_pid = (int)strtol(pg_talk_value(link, 3), NULL, 10);
	return status;
}

static int send_tombstone(struct pg_link *link, const char *uuid)
{
	struct pg_command command = { .n = 1, .values = &uuid };
	char *sql = NULL;
	int status;

	if (asprintf(&sql, "INSERT INTO %s (txn, verdict, branches) VALUES ($1, 'aborted', '')",
		     link->table) < 0)
		return error_nomem();
	command.sql = sql;
	status = pg_talk_send(link, &command, 1);
	free(sql);
	return status;
}

/* Waits a little; true: it waits for somebody. */
static bool is_blocked(struct pg_link *link)
{
	int64_t deadline = clock_ms() + GLANCE_MS;
	struct pollfd wait;

	while (pg_talk_go(link, &wait) == TXN_WAIT) {
		if (clock_left(deadline) == 0)
			return true;
		if (poll(&wait, 1, clock_left(deadline)) < 0 && errno != EINTR)
			return true;
	}
	return false;
}

static enum finding tell_open(struct driver_look *look, const char *blocker)
{
	tell(look, "the decider is open: %s", *blocker ? blocker : "its claim is not committed");
	return FOUND_OPEN;
}

/*
 * Fencing needs no care for safety: a decider that is ended has committed or
 * never will, and the key tells which. Our own lost connection will send
 * nothing any more, so its backend is ended at once.
 */
static enum finding insert_tombstone(struct pg_link *link, struct driver_look *look)
{
	char blocker[200] = "";
	const PGresult *failure;
	int fence = look->is_own ? 0 : look->fence_s > 0 ? look->fence_s : -1;

	if (begin_tombstone(link) < 0 || send_tombstone(link, look->uuid) < 0)
		return cannot_say(look, "the tombstone cannot be inserted");
	if (is_blocked(link) &&
	    pg_blockers(link, look->dry_run ? -1 : fence, blocker, sizeof(blocker)) < 0)
		log_warning("engine %s: %s", pg_name(link), sqla_error_last()->message);
	pg_talk_await(link, PG_RECOVERY_MS);
	failure = pg_talk_failure(link);
	if (!failure && !link->talk.is_lost) {
		if (strcmp(pg_talk_tag(link, 0), "INSERT 0 1") == 0)
			return FOUND_NOTHING;
		tell(look, "the tombstone was answered with %s", pg_talk_tag(link, 0));
		return FOUND_UNKNOWN;
	}
	if (!link->talk.is_lost && pg_has_state(failure, "23505"))
		return FOUND_CHANGED;
	if (!link->talk.is_lost &&
	    (pg_has_state(failure, "55P03") || pg_has_state(failure, "57014")))
		return tell_open(look, blocker);
	(void)pg_fail(link, "the tombstone cannot be inserted", NULL);
	return cannot_say(look, "no row");
}

/* The lock of the INSERT keeps the table as it is; see claim.c. */
bool pg_look_is_table_proper(struct pg_link *link, struct driver_look *look)
{
	const char *oid = link->server.table_oid;
	struct pg_command check = {
		.sql = "SELECT " PG_TABLE_FAULT " FROM pg_catalog.pg_class c WHERE c.oid = $1",
		.n = 1,
		.values = &oid,
		.columns = 1,
	};

	if (pg_talk_run(link, &check, 1, PG_RECOVERY_MS, "cannot check the table") < 0) {
		(void)cannot_say(look, "no row");
		return false;
	}
	if (PQntuples(link->talk.results[0]) == 1 && !*pg_talk_value(link, 0))
		return true;
	tell(look, "the decision table %s",
	     PQntuples(link->talk.results[0]) == 1 ? pg_talk_value(link, 0) : "was replaced");
	return false;
}

/* ---- step 4 -------------------------------------------------------------------- */

/* A decider alone has no branch to ask about; its coordinator asks within
 * keep_decisions, so that its row cannot have been forgotten yet. */
static bool may_bury(struct driver_look *look)
{
	int answer;

	if (look->is_own && !look->still_prepared)
		return true;
	answer = look->still_prepared ? look->still_prepared(look->arg) : 0;
	if (answer > 0)
		return true;
	if (answer == 0)
		tell(look, "there is no row, and no branch is prepared any more: it was rolled "
			   "back, or it was committed and forgotten");
	else
		tell(look,
		     "there is no row, and whether a branch is still prepared cannot be "
		     "said: %s",
		     sqla_error_last()->message);
	return false;
}

static enum finding bury(struct pg_link *link, struct driver_look *look)
{
	static const struct pg_command commit = { .sql = "COMMIT" };

	if (look->dry_run) {
		tell(look, PG_COULD_BURY);
		return FOUND_ABORTED;
	}
	if (pg_talk_run(link, &commit, 1, PG_RECOVERY_MS, "the tombstone cannot be committed") < 0)
		return cannot_say(look, "no row");
	/* I7 */
	if (strcmp(pg_talk_tag(link, 0), "COMMIT") != 0 || link->talk.is_warned) {
		tell(look, "the tombstone is not known to be durable: the server answered %s%s",
		     pg_talk_tag(link, 0), link->talk.is_warned ? " with a warning" : "");
		return FOUND_UNKNOWN;
	}
	fault_here(look_buried);
	tell(look, PG_HAS_BURIED);
	return FOUND_ABORTED;
}

static enum finding probe_decider(struct pg_link *link, struct driver_look *look)
{
	enum finding found = insert_tombstone(link, look);

	if (found == FOUND_NOTHING) {
		fault_here(look_tombstone);
		found = pg_look_is_table_proper(link, look) && may_bury(look) ? bury(link, look) :
										FOUND_UNKNOWN;
	}
	/* Takes back whatever was not committed. */
	(void)pg_rollback(&link->base);
	return found;
}

static enum finding look_once(struct pg_link *link, struct driver_look *look)
{
	enum finding found = read_row(link, look);

	return found == FOUND_NOTHING ? probe_decider(link, look) : found;
}

enum driver_look_result pg_look(struct driver_conn *conn, struct driver_look *look)
{
	struct pg_link *link = pg_link_of(conn);
	enum finding found = FOUND_CHANGED;

	fault_here(look_before);
	tell(look, "the decision row comes and goes");
	if (conn->is_broken) {
		tell(look, "the connection to the decider was lost");
		return LOOK_UNKNOWN;
	}
	if (!pg_look_is_trustworthy(link, look))
		return LOOK_UNKNOWN;
	for (int i = 0; i < ROUNDS_MAX && found == FOUND_CHANGED; i++)
		found = look_once(link, look);
	pg_talk_clear(link);
	switch (found) {
	case FOUND_COMMITTED:
		return LOOK_COMMITTED;
	case FOUND_ABORTED:
		return LOOK_ABORTED;
	case FOUND_OPEN:
		return LOOK_OPEN;
	case FOUND_NOTHING:
	case FOUND_CHANGED:
	case FOUND_UNKNOWN:
		break;
	}
	return LOOK_UNKNOWN;
}
