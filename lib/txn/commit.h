/*
 * The commit protocol of sqlassist-commit(7): asking, claiming, preparing,
 * deciding, finishing; and abort. commit.c orders the events that the
 * application sees; protocol.c is what runs between them.
 */
#ifndef TXN_COMMIT_H
#define TXN_COMMIT_H

#include "txn/txn.h"

/* Commits TXN with hooks and synchronizers. Its state tells whether it is
 * over (TXN_COMMITTED), may be repeated, or may only be aborted. */
int commit_run(struct txn *txn);

/* Aborts TXN with hooks and synchronizers; the first failure. */
int commit_abort(struct txn *txn);

/*
 * FN is called after a commit left something for recovery (PENDING, EINDOUBT,
 * or an abort that could not tell every branch). It must not block.
 */
void commit_on_unfinished(void (*fn)(void));

/* Calls it: something is left for recovery. */
void commit_tell_unfinished(void);

#endif
