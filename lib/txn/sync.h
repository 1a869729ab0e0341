/* The synchronizers of a manager: told of every transaction. */
#ifndef TXN_SYNC_H
#define TXN_SYNC_H

#include <sqlassist/txn.h>

struct syncs {
	struct txn_sync *list; /* in order of registration */
	unsigned telling;      /* depth: entries are then only marked as removed */
};

void syncs_new_transaction(struct syncs *syncs, struct txn *txn);
/* The first failure ends it. */
int syncs_before_completion(struct syncs *syncs, struct txn *txn);
/* Every failure is logged, and changes nothing. */
void syncs_after_completion(struct syncs *syncs, struct txn *txn);

int syncs_add(struct syncs *syncs, const struct txn_sync_ops *ops, void *self,
	      struct txn_sync **ret_sync);
int syncs_remove(struct syncs *syncs, struct txn_sync *sync);
/* Whether SYNC is registered here. */
bool syncs_has(const struct syncs *syncs, const struct txn_sync *sync);
void syncs_tell_new(struct syncs *syncs, struct txn_sync *sync, struct txn *txn);
void syncs_free(struct syncs *syncs);

#endif
