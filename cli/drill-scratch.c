#include "drill-scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist/resource.h>

enum { BRANCHES = 1024 };

static const char about_server[] =
	"SELECT current_setting('server_version'), 'max_prepared_transactions=' ||"
	" current_setting('max_prepared_transactions') || ', fsync=' || current_setting('fsync') ||"
	" ', full_page_writes=' || current_setting('full_page_writes') || ', synchronous_commit=' ||"
	" current_setting('synchronous_commit') || ', wal_level=' || current_setting('wal_level') ||"
	" ', synchronous_standby_names=''' || current_setting('synchronous_standby_names') || ''''";

bool scratch_is_server(struct sqla_session *s)
{
	return sqla_session_sqlite(s) == NULL;
}

bool scratch_is_held(int status)
{
	return status == SQLA_ERETRY ||
	       (status < 0 && strcmp(sqla_error_last()->sqlstate, "55P03") == 0);
}

/* ---- reading --------------------------------------------------------------- */

typedef void row_fn(struct sqla_rows *rows, void *arg);

/* Calls FN for each row of SQL. */
static int each_row(struct sqla_session *s, const char *sql, row_fn *fn, void *arg)
{
	struct sqla_rows *rows = NULL;
	int closed, status = sqla_query(s, &rows, sql);

	while (status >= 0 && (status = sqla_rows_next(rows)) > 0)
		fn(rows, arg);
	closed = sqla_rows_close(rows);
	return status < 0 ? status : closed;
}

struct numbers {
	int64_t *values;
	int n;
};

static void take_numbers(struct sqla_rows *rows, void *arg)
{
	const struct numbers *numbers = arg;

	for (int i = 0; i < numbers->n; i++)
		numbers->values[i] = sqla_rows_int(rows, i);
}

int scratch_numbers(struct sqla_session *s, const char *sql, int64_t ret[], int n)
{
	struct numbers numbers = { .values = ret, .n = n };

	return each_row(s, sql, take_numbers, &numbers);
}

/* ---- describing -------------------------------------------------------------- */

static void take_server(struct sqla_rows *rows, void *arg)
{
	struct drill_engine *engine = arg;

	(void)snprintf(engine->version, sizeof(engine->version), "%s", sqla_rows_text(rows, 0));
	(void)snprintf(engine->settings, sizeof(engine->settings), "%s", sqla_rows_text(rows, 1));
}

static void take_version(struct sqla_rows *rows, void *arg)
{
	struct drill_engine *engine = arg;

	(void)snprintf(engine->version, sizeof(engine->version), "%s", sqla_rows_text(rows, 0));
}

static void take_pragma(struct sqla_rows *rows, void *arg)
{
	struct drill_engine *engine = arg;
	const size_t used = strlen(engine->settings);

	(void)snprintf(engine->settings + used, sizeof(engine->settings) - used, "%s%s=%s",
		       used > 0 ? ", " : "", sqla_rows_name(rows, 0), sqla_rows_text(rows, 0));
}

