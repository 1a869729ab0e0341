/* A manager, for the files of this folder. */
#ifndef TXN_MANAGER_H
#define TXN_MANAGER_H

#include <stdbool.h>

#include "txn/sync.h"
#include "txn/txn.h"

struct txn_manager {
	bool is_explicit;
	enum txn_finish finish; /* of its next transactions */
	struct txn *current;
	struct syncs syncs;
};

/* The current transaction if a verb may act on it; WHAT is for the text. */
int manager_live(struct txn_manager *m, const char *what, struct txn **ret_txn);

/* Takes the current transaction, which has ended, off and frees it. */
void manager_finish(struct txn_manager *m);

#endif
