#include "postgres/list.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "postgres/branch.h"
#include "postgres/ending.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "txn/gid.h"

/* I6: a standby shows no prepared transactions at all. */
static int fail_standby(const struct pg_link *link)
{
	return error_set(SQLA_EREADONLY, pg_name(link),
			 "Configure the primary; see target_session_attrs in libpq's URLs.",
			 "a standby answers, and a standby shows no prepared transactions");
}

static int fail_strange(struct pg_link *link)
{
	pg_break(link);
	return error_set(SQLA_ECONNECT, pg_name(link), "Find out who answers at this address.",
			 "the server answered something else than it was asked");
}

/*
 * The view has 32-bit xids, pg_xact_status wants 64 bits: the number nearest to
 * the latest one, on either side, since a prepared xid may be newer than what
 * has completed. A prepared transaction's locks carry no process id; its lock on
 * its own xid names its virtual transaction, and that names the others. Only who
 * waits for a lock held by a prepared transaction, process 0, is compared, and
 * once for all branches: there may be a thousand. One row always comes, to tell a
 * standby.
 */
static const char list[] =
	"WITH ours AS MATERIALIZED (SELECT * FROM pg_catalog.pg_prepared_xacts"
	" WHERE pg_catalog.starts_with(gid, 'sqla1.')),"
	" locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks"
	" WHERE EXISTS (SELECT FROM ours)),"
	" waiting AS MATERIALIZED (SELECT * FROM locks WHERE NOT granted"
	" AND 0 = ANY (pg_catalog.pg_blocking_pids(pid))),"
	" owned AS (SELECT transactionid, virtualtransaction FROM locks"
	" WHERE granted AND pid IS NULL AND transactionid IS NOT NULL),"
	" blocked AS (SELECT h.virtualtransaction, pg_catalog.count(DISTINCT w.pid) AS n"
	" FROM waiting w JOIN locks h ON h.granted AND h.pid IS NULL"
	" AND (h.locktype, h.database, h.relation, h.page,"
	" h.tuple, h.transactionid, h.classid, h.objid, h.objsubid) IS NOT DISTINCT FROM"
	" (w.locktype, w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid,"
	" w.objid, w.objsubid) GROUP BY h.virtualtransaction),"
	" latest AS (SELECT pg_catalog.pg_snapshot_xmax("
	"pg_catalog.pg_current_snapshot())::text::bigint AS xid)"
	" SELECT pg_catalog.pg_is_in_recovery(), p.gid, p.owner, p.database,"
	" latest.xid + (p.low - latest.xid % 4294967296 + 6442450944) % 4294967296 - 2147483648,"
	" greatest(0, pg_catalog.floor(pg_catalog.date_part('epoch',"
	" pg_catalog.clock_timestamp() - p.prepared)))::bigint,"
	" coalesce(blocked.n, 0),"
	" p.database = pg_catalog.current_database() AND (p.owner = current_user OR"
	" (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))"
	" FROM latest LEFT JOIN"
	" (SELECT *, transaction::text::bigint AS low FROM ours) AS p ON true"
	" LEFT JOIN owned ON owned.transactionid = p.transaction"
	" LEFT JOIN blocked ON blocked.virtualtransaction = owned.virtualtransaction"
	" ORDER BY p.prepared";

enum { LIST_COLUMNS = 8 };

static int give(const PGresult *result, int row, driver_prepared_fn *fn, void *arg)
{
	const struct driver_prepared prepared = {
		.gid = pg_cell(result, row, 1),
		.owner = pg_cell(result, row, 2),
		.database = pg_cell(result, row, 3),
		.xid = pg_cell(result, row, 4),
		.age_s = strtoll(pg_cell(result, row, 5), NULL, 10),
		.blocked = (int)strtol(pg_cell(result, row, 6), NULL, 10),
		.is_endable = strcmp(pg_cell(result, row, 7), "t") == 0,
	};
	struct txn_gid parts;

	/* Foreign gids are never touched. */
	if (PQgetisnull(result, row, 1) || txn_gid_parse(prepared.gid, &parts) < 0)
		return 0;
	return fn(arg, &prepared);
}

int pg_list_prepared(struct driver_conn *conn, driver_prepared_fn *fn, void *arg)
{
	static const struct pg_command command = { .sql = list,
						   .columns = LIST_COLUMNS,
						   .wants_row = true };
	struct pg_link *link = pg_link_of(conn);
	struct sqla_error before;
	PGresult *result;
	int status = pg_recovery_run(link, &command, "cannot list the prepared transactions");

	if (status < 0)
		return status;
	/* FN may talk on this link. */
	result = link->talk.results[0];
	link->talk.results[0] = NULL;
	pg_talk_clear(link);
	error_save(&before);
	if (strcmp(pg_cell(result, 0, 0), "t") == 0)
		status = fail_standby(link);
	else if (strcmp(pg_cell(result, 0, 0), "f") != 0)
		status = fail_strange(link);
	for (int row = 0; status >= 0 && row < PQntuples(result); row++)
		status = give(result, row, fn, arg);
	if (status >= 0)
		(void)error_restore(&before);
	PQclear(result);
	return status < 0 ? status : 0;
}

