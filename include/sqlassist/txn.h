/*
 * txn.h - the transaction manager. It names no database.
 *
 * A manager has at most one current transaction. Every thread has a manager
 * of its own, made on first use, on which the short verbs act: txn_begin,
 * txn_commit, txn_abort, txn_doom, txn_savepoint. Resources (database
 * sessions, or your own: resource.h) join the current transaction, and
 * txn_commit makes all of them commit or none.
 *
 * Order: begin (or open a session, which begins) -> work -> commit or abort.
 * After a failed commit the transaction stays current, and only abort is
 * accepted. A struct txn is valid until its commit has decided (also with
 * SQLA_PENDING or SQLA_EMIXED) or its abort returned.
 *
 * Threads: a manager, its transaction and everything that joined it belong
 * to one thread at a time; txn_suspend and txn_resume hand a transaction on.
 * After fork() a transaction of the parent answers SQLA_EFORKED.
 *
 * Statuses are those of error.h.
 */
#ifndef SQLASSIST_TXN_H
#define SQLASSIST_TXN_H

#include <stdbool.h>

#include <sqlassist/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct txn;
struct txn_manager;
struct txn_savepoint;
struct txn_sync;
struct txn_resource_ops;

/* ---- the verbs, on this thread's manager ------------------------------- */

/*
 * Begins a transaction. One that is current and has joined resources is an
 * error (SQLA_EALREADY); one that is unused, or whose commit has failed, is
 * replaced, except on an explicit manager.
 */
int txn_begin(void);

/*
 * Commits the current transaction: every joined resource, or none.
 *   SQLA_OK	    all have committed
 *   SQLA_PENDING   decided and durable: committed; a branch could not be
 *		    told yet, recovery tells it
 *   SQLA_EABORTED, SQLA_ERETRY, or the status of the resource or hook that
 *		    refused: nothing is committed anywhere; call txn_abort
 *   SQLA_EINDOUBT  the connection to the decider was lost while it was
 *		    committing; recovery finishes it either way
 *   SQLA_EMIXED    decided, but somebody had ended a branch by hand
 *   SQLA_EUNSAFE   these resources cannot commit atomically together
 *   SQLA_EDOOMED, SQLA_EFAILED, SQLA_ETIMEOUT   only abort is possible
 *   SQLA_ENOTXN    nothing is current (explicit managers only; an implicit
 *		    manager commits an empty transaction)
 */
int txn_commit(void);

/*
 * Aborts the current transaction: every resource is rolled back, all of them
 * are attempted, and the first failure is returned. The transaction is gone
 * in any case. Nothing current: SQLA_OK (explicit manager: SQLA_ENOTXN).
 */
int txn_abort(void);

/* From now on only abort is possible. May be repeated. */
int txn_doom(void);

/* Whether the current transaction is doomed; false without one. */
bool txn_is_doomed(void);

/* The current transaction, or NULL; never makes one. */
struct txn *txn_current(void);

enum txn_savepoint_flags {
	TXN_SAVEPOINT_OPTIMISTIC = 1, /* resources without savepoints are let
					 pass; rolling back then fails */
};

/*
 * Marks a point in every joined resource. A resource that cannot: an error,
 * and the transaction can then only be aborted. The handle belongs to the
 * transaction and is valid until the transaction ends.
 */
int txn_savepoint(unsigned flags, struct txn_savepoint **ret_sp);

/*
 * Takes every resource back to SP, as often as wished; savepoints made later
 * become invalid, resources that joined later are aborted and leave.
 */
int txn_savepoint_rollback(struct txn_savepoint *sp);

/* Gives SP and all later ones up, keeping the work. */
int txn_savepoint_release(struct txn_savepoint *sp);

/* The work of txn_run: a negative status aborts. */
typedef int txn_work_fn(void *arg);

/*
 * Runs FN in a transaction and commits it, at most ATTEMPTS times: again
 * only after a failure that may pass (SQLA_ERETRY, or a joined resource says
 * so), each time as a new transaction. Returns the last attempt's status.
 * SQLA_EINDOUBT is never retried. ATTEMPTS < 1: SQLA_EMISUSE; a transaction
 * that is under way: SQLA_EALREADY.
 */
int txn_run(int attempts, txn_work_fn *fn, void *arg);

/*
 * Takes the current transaction off this thread, so that txn_resume can put
 * it on another one. A suspended transaction belongs to the caller. Threads
 * that hand it over synchronize among themselves.
 */
int txn_suspend(struct txn **ret_txn);

/* Makes TXN this thread's current transaction; there must be none. */
int txn_resume(struct txn *txn);

/* ---- one transaction --------------------------------------------------- */

enum txn_state {
	TXN_ACTIVE = 0,	    /* work goes on */
	TXN_DOOMED = 1,	    /* work goes on, only abort can end it */
	TXN_COMMITTING = 2, /* commit runs */
	TXN_COMMITTED = 3,  /* seen by after-commit hooks */
	TXN_FAILED = 4,	    /* commit or an operation failed; only abort */
	TXN_ABORTED = 5,    /* seen by after-abort hooks */
};

enum txn_state txn_status(const struct txn *txn);

/* The transaction's uuid as 36 characters; valid as long as TXN. */
const char *txn_uuid(const struct txn *txn);

