#include "txn/manager.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/log.h"
#include "txn/commit.h"
#include "txn/deadline.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

/* A thread that ends with work in hand has forgotten it: it is rolled back. */
static void end_of_thread(void *value)
{
	struct txn_manager *m = value;

	if (m->current && !fork_is_foreign(m->current->generation))
		log_warning("a thread ended inside transaction %s: aborted", m->current->uuid);
	txn_manager_free(m);
}

static void make_key(void)
{
	has_key = pthread_key_create(&key, end_of_thread) == 0;
}

/* The main thread's manager: key destructors do not run when a process exits. */
static void __attribute__((destructor)) end_of_process(void)
{
	struct txn_manager *m = has_key ? pthread_getspecific(key) : NULL;

	if (!m)
		return;
	(void)pthread_setspecific(key, NULL);
	syncs_free(&m->syncs);
	/* The thread that cancels may still run. */
	if (m->current) {
		deadline_disarm(m->current);
		txn_forget(m->current);
	}
	free(m);
}

struct txn_manager *txn_manager_thread(void)
{
	struct txn_manager *m;

	(void)pthread_once(&once, make_key);
	if (!has_key) {
		(void)error_nomem();
		return NULL;
	}
	m = pthread_getspecific(key);
	if (m)
		return m;
	m = txn_manager_new(0);
	if (m && pthread_setspecific(key, m) != 0) {
		free(m);
		(void)error_nomem();
		return NULL;
	}
	return m;
}

struct txn_manager *txn_manager_new(unsigned flags)
{
	struct txn_manager *m;

	if (flags & ~(unsigned)TXN_MANAGER_EXPLICIT) {
		(void)error_set(SQLA_EMISUSE, NULL, NULL, "txn_manager_new: unknown flags");
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		(void)error_nomem();
		return NULL;
	}
	m->is_explicit = flags & TXN_MANAGER_EXPLICIT;
	return m;
}

void txn_manager_free(struct txn_manager *m)
{
	if (!m)
		return;
	if (m->current)
		(void)txn_manager_abort(m);
	if (m->current) {
		/* A hook of its own commit or abort, which goes on with it. */
		log_error("txn_manager_free: transaction %s is ending; the manager is kept",
			  m->current->uuid);
		return;
	}
	if (has_key && pthread_getspecific(key) == m)
		(void)pthread_setspecific(key, NULL);
	syncs_free(&m->syncs);
	free(m);
}

/* In a forked child the parent's transaction is let go of, untouched. */
static bool drop_inherited(struct txn_manager *m)
{
	if (!m->current || !fork_is_foreign(m->current->generation))
		return false;
	txn_forget(m->current);
	m->current = NULL;
	return true;
}

static int check(const struct txn_manager *m, const char *what)
{
	if (env_transaction_disabled())
		return error_set(SQLA_EDISABLED, NULL,
				 "Commit each session itself, or unset "
				 "SQLASSIST_DISABLE_TRANSACTION.",
				 "%s: transactions are disabled in this process", what);
	if (!m)
		return error_set(SQLA_EMISUSE, NULL, NULL, "%s: the manager is NULL", what);
	return 0;
}

int txn_manager_set_explicit(struct txn_manager *m, bool is_explicit)
{
	int status = check(m, "txn_manager_set_explicit");

	if (status < 0)
		return status;
	if (m->current)
		return error_set(SQLA_EALREADY, NULL, "Commit or abort it first.",
				 "txn_manager_set_explicit: a transaction is under way");
	m->is_explicit = is_explicit;
	return 0;
}

int txn_manager_set_finish(struct txn_manager *m, enum txn_finish finish)
{
	int status = check(m, "txn_manager_set_finish");

	if (status == 0)
		status = txn_check_finish(finish, "txn_manager_set_finish");
	if (status == 0)
		m->finish = finish;
	return status;
}

/* Whether the current transaction may make room for a new one. */
static int make_room(struct txn_manager *m, const char *what)
{
	struct txn *txn = m->current;
	int status;

	if (!txn || drop_inherited(m))
		return 0;
	status = txn_check(txn, what);
	if (status < 0)
		return status;
	if (m->is_explicit || (txn->branches && txn_status(txn) != TXN_FAILED))
		return error_set(SQLA_EALREADY, NULL, "Call txn_commit or txn_abort first.",
				 "%s: transaction %s is under way", what, txn->uuid);
	return txn_manager_abort(m);
}

static int begin(struct txn_manager *m)
{
	m->current = txn_new(m);
	if (!m->current)
		return SQLA_ENOMEM;
	m->current->finish = m->finish;
	syncs_new_transaction(&m->syncs, m->current);
	return 0;
}

int txn_manager_begin(struct txn_manager *m)
{
	int status = check(m, "txn_begin");

	if (status < 0)
		return status;
	status = make_room(m, "txn_begin");
	return status < 0 ? status : begin(m);
}

