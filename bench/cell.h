/*
 * cell.h - ways measured side by side: in rounds of short slices, one of each
 * way, so that whatever else the machine does falls on all of them.
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include "slice.h"

struct cell_plan {
	const struct places *places;
	int n_threads;
	const struct way *ways[N_WAYS]; /* the baseline is the first */
	int n_ways;
	int n_rounds;
	int keep_decisions;	  /* of the library; see places_register */
	struct slice_limit limit; /* of a slice */
};

/* Of one way. Times are nanoseconds. */
struct figures {
	const struct way *way;
	double rate;  /* transactions in a second; the median of the slices */
	double ratio; /* to the baseline in the same round; the median */
	int64_t commit_p50, commit_p99;
	int64_t decided_p50; /* from the start of the commit */
	/* Per transaction: */
	double rounds, commit_rounds, messages, wal_syncs;
	int64_t transactions, failed;
};

/* Fills an array as long as PLAN's ways. */
void cell_run(const struct cell_plan *plan, struct figures ret_figures[]);

#endif