static int describe_file(struct sqla_session *s, struct drill_engine *engine)
{
	static const char *const pragmas[] = { "PRAGMA journal_mode", "PRAGMA synchronous",
					       "PRAGMA page_size" };
	int status = each_row(s, "SELECT sqlite_version()", take_version, engine);

	for (size_t i = 0; status >= 0 && i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
		status = each_row(s, pragmas[i], take_pragma, engine);
	return status;
}

/* 1: described; 0: it is not joined. */
static int describe(struct drill_ledger *ledger, struct drill_engine *engine)
{
	struct sqla_session *s = NULL;
	bool is_server;
	int status = sqla_session_open(engine->name, &s);

	if (status >= 0 && sqla_session_commit(s) != SQLA_EMANAGED)
		goto out;
	if (status >= 0)
		status = sqla_exec(s, "SELECT 1");
	if (status >= 0) {
		is_server = scratch_is_server(s);
		(void)strcpy(engine->kind, is_server ? "PostgreSQL" : "SQLite");
		status = is_server ? each_row(s, about_server, take_server, engine) :
				     describe_file(s, engine);
		status = status < 0 ? status : 1;
	}
	if (status < 0)
		(void)ledger_trouble(ledger, status);
out:
	sqla_session_close(s);
	(void)txn_abort();
	return status;
}

int scratch_describe(struct drill_ledger *ledger, void *arg)
{
	int n = 0;

	(void)arg;
	for (int i = 0; i < ledger->n_engines; i++) {
		int status = describe(ledger, &ledger->engines[i]);

		if (status < 0)
			return status;
		if (status > 0 && n++ != i)
			ledger->engines[n - 1] = ledger->engines[i];
	}
	ledger->n_engines = n;
	return 0;
}

/* ---- making -------------------------------------------------------------------- */

static int make_tables(struct sqla_session *s)
{
	int status = sqla_exec(s, "CREATE TABLE " DRILL_ACCOUNT
				  " (id bigint PRIMARY KEY, cents bigint NOT NULL)");

	if (status >= 0)
		status = sqla_exec(s, "CREATE TABLE " DRILL_TRANSFER
				      " (id bigint PRIMARY KEY, cents bigint NOT NULL)");
	for (int i = 0; status >= 0 && i < DRILL_ACCOUNTS; i++)
		status = sqla_exec(s, "INSERT INTO " DRILL_ACCOUNT " (id, cents) VALUES ($1, $2)",
				   sqla_int(i), sqla_int(DRILL_CENTS));
	return status;
}

static bool is_there_already(const struct sqla_error *error)
{
	return strcmp(error->sqlstate, "42P07") == 0 || strstr(error->message, "already exists");
}

/* Why nothing will be tried, and what to do. */
static int refuse(struct drill_ledger *ledger, int status)
{
	const struct sqla_error error = *sqla_error_last();
	const char *hint = NULL;

	(void)ledger_trouble(ledger, status);
	if (is_there_already(&error)) {
		status = SQLA_EALREADY;
		hint = "Another drill is at work, or was killed: then run it with --clean. Or two "
		       "of the engines are one database: name one of them.";
	} else if (strcmp(error.sqlstate, "42501") == 0) {
		hint = "Let the role create tables (GRANT CREATE ON SCHEMA), or name other "
		       "engines: sqlassist drill ENGINE...";
	} else if (status == SQLA_EREADONLY) {
		hint = "A readonly engine cannot be drilled: name the others, sqlassist drill "
		       "ENGINE...";
	}
	if (hint)
		(void)snprintf(ledger->trouble.hint, sizeof(ledger->trouble.hint), "%s", hint);
	return ledger->trouble.status = status;
}

int scratch_create(struct drill_ledger *ledger, void *arg)
{
	int status = 0;

	(void)arg;
	for (int i = 0; status >= 0 && i < ledger->n_engines; i++) {
		struct sqla_session *s = NULL;

		status = sqla_session_open(ledger->engines[i].name, &s);
		if (status >= 0)
			status = make_tables(s);
		sqla_session_close(s);
		ledger->engines[i].cents = (int64_t)DRILL_ACCOUNTS * DRILL_CENTS;
	}
	if (status >= 0)
		status = txn_commit();
	if (status < 0) {
		status = refuse(ledger, status);
		(void)txn_abort();
	}
	return status;
}

/* ---- dropping ------------------------------------------------------------------ */

/* A server may prepare for a client that is dead already: that is not waited for,
 * but recovered. */
static int drop_tables(struct sqla_session *s)
{
	int status = sqla_exec(s, "SELECT 1");

	if (status >= 0 && scratch_is_server(s))
		status = sqla_exec(s, "SET LOCAL lock_timeout = '1s'");
	if (status >= 0)
		status = sqla_exec(s, "DROP TABLE IF EXISTS " DRILL_TRANSFER);
	if (status >= 0)
		status = sqla_exec(s, "DROP TABLE IF EXISTS " DRILL_ACCOUNT);
	return status;
}

int scratch_drop(struct drill_ledger *ledger, void *arg)
{
	int worst = 0;

	(void)arg;
	for (int i = 0; i < ledger->n_engines; i++) {
		struct sqla_session *s = NULL;
		int status = sqla_session_open(ledger->engines[i].name, &s);

		if (status >= 0)
			status = drop_tables(s);
		if (status >= 0)
			status = txn_commit();
		if (scratch_is_held(status))
			status = SQLA_PENDING;
		if (status != 0 && worst >= 0)
			worst = status < 0 ? ledger_trouble(ledger, status) : status;
		sqla_session_close(s);
		(void)txn_abort();
	}
	return worst;
}

/* ---- what is left of another drill ------------------------------------------- */

struct left {
	char uuids[BRANCHES][37];
	int n;
};

static void take_gid(struct sqla_rows *rows, void *arg)
{
	struct left *left = arg;
	struct txn_gid gid;

	if (left->n < BRANCHES && txn_gid_parse(sqla_rows_text(rows, 0), &gid) == 0)
		(void)strcpy(left->uuids[left->n++], gid.uuid);
}

/* A prepared transaction holds its locks without a process, under the virtual number
 * that it had in its session; that of its xid tells which. */
static int list_left(struct drill_ledger *ledger, const char *engine, struct left *left)
{
	struct sqla_session *s = NULL;
	int status = sqla_session_open(engine, &s);

	if (status >= 0)
		status = sqla_exec(s, "SELECT 1");
	if (status >= 0 && scratch_is_server(s))
		status = each_row(s,
				  "SELECT DISTINCT gid FROM pg_catalog.pg_prepared_xacts AS x"
				  " JOIN pg_catalog.pg_locks AS own ON own.pid IS NULL"
				  " AND own.transactionid = x.transaction"
				  " JOIN pg_catalog.pg_locks AS l ON l.pid IS NULL"
				  " AND l.virtualtransaction = own.virtualtransaction"
				  " JOIN pg_catalog.pg_class AS c ON c.oid = l.relation"
				  " WHERE x.database = current_database() AND c.relname IN"
				  " ('" DRILL_ACCOUNT "', '" DRILL_TRANSFER "')",
				  take_gid, left);
	if (status < 0)
		(void)ledger_trouble(ledger, status);
	sqla_session_close(s);
	(void)txn_abort();
	return status;
}

static bool is_left(const char *uuid, void *arg)
{
	const struct left *left = arg;

	for (int i = 0; i < left->n; i++)
		if (strcmp(left->uuids[i], uuid) == 0)
			return true;
	return false;
}

int scratch_recover(struct drill_ledger *ledger, void *arg)
{
	struct left *left = calloc(1, sizeof(*left));
	struct sqla_recover_options options = { .grace_s = -1,
						.keep_rows = true,
						.wanted = is_left,
						.wanted_arg = left };
	int status = 0;

	(void)arg;
	if (!left)
		return ledger->trouble.status = SQLA_ENOMEM;
	for (int i = 0; status >= 0 && i < ledger->n_engines; i++)
		status = list_left(ledger, ledger->engines[i].name, left);
	if (status >= 0) {
		status = sqla_recover(&options, NULL, NULL, NULL);
		if (status < 0)
			(void)ledger_trouble(ledger, status);
	}
	free(left);
	return status;
}
