/*
 * engine.h (internal) - a registered engine: its configuration, its pool of
 * connections, and the decisions it may forget. Found by name in the
 * registry, kept alive by references.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/driver.h"
#include "engine/pool.h"

struct engine;

/* Finds by NAME (NULL: the default) and takes a reference. SQLA_ENOTFOUND
 * names what there is. */
int engine_get(const char *name, struct engine **ret_engine);
struct engine *engine_ref(struct engine *engine);
void engine_unref(struct engine *engine);

/* Calls FN for a snapshot of all engines in order of registration, with no
 * lock held; stops at the first non-zero answer and returns it. */
int engine_each(int (*fn)(struct engine *engine, void *arg), void *arg);

/* FN is called before an engine is unregistered, without a lock; it may
 * block. One function, for the layers above. */
void engine_before_unregister(void (*fn)(struct engine *engine));

struct engine_config *engine_config(struct engine *engine);
const char *engine_name(const struct engine *engine);
sqla_scope_fn *engine_scope(struct engine *engine);

/* Sessions hold a use each, so that unregistering them can be refused. A forked
 * child starts without uses: only what was used there is unused there. */
void engine_use(struct engine *engine);
void engine_unuse(struct engine *engine);

/*
 * A connection from the pool, proven usable; waits at most pool_timeout_ms
 * (SQLA_ETIMEOUT). Goes back with engine_checkin, which closes it unless it
 * is proven idle. Thread-safe and fair.
 */
int engine_checkout(struct engine *engine, struct driver_conn **ret_conn);
/* The same, waiting no longer than DEADLINE (clock_ms, 0: none). */
int engine_checkout_until(struct engine *engine, int64_t deadline, struct driver_conn **ret_conn);
void engine_checkin(struct engine *engine, struct driver_conn *conn);
/* How the pool stands, for whoever shows it; its connections: roll.h. */
void engine_count(struct engine *engine, struct pool_counts *ret_counts);

/*
 * Decisions whose branches have all ended: remembered with the time, given
 * out once they are keep_decisions old, at most N of them. Texts of 37 bytes
 * each. engine_forget_again puts back what could not be forgotten.
 */
void engine_forget_later(struct engine *engine, const char *uuid);
/* Whether N are old enough, without taking any. */
bool engine_forget_is_due(struct engine *engine, size_t n);
size_t engine_forget_due(struct engine *engine, char (*uuids)[37], size_t n);
void engine_forget_again(struct engine *engine, char (*uuids)[37], size_t n);

#endif
