/*
 * drill-worker.h - a process that moves money between the scratch tables until
 * it is killed.
 */
#ifndef DRILL_WORKER_H
#define DRILL_WORKER_H

#include "drill-ledger.h"

struct drill_worker {
	int number; /* its place among the workers */
	uint32_t life;
	int threads;
	unsigned seed;
	const char *fault;  /* a fault point to arm, or NULL */
	const char *passed; /* file that gets the points that it passes, or NULL */
	int transfers;	    /* of each thread, or 0: for ever */
};

/* An errand; ARG is a struct drill_worker. Returns when its transfers are made,
 * or the ledger is full. */
int worker_run(struct drill_ledger *ledger, void *arg);

/* What transfer ID moves into the account of engine NTH. */
int64_t worker_share(const struct drill_transfer *transfer, int64_t id, int nth);

#endif
