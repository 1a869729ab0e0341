/* Commits on real servers that do not wait for their branches to end. */
#include <sqlassist.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlassist/resource.h>

#include "engine/engine.h"
#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" })

static struct pair pair; /* "shop" is prepared */

static void setup(void)
{
	pair_open(&pair, NULL, NULL);
	cr_assert(eq(int, txn_manager_set_finish(txn_manager_thread(), TXN_FINISH_DEFERRED), 0));
	cr_assert(eq(int, txn_set_finish(txn_current(), TXN_FINISH_DEFERRED), 0));
}

static void teardown(void)
{
	pair_close(&pair);
}

TestSuite(deferred, .init = setup, .fini = teardown);

static void must_commit(void)
{
	int status = txn_commit();

	if (status != 0)
		must_fail("commit: %d %s", status, sqla_error_last()->message);
}

Test(deferred, the_thread_reads_what_it_has_committed)
{
	for (int64_t i = 1; i <= 50; i++) {
		pair_work(&pair);
		must_commit();
		cr_assert(eq(i64, must_int(pair.s, "SELECT count(*) FROM t"), i));
	}
	must_commit();
	cr_expect(pair_has(&pair, 50));
}

Test(deferred, branches_end_though_nobody_comes_back)
{
	pair_work(&pair);
	must_commit();
	must_await(pair.shop, "SELECT count(*) = 1 FROM t");
	must_await(pair.shop, "SELECT count(*) = 0 FROM pg_prepared_xacts");
	must_await(pair.shop, "SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' "
			      "AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
}

static void *commit_and_leave(void *arg)
{
	struct sqla_session *b = must_open("bank"), *s = must_open("shop");

	(void)arg;
	for (int i = 0; i < 20; i++) {
		must_run(b, "INSERT INTO t(v) VALUES (1)");
		must_run(s, "INSERT INTO t(v) VALUES (1)");
		(void)txn_set_finish(txn_current(), TXN_FINISH_DEFERRED);
		must_commit();
	}
	sqla_session_close(b);
	sqla_session_close(s);
	return NULL;
}

Test(deferred, threads_that_leave_lose_nothing)
{
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, commit_and_leave, NULL), 0));
	for (size_t i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	must_await(pair.shop, "SELECT count(*) = 80 FROM t");
	cr_expect(eq(i64, rows_at(pair.bank), 80));
	must_await(pair.shop, "SELECT count(*) = 0 FROM pg_prepared_xacts");
}

/* A resource that is told to commit ahead of the server, and then makes that
 * wait for a standby that is not there. */
static const char *first(void *self)
{
	(void)self;
	return "a";
}

static int yes(void *self)
{
	(void)self;
	return 0;
}

static int prepare(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	return 0;
}

static int hold_shop(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	commits_hold(pair.shop);
	return 0;
}

