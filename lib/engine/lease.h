/*
 * A connection that is out of its pool, while the engine's pool_leak_ms asks
 * for it: since when, and by which calls it was taken. If it is not back in
 * time, that is logged, once.
 */
#ifndef ENGINE_LEASE_H
#define ENGINE_LEASE_H

#include "base/alarm.h"
#include "base/place.h"
#include "engine/driver.h"

struct lease {
	struct engine_config *config; /* a reference */
	int64_t since_ms;
	struct place place;
	struct alarm alarm;
	bool was_reported;	   /* written by the alarm */
	struct lease *next, *prev; /* the pool's, guarded by its lock */
};

/* Returns a new lease whose time runs, or NULL: not wanted, or no memory, which
 * is no reason to fail. */
struct lease *lease_new(struct engine_config *config);

/* Writes "for 5012 ms, taken by prog(pay_in+0x1f) < ...". */
void lease_tell(const struct lease *lease, char *ret_text, size_t size);

/* It is back. Not with a lock that logging could want. NULL is allowed. */
void lease_free(struct lease *lease);

/* The same in a child of the process that made it. */
void lease_forget(struct lease *lease);

#endif
