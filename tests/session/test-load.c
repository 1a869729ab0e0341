/*
 * Many threads on a small pool, while the server goes away and comes back. What
 * is promised: a request that begins once the server is back does not fail, with
 * pool_pre_ping; one that was under way, or began meanwhile, fails with a status
 * that is true, and txn_run makes another attempt where work was lost.
 */
#include <sqlassist.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/cluster.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" })

enum { THREADS = 64, POOL = 8, AFTERWARDS = 4, MOST = 20000 };

static char *url; /* of engine "bank" */

static void setup(void)
{
	struct sqla_engine_options options = { .pool_size = POOL,
					       .pool_overflow = SQLA_ZERO,
					       .pool_pre_ping = SQLA_YES };

	url = must_server_engine("one", "bank", &options);
	must_exec_at(url, "CREATE INDEX ON t(v)");
}

static void teardown(void)
{
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(url);
}

TestSuite(load, .init = setup, .fini = teardown);

/* ---- requests, and what became of them --------------------------------------- */

enum fate { NEVER, COMMITTED, NOTHING, UNKNOWN };

/* Each inserts the row whose v is its number. */
static struct {
	int n;		  /* atomic */
	int is_back;	  /* atomic: the server, after having been away */
	int done;	  /* atomic: requests that were answered */
	int failed_after; /* atomic: that began once it was back */
	int untrue;	  /* atomic: statuses that tell nothing of what became of it */
	unsigned char fates[MOST];
} requests;

static int insert(void *number)
{
	struct sqla_session *s;
	int status = sqla_session_open("bank", &s);

	if (status < 0)
		return status;
	status = sqla_exec(s, "INSERT INTO t(v) VALUES ($1)", sqla_int(*(int *)number));
	sqla_session_close(s);
	return status;
}

static enum fate fate_of(int status)
{
	switch (status) {
	case 0:
	case SQLA_PENDING:
		return COMMITTED;
	case SQLA_ECONNECT:
	case SQLA_ERETRY:
	case SQLA_EABORTED:
		return NOTHING;
	case SQLA_EINDOUBT:
		return UNKNOWN;
	default:
		cr_log_error("%d: %s", status, sqla_error_last()->message);
		__atomic_add_fetch(&requests.untrue, 1, __ATOMIC_SEQ_CST);
		return UNKNOWN;
	}
}

static void pause_ms(long ms)
{
	struct timespec pause = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Makes requests until AFTERWARDS of them have begun with the server back. */
static void *make_requests(void *unused)
{
	for (int afterwards = 0; afterwards < AFTERWARDS;) {
		int number = __atomic_fetch_add(&requests.n, 1, __ATOMIC_SEQ_CST);
		int is_back = __atomic_load_n(&requests.is_back, __ATOMIC_SEQ_CST);
		int status;

		if (number >= MOST)
			break;
		status = txn_run(1, insert, &number);
		requests.fates[number] = (unsigned char)fate_of(status);
		__atomic_add_fetch(&requests.done, 1, __ATOMIC_SEQ_CST);
		afterwards += is_back;
		if (is_back && status < 0)
			__atomic_add_fetch(&requests.failed_after, 1, __ATOMIC_SEQ_CST);
		if (status < 0)
			pause_ms(20);
	}
	return unused;
}

static void start_all(pthread_t threads[])
{
	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, make_requests, NULL), 0));
	while (__atomic_load_n(&requests.done, __ATOMIC_SEQ_CST) < THREADS)
		pause_ms(1);
}

/* Each committed request has its row; no other has one, but those unknown may. */
static void expect_truth(void)
{
	int n = requests.n < MOST ? requests.n : MOST;
	struct pg_conn *conn = must_connect(url);
	int wrong = 0;

	for (int i = 0; i < n; i++) {
		int64_t rows;

		if (requests.fates[i] == UNKNOWN)
			continue;
		rows = must_query_int(conn, "SELECT count(*) FROM t WHERE v = %d", i);
		wrong += rows != (requests.fates[i] == COMMITTED);
	}
	PQfinish(conn);
	cr_expect(eq(int, wrong, 0));
}

/* The library's, by the name that it gives itself; the test's own may linger. */
#define BACKENDS                                                                     \
	"(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() " \
	"AND application_name = 'sqlassist')"

static void join_all(pthread_t threads[])
{
	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
}

static void expect_promises(void)
{
	cr_expect(lt(int, requests.n, MOST), "none was kept waiting for ever");
	cr_expect(eq(int, requests.failed_after, 0));
	cr_expect(eq(int, requests.untrue, 0));
	expect_truth();
	cr_expect(le(i64, must_query_int_at(url, "SELECT %s", BACKENDS), POOL));
	cr_expect(eq(int, sqla_engine_reinit(NULL), 0));
	must_await(url, BACKENDS " = 0");
}

/* The server goes away under the load, and comes back. */
static void load_over(void (*leave)(struct cluster *c))
{
	struct cluster *one = cluster_get("one");
	pthread_t threads[THREADS];

	start_all(threads);
	cr_expect(le(i64, must_query_int_at(url, "SELECT %s", BACKENDS), POOL));
	leave(one);
	cluster_restart(one);
	__atomic_store_n(&requests.is_back, 1, __ATOMIC_SEQ_CST);
	join_all(threads);
	expect_promises();
	cluster_free(one);
}

/* It does so between two loads: every connection of the pool is stale. */
static void load_again_after(void (*leave)(struct cluster *c))
{
	struct cluster *one = cluster_get("one");
	pthread_t threads[THREADS];

	__atomic_store_n(&requests.is_back, 1, __ATOMIC_SEQ_CST);
	start_all(threads);
	join_all(threads);
	/* How many of the pool's there are depends on how many threads met in it. */
	cr_expect(gt(i64, must_query_int_at(url, "SELECT %s", BACKENDS), 0), "some to be stale");
	leave(one);
	cluster_restart(one);
	start_all(threads);
	join_all(threads);
	expect_promises();
	cluster_free(one);
}

Test(load, requests_after_a_crash_of_the_server_do_not_fail)
{
	load_over(cluster_crash);
}

Test(load, requests_after_a_restart_of_the_server_do_not_fail)
{
	load_over(cluster_stop);
}

Test(load, connections_that_a_crash_made_stale_are_replaced_unseen)
{
	load_again_after(cluster_crash);
}

Test(load, connections_that_a_restart_made_stale_are_replaced_unseen)
{
	load_again_after(cluster_stop);
}

/* ---- work that was lost ------------------------------------------------------- */

struct loss {
	int attempts;
	int lost; /* in how many of them the connection is lost */
};

static int work_and_lose(void *arg)
{
	struct loss *loss = arg;
	struct sqla_session *s = must_open("bank");
	int status;

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	if (loss->attempts++ < loss->lost)
		must_terminate(url, backend_of(s));
	status = sqla_exec(s, "INSERT INTO t(v) VALUES (2)");
	sqla_session_close(s);
	return status;
}

Test(load, work_that_was_lost_with_its_connection_is_done_again)
{
	struct loss loss = { .lost = 1 };

	cr_expect(eq(int, txn_run(2, work_and_lose, &loss), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, loss.attempts, 2));
	cr_expect(eq(i64, rows_at(url), 2));
}

Test(load, work_that_is_lost_again_and_again_fails_and_says_so)
{
	struct loss loss = { .lost = 3 };

	cr_expect(eq(int, txn_run(3, work_and_lose, &loss), SQLA_ECONNECT));
	cr_expect(eq(int, loss.attempts, 3));
	cr_expect(eq(i64, rows_at(url), 0));
}
