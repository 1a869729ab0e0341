#include "postgres/decisions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "postgres/error.h"
#include "postgres/exec.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "postgres/site.h"
#include "txn/gid.h"

/* The rows of a copied table belong to the original, which answers for them. */
static bool has_rows(const struct pg_link *link)
{
	return *link->server.table_oid && pg_site_is_valid(link);
}

/* I5: what a standby shows may be late. */
static int check_primary(const struct pg_link *link)
{
	if (!link->server.is_standby)
		return 0;
	return error_set(SQLA_EREADONLY, pg_name(link), "Configure the primary.",
			 "the decisions of a standby cannot be forgotten");
}

/* ---- listing ------------------------------------------------------------------ */

static int give_row(const PGresult *result, int i, driver_row_fn *fn, void *arg)
{
	const struct driver_row row = {
		.uuid = pg_cell(result, i, 0),
		.verdict = pg_cell(result, i, 1),
		.branches = pg_cell(result, i, 2),
		.age_s = strtoll(pg_cell(result, i, 3), NULL, 10),
	};

	return fn(arg, &row);
}

static int query_rows(struct pg_link *link, int64_t age_s)
{
	char age[24];
	const char *value = age;
	struct pg_command command = { .n = 1, .values = &value, .columns = 4 };
	char *sql =
		pg_table_sql(link,
			     "SELECT txn, verdict, branches, pg_catalog.floor("
			     "pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - "
			     "made_at))::bigint FROM ONLY ",
			     " WHERE verdict <> 'site' AND made_at <= pg_catalog.clock_timestamp() "
			     "- pg_catalog.make_interval(secs => $1) ORDER BY made_at");
	int status;

	if (!sql)
		return SQLA_ENOMEM;
	(void)snprintf(age, sizeof(age), "%lld", (long long)age_s);
	command.sql = sql;
	status = pg_recovery_run(link, &command, "cannot read the decision rows");
	free(sql);
	return status;
}

int pg_list_rows(struct driver_conn *conn, int64_t age_s, driver_row_fn *fn, void *arg)
{
	struct pg_link *link = pg_link_of(conn);
	PGresult *result;
	int status = check_primary(link);

	if (status < 0 || !has_rows(link))
		return status;
	status = query_rows(link, age_s);
	if (status < 0)
		return status;
	result = link->talk.results[0];
	link->talk.results[0] = NULL;
	pg_talk_clear(link);
	for (int i = 0; status >= 0 && i < PQntuples(result); i++)
		status = give_row(result, i, fn, arg);
	PQclear(result);
	return status < 0 ? status : 0;
}

/* ---- forgetting --------------------------------------------------------------- */

static int delete_rows(struct pg_link *link, const char *sql, const char *uuids)
{
	struct pg_command commands[] = {
		{ .sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" },
		{ .sql = "SET LOCAL synchronous_commit = off" },
		{ .sql = sql, .n = 1, .values = &uuids },
		{ .sql = "COMMIT" },
	};
	int status =
		pg_talk_run(link, commands, 4, PG_RECOVERY_MS, "cannot forget the decision rows");

	(void)pg_rollback(&link->base);
	return status;
}

/* Not durable on purpose: a row that comes back is forgotten once more. */
int pg_forget_rows(struct driver_conn *conn, const char *const uuids[], size_t n)
{
	struct pg_link *link = pg_link_of(conn);
	char *array = NULL, *sql = NULL;
	int status = check_primary(link);

	for (size_t i = 0; status == 0 && i < n; i++)
		if (!gid_is_uuid(uuids[i]))
			status = error_set(SQLA_EMISUSE, pg_name(link), NULL, "not a uuid: %s",
					   uuids[i]);
	if (status < 0 || n == 0 || !*link->server.table_oid)
		return status;
	array = pg_array(uuids, n);
	sql = pg_table_sql(link, "DELETE FROM ONLY ",
			   " WHERE txn = ANY ($1::pg_catalog.uuid[]) AND verdict = 'committed'");
	status = SQLA_ENOMEM;
	if (array && sql) {
		fault_here(forget_before);
		status = delete_rows(link, sql, array);
		fault_here(forget_after);
	}
	pg_talk_clear(link);
	free(array);
	free(sql);
	return status;
}

/* ---- purging ------------------------------------------------------------------ */

/*
 * A decider that was open when its tombstone was made would no longer meet it
 * (I1, I5). The oldest transaction number that is still in use tells of those
 * that had one, and the start of every transaction in this database of the
 * others; a session that the role may not look into counts as open since ever.
 */
static const char purge_condition[] =
	" WHERE verdict = 'aborted' AND pg_catalog.age(xmin) > pg_catalog.age("
	"pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.xid)"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity"
	" WHERE datid = $1::pg_catalog.oid AND pid <> pg_catalog.pg_backend_pid()"
	" AND usesysid IS NOT NULL AND (backend_type IS NULL OR xact_start <= made_at))";

int pg_purge_tombstones(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	const char *database = link->server.database_oid;
	struct pg_command command = { .n = 1, .values = &database };
	char *sql;
	int status = check_primary(link);

	if (status < 0 || !has_rows(link))
		return status;
	sql = pg_table_sql(link, "DELETE FROM ONLY ", purge_condition);
	if (!sql)
		return SQLA_ENOMEM;
	command.sql = sql;
	status = pg_recovery_run(link, &command, "cannot purge the tombstones");
	if (status == 0)
		status = (int)strtol(PQcmdTuples(link->talk.results[0]), NULL, 10);
	pg_talk_clear(link);
	free(sql);
	return status;
}
