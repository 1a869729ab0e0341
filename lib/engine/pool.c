#include "engine/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/thread.h"
#include "engine/lease.h"

/* A thread that waits, on its own stack. Whoever serves it takes it off the
 * list; then it has a connection, or a place to open one in. */
struct waiter {
	pthread_cond_t served;
	struct driver_conn *conn;
	bool is_served;
	struct waiter *next, *prev;
};

struct pool {
	struct engine_config *config;
	/* Guarded by pools_lock: */
	unsigned generation;	  /* of the process whose connections these are */
	struct driver_conn *idle; /* latest first: the rarely used ones grow old */
	int n_idle;
	int n_open;		/* idle, in use or being opened: places taken */
	struct waiter *waiters; /* first come first */
	struct lease *leases;	/* of those in use, if they are watched; oldest first */
	int64_t drained_ms;	/* connections not younger are dropped; -1 */
};

/*
 * One lock for all pools: it is only held to move pointers, never while a
 * connection is opened, tested or closed, and being one it can be guarded
 * against fork for the life of the process.
 */
static struct fork_lock pools_lock = FORK_LOCK_INITIALIZER;

struct pool *pool_new(struct engine_config *config)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		error_nomem();
		return NULL;
	}
	pool->config = config_ref(config);
	pool->generation = fork_generation();
	pool->drained_ms = -1;
	return pool;
}

static void discard(struct driver_conn *conn)
{
	roll_leave(&conn->roll);
	if (fork_is_foreign(conn->generation))
		conn->driver->abandon(conn);
	else
		conn->driver->close(conn);
}

static void discard_all(struct driver_conn *list)
{
	struct driver_conn *conn, *next;

	DL_FOREACH_SAFE(list, conn, next) {
		DL_DELETE(list, conn);
		discard(conn);
	}
}

/* Empties the shelf into a list to be discarded once the lock is released. */
static struct driver_conn *take_idle(struct pool *pool)
{
	struct driver_conn *list = pool->idle;

	pool->idle = NULL;
	pool->n_open -= pool->n_idle;
	pool->n_idle = 0;
	return list;
}

/*
 * In a forked child: nothing that the parent opened counts, and whoever waited
 * is a thread that does not exist here.
 */
static struct driver_conn *adopt(struct pool *pool)
{
	struct driver_conn *inherited;

	if (!fork_is_foreign(pool->generation))
		return NULL;
	inherited = take_idle(pool);
	pool->generation = fork_generation();
	pool->n_open = 0;
	pool->waiters = NULL;
	pool->leases = NULL;
	return inherited;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	discard_all(pool->idle);
	config_unref(pool->config);
	free(pool);
}

static bool has_room(const struct pool *pool)
{
	const struct sqla_engine_options *options = &pool->config->options;

	return pool->n_open < (long)options->pool_size + options->pool_overflow;
}

static int init_waiter(struct waiter *waiter)
{
	waiter->conn = NULL;
	waiter->is_served = false;
	return thread_cond_init(&waiter->served) ? error_nomem() : 0;
}

/* What is out, after a wait that was in vain. */
static int refuse_late(struct pool *pool)
{
	static const char remedy[] =
		"Close sessions sooner, or raise pool_size, pool_overflow or pool_timeout_ms.";
	const char *name = pool->config->name;
	struct pool_counts counts;
	char hint[160], oldest[320];
	bool is_known = pool_tell_oldest(pool, oldest, sizeof(oldest));

	pool_count(pool, &counts);
	(void)snprintf(hint, sizeof(hint), "%s%s", remedy,
		       is_known ? "" : " With pool_leak_ms set, this says who has them.");
	return error_set(SQLA_ETIMEOUT, name, hint,
			 "no connection of engine \"%s\" came free in time (pool_timeout_ms = "
			 "%d): %d are in use%s%s",
			 name, pool->config->options.pool_timeout_ms, counts.open - counts.idle,
			 is_known ? ", one of them " : "", is_known ? oldest : "");
}

/* Queues up behind the others, with the lock held. SQLA_ETIMEOUT is still to be
 * told, once it is released. */
static int wait_for_turn(struct pool *pool, int64_t deadline, struct driver_conn **ret_conn)
{
	struct waiter waiter;
	int64_t end = clock_ms() + pool->config->options.pool_timeout_ms;
	int64_t until = deadline && deadline < end ? deadline : end;
	int timed_out = 0;
	int status = init_waiter(&waiter);

	if (status < 0)
		return status;
	DL_APPEND(pool->waiters, &waiter);
	while (!waiter.is_served && !timed_out)
		timed_out = thread_cond_wait(&waiter.served, &pools_lock.mutex, until);
	if (!waiter.is_served)
		DL_DELETE(pool->waiters, &waiter);
	(void)pthread_cond_destroy(&waiter.served);
	if (!waiter.is_served)
		return SQLA_ETIMEOUT;
	*ret_conn = waiter.conn;
	return 0;
}

static void serve(struct pool *pool, struct driver_conn *conn)
{
	struct waiter *waiter = pool->waiters;

	DL_DELETE(pool->waiters, waiter);
	waiter->conn = conn;
	waiter->is_served = true;
	(void)pthread_cond_signal(&waiter->served);
}

/* A connection is gone: its place goes to who waits longest. */
static void give_place(struct pool *pool)
{
	fork_lock_take(&pools_lock);
	if (pool->waiters)
		serve(pool, NULL);
	else
		pool->n_open--;
	fork_lock_give(&pools_lock);
}

