#include "txn/hooks.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/error.h"
#include "base/log.h"
#include "txn/txn.h"

static int add(struct hook **list, txn_hook_fn *plain, txn_outcome_fn *outcome, void *arg)
{
	struct hook *hook;

	if (!plain && !outcome)
		return error_set(SQLA_EMISUSE, NULL, NULL, "a hook is NULL");
	hook = calloc(1, sizeof(*hook));
	if (!hook)
		return error_nomem();
	hook->plain = plain;
	hook->outcome = outcome;
	hook->arg = arg;
	DL_APPEND(*list, hook);
	return 0;
}

/* Before-commit hooks may add to every list, so only a finished or failed
 * transaction refuses; abort hooks may still be added to a failed one. */
static int may_add(struct txn *txn, const char *what, bool for_abort)
{
	if (!txn)
		return error_set(SQLA_EMISUSE, NULL, NULL, "%s: the transaction is NULL", what);
	if (for_abort && txn->state == TXN_FAILED)
		return 0;
	return txn_may(txn, EV_JOIN);
}

int txn_before_commit(struct txn *txn, txn_hook_fn *hook, void *arg)
{
	int status = may_add(txn, "txn_before_commit", false);

	return status < 0 ? status : add(&txn->hooks.before_commit, hook, NULL, arg);
}

int txn_after_commit(struct txn *txn, txn_outcome_fn *hook, void *arg)
{
	int status = may_add(txn, "txn_after_commit", false);

	return status < 0 ? status : add(&txn->hooks.after_commit, NULL, hook, arg);
}

int txn_before_abort(struct txn *txn, txn_hook_fn *hook, void *arg)
{
	int status = may_add(txn, "txn_before_abort", true);

	return status < 0 ? status : add(&txn->hooks.before_abort, hook, NULL, arg);
}

int txn_after_abort(struct txn *txn, txn_hook_fn *hook, void *arg)
{
	int status = may_add(txn, "txn_after_abort", true);

	return status < 0 ? status : add(&txn->hooks.after_abort, hook, NULL, arg);
}

/* Takes the first hook off, so that a hook may add or clear others. */
static bool take(struct hook **list, struct hook *ret_hook)
{
	struct hook *first = *list;

	if (!first)
		return false;
	DL_DELETE(*list, first);
	*ret_hook = *first;
	free(first);
	return true;
}

int hooks_before_commit(struct hooks *hooks, struct txn *txn)
{
	struct hook hook;

	while (take(&hooks->before_commit, &hook)) {
		int status;

		error_clear();
		status = hook.plain(txn, hook.arg);
		if (status >= 0) /* or it has forked */
			status = txn_check_process(txn, "a before-commit hook");
		if (status < 0)
			return error_ensure(status, NULL, "a before-commit hook refused");
	}
	return 0;
}

/* In a child that a hook has forked, the rest is the parent's to run. */
static void run_all(struct hook **list, struct txn *txn, int outcome, const char *kind)
{
	struct hook hook;

	while (txn_check_process(txn, kind) == 0 && take(list, &hook)) {
		int status = hook.plain ? hook.plain(txn, hook.arg) :
					  hook.outcome(txn, outcome, hook.arg);

		if (status < 0)
			log_error("transaction %s: a hook (%s) failed: %s", txn_uuid(txn), kind,
				  sqla_strerror(status));
	}
}

void hooks_after_commit(struct hooks *hooks, struct txn *txn, int outcome)
{
	run_all(&hooks->after_commit, txn, outcome, "after commit");
}

void hooks_before_abort(struct hooks *hooks, struct txn *txn)
{
	run_all(&hooks->before_abort, txn, SQLA_EABORTED, "before abort");
}

void hooks_after_abort(struct hooks *hooks, struct txn *txn)
{
	run_all(&hooks->after_abort, txn, SQLA_EABORTED, "after abort");
}

static void clear(struct hook **list)
{
	struct hook hook;

	while (take(list, &hook))
		;
}

void hooks_clear(struct hooks *hooks)
{
	clear(&hooks->before_commit);
	clear(&hooks->after_commit);
	clear(&hooks->before_abort);
	clear(&hooks->after_abort);
}
