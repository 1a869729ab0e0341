/* Savepoints of a transaction across its resources. */
#ifndef TXN_SAVEPOINT_H
#define TXN_SAVEPOINT_H

struct branch;
struct txn;
struct txn_savepoint;

/* Gives every mark up and frees: the transaction is ending. */
void savepoint_drop_all(struct txn *txn);

/* Makes every handle invalid, before commit or abort. */
void savepoint_invalidate_all(struct txn *txn);

/* Gives up the marks of a branch that leaves. */
void savepoint_drop_branch(struct txn *txn, struct branch *branch);

/* Frees without telling the resources: in a forked child. */
void savepoint_forget_all(struct txn *txn);

#endif