int txn_manager_get(struct txn_manager *m, struct txn **ret_txn)
{
	int status = check(m, "txn_manager_get");

	if (status == 0 && !ret_txn)
		status = error_set(SQLA_EMISUSE, NULL, NULL, "txn_manager_get: a NULL result");
	if (status < 0)
		return status;
	if (!m->current && m->is_explicit)
		return error_set(SQLA_ENOTXN, NULL, "Call txn_begin first.",
				 "no transaction is current, and the manager is explicit");
	if (!m->current)
		status = begin(m);
	else if (fork_is_foreign(m->current->generation))
		status = txn_check(m->current, "the current transaction");
	if (status < 0)
		return status;
	*ret_txn = m->current;
	return 0;
}

int manager_live(struct txn_manager *m, const char *what, struct txn **ret_txn)
{
	int status = check(m, what);

	if (status < 0)
		return status;
	status = txn_manager_get(m, ret_txn);
	if (status < 0)
		return status;
	return txn_check(*ret_txn, what);
}

void manager_finish(struct txn_manager *m)
{
	struct txn *txn = m->current;

	m->current = NULL;
	txn_free(txn);
}

int txn_manager_commit(struct txn_manager *m)
{
	struct txn *txn;
	int status = manager_live(m, "txn_commit", &txn);
	int outcome;

	if (status < 0)
		return status;
	txn->is_ending = true;
	outcome = commit_run(txn);
	txn->is_ending = false;
	if (txn->state == TXN_COMMITTED)
		manager_finish(m);
	return outcome;
}

int txn_manager_abort(struct txn_manager *m)
{
	struct txn *txn;
	int status = check(m, "txn_abort");

	if (status < 0)
		return status;
	if (drop_inherited(m))
		return SQLA_OK;
	txn = m->current;
	if (!txn && m->is_explicit)
		return error_set(SQLA_ENOTXN, NULL, NULL, "txn_abort: no transaction is current");
	if (!txn)
		return SQLA_OK;
	status = txn_check(txn, "txn_abort");
	if (status < 0)
		return status;
	txn->is_ending = true;
	status = commit_abort(txn);
	if (!drop_inherited(m)) /* a hook may have forked */
		manager_finish(m);
	return status;
}

int txn_manager_doom(struct txn_manager *m)
{
	struct txn *txn;
	int status = txn_manager_get(m, &txn); /* before-commit hooks may doom */

	return status < 0 ? status : txn_move(txn, EV_DOOM);
}

bool txn_manager_is_doomed(const struct txn_manager *m)
{
	return m && m->current && m->current->state == TXN_DOOMED;
}

struct txn *txn_manager_current(const struct txn_manager *m)
{
	return m ? m->current : NULL;
}

int txn_manager_suspend(struct txn_manager *m, struct txn **ret_txn)
{
	int status = check(m, "txn_suspend");

	if (status == 0 && !ret_txn)
		status = error_set(SQLA_EMISUSE, NULL, NULL, "txn_suspend: a NULL result");
	if (status == 0 && !m->current)
		status = error_set(SQLA_ENOTXN, NULL, NULL, "txn_suspend: nothing is current");
	if (status == 0)
		status = txn_check(m->current, "txn_suspend");
	if (status < 0)
		return status;
	*ret_txn = m->current;
	m->current->manager = NULL;
	m->current = NULL;
	return 0;
}

int txn_manager_resume(struct txn_manager *m, struct txn *txn)
{
	int status = check(m, "txn_resume");

	if (status == 0)
		status = txn_check(txn, "txn_resume");
	if (status == 0 && txn->manager)
		status = error_set(SQLA_EALREADY, NULL, "Call txn_suspend where it is current.",
				   "txn_resume: the transaction is current elsewhere");
	if (status == 0)
		status = make_room(m, "txn_resume");
	if (status < 0)
		return status;
	txn->manager = m;
	m->current = txn;
	return 0;
}

int txn_manager_register_sync(struct txn_manager *m, const struct txn_sync_ops *ops, void *self,
			      struct txn_sync **ret_sync)
{
	struct txn_sync *sync;
	int status = check(m, "txn_manager_register_sync");

	if (status == 0 && (!ops || !ret_sync))
		status = error_set(SQLA_EMISUSE, NULL, NULL,
				   "txn_manager_register_sync: an argument is NULL");
	if (status == 0)
		status = syncs_add(&m->syncs, ops, self, &sync);
	if (status < 0)
		return status;
	*ret_sync = sync;
	if (m->current && !fork_is_foreign(m->current->generation))
		syncs_tell_new(&m->syncs, sync, m->current);
	return 0;
}

int txn_manager_unregister_sync(struct txn_manager *m, struct txn_sync *sync)
{
	if (!m)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "txn_manager_unregister_sync: the manager is NULL");
	return syncs_remove(&m->syncs, sync);
}
