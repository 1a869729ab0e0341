#include "sqlite/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/fault.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"

/*
 * SQLite keeps the text of a CREATE from the name on, word for word, so the
 * shape is right if the text is ours: no other columns, keys or checks. The
 * row with the verdict 'site' names the site; the index allows one only.
 */
#define TABLE_BODY                                                                      \
	"sqlassist_decision(\n"                                                         \
	"\ttxn TEXT PRIMARY KEY NOT NULL,\n"                                            \
	"\tverdict TEXT NOT NULL,\n"                                                    \
	"\tbranches TEXT NOT NULL,\n"                                                   \
	"\tmade_at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))\n" \
	") WITHOUT ROWID"
#define INDEX_BODY "sqlassist_decision_site ON sqlassist_decision(verdict) WHERE verdict = 'site'"

static const char create_table[] = "CREATE TABLE IF NOT EXISTS main." TABLE_BODY;
static const char create_index[] = "CREATE UNIQUE INDEX IF NOT EXISTS main." INDEX_BODY;
#define INSERT_SITE(site)                                               \
	"INSERT INTO main.sqlassist_decision(txn, verdict, branches)\n" \
	"SELECT " site ", 'site', ''\n"                                 \
	"WHERE NOT EXISTS (SELECT 1 FROM main.sqlassist_decision WHERE verdict = 'site')"

static const char stored_table[] = "CREATE TABLE " TABLE_BODY;
static const char stored_index[] = "CREATE UNIQUE INDEX " INDEX_BODY;

/* ---- the shape ------------------------------------------------------------------ */

enum shape { SHAPE_OK, SHAPE_MISSING, SHAPE_WRONG, SHAPE_STRANGERS, SHAPE_UNREADABLE };

/*
 * A view or another table of the name, and a trigger or index on it, also a
 * TEMP one, could make the claim say what is not so.
 */
static enum shape look_at_shape(struct lite_conn *conn)
{
	static const char sql[] =
		"SELECT CASE "
		"WHEN NOT EXISTS (SELECT 1 FROM main.sqlite_schema"
		" WHERE name = 'sqlassist_decision' COLLATE NOCASE) THEN 1 "
		"WHEN (SELECT count(*) FROM main.sqlite_schema WHERE sql IN (?1, ?2)) <> 2 THEN 2 "
		"WHEN (SELECT count(*) FROM main.sqlite_schema"
		" WHERE tbl_name = 'sqlassist_decision' COLLATE NOCASE) <> 2 THEN 3 "
		"WHEN EXISTS (SELECT 1 FROM temp.sqlite_schema WHERE type = 'trigger'"
		" AND tbl_name = 'sqlassist_decision' COLLATE NOCASE) THEN 3 "
		"ELSE 0 END";
	char answer[4] = "";

	if (lite_ask_text(conn, sql, stored_table, stored_index, answer, sizeof(answer)) !=
	    SQLITE_ROW)
		return SHAPE_UNREADABLE;
	return (enum shape)(answer[0] - '0');
}

static const char *missing_text(const struct lite_conn *conn)
{
	const struct sqla_engine_options *options = &lite_config(conn)->options;

	if (options->decision_table == SQLA_TABLE_MANUAL)
		return "it has no decision table, and decision_table is manual: run what sqlassist "
		       "doctor --sql prints";
	if (options->joined != SQLA_YES)
		return "it has no decision table, which only joined engines make: run what sqlassist "
		       "doctor --sql prints";
	return "it has no decision table, since the file could not be written to: try again, or "
	       "run what sqlassist doctor --sql prints";
}

static const char *shape_text(const struct lite_conn *conn, enum shape shape)
{
	switch (shape) {
	case SHAPE_OK:
		return NULL;
	case SHAPE_MISSING:
		return missing_text(conn);
	case SHAPE_WRONG:
		return "sqlassist_decision is not the table that it should be: drop it, and run what "
		       "sqlassist doctor --sql prints";
	case SHAPE_STRANGERS:
		return "there are triggers or indexes on sqlassist_decision that do not belong "
		       "there: drop them";
	case SHAPE_UNREADABLE:
		break;
	}
	return "its decision table cannot be read now";
}

static const char select_site[] = "SELECT txn FROM main.sqlassist_decision WHERE verdict = 'site'";

/* What it was before is known to be one: to parse it costs more than to read it. */
static bool is_site(const struct lite_conn *conn, const char *site)
{
	uuid_t uuid;

	return (*site && strcmp(site, conn->site) == 0) || uuid_parse(site, uuid) == 0;
}

