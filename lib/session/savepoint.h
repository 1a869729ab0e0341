/* Savepoints of a session as a branch: members of txn_resource_ops. */
#ifndef SESSION_SAVEPOINT_H
#define SESSION_SAVEPOINT_H

struct txn;

int savepoint_set(void *self, struct txn *txn, void **ret_mark);
int savepoint_rollback(void *self, struct txn *txn, void *opaque);
void savepoint_release(void *self, struct txn *txn, void *opaque);

#endif
