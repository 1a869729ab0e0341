/* slice.h - a short run of one way by some threads. */
#ifndef BENCH_SLICE_H
#define BENCH_SLICE_H

#include <utarray.h>

#include "way.h"

/* What ends it, for each worker: the first of them. 0: never. */
struct slice_limit {
	int64_t ns;
	int64_t transactions;
};

/* What all workers did together. */
struct slice {
	double seconds;
	int64_t transactions; /* committed */
	int64_t failed;
	int64_t rounds; /* see wire.h; of work and commit */
	int64_t commit_rounds;
	int64_t messages;
	int64_t wal_syncs;
};

/* Arrays of int64_t, in nanoseconds since the commit began. */
struct slice_times {
	UT_array *commit;  /* until it returned */
	UT_array *decided; /* until the outcome was durable */
};

/* Makes empty ones, and frees them. */
void slice_times_init(struct slice_times *times);
void slice_times_clear(struct slice_times *times);
void slice_times_done(struct slice_times *times);

/* A way with a state for each of its workers. */
struct crew;

struct crew *crew_new(const struct way *way, const struct places *places, int n_workers);
void crew_free(struct crew *crew);

/* Runs a slice. TIMES, which may be NULL, gets one more of each per transaction. */
struct slice crew_run(struct crew *crew, struct slice_limit limit, struct slice_times *times);

#endif