/* Obtains a place, and perhaps an idle connection in it. */
static int take_place(struct pool *pool, int64_t deadline, struct driver_conn **ret_conn)
{
	struct driver_conn *inherited;
	int status = 0;

	*ret_conn = NULL;
	fork_lock_take(&pools_lock);
	inherited = adopt(pool);
	if (pool->idle) {
		*ret_conn = pool->idle;
		DL_DELETE(pool->idle, *ret_conn);
		pool->n_idle--;
	} else if (has_room(pool)) {
		pool->n_open++;
	} else {
		status = wait_for_turn(pool, deadline, ret_conn);
	}
	fork_lock_give(&pools_lock);
	discard_all(inherited);
	return status == SQLA_ETIMEOUT ? refuse_late(pool) : status;
}

static bool is_stale(const struct pool *pool, const struct driver_conn *conn)
{
	int recycle_s = pool->config->options.pool_recycle_s;

	return recycle_s > 0 && clock_ms() - conn->opened_ms >= (int64_t)recycle_s * 1000;
}

static bool is_usable(const struct pool *pool, struct driver_conn *conn)
{
	if (is_stale(pool, conn))
		return false;
	if (pool->config->options.pool_pre_ping != SQLA_YES)
		return true;
	return conn->driver->ping(conn) == 0 && !conn->is_broken;
}

static int open_new(const struct pool *pool, struct driver_conn **ret_conn)
{
	struct driver_conn *conn;
	int status = pool->config->driver->open(pool->config, DRIVER_SESSION, &conn);

	if (status < 0)
		return status;
	conn->driver->describe(conn, conn->roll.id, sizeof(conn->roll.id));
	roll_enter(&conn->roll, pool->config);
	*ret_conn = conn;
	return 0;
}

static void watch(struct pool *pool, struct driver_conn *conn)
{
	conn->lease = lease_new(pool->config);
	if (!conn->lease)
		return;
	fork_lock_take(&pools_lock);
	DL_APPEND(pool->leases, conn->lease);
	fork_lock_give(&pools_lock);
}

static void watch_no_more(struct pool *pool, struct driver_conn *conn)
{
	if (!conn->lease)
		return;
	fork_lock_take(&pools_lock);
	DL_DELETE(pool->leases, conn->lease);
	fork_lock_give(&pools_lock);
	lease_free(conn->lease);
	conn->lease = NULL;
}

int pool_checkout(struct pool *pool, int64_t deadline, struct driver_conn **ret_conn)
{
	struct driver_conn *conn;
	struct sqla_error before;
	int status = take_place(pool, deadline, &conn);

	if (status < 0)
		return status;
	if (conn) {
		roll_use(&conn->roll, true);
		/* A failed ping is no failure of the caller's. */
		error_save(&before);
		if (!is_usable(pool, conn)) {
			discard(conn);
			conn = NULL;
		}
		error_restore(&before);
	}
	if (!conn)
		status = open_new(pool, &conn);
	if (status < 0) {
		give_place(pool);
		return status;
	}
	watch(pool, conn);
	*ret_conn = conn;
	return 0;
}

/* Proven idle, if need be after a reset. */
static bool is_clean(struct driver_conn *conn)
{
	if (conn->is_broken)
		return false;
	if (conn->driver->is_idle(conn))
		return true;
	return conn->driver->reset(conn) == 0 && !conn->is_broken && conn->driver->is_idle(conn);
}

/* Hands the connection on or shelves it; false: it is to be closed. */
static bool put_back(struct pool *pool, struct driver_conn *conn)
{
	bool is_kept = true;

	fork_lock_take(&pools_lock);
	if (conn->opened_ms <= pool->drained_ms) {
		is_kept = false;
	} else if (pool->waiters) {
		serve(pool, conn);
	} else if (pool->n_idle < pool->config->options.pool_size) {
		roll_use(&conn->roll, false);
		DL_PREPEND(pool->idle, conn);
		pool->n_idle++;
	} else {
		is_kept = false;
	}
	fork_lock_give(&pools_lock);
	return is_kept;
}

void pool_checkin(struct pool *pool, struct driver_conn *conn)
{
	struct sqla_error before;

	if (!conn)
		return;
	if (fork_is_foreign(conn->generation)) {
		lease_forget(conn->lease);
		discard(conn);
		return;
	}
	watch_no_more(pool, conn);
	error_save(&before);
	if (!is_clean(conn) || is_stale(pool, conn) || !put_back(pool, conn)) {
		discard(conn);
		give_place(pool);
	}
	error_restore(&before);
}

void pool_drain(struct pool *pool)
{
	struct driver_conn *inherited;
	struct driver_conn *idle;

	fork_lock_take(&pools_lock);
	inherited = adopt(pool);
	idle = take_idle(pool);
	pool->drained_ms = clock_ms();
	fork_lock_give(&pools_lock);
	discard_all(inherited);
	discard_all(idle);
}

void pool_count(struct pool *pool, struct pool_counts *ret_counts)
{
	struct driver_conn *inherited;
	struct waiter *waiter;
	int waiting = 0;

	fork_lock_take(&pools_lock);
	inherited = adopt(pool);
	DL_COUNT(pool->waiters, waiter, waiting);
	*ret_counts = (struct pool_counts){
		.idle = pool->n_idle,
		.open = pool->n_open,
		.waiting = waiting,
		.has_room = has_room(pool),
	};
	fork_lock_give(&pools_lock);
	discard_all(inherited);
}

bool pool_tell_oldest(struct pool *pool, char *ret_text, size_t size)
{
	struct driver_conn *inherited;
	struct lease oldest;
	bool is_known;

	fork_lock_take(&pools_lock);
	inherited = adopt(pool);
	is_known = pool->leases != NULL;
	if (is_known)
		oldest = *pool->leases;
	fork_lock_give(&pools_lock);
	discard_all(inherited);
	if (is_known)
		lease_tell(&oldest, ret_text, size);
	return is_known;
}
