#include "txn/commit.h"

#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "txn/deadline.h"
#include "txn/manager.h"
#include "txn/protocol.h"
#include "txn/savepoint.h"

static void (*on_unfinished)(void);

void commit_on_unfinished(void (*fn)(void))
{
	__atomic_store_n(&on_unfinished, fn, __ATOMIC_RELEASE);
}

void commit_tell_unfinished(void)
{
	void (*fn)(void) = __atomic_load_n(&on_unfinished, __ATOMIC_ACQUIRE);

	if (fn)
		fn();
}

static int by_sort_key(const struct branch *one, const struct branch *other)
{
	return strcmp(one->ops.sort_key(one->self), other->ops.sort_key(other->self));
}

static int by_number(const struct branch *one, const struct branch *other)
{
	return one->number < other->number ? -1 : one->number > other->number;
}

/* The list is also read by the thread that cancels. */
static void sort(struct txn *txn, int (*compare)(const struct branch *, const struct branch *))
{
	deadline_lock(txn);
	DL_SORT(txn->branches, compare);
	deadline_unlock(txn);
}

static struct syncs *syncs_of(struct txn *txn)
{
	return &txn->manager->syncs;
}

/* What the application may still stop: then the transaction stays active. */
static int before(struct txn *txn)
{
	int status = txn_may(txn, EV_COMMIT);

	if (status < 0)
		return status;
	savepoint_invalidate_all(txn);
	status = hooks_before_commit(&txn->hooks, txn);
	if (status == 0)
		status = syncs_before_completion(syncs_of(txn), txn);
	if (status < 0)
		return status;
	/* A hook may have doomed it; the model would commit all the same. */
	return txn_move(txn, EV_COMMIT);
}

static void release_all(struct txn *txn, int outcome)
{
	sort(txn, by_number);
	while (txn->branches)
		txn_release_branch(txn, txn->branches, outcome);
}

/* The one place that turns the protocol's result into the transaction's end. */
static void settle(struct txn *txn, struct protocol_result *result)
{
	if (result->is_committed) {
		(void)txn_move(txn, EV_DECIDE);
	} else {
		txn->may_retry = txn_should_retry(txn);
		txn->failure = result->error;
		(void)txn_move(txn, EV_REFUSE);
	}
	deadline_disarm(txn);
	observe_commit(txn, result);
	release_all(txn, result->status);
	if (result->is_unfinished)
		commit_tell_unfinished();
}

int commit_run(struct txn *txn)
{
	struct protocol_result result;
	int status = before(txn);

	if (status < 0)
		return status;
	sort(txn, by_sort_key);
	protocol_run(txn, &result);
	settle(txn, &result);
	syncs_after_completion(syncs_of(txn), txn);
	hooks_after_commit(&txn->hooks, txn, result.status);
	if (result.status != 0)
		(void)error_restore(&result.error);
	return result.status;
}

/* Every resource is attempted; the first failure is remembered. */
static void abort_branches(struct txn *txn, struct sqla_error *first)
{
	struct branch *branch;

	sort(txn, by_number);
	DL_FOREACH(txn->branches, branch) {
		int status;

		error_clear();
		status = branch->ops.abort(branch->self, txn);
		if (status >= 0)
			continue;
		(void)error_ensure(status, branch_name(branch), "rolling back failed");
		if (first->status == 0)
			error_save(first);
	}
	release_all(txn, SQLA_EABORTED);
}

int commit_abort(struct txn *txn)
{
	struct sqla_error first = { .status = 0 };

	deadline_disarm(txn);
	hooks_before_abort(&txn->hooks, txn);
	savepoint_invalidate_all(txn);
	if (txn_check_process(txn, "txn_abort") < 0)
		return 0;
	if (syncs_before_completion(syncs_of(txn), txn) < 0)
		log_error("transaction %s: before_completion failed in an abort", txn->uuid);
	if (txn_check_process(txn, "txn_abort") < 0)
		return 0;
	observe_abort(txn);
	(void)txn_move(txn, EV_ABORT);
	abort_branches(txn, &first);
	hooks_after_abort(&txn->hooks, txn);
	syncs_after_completion(syncs_of(txn), txn);
	return first.status ? error_restore(&first) : 0;
}
