#include "sqlite/exec.h"

#include <math.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "sqlite/connect.h"
#include "sqlite/error.h"
#include "sqlite/rows.h"
#include "sqlite/statement.h"
#include "sqlite/transact.h"

/* ---- what may be compiled -------------------------------------------------- */

/* They set what the driver has set, or relies on. */
static bool is_setting(const char *pragma)
{
	static const char *const settings[] = { "journal_mode", "query_only", "synchronous" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (sqlite3_stricmp(pragma, settings[i]) == 0)
			return true;
	return false;
}

/* What a statement of the application's does, as far as it matters here. */
static void note_action(struct lite_conn *conn, int action, const char *pragma, const char *value)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
		return;
	case SQLITE_PRAGMA:
		if (value && is_setting(pragma))
			conn->has_pragma = true;
		if (value && sqlite3_stricmp(pragma, "locking_mode") == 0)
			conn->keeps_locks = true;
		break;
	default:
		break;
	}
	conn->is_special = true;
}

/*
 * A COMMIT typed by the application would commit its branch behind the
 * coordinator's back, also through the native handle: it is not compiled.
 */
int lite_authorize(void *arg, int action, const char *one, const char *two, const char *database,
		   const char *trigger)
{
	struct lite_conn *conn = arg;

	(void)database;
	(void)trigger;
	if (conn->sql == LITE_SQL_OWN)
		return SQLITE_OK;
	note_action(conn, action, one, two);
	if (conn->sql == LITE_SQL_USER &&
	    !(action == SQLITE_TRANSACTION && conn->head.is_in_transaction))
		return SQLITE_OK;
	conn->was_denied = true;
	return SQLITE_DENY;
}

/* ---- the driver's own SQL ---------------------------------------------------- */

int lite_run(struct lite_conn *conn, const char *sql)
{
	enum lite_sql before = conn->sql;
	int rc;

	conn->sql = LITE_SQL_OWN;
	rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
	conn->sql = before;
	return rc;
}

int lite_prepare_own(struct lite_conn *conn, const char *sql, sqlite3_stmt **ret_stmt)
{
	enum lite_sql before = conn->sql;
	int rc;

	conn->sql = LITE_SQL_OWN;
	rc = sqlite3_prepare_v2(conn->db, sql, -1, ret_stmt, NULL);
	conn->sql = before;
	return rc;
}

static struct lite_own *find_own(struct lite_conn *conn, const char *sql)
{
	for (unsigned i = 0; i < conn->n_own; i++)
		if (conn->own[i].sql == sql)
			return &conn->own[i];
	return NULL;
}

/* PRAGMAs are not kept: some answer what was true when they were compiled. */
static void keep_own(struct lite_conn *conn, const char *sql, sqlite3_stmt *stmt)
{
	if (conn->n_own < LITE_OWN_MAX && strncmp(sql, "PRAGMA", 6) != 0)
		conn->own[conn->n_own++] =
			(struct lite_own){ .sql = sql, .stmt = stmt, .is_used = true };
}

static int take_own(struct lite_conn *conn, const char *sql, sqlite3_stmt **ret_stmt)
{
	struct lite_own *own = find_own(conn, sql);
	int rc;

	if (own && !own->is_used) {
		own->is_used = true;
		*ret_stmt = own->stmt;
		return SQLITE_OK;
	}
	rc = lite_prepare_own(conn, sql, ret_stmt);
	if (rc == SQLITE_OK && !own)
		keep_own(conn, sql, *ret_stmt);
	return rc;
}

/* Answers as sqlite3_finalize. */
static int give_own(struct lite_conn *conn, const char *sql, sqlite3_stmt *stmt)
{
	struct lite_own *own = find_own(conn, sql);
	int rc;

	if (!own || own->stmt != stmt)
		return sqlite3_finalize(stmt);
	rc = sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	own->is_used = false;
	return rc;
}

void lite_own_end_all(struct lite_conn *conn)
{
	while (conn->n_own > 0)
		(void)sqlite3_finalize(conn->own[--conn->n_own].stmt);
}

/* SQLite compiles a kept statement again by itself when the schema changed. */
static int step_own(struct lite_conn *conn, sqlite3_stmt *stmt)
{
	enum lite_sql before = conn->sql;
	int rc;

	conn->sql = LITE_SQL_OWN;
	rc = sqlite3_step(stmt);
	conn->sql = before;
	return rc;
}

