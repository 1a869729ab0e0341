/*
 * What is left of a transaction whose commit did not wait for its branches to
 * end (TXN_FINISH_DEFERRED): how many are still under way, and the decision
 * row, which is forgotten only when all have ended (I5). Whatever does not end
 * well is logged, counted and left to recovery, since nobody is there to be
 * told.
 *
 *   coordinator	   holds it from the decision until it returns
 *   detached branches	   hold it from detach to their vote, on any thread
 *   the last to let go	   forgets the row, or brings recovery forward
 */
#ifndef TXN_DEFERRED_H
#define TXN_DEFERRED_H

#include <stdbool.h>

#include "txn/branch.h"

struct deferred;

/* Held by the caller. NULL: this transaction must wait (no error is set). */
struct deferred *deferred_new(struct branch *decider, const struct txn_decision *decision);

/* BRANCH, whose COMMIT PREPARED is under way, goes on by itself; or false. */
bool deferred_detach(struct deferred *deferred, struct branch *branch);

/* Lets go. ALL_ENDED: of the branches that were not detached. */
void deferred_let_go(struct deferred *deferred, bool all_ended);

#endif
