#include "postgres/ending.h"

#include <stdio.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "postgres/branch.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "txn/gid.h"

/* "Is busy" and "in progress" pass as soon as the other side is done; it is
 * asked again so often, with a pause in between. */
#define ATTEMPTS_MAX 100
#define PAUSE "SELECT pg_catalog.pg_sleep(0.02)"

static const char *verb_of(const struct pg_link *link)
{
	return link->is_committing ? "COMMIT PREPARED" : "ROLLBACK PREPARED";
}

static int unknown(struct pg_link *link, const char *why)
{
	return error_set(SQLA_EINDOUBT, pg_name(link),
			 "Recovery (sqlassist recover) looks again and ends it.", "%s '%s': %s",
			 verb_of(link), link->gid, why);
}

/* Every failure that is not understood leaves the branch as it may be. */
static int unknown_by_error(struct pg_link *link)
{
	(void)pg_refuse(link, verb_of(link), NULL);
	error_set(SQLA_EINDOUBT, pg_name(link), sqla_error_last()->hint, "%s",
		  sqla_error_last()->message);
	error_set_sqlstate(pg_sqlstate(pg_talk_failure(link)));
	return SQLA_EINDOUBT;
}

static int start(struct pg_link *link, const struct pg_command commands[], unsigned n,
		 int (*conclude)(struct pg_link *link))
{
	link->conclude = conclude;
	return pg_talk_send(link, commands, n) < 0 ? unknown_by_error(link) : TXN_WAIT;
}

static int conclude_end(struct pg_link *link);

/* Behind the end of what holds the server process, where something does. */
static int send_end(struct pg_link *link)
{
	struct pg_command commands[] = { { .sql = "COMMIT" }, { .how = PG_SEND_SIMPLE } };
	char sql[TXN_GID_MAX + 32];
	unsigned first = link->is_held ? 0 : 1;

	copy_joined(sql, sizeof(sql), verb_of(link), " '", link->gid, "'", NULL);
	commands[1].sql = sql;
	link->is_held = false;
	return start(link, commands + first, 2 - first, conclude_end);
}

static int conclude_pause(struct pg_link *link)
{
	return link->talk.failed >= 0 || link->talk.is_lost ? unknown_by_error(link) :
							      send_end(link);
}

static int pause_and_repeat(struct pg_link *link)
{
	static const struct pg_command pause = { .sql = PAUSE };

	if (++link->attempts >= ATTEMPTS_MAX)
		return unknown(link, "somebody else holds it");
	return start(link, &pause, 1, conclude_pause);
}

/* The branch is gone: its own xid, durable since it was prepared, says how. */
static int conclude_xid(struct pg_link *link)
{
	const char *outcome;

	if (link->talk.failed >= 0 || link->talk.is_lost)
		return unknown_by_error(link);
	outcome = pg_talk_value(link, link->talk.sent - 1);
	if (strcmp(outcome, "in progress") == 0)
		return pause_and_repeat(link);
	if (strcmp(outcome, link->is_committing ? "committed" : "aborted") == 0)
		return 0;
	if (strcmp(outcome, link->is_committing ? "aborted" : "committed") == 0)
		return error_set(SQLA_EMIXED, pg_name(link),
				 "The databases disagree: compare and correct them by hand, and "
				 "find out who ended the branch.",
				 "branch '%s' was %s by somebody else, against the decision",
				 link->gid, link->is_committing ? "rolled back" : "committed");
	return unknown(link, "it is gone, and the server has forgotten how it ended");
}

static int ask_xid(struct pg_link *link)
{
	const char *xid = link->xid;
	struct pg_command commands[2];
	unsigned n = 0;

	if (!*xid)
		return unknown(link, "it is gone, and its transaction number is not known");
	if (!pg_has_own_backend(link))
		commands[n++] = pg_guard_command(link);
	commands[n++] = (struct pg_command){
		.sql = "SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8)",
		.n = 1,
		.values = &xid,
		.columns = 1,
		.wants_row = true,
	};
	return start(link, commands, n, conclude_xid);
}

/* I7: only the full answer counts. */
static int conclude_end(struct pg_link *link)
{
	const PGresult *failure = pg_talk_failure(link);

	if (!link->talk.is_lost && pg_has_state(failure, "42704"))
		return ask_xid(link);
	if (!link->talk.is_lost && pg_has_state(failure, "55000"))
		return pause_and_repeat(link);
	if (failure || link->talk.is_lost)
		return unknown_by_error(link);
	if (strcmp(pg_talk_tag(link, link->talk.sent - 1), verb_of(link)) != 0)
		return unknown(link, "the server did not say that it was done");
	return 0;
}

int pg_ending_start(struct pg_link *link, const char *gid, bool commit)
{
	if (link->base.is_broken)
		return error_set(SQLA_EINDOUBT, pg_name(link),
				 "Recovery (sqlassist recover) looks again and ends it.",
				 "branch '%s' cannot be ended: the connection was lost", gid);
	if (!gid_is_plain(gid))
		return error_set(SQLA_EMISUSE, pg_name(link), NULL, "not a gid of ours: %s", gid);
	copy_text(link->gid, sizeof(link->gid), gid);
	link->is_committing = commit;
	link->attempts = 0;
	return send_end(link);
}

int pg_commit_prepared(struct driver_conn *conn, const char *gid)
{
	return pg_ending_start(pg_link_of(conn), gid, true);
}

int pg_rollback_prepared(struct driver_conn *conn, const char *gid)
{
	return pg_ending_start(pg_link_of(conn), gid, false);
}