static int start_own(struct lite_conn *conn, const char *sql, const char *a, const char *b,
		     sqlite3_stmt **ret_stmt)
{
	int rc = take_own(conn, sql, ret_stmt);

	if (rc == SQLITE_OK && a)
		rc = sqlite3_bind_text(*ret_stmt, 1, a, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && b)
		rc = sqlite3_bind_text(*ret_stmt, 2, b, -1, SQLITE_STATIC);
	return rc == SQLITE_OK ? step_own(conn, *ret_stmt) : rc;
}

/* With PRAGMA count_changes what writes has a row, too. */
int lite_ask_text(struct lite_conn *conn, const char *sql, const char *a, const char *b, char *ret,
		  size_t size)
{
	sqlite3_stmt *stmt = NULL;
	int rc = start_own(conn, sql, a, b, &stmt);
	int end;

	while (rc == SQLITE_ROW && !ret)
		rc = step_own(conn, stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(stmt, 0);

		copy_text(ret, size, text ? (const char *)text : "");
	}
	end = give_own(conn, sql, stmt);
	return rc == SQLITE_ROW && end != SQLITE_OK ? end : rc;
}

int lite_step(struct lite_conn *conn, const char *sql)
{
	int rc = lite_ask_text(conn, sql, NULL, NULL, NULL, 0);

	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int lite_ask_int(struct lite_conn *conn, const char *sql, const char *a, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = start_own(conn, sql, a, NULL, &stmt);

	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	(void)give_own(conn, sql, stmt);
	return rc;
}

int lite_own_compilations(const struct lite_conn *conn, const char *sql)
{
	for (unsigned i = 0; i < conn->n_own; i++)
		if (conn->own[i].sql == sql)
			return 1 + sqlite3_stmt_status(conn->own[i].stmt,
						       SQLITE_STMTSTATUS_REPREPARE, 0);
	return 0;
}

/* ---- has SQLite ended the transaction? --------------------------------------- */

/*
 * SQLite rolls a transaction back by itself when the disk is full, at I/O
 * errors, when memory runs out, when a writing statement is interrupted, and
 * at ON CONFLICT ROLLBACK; only its autocommit flag tells.
 */
bool lite_notice_end(struct lite_conn *conn, const char *cause)
{
	if (conn->cause[0])
		return true;
	if (!conn->is_begun || !sqlite3_get_autocommit(conn->db))
		return false;
	copy_text(conn->cause, sizeof(conn->cause), cause);
	lite_rows_end_all(conn);
	return true;
}

int lite_statement_failed(struct lite_conn *conn, int rc, const char *doing)
{
	struct sqla_error error;
	int status = lite_fail(conn, rc, doing);

	error_save(&error);
	(void)lite_notice_end(conn, error.message);
	(void)error_restore(&error);
	return status;
}

int lite_ready(struct lite_conn *conn)
{
	if (conn->head.is_broken)
		return error_set(SQLA_ECONNECT, lite_name(conn), "Abort and begin anew.",
				 "the state of this connection is unknown (%s)", lite_path(conn));
	if (lite_notice_end(conn, "it was ended behind the library's back"))
		return error_set(SQLA_EFAILED, lite_name(conn), "Abort and try again.",
				 "SQLite has ended this transaction: %s", conn->cause);
	return 0;
}

/* ---- the application's statements -------------------------------------------- */

/*
 * Whether TAIL, what the first statement left over, holds another one. SQLite
 * decides, with an authorizer that lets nothing through: some PRAGMAs act
 * while they are compiled.
 */
static bool has_more(struct lite_conn *conn, const char *tail)
{
	enum lite_sql before = conn->sql;
	bool found = false;

	conn->sql = LITE_SQL_NONE;
	while (*tail && !found) {
		sqlite3_stmt *stmt = NULL;
		const char *rest = tail;
		int rc = sqlite3_prepare_v2(conn->db, tail, -1, &stmt, &rest);

		found = rc != SQLITE_OK || stmt || rest == tail;
		(void)sqlite3_finalize(stmt);
		tail = rest;
	}
	conn->sql = before;
	return found;
}

static int refuse_denied(struct lite_conn *conn, int rc)
{
	bool is_joined = lite_config(conn)->options.joined == SQLA_YES;

	(void)error_set(SQLA_EMANAGED, lite_name(conn),
			is_joined ? "Call txn_commit or txn_abort; use txn_savepoint inside." :
				    "Call sqla_session_commit or sqla_session_rollback.",
			"BEGIN, COMMIT and ROLLBACK are not for statements in a transaction");
	error_set_sqlite_code(rc);
	return SQLA_EMANAGED;
}

static int prepare_one(struct lite_conn *conn, const char *sql, sqlite3_stmt **ret_stmt)
{
	sqlite3_stmt *stmt = lite_statement_take(conn, sql);
	const char *tail = "";
	int rc;

	if (stmt) {
		*ret_stmt = stmt;
		return 0;
	}
	conn->was_denied = false;
	conn->is_special = false;
	rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, &tail);
	if (rc != SQLITE_OK)
		return rc == SQLITE_AUTH && conn->was_denied ?
			       refuse_denied(conn, rc) :
			       lite_statement_failed(conn, rc, "the statement was refused");
	if (!stmt)
		return error_set(SQLA_EMISUSE, lite_name(conn), NULL, "there is no statement");
	if (has_more(conn, tail)) {
		(void)sqlite3_finalize(stmt);
		return error_set(SQLA_EMISUSE, lite_name(conn), "Execute each by itself.",
				 "one statement at a time: there is more behind the first");
	}
	if (!conn->is_special && !*tail)
		lite_statement_keep(conn, stmt);
	*ret_stmt = stmt;
	return 0;
}

