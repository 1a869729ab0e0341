#include "session/session.h"

#include "base/await.h"
#include "base/error.h"
#include "base/log.h"

/* On autocommit engines nothing is lost with a connection but the statement. */
static int refused(struct sqla_session *s, int status)
{
	status = session_failed(s, status);
	if (!s->has_begun && s->conn && s->conn->is_broken)
		session_disconnect(s);
	return status;
}

static int execute(struct sqla_session *s, const char *what, const char *sql,
		   const struct sqla_value values[], size_t n, struct driver_rows **ret_rows)
{
	int64_t affected = 0;
	int status = session_check(s, what);

	if (status < 0)
		return status;
	if (!sql)
		return error_set(SQLA_EMISUSE, s->config->name, NULL, "%s: the SQL is NULL", what);
	status = values_check(s->config->name, values, n);
	if (status == 0)
		status = session_make_ready(s, what);
	if (status < 0)
		return status;
	if (s->config->options.echo == SQLA_YES)
		log_debug("%s: %s", s->config->name, sql);
	status = s->conn->driver->execute(s->conn, sql, values, n, ret_rows, &affected);
	if (status < 0)
		return refused(s, status);
	s->affected = affected;
	if (affected > 0)
		s->has_written = true;
	return 0;
}

int sqla_exec_array(struct sqla_session *s, const char *sql, const struct sqla_value values[],
		    size_t n)
{
	return execute(s, "sqla_exec", sql, values, n, NULL);
}

int sqla_query_array(struct sqla_session *s, struct sqla_rows **ret_rows, const char *sql,
		     const struct sqla_value values[], size_t n)
{
	struct driver_rows *rows = NULL;
	int status;

	if (!ret_rows)
		return error_set(SQLA_EMISUSE, NULL, NULL, "sqla_query: no place for the rows");
	status = execute(s, "sqla_query", sql, values, n, &rows);
	if (status < 0)
		return status;
	return rows_new(s, rows, ret_rows);
}

int64_t sqla_session_affected(const struct sqla_session *s)
{
	return scope_is_open(s) ? s->affected : 0;
}

/* ---- ending it ----------------------------------------------------------- */

/* Takes a step that answered STATUS to its end. */
static int settle(struct driver_conn *conn, int status)
{
	struct pollfd wait = { .fd = -1 };

	while (status == TXN_WAIT) {
		status = conn->driver->advance(conn, &wait);
		if (status == TXN_WAIT)
			(void)await_answer(&wait, 1, -1);
	}
	return status;
}

int session_has_written(const struct sqla_session *s)
{
	return error_set(SQLA_EREADONLY, s->config->name,
			 "Write through an engine that is not readonly.",
			 "the session of the readonly engine \"%s\" has written", s->config->name);
}

/* READ ONLY alone does not hold: SET TRANSACTION READ WRITE may follow it. */
static int check_unwritten(struct sqla_session *s)
{
	int status;

	if (s->config->options.readonly == SQLA_NO)
		return 0;
	status = settle(s->conn, s->conn->driver->ask(s->conn));
	return status == TXN_CHANGED ? session_has_written(s) : status;
}

static int commit_work(struct sqla_session *s)
{
	int status = check_unwritten(s);

	return status < 0 ? status : settle(s->conn, s->conn->driver->commit(s->conn));
}

/* What cannot be told is told with its cause: what COMMIT has answered. */
static int ask_outcome(struct driver_conn *conn)
{
	struct sqla_error cause, told;
	int status;

	error_save(&cause);
	status = conn->driver->outcome(conn);
	if (status != SQLA_EINDOUBT)
		return status;
	error_save(&told);
	(void)error_set(SQLA_EINDOUBT, told.engine, told.hint, "%s: %s", told.message,
			cause.message);
	error_set_sqlstate(cause.sqlstate);
	error_set_sqlite_code(cause.sqlite_code);
	return SQLA_EINDOUBT;
}

