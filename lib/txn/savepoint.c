#include "txn/savepoint.h"

#include <stdlib.h>

#include <utlist.h>

#include <sqlassist/txn.h>

#include "base/fork.h"
#include "base/log.h"
#include "txn/txn.h"

/* What one branch remembers of a savepoint. */
struct mark {
	struct branch *branch;
	void *mark;
	bool is_supported; /* optimistic savepoints have marks that are not */
	struct mark *next, *prev;
};

/*
 * Kept by the transaction until it ends, valid or not, so that a stale handle
 * is told and not followed into freed memory.
 */
struct txn_savepoint {
	struct txn *txn;
	bool is_valid;
	struct mark *marks; /* in order of joining */
	struct txn_savepoint *next, *prev;
};

static void drop_mark(struct txn_savepoint *sp, struct mark *mark)
{
	DL_DELETE(sp->marks, mark);
	if (mark->is_supported)
		mark->branch->ops.savepoint_release(mark->branch->self, sp->txn, mark->mark);
	free(mark);
}

static void invalidate(struct txn_savepoint *sp)
{
	sp->is_valid = false;
	while (sp->marks)
		drop_mark(sp, sp->marks->prev);
}

/* The newest first: a store drops the later ones with an earlier one. */
static void invalidate_after(struct txn *txn, const struct txn_savepoint *keep)
{
	struct txn_savepoint *sp = txn->savepoints ? txn->savepoints->prev : NULL;

	while (sp && sp != keep) {
		invalidate(sp);
		sp = sp == txn->savepoints ? NULL : sp->prev;
	}
}

/* The marks stay until their branch leaves: the commit drops them for less. */
void savepoint_invalidate_all(struct txn *txn)
{
	struct txn_savepoint *sp;

	DL_FOREACH(txn->savepoints, sp)
		sp->is_valid = false;
}

void savepoint_drop_all(struct txn *txn)
{
	struct txn_savepoint *sp, *next;

	invalidate_after(txn, NULL);
	DL_FOREACH_SAFE(txn->savepoints, sp, next)
		free(sp);
	txn->savepoints = NULL;
}

void savepoint_forget_all(struct txn *txn)
{
	struct txn_savepoint *sp, *next;
	struct mark *mark, *next_mark;

	DL_FOREACH_SAFE(txn->savepoints, sp, next) {
		DL_FOREACH_SAFE(sp->marks, mark, next_mark)
			free(mark);
		free(sp);
	}
	txn->savepoints = NULL;
}

void savepoint_drop_branch(struct txn *txn, struct branch *branch)
{
	struct txn_savepoint *sp;
	struct mark *mark, *next;

	DL_FOREACH(txn->savepoints, sp)
		DL_FOREACH_SAFE(sp->marks, mark, next)
			if (mark->branch == branch)
				drop_mark(sp, mark);
}

static int add_mark(struct txn_savepoint *sp, struct branch *branch, unsigned flags)
{
	bool is_supported = branch->ops.savepoint != NULL;
	struct mark *mark;
	int status = 0;

	if (!is_supported && !(flags & TXN_SAVEPOINT_OPTIMISTIC))
		return error_set(SQLA_EMISUSE, branch_name(branch),
				 "Use TXN_SAVEPOINT_OPTIMISTIC, or no savepoints.",
				 "the resource has no savepoints");
	mark = calloc(1, sizeof(*mark));
	if (!mark)
		return error_nomem();
	error_clear();
	if (is_supported)
		status = branch->ops.savepoint(branch->self, sp->txn, &mark->mark);
	if (status < 0) {
		(void)error_ensure(status, branch_name(branch), "no savepoint");
		free(mark);
		return status;
	}
	mark->branch = branch;
	mark->is_supported = is_supported;
	DL_APPEND(sp->marks, mark);
	return 0;
}

int txn_manager_savepoint(struct txn_manager *m, unsigned flags, struct txn_savepoint **ret_sp)
{
	struct txn_savepoint *sp;
	struct branch *branch;
	struct txn *txn;
	int status;

	if (!ret_sp || (flags & ~(unsigned)TXN_SAVEPOINT_OPTIMISTIC))
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "txn_savepoint: a NULL result or unknown flags");
	status = txn_manager_get(m, &txn);
	if (status < 0)
		return status;
	status = txn_may(txn, EV_SAVEPOINT);
	if (status < 0)
		return status;
	sp = calloc(1, sizeof(*sp));
	if (!sp)
		return error_nomem();
	sp->txn = txn;
	sp->is_valid = true;
	DL_APPEND(txn->savepoints, sp);
	DL_FOREACH(txn->branches, branch) {
		status = add_mark(sp, branch, flags);
		if (status < 0) {
			txn_fail(txn);
			return status;
		}
	}
	*ret_sp = sp;
	return 0;
}

static int check(struct txn_savepoint *sp, const char *what)
{
	int status;

	if (!sp)
		return error_set(SQLA_EMISUSE, NULL, NULL, "%s: the savepoint is NULL", what);
	status = txn_check(sp->txn, what);
	if (status < 0)
		return status;
	status = txn_may(sp->txn, EV_SAVEPOINT);
	if (status < 0)
		return status;
	if (!sp->is_valid)
		return error_set(SQLA_EMISUSE, NULL, "Use an earlier savepoint, or txn_abort.",
				 "%s: the savepoint is no longer valid", what);
	return 0;
}

static bool has_mark(const struct txn_savepoint *sp, const struct branch *branch)
{
	struct mark *mark;

	DL_FOREACH(sp->marks, mark)
		if (mark->branch == branch)
			return true;
	return false;
}

/* What joined after SP has nothing to go back to: it is aborted and leaves. */
static void drop_later_branches(struct txn *txn, struct txn_savepoint *sp)
{
	struct branch *branch, *next;

	DL_FOREACH_SAFE(txn->branches, branch, next) {
		if (has_mark(sp, branch))
			continue;
		if (branch->ops.abort(branch->self, txn) < 0)
			log_warning("transaction %s: %s could not be rolled back: %s", txn->uuid,
				    branch_name(branch), sqla_error_last()->message);
		txn_release_branch(txn, branch, SQLA_EABORTED);
	}
}

static int roll_back(struct txn_savepoint *sp)
{
	struct mark *mark;
	int status;

	DL_FOREACH(sp->marks, mark) {
		struct branch *branch = mark->branch;

		if (!mark->is_supported)
			return error_set(SQLA_EMISUSE, branch_name(branch), "Call txn_abort.",
					 "the resource has no savepoints");
		error_clear();
		status = branch->ops.savepoint_rollback(branch->self, sp->txn, mark->mark);
		if (status < 0)
			return error_ensure(status, branch_name(branch), "cannot go back");
	}
	return 0;
}

int txn_savepoint_rollback(struct txn_savepoint *sp)
{
	int status = check(sp, "txn_savepoint_rollback");

	if (status < 0)
		return status;
	/* A resource that ends the transaction from inside would free it here. */
	sp->txn->is_ending = true;
	status = roll_back(sp);
	/* After, not before: the store drops later marks with this rollback, and
	 * in a failed transaction it accepts nothing else. */
	invalidate_after(sp->txn, sp);
	if (status == 0)
		drop_later_branches(sp->txn, sp);
	sp->txn->is_ending = false;
	if (status < 0)
		txn_fail(sp->txn);
	return status;
}

int txn_savepoint_release(struct txn_savepoint *sp)
{
	int status = check(sp, "txn_savepoint_release");

	if (status < 0)
		return status;
	invalidate_after(sp->txn, sp);
	invalidate(sp);
	return 0;
}