#define ASK_PREPARED(condition)                                          \
	"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'" \
	" WHEN " condition " THEN 'yes' ELSE 'no' END"

static int ask_prepared(struct pg_link *link, const char *sql, const char *value)
{
	struct pg_command command = { .sql = sql,
				      .n = 1,
				      .values = &value,
				      .columns = 1,
				      .wants_row = true };
	const char *answer;
	int status = pg_recovery_run(link, &command, "cannot ask whether a branch is prepared");

	if (status < 0)
		return status;
	answer = pg_talk_value(link, 0);
	if (strcmp(answer, "standby") == 0)
		status = fail_standby(link);
	else if (strcmp(answer, "yes") == 0 || strcmp(answer, "no") == 0)
		status = *answer == 'y';
	else
		status = fail_strange(link);
	pg_talk_clear(link);
	return status;
}

int pg_is_prepared(struct driver_conn *conn, const char *gid)
{
	static const char sql[] =
		ASK_PREPARED("EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE gid = $1)");

	return ask_prepared(pg_link_of(conn), sql, gid);
}

int pg_are_prepared(struct driver_conn *conn, const char *const gids[], size_t n)
{
	static const char sql[] =
		ASK_PREPARED("NOT EXISTS (SELECT pg_catalog.unnest($1::pg_catalog.text[])"
			     " EXCEPT SELECT gid FROM pg_catalog.pg_prepared_xacts)");
	char *array = pg_array(gids, n);
	int status;

	if (!array)
		return SQLA_ENOMEM;
	status = ask_prepared(pg_link_of(conn), sql, array);
	free(array);
	return status;
}

/* The connection is asked as the coordinator asks it, but awaited. */
static int await_vote(struct driver_conn *conn)
{
	int64_t deadline = clock_ms() + PG_RECOVERY_MS;
	struct pollfd wait;
	int vote;

	while ((vote = pg_advance(conn, &wait)) == TXN_WAIT) {
		int ready = poll(&wait, 1, clock_left(deadline));

		if (ready > 0 || (ready < 0 && errno == EINTR))
			continue;
		pg_give_up(conn);
		return error_set(SQLA_EINDOUBT, conn->config->name,
				 "The next recovery looks again.",
				 "no answer in time to the end of a prepared branch");
	}
	return vote;
}

int pg_end_prepared(struct driver_conn *conn, const char *gid, bool commit, const char *xid)
{
	struct pg_link *link = pg_link_of(conn);
	int vote;

	(void)snprintf(link->xid, sizeof(link->xid), "%s", xid ? xid : "");
	vote = pg_ending_start(link, gid, commit);
	return vote == TXN_WAIT ? await_vote(conn) : vote;
}

/* ---- many at once --------------------------------------------------------------- */

static const char *verb_of(const struct driver_ending *ending)
{
	return ending->is_commit ? "COMMIT PREPARED" : "ROLLBACK PREPARED";
}

/*
 * Each is a transaction of its own, ahead of which a sync ends what went before.
 * I7: the full answer counts, and none that comes behind a refusal, which
 * could be another's than it seems.
 */
static int end_some(struct pg_link *link, struct driver_ending endings[], unsigned n)
{
	struct pg_command commands[PG_TALK_MAX] = { { .sql = NULL } };
	char sql[PG_TALK_MAX][TXN_GID_MAX + 32];
	int status;
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(sql[i], sizeof(sql[i]), "%s '%s'", verb_of(&endings[i]),
			       endings[i].gid);
		commands[i] = (struct pg_command){ .sql = sql[i], .is_apart = i > 0 };
	}
	status = pg_talk_send(link, commands, n);
	if (status < 0)
		return status;
	pg_talk_await(link, PG_RECOVERY_MS);
	for (i = 0; i < n && i != (unsigned)link->talk.failed; i++)
		endings[i].is_done = strcmp(pg_talk_tag(link, i), verb_of(&endings[i])) == 0;
	return link->talk.is_lost ? pg_fail(link, "prepared branches cannot be ended", NULL) : 0;
}

/* A pooler is asked where it leads ahead of each, and so each goes alone. */
int pg_end_all(struct driver_conn *conn, struct driver_ending endings[], size_t n)
{
	struct pg_link *link = pg_link_of(conn);
	int status = 0;

	if (conn->is_broken || !pg_has_own_backend(link))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!gid_is_plain(endings[i].gid))
			return 0;
	for (size_t i = 0; status == 0 && i < n; i += PG_TALK_MAX)
		status = end_some(link, endings + i,
				  n - i < PG_TALK_MAX ? (unsigned)(n - i) : PG_TALK_MAX);
	pg_talk_clear(link);
	return status;
}
