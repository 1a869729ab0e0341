/* Commits on real servers that do not wait for their branches to end. */
#include <sqlassist.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlassist/resource.h>

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

Test(deferred, a_branch_that_takes_long_does_not_keep_the_commit)
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

	pair_work(&pair);
	cr_assert(eq(int, txn_join(txn_current(), &ops, &self), 0));
	must_commit();
	cr_expect(eq(i64, rows_at(pair.shop), 0));
	commits_go(pair.shop);
	cr_expect(eq(i64, must_int(pair.s, "SELECT count(*) FROM t"), 1));
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
