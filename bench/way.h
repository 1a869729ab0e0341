/*
 * way.h - one way to make a transaction over several databases. All ways do
 * the same work in the same order; they differ in how they commit it.
 */
#ifndef BENCH_WAY_H
#define BENCH_WAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "places.h"

/* Every function is called by the worker's own thread, or by no other. */
struct way {
	const char *name;
	/* Returns what one worker needs; aborts where that does not work. */
	void *(*open)(const struct places *places, int worker);
	/* Everything in front of the commit. */
	bool (*work)(void *self);
	/* RET_DECIDED: when the outcome was durable, by now_ns. */
	bool (*commit)(void *self, int64_t *ret_decided);
	/* After a failure of those. */
	void (*undo)(void *self);
	/* Lets the servers count what the worker's connections did. All workers are in
	 * here at once, and TOGETHER has room for them. */
	void (*settle)(void *self, pthread_barrier_t *together);
	void (*close)(void *self);
};

/* Plain COMMITs, one after the other: atomic for one database only. */
extern const struct way way_plain;
/* PREPARE everywhere, a forced log record, COMMIT PREPARED everywhere. */
extern const struct way way_textbook;
/* The library's protocol by hand, with nothing else: the floor. */
extern const struct way way_pipelined;
/* The same without waiting for the end: the floor of way_deferred. */
extern const struct way way_pipelined_deferred;
/* The library, which waits until every database has ended its part. */
extern const struct way way_library;
/* The library, which waits for the decision only (TXN_FINISH_DEFERRED). */
extern const struct way way_deferred;

#define WAYS                                                                                      \
	{                                                                                         \
		&way_textbook, &way_plain, &way_pipelined, &way_pipelined_deferred, &way_library, \
			&way_deferred                                                             \
	}
enum { N_WAYS = 6 };

/* What the others are compared with. */
const struct way *way_baseline(const struct shape *shape);

#define WAY_UPDATE "UPDATE account SET balance = balance + 1 WHERE id = $1"
#define WAY_SELECT "SELECT balance FROM account WHERE id = $1"

#endif