static int abort_nothing(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static int site(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	(void)self;
	(void)snprintf(ret_site, TXN_SITE_MAX + 1, "here");
	return 0;
}

/* From when "shop" commits on, until commits_go. */
static void must_join_holder(void)
{
	static const struct txn_resource_ops ops = { .size = sizeof(ops),
						     .sort_key = first,
						     .commit = yes,
						     .abort = abort_nothing,
						     .prepare = prepare,
						     .commit_prepared = hold_shop,
						     .rollback_prepared = prepare,
						     .is_prepared = prepare,
						     .site = site };
	static int self;

	cr_assert(eq(int, txn_join(txn_current(), &ops, &self), 0));
}

Test(deferred, a_branch_that_takes_long_does_not_keep_the_commit)
{
	pair_work(&pair);
	must_join_holder();
	must_commit();
	cr_expect(eq(i64, rows_at(pair.shop), 0));
	commits_go(pair.shop);
	cr_expect(eq(i64, must_int(pair.s, "SELECT count(*) FROM t"), 1));
}

static void *let_commits_go_soon(void *arg)
{
	(void)poll(NULL, 0, 50); /* time to read too early */
	commits_go(pair.shop);
	return arg;
}

/* The session that reads is connected already. */
Test(deferred, the_thread_reads_what_it_has_committed_in_a_transaction_that_was_open)
{
	struct sqla_session *early;
	struct txn *open;
	pthread_t helper;

	cr_assert(eq(i64, must_int(pair.s, "SELECT count(*) FROM t"), 0));
	early = pair.s;
	cr_assert(eq(int, txn_suspend(&open), 0));
	pair.s = must_open("shop");
	pair_work(&pair);
	(void)txn_set_finish(txn_current(), TXN_FINISH_DEFERRED);
	must_join_holder();
	must_commit();
	cr_assert(eq(int, txn_resume(open), 0), "%s", sqla_error_last()->message);
	cr_assert(eq(int, pthread_create(&helper, NULL, let_commits_go_soon, NULL), 0));
	cr_expect(eq(i64, must_int(early, "SELECT count(*) FROM t"), 1));
	(void)pthread_join(helper, NULL);
	must_commit();
	sqla_session_close(early);
}

Test(deferred, an_engine_is_unregistered_when_its_branches_have_ended)
{
	pair_work(&pair);
	must_commit();
	sqla_session_close(pair.b);
	sqla_session_close(pair.s);
	cr_assert(eq(int, sqla_engine_unregister("shop"), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, prepared_at(pair.shop), 0));
	cr_expect(eq(i64, rows_at(pair.shop), 1));
	(void)sqla_engine_register("shop", pair.shop, NULL);
	pair.b = must_open("bank");
	pair.s = must_open("shop");
}

static int works_in_child(void *arg)
{
	struct sqla_session *s;

	(void)arg;
	if (txn_abort() < 0)
		return 1;
	if (sqla_session_open("shop", &s) < 0 || sqla_exec(s, "INSERT INTO t(v) VALUES (2)") < 0)
		return 2;
	return txn_commit() == 0 ? 0 : 3;
}

Test(deferred, a_child_leaves_the_answers_to_its_parent)
{
	pair_work(&pair);
	must_commit();
	cr_expect(eq(int, in_child(works_in_child, NULL), 0));
	cr_expect(eq(i64, must_int(pair.s, "SELECT count(*) FROM t"), 2));
	must_commit();
	pair_work(&pair);
	must_commit();
	must_await(pair.shop, "SELECT count(*) = 3 FROM t");
}

/* ---- fewer connections than threads --------------------------------------------- */

static void setup_few(void)
{
	static const struct sqla_engine_options bank = { .decide = SQLA_DECIDE_PREFER,
							 .pool_size = 2,
							 .pool_overflow = SQLA_ZERO };
	static const struct sqla_engine_options shop = { .pool_size = 1,
							 .pool_overflow = SQLA_ZERO };

	pair_open(&pair, &bank, &shop);
	cr_assert(eq(int, txn_set_finish(txn_current(), TXN_FINISH_DEFERRED), 0));
}

TestSuite(few, .init = setup_few, .fini = teardown);

static void *need_shop(void *arg)
{
	struct sqla_session *s = must_open("shop");

	(void)arg;
	(void)must_int(s, "SELECT 1");
	must_commit();
	sqla_session_close(s);
	return NULL;
}

static void must_await_waiter(const char *name)
{
	struct pool_counts counts = { .waiting = 0 };
	struct engine *engine;

	cr_assert(eq(int, engine_get(name, &engine), 0));
	while (counts.waiting == 0) {
		(void)poll(NULL, 0, 1);
		engine_count(engine, &counts);
	}
	engine_unref(engine);
}

static atomic_bool has_gone;

static void *let_commits_go(void *arg)
{
	(void)arg;
	must_await(pair.shop, "SELECT count(*) = 1 FROM pg_stat_activity "
			      "WHERE wait_event = 'SyncRep' AND query LIKE 'COMMIT PREPARED%%'");
	atomic_store(&has_gone, true);
	commits_go(pair.shop);
	return NULL;
}

Test(few, nobody_leaves_a_connection_that_others_wait_for)
{
	pthread_t waiter, helper;

	pair_work(&pair);
	must_join_holder();
	cr_assert(eq(int, pthread_create(&waiter, NULL, need_shop, NULL), 0));
	must_await_waiter("shop");
	cr_assert(eq(int, pthread_create(&helper, NULL, let_commits_go, NULL), 0));
	must_commit();
	cr_expect(atomic_load(&has_gone));
	(void)pthread_join(helper, NULL);
	(void)pthread_join(waiter, NULL);
}

static atomic_bool is_over;

/* Comes to "shop" now and then, also while its only connection is left. */
static void *keep_reading(void *arg)
{
	struct sqla_session *b = must_open("bank"), *s = must_open("shop");

	while (!atomic_load(&is_over)) {
		(void)must_int(s, "SELECT 1");
		must_commit();
		(void)must_int(b, "SELECT 1");
		must_commit();
	}
	sqla_session_close(b);
	sqla_session_close(s);
	return arg;
}

Test(few, the_thread_reads_what_it_has_committed)
{
	pthread_t other;

	cr_assert(eq(int, pthread_create(&other, NULL, keep_reading, NULL), 0));
	for (int64_t i = 1; i <= 300; i++) {
		pair_work(&pair);
		(void)txn_set_finish(txn_current(), TXN_FINISH_DEFERRED);
		must_commit();
		cr_assert(eq(i64, must_int(pair.s, "SELECT count(*) FROM t"), i));
		must_commit();
	}
	atomic_store(&is_over, true);
	(void)pthread_join(other, NULL);
	cr_expect(pair_has(&pair, 300));
}
