#include "txn/txn.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/log.h"
#include "txn/deadline.h"
#include "txn/gid.h"
#include "txn/metadata.h"
#include "txn/savepoint.h"

struct txn *txn_new(struct txn_manager *manager)
{
	struct txn *txn = malloc(sizeof(*txn));

	if (!txn) {
		(void)error_nomem();
		return NULL;
	}
	*txn = (struct txn){
		.generation = fork_generation(),
		.manager = manager,
		.began_us = clock_us(),
		.is_cancellable = true,
	};
	gid_new_uuid(txn->uuid);
	(void)pthread_mutex_init(&txn->cancel_lock, NULL);
	return txn;
}

void txn_free(struct txn *txn)
{
	struct branch *branch, *next;

	if (!txn)
		return;
	deadline_disarm(txn);
	savepoint_drop_all(txn);
	DL_FOREACH_SAFE(txn->branches, branch, next)
		txn_release_branch(txn, branch, SQLA_EABORTED);
	hooks_clear(&txn->hooks);
	metadata_free(txn->metadata);
	(void)pthread_mutex_destroy(&txn->cancel_lock);
	free(txn);
}

/* Marks and selves are the parent's, and so is whatever they would touch. */
void txn_forget(struct txn *txn)
{
	struct branch *branch, *next;

	savepoint_forget_all(txn);
	DL_FOREACH_SAFE(txn->branches, branch, next)
		free(branch);
	hooks_clear(&txn->hooks);
	metadata_free(txn->metadata);
	free(txn);
}

static bool is_late(const struct txn *txn)
{
	return txn->deadline && (txn->state == TXN_ACTIVE || txn->state == TXN_DOOMED) &&
	       clock_left(txn->deadline) == 0;
}

enum txn_state txn_status(const struct txn *txn)
{
	if (!txn)
		return TXN_ABORTED;
	return is_late(txn) ? TXN_FAILED : txn->state;
}

const char *txn_uuid(const struct txn *txn)
{
	return txn ? txn->uuid : "";
}

/* The one place that writes the state. */
static void set_state(struct txn *txn, int state)
{
	txn->state = (enum txn_state)state;
}

void txn_fail(struct txn *txn)
{
	int state = state_after(txn->state, EV_FAIL);

	if (state < 0)
		return;
	if (txn->failure.status == 0)
		error_save(&txn->failure);
	set_state(txn, state);
}

static int refuse_late(struct txn *txn)
{
	int status = error_set(SQLA_ETIMEOUT, NULL, "Call txn_abort; use a longer txn_set_timeout.",
			       "transaction %s is past its deadline", txn->uuid);

	txn_fail(txn);
	return status;
}

/* The text of SQLA_EFAILED repeats the first failure, as its model does. */
static int refuse(struct txn *txn, int status)
{
	struct sqla_error first = txn->failure;

	switch (status) {
	case SQLA_EDOOMED:
		return error_set(status, NULL, "Call txn_abort.", "transaction %s is doomed",
				 txn->uuid);
	case SQLA_EFAILED:
		(void)error_set(first.status == SQLA_ETIMEOUT ? SQLA_ETIMEOUT : status,
				first.engine, "Call txn_abort.",
				"an operation of this transaction failed before: %s",
				first.status ? first.message : "unknown");
		error_set_sqlstate(first.sqlstate);
		error_set_sqlite_code(first.sqlite_code);
		return sqla_error_last()->status;
	default:
		return error_set(SQLA_EMISUSE, NULL, "Begin a new transaction.",
				 "transaction %s has ended or is ending", txn->uuid);
	}
}

int txn_may(struct txn *txn, enum state_event event)
{
	int state;

	if (is_late(txn) && event != EV_ABORT)
		return refuse_late(txn);
	state = state_after(txn->state, event);
	return state < 0 ? refuse(txn, state) : 0;
}

int txn_move(struct txn *txn, enum state_event event)
{
	int status = txn_may(txn, event);

	if (status < 0)
		return status;
	set_state(txn, state_after(txn->state, event));
	return 0;
}

int txn_check_process(const struct txn *txn, const char *what)
{
	if (!fork_is_foreign(txn->generation))
		return 0;
	return error_set(SQLA_EFORKED, NULL,
			 "In the child, call txn_abort to let go of it here, or txn_begin.",
			 "%s: the transaction belongs to the parent process", what);
}

int txn_check(const struct txn *txn, const char *what)
{
	int status;

	if (!txn)
		return error_set(SQLA_EMISUSE, NULL, NULL, "%s: the transaction is NULL", what);
	status = txn_check_process(txn, what);
	if (status < 0)
		return status;
	if (txn->is_ending)
		return error_set(SQLA_EMISUSE, NULL, "Do it before or after the commit or abort.",
				 "%s: called while the transaction is ending", what);
	return 0;
}

static struct branch *find_branch(struct txn *txn, const struct txn_resource_ops *ops, void *self)
{
	struct branch *branch;

	DL_FOREACH(txn->branches, branch)
		if (branch->given == ops && branch->self == self)
			return branch;
	return NULL;
}

int txn_join(struct txn *txn, const struct txn_resource_ops *ops, void *self)
{
	struct branch *branch;
	int status;

	if (!txn || !ops)
		return error_set(SQLA_EMISUSE, NULL, NULL, "txn_join: an argument is NULL");
	if (fork_is_foreign(txn->generation))
		return txn_check(txn, "txn_join");
	status = txn_may(txn, EV_JOIN);
	if (status < 0)
		return status;
	if (find_branch(txn, ops, self))
		return 0;
	branch = branch_new(ops, self);
	if (!branch)
		return sqla_error_last()->status;
	branch->number = ++txn->n_joined;
	deadline_lock(txn);
	DL_APPEND(txn->branches, branch);
	deadline_unlock(txn);
	return 0;
}

void txn_release_branch(struct txn *txn, struct branch *branch, int outcome)
{
	deadline_lock(txn);
	DL_DELETE(txn->branches, branch);
	deadline_unlock(txn);
	savepoint_drop_branch(txn, branch);
	if (branch->ops.released)
		branch->ops.released(branch->self, txn, outcome);
	free(branch);
}

bool txn_should_retry(const struct txn *txn)
{
	struct branch *branch;

	DL_FOREACH(txn->branches, branch)
		if (branch->ops.should_retry && branch->ops.should_retry(branch->self))
			return true;
	return false;
}

int txn_check_finish(enum txn_finish finish, const char *what)
{
	if (finish == TXN_FINISH_WAIT || finish == TXN_FINISH_DEFERRED)
		return 0;
	return error_set(SQLA_EMISUSE, NULL, "Use TXN_FINISH_WAIT or TXN_FINISH_DEFERRED.",
			 "%s: an unknown way to finish: %d", what, (int)finish);
}

int txn_set_finish(struct txn *txn, enum txn_finish finish)
{
	int status = txn_check(txn, "txn_set_finish");

	if (status == 0)
		status = txn_check_finish(finish, "txn_set_finish");
	if (status == 0)
		status = txn_may(txn, EV_JOIN);
	if (status == 0)
		txn->finish = finish;
	return status;
}
