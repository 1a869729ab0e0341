/* The four lists of hooks of a transaction. */
#ifndef TXN_HOOKS_H
#define TXN_HOOKS_H

#include <sqlassist/txn.h>

struct hook {
	txn_hook_fn *plain; /* one of the two is set */
	txn_outcome_fn *outcome;
	void *arg;
	struct hook *next, *prev;
};

struct hooks {
	struct hook *before_commit;
	struct hook *after_commit;
	struct hook *before_abort;
	struct hook *after_abort;
};

/* Runs and drops the before-commit hooks, new ones too, up to the first that
 * fails: its status. */
int hooks_before_commit(struct hooks *hooks, struct txn *txn);

/* These log failures and run every hook. */
void hooks_after_commit(struct hooks *hooks, struct txn *txn, int outcome);
void hooks_before_abort(struct hooks *hooks, struct txn *txn);
void hooks_after_abort(struct hooks *hooks, struct txn *txn);

/* Drops all, uncalled. */
void hooks_clear(struct hooks *hooks);

#endif
