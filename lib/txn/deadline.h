/*
 * Deadlines of transactions. An alarm cancels what runs when one passes, and
 * again every tenth of a second, since a statement that was about to be sent
 * would miss the first time.
 */
#ifndef TXN_DEADLINE_H
#define TXN_DEADLINE_H

struct txn;

/* Watches over txn->deadline; again after a change. */
int deadline_arm(struct txn *txn);

/* Afterwards nothing of TXN is cancelled any more. */
void deadline_disarm(struct txn *txn);

/* Guard the branches against the thread that cancels, which comes to transactions with
 * a deadline only. */
void deadline_lock(struct txn *txn);
void deadline_unlock(struct txn *txn);

#endif
