/*
 * A bounded pool of an engine's connections: at most pool_size are kept, at
 * most pool_size + pool_overflow exist. Waiters are served in their order.
 * Thread-safe; a forked child finds every pool empty.
 */
#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include "engine/driver.h"

struct pool;

/* Returns a new pool, or NULL with the error set. Takes a reference. */
struct pool *pool_new(struct engine_config *config);

/* Closes what is idle. None may be in use. NULL is allowed. */
void pool_free(struct pool *pool);

/*
 * A connection that is idle and, if it is to be pinged, answers. Waits at
 * most pool_timeout_ms, and not beyond DEADLINE (clock_ms, 0: none):
 * SQLA_ETIMEOUT.
 */
int pool_checkout(struct pool *pool, int64_t deadline, struct driver_conn **ret_conn);

/* Takes the connection back, and closes it unless it is proven idle. */
void pool_checkin(struct pool *pool, struct driver_conn *conn);

/* Closes idle connections now, and those in use when they come back. */
void pool_drain(struct pool *pool);

struct pool_counts {
	int idle;
	int open; /* idle, in use or being opened */
	int waiting;
	bool has_room; /* for another one */
};
void pool_count(struct pool *pool, struct pool_counts *ret_counts);

/* If connections are watched (pool_leak_ms): writes of the one that is longest in
 * use "for 5012 ms, taken by ..."; false: none is. */
bool pool_tell_oldest(struct pool *pool, char *ret_text, size_t size);

#endif
