#include "engine/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/config.h"
#include "engine/fake.h"
#include "support/must.h"
#include "support/test.h"

static struct pool *must_pool(const struct sqla_engine_options *options)
{
	struct engine_config *config;
	struct pool *pool;

	if (config_new("p", "fake://p", options, &config) < 0)
		must_fail("%s", sqla_error_last()->message);
	pool = pool_new(config);
	config_unref(config);
	if (!pool)
		must_fail("no pool");
	return pool;
}

static struct driver_conn *must_checkout(struct pool *pool)
{
	struct driver_conn *conn;

	if (pool_checkout(pool, 0, &conn) < 0)
		must_fail("%s", sqla_error_last()->message);
	return conn;
}

static struct pool_counts counts(struct pool *pool)
{
	struct pool_counts result;

	pool_count(pool, &result);
	return result;
}

static void sleep_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

Test(pool, an_idle_connection_is_used_again)
{
	struct pool *pool = must_pool(NULL);
	struct driver_conn *first = must_checkout(pool);

	pool_checkin(pool, first);
	cr_expect(eq(ptr, must_checkout(pool), first));
	pool_checkin(pool, first);
	cr_expect(eq(int, fake.opened, 1));
	pool_free(pool);
	cr_expect(eq(int, fake.closed, 1));
}

Test(pool, overflow_connections_are_closed_when_they_come_back)
{
	struct sqla_engine_options options = { .pool_size = 1, .pool_overflow = 1 };
	struct pool *pool = must_pool(&options);
	struct driver_conn *one = must_checkout(pool);
	struct driver_conn *two = must_checkout(pool);

	pool_checkin(pool, one);
	pool_checkin(pool, two);
	cr_expect(eq(int, fake.closed, 1));
	cr_expect(eq(int, counts(pool).idle, 1));
	cr_expect(eq(int, counts(pool).open, 1));
	pool_free(pool);
}

Test(pool, a_full_pool_answers_timeout)
{
	struct sqla_engine_options options = { .pool_size = 1,
					       .pool_overflow = SQLA_ZERO,
					       .pool_timeout_ms = 50 };
	struct pool *pool = must_pool(&options);
	struct driver_conn *conn = must_checkout(pool);
	struct driver_conn *other = NULL;
	int64_t start = clock_ms();

	cr_expect(eq(int, pool_checkout(pool, 0, &other), SQLA_ETIMEOUT));
	cr_expect(ge(i64, clock_ms() - start, 50));
	cr_expect(eq(ptr, other, NULL));
	cr_expect(eq(int, counts(pool).waiting, 0));
	pool_checkin(pool, conn);
	pool_checkin(pool, must_checkout(pool));
	pool_free(pool);
}

Test(pool, a_deadline_ends_the_waiting_sooner)
{
	struct sqla_engine_options options = { .pool_size = 1, .pool_overflow = SQLA_ZERO };
	struct pool *pool = must_pool(&options);
	struct driver_conn *conn = must_checkout(pool);
	struct driver_conn *other;

	cr_expect(eq(int, pool_checkout(pool, clock_ms() + 20, &other), SQLA_ETIMEOUT));
	pool_checkin(pool, conn);
	pool_free(pool);
}

Test(pool, a_connection_goes_back_only_if_it_is_idle)
{
	struct pool *pool = must_pool(NULL);
	struct driver_conn *conn = must_checkout(pool);

	fake_make_busy(conn);
	pool_checkin(pool, conn);
	cr_expect(eq(int, fake.reset, 1));
	cr_expect(eq(int, counts(pool).idle, 1));

	conn = must_checkout(pool);
	fake_make_busy(conn);
	fake_reset_fails = true;
	pool_checkin(pool, conn);
	cr_expect(eq(int, fake.closed, 1));
	cr_expect(eq(int, counts(pool).open, 0));
	pool_free(pool);
}

Test(pool, a_broken_connection_is_closed)
{
	struct pool *pool = must_pool(NULL);
	struct driver_conn *conn = must_checkout(pool);

	conn->is_broken = true;
	pool_checkin(pool, conn);
	cr_expect(eq(int, fake.closed, 1));
	cr_expect(eq(int, fake.reset, 0));
	cr_expect(eq(int, counts(pool).open, 0));
	pool_free(pool);
}

Test(pool, checking_in_keeps_the_error_of_the_caller)
{
	struct pool *pool = must_pool(NULL);
	struct driver_conn *conn = must_checkout(pool);

	fake_make_busy(conn);
	fake_reset_fails = true;
	(void)error_set(SQLA_EDATABASE, "p", NULL, "the cause");
	pool_checkin(pool, conn);
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EDATABASE));
	pool_checkin(pool, NULL);
	pool_free(pool);
	pool_free(NULL);
}

Test(pool, pre_ping_replaces_a_stale_connection_unseen)
{
	struct sqla_engine_options options = { .pool_pre_ping = SQLA_YES };
	struct pool *pool = must_pool(&options);

	pool_checkin(pool, must_checkout(pool));
	cr_expect(eq(int, fake.pinged, 0));
	pool_checkin(pool, must_checkout(pool));
	cr_expect(eq(int, fake.pinged, 1));
	fake_ping_fails = true;
	pool_checkin(pool, must_checkout(pool));
	cr_expect(eq(int, fake.opened, 2));
	cr_expect(eq(int, fake.closed, 1));
	pool_free(pool);
}