static bool read_site(struct lite_conn *conn, char ret_site[TXN_SITE_MAX + 1])
{
	char site[TXN_SITE_MAX + 1];

	if (lite_ask_text(conn, select_site, NULL, NULL, site, sizeof(site)) != SQLITE_ROW ||
	    !is_site(conn, site))
		return false;
	copy_text(ret_site, TXN_SITE_MAX + 1, site);
	return true;
}

/*
 * The shape was found right, and since then no schema has changed: else SQLite
 * had compiled the site's statement again before it ran, also for a change of
 * TEMP's.
 */
static bool is_same_shape(struct lite_conn *conn, char ret_site[TXN_SITE_MAX + 1])
{
	return conn->shape_seen > 0 && read_site(conn, ret_site) &&
	       lite_own_compilations(conn, select_site) == conn->shape_seen;
}

/* Seen in front of the look, so that a change in between shows later. */
static enum shape look_and_remember(struct lite_conn *conn)
{
	char ignored[TXN_SITE_MAX + 1];
	bool is_there = read_site(conn, ignored);
	int seen = lite_own_compilations(conn, select_site);
	enum shape shape = look_at_shape(conn);

	conn->shape_seen = is_there && shape == SHAPE_OK ? seen : 0;
	return shape;
}

const char *lite_table_obstacle(struct lite_conn *conn, char ret_site[TXN_SITE_MAX + 1])
{
	enum shape shape;

	if (is_same_shape(conn, ret_site))
		return NULL;
	shape = look_and_remember(conn);
	if (shape == SHAPE_OK && read_site(conn, ret_site))
		return NULL;
	if (shape == SHAPE_OK)
		(void)snprintf(conn->why, sizeof(conn->why),
			       "its decision table has no row with the verdict site: run what "
			       "sqlassist doctor --sql prints");
	else if (shape == SHAPE_UNREADABLE)
		(void)snprintf(conn->why, sizeof(conn->why), "%s: %s", shape_text(conn, shape),
			       sqlite3_errmsg(conn->db));
	else
		(void)snprintf(conn->why, sizeof(conn->why), "%s", shape_text(conn, shape));
	return conn->why;
}

bool lite_table_is_missing(struct lite_conn *conn)
{
	return look_at_shape(conn) == SHAPE_MISSING;
}

static int table_exists(struct lite_conn *conn)
{
	enum shape shape = look_at_shape(conn);

	if (shape == SHAPE_UNREADABLE)
		return lite_fail(conn, sqlite3_extended_errcode(conn->db),
				 "the decision table cannot be read");
	return shape != SHAPE_MISSING;
}

/* ---- making it -------------------------------------------------------------------- */

static void new_site(char ret_site[37])
{
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, ret_site);
}

static bool is_wanted(struct lite_conn *conn)
{
	const struct sqla_engine_options *options = &lite_config(conn)->options;

	return options->joined == SQLA_YES && options->readonly != SQLA_YES &&
	       options->decision_table == SQLA_TABLE_AUTO && options->decide != SQLA_DECIDE_NEVER &&
	       !lite_durable_obstacle(conn);
}

/* Races with other connections that do the same: the lock decides who does it. */
static bool make_table(struct lite_conn *conn)
{
	char site[37];
	int rc = lite_run(conn, "BEGIN IMMEDIATE");

	if (rc == SQLITE_OK)
		rc = lite_run(conn, create_table);
	if (rc == SQLITE_OK)
		rc = lite_run(conn, create_index);
	new_site(site);
	if (rc == SQLITE_OK &&
	    lite_ask_text(conn, INSERT_SITE("?1"), site, NULL, NULL, 0) != SQLITE_DONE)
		rc = SQLITE_ERROR;
	if (rc == SQLITE_OK)
		rc = lite_run(conn, "COMMIT");
	if (!sqlite3_get_autocommit(conn->db))
		(void)lite_run(conn, "ROLLBACK");
	return rc == SQLITE_OK;
}

void lite_table_ensure(struct lite_conn *conn)
{
	enum shape shape;

	conn->wants_table = false;
	if (!is_wanted(conn))
		return;
	shape = look_at_shape(conn);
	if (shape == SHAPE_MISSING)
		conn->wants_table = !make_table(conn);
	else
		conn->wants_table = shape == SHAPE_UNREADABLE;
}

