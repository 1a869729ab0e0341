#include "sqlite/transact.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sqlite/connect.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/group.h"
#include "sqlite/rows.h"
#include "sqlite/site.h"

/* ---- begin ------------------------------------------------------------------ */

int lite_begin(struct driver_conn *head, bool readonly)
{
	struct lite_conn *conn = lite_conn_of(head);

	if (head->is_broken)
		return lite_ready(conn);
	if (head->is_in_transaction || !sqlite3_get_autocommit(conn->db))
		return error_set(SQLA_EALREADY, lite_name(conn), "Commit or abort it first.",
				 "a transaction is under way on this connection");
	atomic_store(&conn->is_cancelled, false);
	conn->is_readonly = readonly || lite_config(conn)->options.readonly == SQLA_YES;
	conn->is_transient = false;
	head->is_in_transaction = true;
	return 0;
}

static const char *begin_sql(const struct lite_conn *conn)
{
	const char *isolation = lite_config(conn)->options.isolation;

	if (!isolation || conn->is_readonly || strcmp(isolation, "deferred") == 0)
		return "BEGIN DEFERRED";
	return strcmp(isolation, "immediate") == 0 ? "BEGIN IMMEDIATE" : "BEGIN EXCLUSIVE";
}

/* SQLite compiles every statement again behind this. */
int lite_query_only(struct lite_conn *conn, bool on)
{
	int rc;

	if (conn->is_query_only == on && !conn->has_pragma)
		return SQLITE_OK;
	rc = lite_run(conn, on ? "PRAGMA query_only = ON" : "PRAGMA query_only = OFF");
	if (rc == SQLITE_OK)
		conn->is_query_only = on;
	return rc;
}

/* What can be set outside a transaction only, and the session may have changed. */
static int set_up(struct lite_conn *conn)
{
	int rc = lite_query_only(conn, conn->is_readonly);

	if (rc == SQLITE_OK && conn->has_pragma && !conn->is_readonly &&
	    lite_config(conn)->options.joined == SQLA_YES)
		rc = lite_durable_raise(conn);
	return rc;
}

int lite_begin_now(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	int status = lite_ready(conn);
	int rc;

	lite_insist(conn);
	if (status < 0 || !head->is_in_transaction || conn->is_begun)
		return status;
	rc = set_up(conn);
	if (rc == SQLITE_OK && conn->wants_table && !conn->is_readonly)
		lite_table_ensure(conn);
	if (rc == SQLITE_OK)
		rc = lite_step(conn, begin_sql(conn));
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot begin a transaction");
	conn->is_begun = true;
	return 0;
}

/* ---- savepoints --------------------------------------------------------------- */

int lite_savepoint(struct driver_conn *head, enum driver_savepoint verb, unsigned number)
{
	static const char *const verbs[] = {
		[DRIVER_SAVEPOINT_SET] = "SAVEPOINT",
		[DRIVER_SAVEPOINT_ROLLBACK] = "ROLLBACK TO",
		[DRIVER_SAVEPOINT_RELEASE] = "RELEASE",
	};
	struct lite_conn *conn = lite_conn_of(head);
	char sql[64];
	int status, rc;

	if (!head->is_in_transaction)
		return error_set(SQLA_EMISUSE, lite_name(conn), NULL,
				 "a savepoint needs a transaction");
	status = lite_begin_now(head);
	if (status < 0)
		return status;
	(void)snprintf(sql, sizeof(sql), "%s sqlassist_%u", verbs[verb], number);
	rc = lite_run(conn, sql);
	if (rc != SQLITE_OK)
		return lite_statement_failed(conn, rc, "a savepoint failed");
	if (verb == DRIVER_SAVEPOINT_SET && conn->outermost == 0)
		conn->outermost = number;
	if (verb == DRIVER_SAVEPOINT_RELEASE && conn->outermost == number)
		conn->outermost = 0;
	return 0;
}

int lite_release_savepoints(struct lite_conn *conn)
{
	return conn->outermost ?
		       lite_savepoint(&conn->head, DRIVER_SAVEPOINT_RELEASE, conn->outermost) :
		       0;
}

/* ---- the two ends --------------------------------------------------------------- */

/* Statements in the middle of their rows, ours and those of native handles,
 * would keep COMMIT or a lock waiting. */
static void end_statements(struct lite_conn *conn)
{
	lite_rows_end_all(conn);
	for (sqlite3_stmt *stmt = sqlite3_next_stmt(conn->db, NULL); stmt;
	     stmt = sqlite3_next_stmt(conn->db, stmt))
		if (sqlite3_stmt_busy(stmt))
			(void)sqlite3_reset(stmt);
}

void lite_commit_end(struct lite_conn *conn)
{
	lite_group_leave(conn);
	if (conn->is_begun)
		turn_pass(&conn->turn);
	if (conn->is_readonly && lite_config(conn)->options.readonly != SQLA_YES)
		(void)lite_query_only(conn, false);
	conn->head.is_in_transaction = false;
	conn->is_begun = false;
	conn->is_readonly = false;
	conn->is_checked = false;
	conn->outermost = 0;
	conn->cause[0] = '\0';
}

/* True if nothing is open any more. A cancel may hit the ROLLBACK itself. */
bool lite_undo(struct lite_conn *conn)
{
	bool is_undone;

	end_statements(conn);
	for (int tries = 0; tries < 3 && !sqlite3_get_autocommit(conn->db); tries++)
		(void)lite_run(conn, "ROLLBACK");
	is_undone = sqlite3_get_autocommit(conn->db) != 0;
	if (!is_undone)
		conn->head.is_broken = true; /* closing it rolls back */
	return is_undone;
}

int lite_rollback(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	int status = 0;

	if (!lite_undo(conn))
		status = lite_fail(conn, sqlite3_extended_errcode(conn->db), "cannot roll back");
	lite_commit_end(conn);
	return status;
}

/*
 * COMMIT has answered RC. With autocommit still off it has certainly not
 * happened. With autocommit on SQLite has rolled back, as far as it knows:
 * when the directory could not be synced the row was there on reopening, so
 * that is unknown, and never a no (I7).
 */
static int commit_failed(struct lite_conn *conn, int rc)
{
	bool is_unknown = sqlite3_get_autocommit(conn->db) != 0;
	int status = lite_fail(conn, rc, "COMMIT failed");
	struct sqla_error error;

	if (is_unknown) {
		conn->head.is_broken = true;
		status = error_set(SQLA_EINDOUBT, lite_name(conn),
				   "What it left in the file is seen on opening it again.",
				   "COMMIT failed half-way: %s (%s)", lite_text(conn, rc),
				   lite_path(conn));
		error_set_sqlite_code(rc);
	}
	error_save(&error);
	(void)lite_undo(conn);
	lite_commit_end(conn);
	(void)error_restore(&error);
	return status;
}

int lite_commit_begin(struct lite_conn *conn)
{
	int status = lite_ready(conn);

	if (status < 0 || !conn->is_begun)
		return status;
	end_statements(conn);
	lite_insist(conn);
	return lite_notice_end(conn, "ending a statement ended it") ? lite_ready(conn) : 0;
}

int lite_commit(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	int status = lite_commit_begin(conn);
	int rc;

	if (status < 0)
		return status;
	if (conn->is_begun) {
		/* Busy readers are waited for by the busy handler. */
		rc = lite_step(conn, "COMMIT");
		if (rc != SQLITE_OK)
			return commit_failed(conn, rc);
	}
	lite_commit_end(conn);
	return 0;
}