Test(pool, old_connections_are_recycled)
{
	struct sqla_engine_options options = { .pool_recycle_s = 1 };
	struct pool *pool = must_pool(&options);
	struct driver_conn *conn = must_checkout(pool);

	conn->opened_ms -= 2000;
	pool_checkin(pool, conn);
	cr_expect(eq(int, fake.closed, 1));
	conn = must_checkout(pool);
	pool_checkin(pool, conn);
	conn->opened_ms -= 2000;
	pool_checkin(pool, must_checkout(pool));
	cr_expect(eq(int, fake.closed, 2));
	cr_expect(eq(int, fake.opened, 3));
	pool_free(pool);
}

Test(pool, a_failed_open_gives_its_place_back)
{
	struct sqla_engine_options options = { .pool_size = 1, .pool_overflow = SQLA_ZERO };
	struct pool *pool = must_pool(&options);
	struct driver_conn *conn;

	fake_cannot_open = true;
	cr_expect(eq(int, pool_checkout(pool, 0, &conn), SQLA_ECONNECT));
	cr_expect(eq(int, counts(pool).open, 0));
	fake_cannot_open = false;
	pool_checkin(pool, must_checkout(pool));
	pool_free(pool);
}

/* ---- threads ------------------------------------------------------------- */

struct visitor {
	struct pool *pool;
	int rounds;
	int failed;
	int *order; /* shared: who was served when */
	int served;
};

static void *visit(void *arg)
{
	struct visitor *visitor = arg;
	struct driver_conn *conn;

	for (int i = 0; i < visitor->rounds; i++) {
		if (pool_checkout(visitor->pool, 0, &conn) < 0) {
			visitor->failed++;
			continue;
		}
		if (i % 7 == 0)
			conn->is_broken = true;
		if (i % 5 == 0)
			fake_make_busy(conn);
		pool_checkin(visitor->pool, conn);
	}
	return NULL;
}

Test(pool, many_threads_stay_within_the_bound_and_none_is_forgotten)
{
	enum { THREADS = 16, ROUNDS = 300 };
	struct sqla_engine_options options = { .pool_size = 3, .pool_overflow = 1 };
	struct pool *pool = must_pool(&options);
	struct visitor visitors[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		visitors[i] = (struct visitor){ .pool = pool, .rounds = ROUNDS };
		cr_assert(eq(int, pthread_create(&threads[i], NULL, visit, &visitors[i]), 0));
	}
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(eq(int, visitors[i].failed, 0));
	}
	cr_expect(le(int, fake.most_open, 4));
	cr_expect(le(int, counts(pool).open, 3));
	cr_expect(eq(int, counts(pool).open, counts(pool).idle));
	pool_free(pool);
	cr_expect(eq(int, fake.opened, fake.closed));
}

static void *wait_once(void *arg)
{
	struct visitor *visitor = arg;
	struct driver_conn *conn = NULL;

	visitor->failed = pool_checkout(visitor->pool, 0, &conn) < 0;
	visitor->served = __atomic_add_fetch(visitor->order, 1, __ATOMIC_SEQ_CST);
	sleep_ms(20);
	pool_checkin(visitor->pool, conn);
	return NULL;
}

Test(pool, waiters_are_served_in_their_order_also_when_connections_break)
{
	enum { THREADS = 6 };
	struct sqla_engine_options options = { .pool_size = 1, .pool_overflow = SQLA_ZERO };
	struct pool *pool = must_pool(&options);
	struct driver_conn *conn = must_checkout(pool);
	struct visitor visitors[THREADS];
	pthread_t threads[THREADS];
	int order = 0;

	for (int i = 0; i < THREADS; i++) {
		visitors[i] = (struct visitor){ .pool = pool, .order = &order };
		cr_assert(eq(int, pthread_create(&threads[i], NULL, wait_once, &visitors[i]), 0));
		while (counts(pool).waiting <= i)
			sleep_ms(1);
	}
	conn->is_broken = true;
	pool_checkin(pool, conn);
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(eq(int, visitors[i].failed, 0));
		cr_expect(eq(int, visitors[i].served, i + 1));
	}
	cr_expect(eq(int, fake.opened, 2));
	pool_free(pool);
}

/* ---- fork ---------------------------------------------------------------- */

/* In a forked child: the number of the first thing that is wrong, or 0. */
static int child(struct pool *pool, struct driver_conn *inherited)
{
	struct driver_conn *conn;

	if (counts(pool).open != 0)
		return 1;
	if (fake.abandoned != 1 || fake.closed != 0)
		return 2;
	if (pool_checkout(pool, 0, &conn) < 0 || fake.opened != 3)
		return 3;
	pool_checkin(pool, inherited);
	if (fake.abandoned != 2 || fake.closed != 0)
		return 4;
	pool_checkin(pool, conn);
	return counts(pool).idle == 1 ? 0 : 5;
}

Test(pool, a_forked_child_starts_empty_and_closes_nothing_of_its_parent)
{
	struct sqla_engine_options options = { .pool_size = 2, .pool_overflow = SQLA_ZERO };
	struct pool *pool = must_pool(&options);
	struct driver_conn *used = must_checkout(pool);
	int status = -1;
	pid_t pid;

	pool_checkin(pool, must_checkout(pool));
	pid = fork();
	if (pid == 0)
		_exit(child(pool, used));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, WEXITSTATUS(status), 0));
	pool_checkin(pool, used);
	cr_expect(eq(int, counts(pool).idle, 2));
	cr_expect(eq(int, fake.closed, 0));
	pool_free(pool);
}
