/* The votes and the decision; see protocol.c. */
#ifndef TXN_PROTOCOL_H
#define TXN_PROTOCOL_H

#include "txn/observe.h"
#include "txn/txn.h"

struct protocol_result {
	int status;		      /* what txn_commit returns */
	bool is_committed;	      /* decided: SQLA_OK, SQLA_PENDING, SQLA_EMIXED */
	bool is_unfinished;	      /* recovery has something to do */
	const struct branch *decider; /* NULL: none was chosen */
	struct observe_times times;
	struct sqla_error error; /* detail for a status that is not SQLA_OK */
};

/* Runs the protocol over the branches of TXN, which are sorted. */
void protocol_run(struct txn *txn, struct protocol_result *ret_result);

#endif
