/*
 * drill-check.h - what must be true after a crash: recovery ends what the drill
 * has left in doubt, and nothing else; a transfer is in all its databases or in
 * none, as its caller was told; no money is lost or made.
 */
#ifndef DRILL_CHECK_H
#define DRILL_CHECK_H

#include "drill-ledger.h"

/* The errands; ARG is not used. */

/* One pass over the transfers that were not checked yet. SQLA_PENDING: not all
 * could be ended yet; SQLA_ECONNECT: not all engines could be asked. */
int check_recover(struct drill_ledger *ledger, void *arg);

/*
 * Reads all engines and writes violations into the ledger, when every worker
 * is dead and recovery has said that nothing is left. Then empties the tables of
 * transfers. SQLA_PENDING: a server still works for one of the dead.
 */
int check_all(struct drill_ledger *ledger, void *arg);

#endif