static int commit(struct sqla_session *s)
{
	struct driver_conn *conn = s->conn;
	int status;

	if (!conn || !s->has_begun)
		return 0;
	if (conn->is_broken)
		status = error_set(SQLA_EABORTED, s->config->name, "Do the work again.",
				   "the connection of engine \"%s\" was lost before the commit",
				   s->config->name);
	else
		status = commit_work(s);
	if (status == SQLA_EINDOUBT)
		status = ask_outcome(conn);
	return status < 0 ? session_failed(s, status) : status;
}

int sqla_session_commit(struct sqla_session *s)
{
	int status = session_check(s, "sqla_session_commit");

	if (status < 0)
		return status;
	if (session_is_joined(s))
		return error_set(SQLA_EMANAGED, s->config->name, "Call txn_commit.",
				 "the session of engine \"%s\" is committed by the transaction "
				 "manager",
				 s->config->name);
	if (s->config->options.autocommit == SQLA_YES)
		return 0;
	status = commit(s);
	session_reset(s);
	session_let_go(s);
	return status;
}

/* A joined session keeps its connection: it stays in the transaction. */
int sqla_session_rollback(struct sqla_session *s)
{
	int status = session_check(s, "sqla_session_rollback");

	if (status < 0)
		return status;
	if (s->txn && s->txn != txn_current())
		return error_set(
			SQLA_EMISUSE, s->config->name, "Call txn_resume on this thread first.",
			"sqla_session_rollback: the session of engine \"%s\" is joined to a "
			"transaction that is not current on this thread",
			s->config->name);
	if (s->config->options.autocommit == SQLA_YES)
		return 0;
	status = session_undo(s);
	session_reset(s);
	if (!s->txn)
		session_let_go(s);
	return status;
}

/* ---- its part ------------------------------------------------------------ */

enum sqla_session_state sqla_session_state(const struct sqla_session *s)
{
	if (!scope_is_open(s))
		return SQLA_SESSION_ACTIVE;
	if (s->config->options.readonly == SQLA_YES)
		return SQLA_SESSION_READONLY;
	if (s->is_marked || s->has_written ||
	    (s->txn && s->config->options.initial_state == SQLA_INITIAL_CHANGED))
		return SQLA_SESSION_CHANGED;
	return SQLA_SESSION_ACTIVE;
}

int sqla_session_mark_changed(struct sqla_session *s)
{
	int status = session_check(s, "sqla_session_mark_changed");

	if (status < 0)
		return status;
	if (s->config->options.readonly == SQLA_YES)
		return error_set(
			SQLA_EREADONLY, s->config->name, "Use an engine that may write.",
			"the session of the readonly engine \"%s\" cannot be marked as changed",
			s->config->name);
	status = session_ready(s, "sqla_session_mark_changed");
	if (status == 0)
		s->is_marked = true;
	return status;
}

int sqla_session_must_decide(struct sqla_session *s)
{
	int status = session_ready(s, "sqla_session_must_decide");

	if (status == 0)
		s->must_decide = true;
	return status;
}

bool sqla_session_is_connected(const struct sqla_session *s)
{
	return scope_is_open(s) && s->conn;
}

const char *sqla_session_engine(const struct sqla_session *s)
{
	return scope_is_open(s) ? s->config->name : NULL;
}

/* ---- native handles ------------------------------------------------------ */

static void *native(struct sqla_session *s, const char *driver, const char *what)
{
	int status = session_check(s, what);

	if (status < 0)
		return NULL;
	if (!session_is_of(s, driver)) {
		(void)error_set(SQLA_EMISUSE, s->config->name, NULL,
				"%s: engine \"%s\" is of another kind: %s", what, s->config->name,
				s->config->driver->name);
		return NULL;
	}
	status = session_ready(s, what);
	if (status == 0 && s->has_begun) {
		status = s->conn->driver->begin_now(s->conn);
		if (status < 0)
			(void)refused(s, status);
	}
	return status < 0 ? NULL : s->conn->driver->native(s->conn);
}

struct pg_conn *sqla_session_pg(struct sqla_session *s)
{
	return native(s, "postgresql", "sqla_session_pg");
}

struct sqlite3 *sqla_session_sqlite(struct sqla_session *s)
{
	return native(s, "sqlite", "sqla_session_sqlite");
}