char *lite_doctor_sql(const struct engine_config *config)
{
	char site[37];
	char *sql = NULL;

	new_site(site);
	if (asprintf(&sql,
		     "-- engine %s: the decision table of libsqlassist, for the sqlite3 shell\n"
		     "BEGIN IMMEDIATE;\n%s;\n%s;\n" INSERT_SITE("'%s'") ";\nCOMMIT;\n",
		     config->name, create_table, create_index, site) < 0) {
		(void)error_nomem();
		return NULL;
	}
	return sql;
}

/* ---- its rows ----------------------------------------------------------------------- */

static int each_row(sqlite3_stmt *stmt, driver_row_fn *fn, void *arg, int *ret_rc)
{
	int answer = 0;

	while (answer == 0 && (*ret_rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct driver_row row = {
			.uuid = (const char *)sqlite3_column_text(stmt, 0),
			.verdict = (const char *)sqlite3_column_text(stmt, 1),
			.branches = (const char *)sqlite3_column_text(stmt, 2),
			.age_s = sqlite3_column_int64(stmt, 3),
		};

		if (!row.uuid || !row.verdict || !row.branches)
			return error_nomem();
		answer = fn(arg, &row);
	}
	return answer;
}

int lite_list_rows(struct driver_conn *head, int64_t age_s, driver_row_fn *fn, void *arg)
{
	static const char sql[] =
		"SELECT txn, verdict, branches, age FROM (SELECT *,"
		" CAST(strftime('%s', 'now') AS INTEGER) - made_at AS age"
		" FROM main.sqlassist_decision WHERE verdict <> 'site') WHERE age >= ?1";
	struct lite_conn *conn = lite_conn_of(head);
	sqlite3_stmt *stmt = NULL;
	int answer = table_exists(conn);
	int rc;

	if (answer <= 0)
		return answer;
	rc = lite_prepare_own(conn, sql, &stmt);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 1, age_s);
	answer = rc == SQLITE_OK ? each_row(stmt, fn, arg, &rc) : 0;
	if (answer == 0 && rc != SQLITE_DONE)
		answer = lite_fail(conn, rc, "the decision rows cannot be read");
	(void)sqlite3_finalize(stmt);
	return answer;
}

static const char forget_one[] =
	"DELETE FROM main.sqlassist_decision WHERE txn = ?1 AND verdict = 'committed'";

static int remove_rows(struct lite_conn *conn, const char *sql, const char *const uuids[], size_t n,
		       int *ret_removed)
{
	int rc = SQLITE_OK;

	*ret_removed = 0;
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		rc = lite_ask_text(conn, sql, uuids ? uuids[i] : NULL, NULL, NULL, 0);
		if (rc == SQLITE_DONE) {
			*ret_removed += sqlite3_changes(conn->db);
			rc = SQLITE_OK;
		}
	}
	return rc;
}

int lite_table_forget(struct lite_conn *conn, const char *const uuids[], size_t n)
{
	int removed;

	return remove_rows(conn, forget_one, uuids, n, &removed);
}

/* In a transaction of its own; returns how many are gone. */
static int remove_and_commit(struct lite_conn *conn, const char *sql, const char *const uuids[],
			     size_t n)
{
	int status = table_exists(conn);
	int removed = 0;
	int rc;

	if (status <= 0)
		return status;
	rc = lite_run(conn, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = remove_rows(conn, sql, uuids, n, &removed);
	if (rc == SQLITE_OK)
		rc = lite_run(conn, "COMMIT");
	if (rc != SQLITE_OK)
		removed = lite_fail(conn, rc, "decision rows cannot be removed");
	if (!sqlite3_get_autocommit(conn->db))
		(void)lite_run(conn, "ROLLBACK");
	return removed;
}

int lite_forget_rows(struct driver_conn *head, const char *const uuids[], size_t n)
{
	int removed;

	fault_here(forget_before);
	removed = remove_and_commit(lite_conn_of(head), forget_one, uuids, n);
	if (removed < 0)
		return removed;
	fault_here(forget_after);
	return 0;
}

/*
 * I5: the write lock is held, so no transaction that could claim is open,
 * whenever it began.
 */
int lite_purge_tombstones(struct driver_conn *head)
{
	return remove_and_commit(lite_conn_of(head),
				 "DELETE FROM main.sqlassist_decision WHERE verdict = 'aborted'",
				 NULL, 1);
}
