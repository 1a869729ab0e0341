/* Who decides: sqlassist-commit(7), and DESIGN's order. */
#ifndef TXN_DECIDER_H
#define TXN_DECIDER_H

#include "txn/branch.h"

/*
 * Chooses among the changed ones of BRANCHES, which are sorted: one that cannot
 * be prepared, one that prefers to, a local one, any; of several equals the last,
 * or the one that joined first where FINISH is deferred. Several that cannot be
 * prepared must be a group: the others of it get the decider as their leader. SQLA_EUNSAFE, before anything durable has happened, when they
 * cannot be made atomic: the text names who is in the way, and why.
 */
int decider_choose(struct branch *branches, enum txn_finish finish, struct branch **ret_decider);

#endif
