#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlassist/txn.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/fork.h"
#include "session/finish.h"
#include "txn/txn.h"

bool session_is_joined(const struct sqla_session *s)
{
	return s->config->options.joined == SQLA_YES;
}

bool session_is_of(const struct sqla_session *s, const char *driver)
{
	return strcmp(s->config->driver->name, driver) == 0;
}

static bool is_foreign(const struct sqla_session *s)
{
	return fork_is_foreign(s->generation);
}

/* ---- life ---------------------------------------------------------------- */

/* Takes the reference to ENGINE, also when it fails. */
static struct sqla_session *session_new(struct engine *engine)
{
	static unsigned serial;
	struct sqla_session *s = malloc(sizeof(*s));
	char number[COPY_NUMBER_SIZE];

	if (!s) {
		engine_unref(engine);
		(void)error_nomem();
		return NULL;
	}
	*s = (struct sqla_session){
		.generation = fork_generation(),
		.engine = engine,
		.config = engine_config(engine),
	};
	engine_use(engine);
	copy_number(number, __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED), 10);
	copy_joined(s->sort_key, sizeof(s->sort_key), "sqla:", engine_name(engine), ":", number,
		    NULL);
	(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* In a forked child the connection is abandoned: the parent's use of it goes
 * on; engine_checkin sees to that. */
void session_free(struct sqla_session *s)
{
	if (!s)
		return;
	rows_detach_all(s);
	session_disconnect(s);
	if (!is_foreign(s)) {
		engine_unuse(s->engine);
		(void)pthread_mutex_destroy(&s->lock);
	}
	engine_unref(s->engine);
	info_clear(s);
	free(s->claimed);
	free(s);
}

/* The transaction that opening a session of ENGINE begins, or NULL. */
static int current_transaction(struct engine *engine, struct txn **ret_txn)
{
	struct txn_manager *m;
	int status;

	*ret_txn = NULL;
	if (engine_config(engine)->options.joined != SQLA_YES)
		return 0;
	m = txn_manager_thread();
	if (!m)
		return sqla_error_last()->status;
	status = txn_manager_get(m, ret_txn);
	return status < 0 ? status : txn_may(*ret_txn, EV_JOIN);
}

static int open_alone(struct engine *engine, struct sqla_session **ret_s)
{
	struct sqla_session *s = session_new(engine_ref(engine));
	int status;

	if (!s)
		return SQLA_ENOMEM;
	status = scope_enter_alone(s);
	if (status < 0)
		session_free(s);
	else
		*ret_s = s;
	return status;
}

static int open_scoped(struct engine *engine, struct txn *txn, struct sqla_session **ret_s)
{
	struct sqla_session *fresh;
	struct sqla_session *s;
	struct scope_key key;

	scope_key_of(engine, &key);
	s = scope_enter(&key, txn, NULL);
	if (s) {
		*ret_s = s;
		return 0;
	}
	fresh = session_new(engine_ref(engine));
	if (!fresh)
		return SQLA_ENOMEM;
	s = scope_enter(&key, txn, fresh);
	if (s != fresh)
		session_free(fresh);
	if (!s)
		return SQLA_ENOMEM;
	*ret_s = s;
	return 0;
}

int sqla_session_open(const char *engine_name, struct sqla_session **ret_s)
{
	struct engine *engine;
	struct txn *txn;
	int status;

	if (!ret_s)
		return error_set(SQLA_EMISUSE, engine_name, NULL,
				 "sqla_session_open: no place for the session");
	status = engine_get(engine_name, &engine);
	if (status < 0)
		return status;
	status = current_transaction(engine, &txn);
	if (status == 0 && engine_config(engine)->options.scoped == SQLA_YES)
		status = open_scoped(engine, txn, ret_s);
	else if (status == 0)
		status = open_alone(engine, ret_s);
	if (status < 0)
		error_set_engine(engine_config(engine)->name);
	engine_unref(engine);
	return status;
}

void session_leave(struct sqla_session *s, bool all)
{
	struct sqla_error before;

	if (!scope_leave(s, all))
		return;
	error_save(&before);
	session_free(s);
	(void)error_restore(&before);
}

void sqla_session_close(struct sqla_session *s)
{
	if (s)
		session_leave(s, false);
}

int sqla_session_remove(const char *engine_name)
{
	struct sqla_session *s;
	struct engine *engine;
	struct scope_key key;
	int status = engine_get(engine_name, &engine);

	if (status < 0)
		return status;
	if (engine_config(engine)->options.scoped == SQLA_YES) {
		scope_key_of(engine, &key);
		s = scope_find(&key, txn_current());
		if (s)
			session_leave(s, true);
	}
	engine_unref(engine);
	return 0;
}

/* ---- the connection ------------------------------------------------------ */

static void set_conn(struct sqla_session *s, struct driver_conn *conn)
{
	(void)pthread_mutex_lock(&s->lock);
	s->conn = conn;
	(void)pthread_mutex_unlock(&s->lock);
}

struct driver_conn *session_detach(struct sqla_session *s)
{
	struct driver_conn *conn = s->conn;

	set_conn(s, NULL);
	s->has_begun = false;
	return conn;
}

void session_disconnect(struct sqla_session *s)
{
	struct driver_conn *conn = s->conn;

	if (!conn)
		return;
	/* A thread that does not exist here may have the parent's lock. */
	if (is_foreign(s))
		s->conn = NULL;
	else
		set_conn(s, NULL);
	s->has_begun = false;
	engine_checkin(s->engine, conn);
}

static bool is_healthy(struct driver_conn *conn)
{
	if (conn->is_broken)
		return false;
	if (conn->driver->is_idle(conn))
		return true;
	return conn->driver->reset(conn) == 0 && !conn->is_broken && conn->driver->is_idle(conn);
}

void session_let_go(struct sqla_session *s)
{
	struct sqla_error before;

	if (!s->conn)
		return;
	error_save(&before);
	s->has_begun = false;
	if (s->config->options.keep_session == SQLA_NO || !is_healthy(s->conn))
		session_disconnect(s);
	(void)error_restore(&before);
}

void session_reset(struct sqla_session *s)
{
	s->is_marked = false;
	s->must_decide = false;
	s->has_written = false;
	s->may_retry = false;
	s->savepoints = 0;
	s->live_savepoint = 0;
	s->rollbacks++;
	s->step = STEP_OTHER;
}

int session_undo(struct sqla_session *s)
{
	struct driver_conn *conn = s->conn;
	int status = 0;

	if (conn && conn->is_in_transaction && !conn->is_broken)
		status = conn->driver->rollback(conn);
	/* What cannot roll back is closed, which rolls back. */
	if (conn && (status < 0 || conn->is_broken))
		session_disconnect(s);
	s->has_begun = false;
	return status;
}

/* A kept connection may have died meanwhile: it is replaced unseen. */
static int connect_session(struct sqla_session *s)
{
	struct driver_conn *conn = s->conn;
	struct sqla_error before;
	int status;

	if (conn && !s->has_begun) {
		error_save(&before);
		if (conn->is_broken || (s->config->options.pool_pre_ping == SQLA_YES &&
					conn->driver->ping(conn) < 0)) {
			conn->is_broken = true;
			session_disconnect(s);
		}
		(void)error_restore(&before);
	}
	if (s->conn)
		return 0;
	finish_hurry(s->engine);
	status = engine_checkout_until(s->engine, s->txn ? s->txn->deadline : 0, &conn);
	if (status < 0)
		return status;
	set_conn(s, conn);
	return 0;
}

bool session_has_work(const struct sqla_session *s)
{
	return s->conn && s->has_begun && s->conn->is_in_transaction;
}

int session_lost(const struct sqla_session *s)
{
	const char *engine = s->config->name;

	return error_set(SQLA_ECONNECT, engine,
			 session_is_joined(s) ?
				 "Call txn_abort, then do the work again." :
				 "Call sqla_session_rollback, then do the work again.",
			 "the connection of engine \"%s\" was lost in the transaction", engine);
}

static int begin(struct sqla_session *s)
{
	const struct sqla_engine_options *options = &s->config->options;
	int status;

	if (s->has_begun && s->conn->is_broken)
		return session_lost(s);
	/* Also where S is connected already, in a transaction that was suspended. */
	finish_await(s->engine);
	if (s->has_begun)
		return 0;
	status = connect_session(s);
	if (status < 0 || options->autocommit == SQLA_YES)
		return status;
	status = s->conn->driver->begin(s->conn, options->readonly == SQLA_YES);
	if (status == 0)
		s->has_begun = true;
	return status;
}

/* ---- readiness ----------------------------------------------------------- */

int session_check(struct sqla_session *s, const char *what)
{
	if (!s)
		return error_set(SQLA_EMISUSE, NULL, NULL, "%s: the session is NULL", what);
	if (!scope_is_open(s))
		return error_set(SQLA_EMISUSE, NULL, "Open it again.", "%s: the session is closed",
				 what);
	if (is_foreign(s))
		return error_set(SQLA_EFORKED, s->config->name,
				 "Open a session in the child process.",
				 "%s: the session of engine \"%s\" belongs to the parent process",
				 what, s->config->name);
	return 0;
}

/* Join first, begin after: a failed join leaves the session as it was. */
static int join_current(struct sqla_session *s)
{
	struct txn_manager *m = txn_manager_thread();
	struct txn *txn;
	int status;

	if (!m)
		return sqla_error_last()->status;
	status = txn_manager_get(m, &txn);
	if (status == 0)
		status = participant_join(s, txn);
	return status;
}

static int check_joined(struct sqla_session *s, const char *what)
{
	if (s->txn != txn_current())
		return error_set(
			SQLA_EMISUSE, s->config->name,
			"Call txn_resume on this thread first, or open another session.",
			"%s: the session of engine \"%s\" is joined to a transaction that is "
			"not current on this thread",
			what, s->config->name);
	return txn_may(s->txn, EV_JOIN);
}

int session_make_ready(struct sqla_session *s, const char *what)
{
	int status = 0;

	if (s->txn)
		status = check_joined(s, what);
	else if (session_is_joined(s))
		status = join_current(s);
	if (status < 0)
		goto out;
	status = begin(s);
	if (status < 0)
		status = session_failed(s, status);
out:
	if (status < 0)
		error_set_engine(s->config->name);
	return status;
}

int session_ready(struct sqla_session *s, const char *what)
{
	int status = session_check(s, what);

	return status < 0 ? status : session_make_ready(s, what);
}

int session_voted(struct sqla_session *s, int status)
{
	struct driver_conn *conn = s->conn;

	if (status < 0 && conn && (conn->is_broken || conn->driver->is_transient(conn)))
		s->may_retry = true;
	return status;
}

int session_failed(struct sqla_session *s, int status)
{
	status = session_voted(s, status);
	if (s->txn && txn_status(s->txn) == TXN_FAILED)
		status = txn_may(s->txn, EV_JOIN);
	return status;
}
