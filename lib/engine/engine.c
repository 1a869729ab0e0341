#include "engine/engine.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fork.h"
#include "engine/forget.h"
#include "engine/pool.h"
#include "engine/registry.h"

struct engine {
	struct engine_config *config;
	struct pool *pool;
	struct forget_queue *ended;
	unsigned references;	  /* atomic */
	sqla_scope_fn *scope;	  /* atomic */
	int uses;		  /* atomic */
	unsigned uses_generation; /* atomic: a child does not inherit its parent's uses */
};

static struct fork_lock uses_lock = FORK_LOCK_INITIALIZER;

int engine_new(struct engine_config *config, struct engine **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine) {
		config_unref(config);
		return error_nomem();
	}
	engine->references = 1;
	engine->config = config;
	engine->uses_generation = fork_generation();
	engine->pool = pool_new(config);
	engine->ended = forget_new(config->options.keep_decisions);
	if (!engine->pool || !engine->ended) {
		engine_unref(engine);
		return SQLA_ENOMEM;
	}
	*ret_engine = engine;
	return 0;
}

struct engine *engine_ref(struct engine *engine)
{
	__atomic_add_fetch(&engine->references, 1, __ATOMIC_RELAXED);
	return engine;
}

void engine_unref(struct engine *engine)
{
	if (!engine || __atomic_sub_fetch(&engine->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pool_free(engine->pool);
	forget_free(engine->ended);
	config_unref(engine->config);
	free(engine);
}

static void (*before_unregister)(struct engine *engine); /* atomic */

void engine_before_unregister(void (*fn)(struct engine *engine))
{
	__atomic_store_n(&before_unregister, fn, __ATOMIC_RELEASE);
}

void engine_tell_unregister(struct engine *engine)
{
	void (*fn)(struct engine * engine) = __atomic_load_n(&before_unregister, __ATOMIC_ACQUIRE);

	if (fn)
		fn(engine);
}

struct engine_config *engine_config(struct engine *engine)
{
	return engine->config;
}

const char *engine_name(const struct engine *engine)
{
	return engine->config->name;
}

sqla_scope_fn *engine_scope(struct engine *engine)
{
	return __atomic_load_n(&engine->scope, __ATOMIC_ACQUIRE);
}

void engine_set_scope(struct engine *engine, sqla_scope_fn *fn)
{
	__atomic_store_n(&engine->scope, fn, __ATOMIC_RELEASE);
}

/* In a forked child, by the first that counts there: the others wait for the zero. */
static void start_uses(struct engine *engine)
{
	fork_lock_take(&uses_lock);
	if (fork_is_foreign(engine->uses_generation)) {
		__atomic_store_n(&engine->uses, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&engine->uses_generation, fork_generation(), __ATOMIC_RELEASE);
	}
	fork_lock_give(&uses_lock);
}

/* Adds N to the uses and returns them. */
static int count_uses(struct engine *engine, int n)
{
	if (fork_is_foreign(__atomic_load_n(&engine->uses_generation, __ATOMIC_ACQUIRE)))
		start_uses(engine);
	return __atomic_add_fetch(&engine->uses, n, __ATOMIC_ACQ_REL);
}

void engine_use(struct engine *engine)
{
	(void)count_uses(engine, 1);
}

void engine_unuse(struct engine *engine)
{
	(void)count_uses(engine, -1);
}

int engine_uses(struct engine *engine)
{
	return count_uses(engine, 0);
}

int engine_checkout(struct engine *engine, struct driver_conn **ret_conn)
{
	return pool_checkout(engine->pool, 0, ret_conn);
}

int engine_checkout_until(struct engine *engine, int64_t deadline, struct driver_conn **ret_conn)
{
	return pool_checkout(engine->pool, deadline, ret_conn);
}

void engine_checkin(struct engine *engine, struct driver_conn *conn)
{
	pool_checkin(engine->pool, conn);
}

void engine_count(struct engine *engine, struct pool_counts *ret_counts)
{
	pool_count(engine->pool, ret_counts);
}

void engine_drain(struct engine *engine)
{
	pool_drain(engine->pool);
}

bool engine_tell_oldest(struct engine *engine, char *ret_text, size_t size)
{
	return pool_tell_oldest(engine->pool, ret_text, size);
}

void engine_forget_later(struct engine *engine, const char *uuid)
{
	forget_later(engine->ended, uuid);
}

bool engine_forget_is_due(struct engine *engine, size_t n)
{
	return forget_is_due(engine->ended, n);
}

size_t engine_forget_due(struct engine *engine, char (*uuids)[37], size_t n)
{
	return forget_due(engine->ended, uuids, n);
}

void engine_forget_again(struct engine *engine, char (*uuids)[37], size_t n)
{
	forget_again(engine->ended, uuids, n);
}