static int bind_one(struct lite_conn *conn, sqlite3_stmt *stmt, int index,
		    const struct sqla_value *value, sqlite3_destructor_type keep)
{
	switch (value->type) {
	case SQLA_NULL:
		return sqlite3_bind_null(stmt, index);
	case SQLA_INT:
	case SQLA_BOOL:
		return sqlite3_bind_int64(stmt, index, value->as.i);
	case SQLA_REAL:
		return sqlite3_bind_double(stmt, index, value->as.r);
	case SQLA_TEXT:
		return sqlite3_bind_text64(stmt, index, value->as.p, value->size, keep,
					   SQLITE_UTF8);
	case SQLA_BLOB:
		return sqlite3_bind_blob64(stmt, index, value->as.p, value->size, keep);
	}
	return error_set(SQLA_EMISUSE, lite_name(conn), NULL, "a value of an unknown type");
}

/* What SQLite would take and change: NaN becomes NULL, text ends at a NUL. */
static int check_value(struct lite_conn *conn, const struct sqla_value *value, size_t number)
{
	if (value->type == SQLA_REAL && isnan(value->as.r))
		return error_set(SQLA_EMISUSE, lite_name(conn), "Store NULL instead.",
				 "value $%zu is not a number, which SQLite cannot store", number);
	if (value->type == SQLA_TEXT && value->size && memchr(value->as.p, 0, value->size))
		return error_set(SQLA_EMISUSE, lite_name(conn), "Pass it as a blob.",
				 "value $%zu is a text with a NUL byte", number);
	return 0;
}

enum { PLACEHOLDER_SIZE = 1 + COPY_NUMBER_SIZE };

static void name_placeholder(char ret_name[PLACEHOLDER_SIZE], size_t number)
{
	ret_name[0] = '$';
	copy_number(ret_name + 1, (int64_t)number, 1);
}

/* A placeholder of STMT that no value belongs to: its name, or "?". */
static const char *find_unbound(sqlite3_stmt *stmt, size_t n)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
		const char *name = sqlite3_bind_parameter_name(stmt, i);
		bool is_bound = false;

		for (size_t k = 1; name && k <= n && !is_bound; k++) {
			char one[PLACEHOLDER_SIZE];

			name_placeholder(one, k);
			is_bound = strcmp(name, one) == 0;
		}
		if (!is_bound)
			return name ? name : "?";
	}
	return "?";
}

/*
 * Placeholders are SQLite's named parameters "$1", "$2": its own index finds
 * each, so that one may be used twice, and in any order.
 */
