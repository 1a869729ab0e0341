#include "engine/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- leaks --------------------------------------------------------------- */

/* What the log was told, by whichever thread. */
static struct {
	pthread_mutex_t lock;
	int warnings;
	char latest[1024];
	int infos;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(enum sqla_log_level level, const char *line, void *arg)
{
	(void)arg;
	(void)pthread_mutex_lock(&heard.lock);
	if (level == SQLA_LOG_WARNING) {
		heard.warnings++;
		(void)snprintf(heard.latest, sizeof(heard.latest), "%s", line);
	} else {
		heard.infos++;
	}
	(void)pthread_mutex_unlock(&heard.lock);
}

static int warnings(void)
{
	int n;

	(void)pthread_mutex_lock(&heard.lock);
	n = heard.warnings;
	(void)pthread_mutex_unlock(&heard.lock);
	return n;
}

static bool warning_has(const char *text)
{
	bool has;

	(void)pthread_mutex_lock(&heard.lock);
	has = strstr(heard.latest, text) != NULL;
	(void)pthread_mutex_unlock(&heard.lock);
	return has;
}

static struct pool *must_watched_pool(int leak_ms)
{
	struct sqla_engine_options options = { .pool_size = 1,
					       .pool_overflow = 1,
					       .pool_timeout_ms = 1,
					       .pool_leak_ms = leak_ms };

	sqla_log_set(SQLA_LOG_INFO, hear, NULL);
	return must_pool(&options);
}

Test(pool, a_connection_that_does_not_come_back_is_told_once_with_its_place)
{
	struct pool *pool = must_watched_pool(1);
	struct driver_conn *first = must_checkout(pool);
	struct driver_conn *second;

	while (warnings() < 1)
		sleep_ms(1);
	cr_expect(warning_has("\"p\" has not come back for "), "%s", heard.latest);
	cr_expect(warning_has("taken by "), "%s", heard.latest);
#ifdef SQLA_HAVE_BACKTRACE
	cr_expect(warning_has("(+0x"), "%s", heard.latest);
#endif
	second = must_checkout(pool);
	while (warnings() < 2)
		sleep_ms(1);
	pool_checkin(pool, second);
	pool_checkin(pool, first);
	cr_expect(eq(int, warnings(), 2));
	cr_expect(eq(int, heard.infos, 2));
	pool_free(pool);
}

Test(pool, a_connection_that_comes_back_in_time_is_not_told)
{
	struct pool *pool = must_watched_pool(3600000);

	pool_checkin(pool, must_checkout(pool));
	pool_checkin(pool, must_checkout(pool));
	pool_free(pool);
	cr_expect(eq(int, warnings(), 0));
	cr_expect(eq(int, heard.infos, 0));
}

Test(pool, without_the_option_nobody_is_watched)
{
	struct pool *pool = must_watched_pool(SQLA_UNLIMITED);
	struct driver_conn *conn = must_checkout(pool);

	cr_expect(eq(ptr, conn->lease, NULL));
	pool_checkin(pool, conn);
	pool_free(pool);
}

Test(pool, a_timeout_says_how_many_are_out_and_who_has_the_oldest)
{
	struct pool *pool = must_watched_pool(3600000);
	struct driver_conn *first = must_checkout(pool);
	struct driver_conn *second = must_checkout(pool);
	struct driver_conn *third;

	cr_expect(eq(int, pool_checkout(pool, 0, &third), SQLA_ETIMEOUT));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "2 are in use, one of them for "),
		     NULL),
		  "%s", sqla_error_last()->message);
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "taken by "), NULL));
	pool_checkin(pool, first);
	pool_checkin(pool, second);
	pool_free(pool);
}

Test(pool, a_timeout_without_the_option_says_how_to_know_more)
{
	struct sqla_engine_options options = { .pool_size = 1,
					       .pool_overflow = SQLA_ZERO,
					       .pool_timeout_ms = SQLA_ZERO };
	struct pool *pool = must_pool(&options);
	struct driver_conn *conn = must_checkout(pool);
	struct driver_conn *other;

	cr_expect(eq(int, pool_checkout(pool, 0, &other), SQLA_ETIMEOUT));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "1 are in use"), NULL), "%s",
		  sqla_error_last()->message);
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "pool_leak_ms"), NULL));
	pool_checkin(pool, conn);
	pool_free(pool);
}

Test(pool, many_threads_are_watched_and_every_late_one_is_told)
{
	enum { THREADS = 8, ROUNDS = 100 };
	struct sqla_engine_options options = { .pool_size = 3,
					       .pool_overflow = 1,
					       .pool_leak_ms = 1 };
	struct pool *pool = must_pool(&options);
	struct visitor visitors[THREADS];
	pthread_t threads[THREADS];
	struct driver_conn *kept;

	sqla_log_set(SQLA_LOG_INFO, hear, NULL);
	kept = must_checkout(pool);
	for (int i = 0; i < THREADS; i++) {
		visitors[i] = (struct visitor){ .pool = pool, .rounds = ROUNDS };
		cr_assert(eq(int, pthread_create(&threads[i], NULL, visit, &visitors[i]), 0));
	}
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(eq(int, visitors[i].failed, 0));
	}
	while (warnings() < 1)
		sleep_ms(1);
	pool_checkin(pool, kept);
	cr_expect(eq(int, warnings(), heard.infos), "what was missed came back");
	pool_free(pool);
	cr_expect(eq(int, fake.opened, fake.closed));
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

/* The thread sanitizer itself ends a forked child that makes a thread. */
#ifndef __SANITIZE_THREAD__

static int watched_child(struct pool *pool, struct driver_conn *inherited)
{
	struct driver_conn *own;

	pool_checkin(pool, inherited);
	if (pool_checkout(pool, 0, &own) < 0)
		return 1;
	while (warnings() < 1)
		sleep_ms(1);
	pool_checkin(pool, own);
	return warnings() == 1 ? 0 : 2;
}

Test(pool, a_forked_child_is_told_of_its_own_leaks_alone)
{
	struct pool *pool = must_watched_pool(200);
	struct driver_conn *conn = must_checkout(pool);
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(watched_child(pool, conn));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, WEXITSTATUS(status), 0));
	while (warnings() < 1)
		sleep_ms(1);
	pool_checkin(pool, conn);
	pool_free(pool);
}

#endif