/*
 * Adds a resource; OPS and SELF are borrowed until ops->released(self).
 * Joining the same pair again is a no-op. Allowed while active or doomed,
 * and in before-commit hooks. SQLA_EMISUSE: incomplete OPS (the text names
 * the member) or a finished transaction; SQLA_EFAILED: the text repeats the
 * first failure.
 */
int txn_join(struct txn *txn, const struct txn_resource_ops *ops, void *self);

/* Adds a line to the transaction's description; copied. */
int txn_note(struct txn *txn, const char *text);
const char *txn_description(const struct txn *txn);

/* Names whom the transaction is for; copied. */
int txn_set_user(struct txn *txn, const char *user);
const char *txn_user(const struct txn *txn);

/* Free-form text by key; both copied. A NULL value removes. */
int txn_set_extension(struct txn *txn, const char *key, const char *value);
/* NULL where KEY is not set; valid until it is changed. */
const char *txn_extension(const struct txn *txn, const char *key);

/*
 * A pointer kept for OWNER (any address that is OWNER's alone). Borrowed.
 * NULL removes.
 */
int txn_set_data(struct txn *txn, const void *owner, void *data);
void *txn_data(const struct txn *txn, const void *owner);

/*
 * From MS milliseconds on, counted from now, only abort is possible, and
 * statements that run are cancelled. A decision that was made stands.
 * 0: no deadline.
 */
int txn_set_timeout(struct txn *txn, int ms);

enum txn_finish {
	TXN_FINISH_WAIT = 0,	 /* txn_commit returns when every branch has ended */
	TXN_FINISH_DEFERRED = 1, /* ... when the decision is durable */
};

/*
 * When txn_commit returns. Deferred: the branches have been told to commit and
 * are doing it; what this thread does next with their engines waits for them,
 * other threads and programs may see the old state for a moment. Then
 * SQLA_PENDING and SQLA_EMIXED are logged instead of returned, and recovery
 * does the rest. Resources that cannot (resource.h) are waited for.
 */
int txn_set_finish(struct txn *txn, enum txn_finish finish);

/* A hook: 0, or a negative status. */
typedef int txn_hook_fn(struct txn *txn, void *arg);
/* OUTCOME is what txn_commit is about to return. */
typedef int txn_outcome_fn(struct txn *txn, int outcome, void *arg);

/*
 * Hooks run in the order in which they were added. A failing before-commit
 * hook ends the commit with its status and the transaction stays active; it
 * may add hooks and join resources. Failures of the other kinds are logged.
 */
int txn_before_commit(struct txn *txn, txn_hook_fn *hook, void *arg);
int txn_after_commit(struct txn *txn, txn_outcome_fn *hook, void *arg);
int txn_before_abort(struct txn *txn, txn_hook_fn *hook, void *arg);
int txn_after_abort(struct txn *txn, txn_hook_fn *hook, void *arg);

/* ---- managers ---------------------------------------------------------- */

enum txn_manager_flags {
	TXN_MANAGER_EXPLICIT = 1, /* nothing begins by itself; verbs without a
				     transaction are errors */
};

/* Returns a new manager, or NULL (sqla_error_last). */
struct txn_manager *txn_manager_new(unsigned flags);

/* Aborts what is current and frees. NULL is allowed. */
void txn_manager_free(struct txn_manager *m);

/* This thread's manager; NULL only when out of memory. Borrowed. */
struct txn_manager *txn_manager_thread(void);

/* Makes this thread's manager explicit (or implicit again) while it is idle. */
int txn_manager_set_explicit(struct txn_manager *m, bool is_explicit);

/* How transactions finish that M begins from now on. */
int txn_manager_set_finish(struct txn_manager *m, enum txn_finish finish);

int txn_manager_begin(struct txn_manager *m);
int txn_manager_commit(struct txn_manager *m);
int txn_manager_abort(struct txn_manager *m);
int txn_manager_doom(struct txn_manager *m);
bool txn_manager_is_doomed(const struct txn_manager *m);
struct txn *txn_manager_current(const struct txn_manager *m);
/* The current transaction; an implicit manager begins one. */
int txn_manager_get(struct txn_manager *m, struct txn **ret_txn);
int txn_manager_savepoint(struct txn_manager *m, unsigned flags, struct txn_savepoint **ret_sp);
int txn_manager_run(struct txn_manager *m, int attempts, txn_work_fn *fn, void *arg);
int txn_manager_suspend(struct txn_manager *m, struct txn **ret_txn);
int txn_manager_resume(struct txn_manager *m, struct txn *txn);

/*
 * Tells of every transaction of a manager. Each member may be NULL.
 * before_completion may fail the commit; the others cannot.
 */
struct txn_sync_ops {
	void (*new_transaction)(void *self, struct txn *txn);
	int (*before_completion)(void *self, struct txn *txn);
	int (*after_completion)(void *self, struct txn *txn);
};

/*
 * OPS and SELF are borrowed until unregistered. Registered while a
 * transaction is live, it is told of it at once.
 */
int txn_manager_register_sync(struct txn_manager *m, const struct txn_sync_ops *ops, void *self,
			      struct txn_sync **ret_sync);
int txn_manager_unregister_sync(struct txn_manager *m, struct txn_sync *sync);

#ifdef __cplusplus
}
#endif
#endif