static int bind_all(struct lite_conn *conn, sqlite3_stmt *stmt, const struct sqla_value values[],
		    size_t n, sqlite3_destructor_type keep)
{
	int bound = 0, index = 1;

	for (size_t i = 0; i < n; i++) {
		char name[PLACEHOLDER_SIZE];
		int status, rc;

		name_placeholder(name, i + 1);
		index = sqlite3_bind_parameter_index(stmt, name);
		if (index == 0)
			continue;
		status = check_value(conn, &values[i], i + 1);
		if (status < 0)
			return status;
		rc = bind_one(conn, stmt, index, &values[i], keep);
		if (rc != SQLITE_OK)
			return rc < 0 ? rc : lite_fail(conn, rc, "binding a value");
		bound++;
	}
	if (bound < sqlite3_bind_parameter_count(stmt))
		return error_set(
			SQLA_EMISUSE, lite_name(conn),
			"Placeholders are $1, $2...; for a type write CAST($1 AS integer).",
			"no value for placeholder %s: there are %zu values", find_unbound(stmt, n),
			n);
	if (index == 0)
		return error_set(SQLA_EMISUSE, lite_name(conn), NULL,
				 "there are %zu values, and no placeholder $%zu", n, n);
	return 0;
}

/*
 * Steps once, so that a statement that is refused is so now, and one that
 * writes has written; then to the end if nobody wants the rows.
 */
static int step(struct lite_conn *conn, sqlite3_stmt *stmt, bool to_end, int *ret_rc)
{
	int rc;

	do {
		rc = sqlite3_step(stmt);
	} while (rc == SQLITE_ROW && to_end);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return lite_statement_failed(conn, rc, "the statement failed");
	*ret_rc = rc;
	return 0;
}

static int64_t affected_since(struct lite_conn *conn, sqlite3_int64 total)
{
	/* sqlite3_changes() keeps the count of a statement before. */
	return sqlite3_total_changes64(conn->db) == total ? 0 : sqlite3_changes64(conn->db);
}

/* The rows own the statement from here on. */
static int make_rows(struct lite_conn *conn, sqlite3_stmt **stmt, int rc,
		     struct driver_rows **ret_rows)
{
	bool is_writing = !sqlite3_stmt_readonly(*stmt);
	struct driver_rows *rows = lite_rows_new(conn, *stmt, rc);
	int status = 0;

	if (!rows)
		return error_nomem();
	*stmt = NULL;
	if (is_writing && rc == SQLITE_ROW)
		status = lite_rows_read_all(rows);
	if (status < 0)
		rows->ops->free(rows);
	else
		*ret_rows = rows;
	return status;
}

static int execute_one(struct lite_conn *conn, sqlite3_stmt **stmt,
		       const struct sqla_value values[], size_t n, struct driver_rows **ret_rows,
		       int64_t *ret_affected)
{
	sqlite3_int64 total = sqlite3_total_changes64(conn->db);
	int rc = SQLITE_OK;
	int status = bind_all(conn, *stmt, values, n, ret_rows ? SQLITE_TRANSIENT : SQLITE_STATIC);
	int64_t affected;

	if (status == 0)
		status = step(conn, *stmt, !ret_rows, &rc);
	if (status == 0 && ret_rows)
		status = make_rows(conn, stmt, rc, ret_rows);
	if (status < 0)
		return status;
	affected = affected_since(conn, total);
	if (ret_rows)
		(*ret_rows)->affected = affected;
	if (ret_affected)
		*ret_affected = affected;
	return 0;
}

int lite_execute(struct driver_conn *head, const char *sql, const struct sqla_value values[],
		 size_t n, struct driver_rows **ret_rows, int64_t *ret_affected)
{
	struct lite_conn *conn = lite_conn_of(head);
	sqlite3_stmt *stmt = NULL;
	int status = lite_ready(conn);

	conn->is_transient = false;
	if (status == 0)
		status = lite_begin_now(head);
	if (status == 0)
		status = prepare_one(conn, sql, &stmt);
	/* A PRAGMA busy_timeout has taken effect by now. */
	lite_insist(conn);
	if (status == 0)
		status = execute_one(conn, &stmt, values, n, ret_rows, ret_affected);
	lite_statement_end(conn, stmt);
	if (!head->is_in_transaction)
		turn_pass(&conn->turn);
	return status;
}

/* Ends a statement that runs, and a wait for a lock (the busy handler asks). */
void lite_cancel(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);

	atomic_store(&conn->is_cancelled, true);
	sqlite3_interrupt(conn->db);
}
