/*
 * What a PgBouncer in between takes away, and what it must not: connections
 * end there, and a server process is ours for a transaction only. The other
 * tests run through one as well: bouncer-session.sh, bouncer-transaction.sh.
 */
#include <sqlassist.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/bouncer.h"
#include "support/cluster.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" })

static struct bouncer *bouncer, *other;
static struct cluster *one, *two;

static void setup(void)
{
	one = cluster_get("one");
	two = cluster_get("two");
}

static void teardown(void)
{
	(void)txn_abort();
	(void)sqla_engine_unregister(NULL);
	bouncer_free(bouncer);
	bouncer_free(other);
	cluster_free(one);
	cluster_free(two);
}

TestSuite(bouncer, .init = setup, .fini = teardown);

/* Registers engine NAME on a new database behind B, with a table t(id, v), and
 * returns the URL that leads past the bouncer. */
static char *must_engine(const struct bouncer *b, const struct cluster *c, const char *name,
			 const struct sqla_engine_options *options)
{
	char *direct = cluster_database(c, name);
	char *url = bouncer_url(b, name);

	must_exec_at(direct, "CREATE TABLE t(id serial PRIMARY KEY, v int)");
	if (sqla_engine_register(name, url, options) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(url);
	return direct;
}

static void expect_commit(int status)
{
	cr_expect(eq(int, txn_commit(), status), "%s", sqla_error_last()->message);
}

/* ---- modes --------------------------------------------------------------------- */

Test(bouncer, statement_pooling_is_refused_before_any_work)
{
	struct sqla_session *s;
	char *url;

	bouncer = bouncer_start(one, "statement", NULL);
	url = must_engine(bouncer, one, "refused", NULL);
	s = must_open("refused");
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_ECONFIG));
	cr_expect(error_says("statement pooling"));
	cr_expect(error_says("pool_mode"));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "refused"));
	cr_expect(eq(i64, rows_at(url), 0));
	sqla_session_close(s);
	free(url);
}

Test(bouncer, a_startup_parameter_that_it_does_not_take_is_told_with_the_remedy)
{
	struct sqla_session *s;
	char *plain, *url;

	bouncer = bouncer_start(one, "transaction", NULL);
	free(must_engine(bouncer, one, "plain", NULL));
	plain = bouncer_url(bouncer, "plain");
	url = must_printf("%s&options=-cgeqo%%3Doff", plain);
	cr_assert(eq(int, sqla_engine_register("odd", url, NULL), 0));
	s = must_open("odd");
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ECONNECT));
	cr_expect(error_says("ALTER ROLE"), "%s", sqla_error_last()->message);
	sqla_session_close(s);
	free(plain);
	free(url);
}

/* ---- settings -------------------------------------------------------------------- */

/* Whoever comes next gets the server process as it was. */
static void expect_no_setting(const char *database)
{
	static const char foreign[] =
		"SELECT coalesce(string_agg(name, ' '), '') FROM pg_settings"
		" WHERE source = 'session' AND name NOT IN ('client_encoding', 'DateStyle',"
		" 'TimeZone', 'standard_conforming_strings', 'application_name')";
	char *url = bouncer_url(bouncer, database);
	struct pg_conn *conn = must_connect(url);
	char *names = must_query_text(conn, foreign);

	cr_expect(eq(str, names, ""));
	free(names);
	PQfinish(conn);
	free(url);
}

Test(bouncer, a_shared_server_process_keeps_no_setting_of_ours)
{
	struct sqla_engine_options slow = { .statement_timeout_ms = 12345 };
	struct sqla_session *s;
	char *url;

	bouncer = bouncer_start(one, "transaction", "default_pool_size = 1");
	url = must_engine(bouncer, one, "shared", &slow);
	s = must_open("shared");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	expect_no_setting("shared");
	cr_expect(eq(int, recover_now(NULL), 0), "%s", sqla_error_last()->message);
	expect_no_setting("shared");
	sqla_session_close(s);
	free(url);
}

static const char get_timeout[] =
	"SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'";

Test(bouncer, settings_of_the_engine_hold_in_every_transaction)
{
	struct sqla_engine_options slow = { .statement_timeout_ms = 12345 };
	struct sqla_session *s;

	bouncer = bouncer_start(one, "transaction", "default_pool_size = 1");
	free(must_engine(bouncer, one, "limited", &slow));
	s = must_open("limited");
	for (int i = 0; i < 2; i++) {
		cr_expect(eq(i64, must_int(s, get_timeout), 12345));
		expect_commit(0);
	}
	sqla_session_close(s);
}

Test(bouncer, settings_of_the_engine_hold_in_autocommit)
{
	struct sqla_engine_options alone = { .statement_timeout_ms = 12345,
					     .joined = SQLA_NO,
					     .autocommit = SQLA_YES };
	struct sqla_session *s;

	bouncer = bouncer_start(one, "transaction", "default_pool_size = 1");
	free(must_engine(bouncer, one, "alone", &alone));
	s = must_open("alone");
	cr_expect(eq(i64, must_int(s, get_timeout), 12345));
	expect_no_setting("alone");
	sqla_session_close(s);
}

Test(bouncer, a_readonly_autocommit_session_writes_nothing)
{
	struct sqla_engine_options reader = { .statement_timeout_ms = 12345,
					      .readonly = SQLA_YES,
					      .joined = SQLA_NO,
					      .autocommit = SQLA_YES };
	struct sqla_session *s;

	bouncer = bouncer_start(one, "transaction", "default_pool_size = 1");
	free(must_engine(bouncer, one, "reader", &reader));
	s = must_open("reader");
	cr_expect(eq(i64, must_int(s, get_timeout), 12345));
	cr_expect(eq(int, sqla_exec(s, "CREATE TABLE written()"), SQLA_EREADONLY));
	expect_no_setting("reader");
	sqla_session_close(s);
}

Test(bouncer, the_isolation_may_be_set_by_the_first_statement)
{
	struct sqla_session *s;

	bouncer = bouncer_start(one, "transaction", NULL);
	free(must_engine(bouncer, one, "isolated", NULL));
	s = must_open("isolated");
	must_run(s, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	sqla_session_close(s);
}

/* ---- led elsewhere ------------------------------------------------------------------ */

Test(bouncer, a_connection_that_is_led_to_another_server_is_not_used_there)
{
	struct sqla_session *s;
	char *here, *there;

	bouncer = bouncer_start(one, "transaction", NULL);
	there = cluster_database(two, "led");
	must_exec_at(there, "CREATE TABLE t(id serial PRIMARY KEY, v int)");
	here = must_engine(bouncer, one, "led", NULL);
	s = must_open("led");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	bouncer_point(bouncer, two);

	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (2)"), SQLA_ERETRY));
	cr_expect(error_says("another database"), "%s", sqla_error_last()->message);
	cr_expect(lt(int, txn_commit(), 0));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(there), 0));

	/* A new connection knows where it is. */
	must_run(s, "INSERT INTO t(v) VALUES (3)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(here), 1));
	cr_expect(eq(i64, rows_at(there), 1));
	sqla_session_close(s);
	free(here);
	free(there);
}

/* ---- scarce servers ----------------------------------------------------------------- */

enum { THREADS = 16, ROUNDS = 3 };

/* All of them change one row of the shop. */
static void *work(void *arg)
{
	int *committed = arg;
	struct sqla_session *b, *s;

	if (sqla_session_open("bank", &b) < 0 || sqla_session_open("shop", &s) < 0)
		return NULL;
	for (int i = 0; i < ROUNDS; i++) {
		if (sqla_exec(b, "INSERT INTO t(v) VALUES (1)") == 0 &&
		    sqla_exec(s, "UPDATE t SET v = v + 1") == 0 && txn_commit() >= 0)
			++*committed;
		else
			(void)txn_abort();
	}
	sqla_session_close(b);
	sqla_session_close(s);
	return NULL;
}

/*
 * A prepared branch holds its locks; those that wait for them hold all server
 * processes that there are. Its end still gets through.
 */
Test(bouncer, many_threads_with_few_server_processes_all_commit, .timeout = 120)
{
	struct sqla_engine_options shop = { .pool_size = THREADS },
				   bank = { .pool_size = THREADS, .decide = SQLA_DECIDE_PREFER };
	int committed[THREADS] = { 0 }, all = 0;
	pthread_t threads[THREADS];
	char *urls[2];

	bouncer = bouncer_start(one, "transaction", NULL);
	other = bouncer_start(two, "transaction", "default_pool_size = 2");
	urls[0] = must_engine(bouncer, one, "bank", &bank);
	urls[1] = must_engine(other, two, "shop", &shop);
	must_exec_at(urls[1], "INSERT INTO t(v) VALUES (0)");
	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, work, &committed[i]), 0));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		all += committed[i];
	}
	cr_expect(eq(int, all, THREADS *ROUNDS));
	cr_expect(eq(i64, rows_at(urls[0]), all));
	cr_expect(eq(i64, must_query_int_at(urls[1], "SELECT v FROM t"), all));
	cr_expect(eq(i64, prepared_at(urls[1]), 0));
	free(urls[0]);
	free(urls[1]);
}

Test(bouncer, no_server_process_in_time_fails_cleanly)
{
	struct sqla_session *s;
	struct pg_conn *holder;
	char *direct, *url;

	bouncer =
		bouncer_start(one, "transaction", "default_pool_size = 1\nquery_wait_timeout = 1");
	direct = must_engine(bouncer, one, "scarce", NULL);
	s = must_open("scarce");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	url = bouncer_url(bouncer, "scarce");
	holder = must_connect(url);
	must_exec(holder, "BEGIN");
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (2)"), SQLA_ECONNECT));
	cr_expect(error_says("default_pool_size"), "%s", sqla_error_last()->hint);
	cr_assert(eq(int, txn_abort(), 0));
	must_exec(holder, "ROLLBACK");
	must_run(s, "INSERT INTO t(v) VALUES (3)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(direct), 2));
	PQfinish(holder);
	sqla_session_close(s);
	free(url);
	free(direct);
}

/* ---- lost ------------------------------------------------------------------------------ */

static void lose_other(void *arg)
{
	char **urls = arg;

	must_await(urls[1], "SELECT count(*) FROM pg_prepared_xacts");
	bouncer_kill(other);
}

static void lose_both(void *arg)
{
	lose_other(arg);
	bouncer_kill(bouncer);
}

/* Loses by FN with everything prepared and nothing decided. */
static void check_lost(const char *mode, void (*fn)(void *arg), int status, int64_t rows)
{
	struct sqla_engine_options prefer = { .decide = SQLA_DECIDE_PREFER };
	struct sqla_session *b, *s;
	char *urls[2];
	int told;

	bouncer = bouncer_start(one, mode, NULL);
	other = bouncer_start(two, mode, NULL);
	urls[0] = must_engine(bouncer, one, "bank", &prefer);
	urls[1] = must_engine(other, two, "shop", NULL);
	b = must_open("bank");
	s = must_open("shop");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_intervene(fn, urls);
	told = txn_commit();
	/* Whether the claim's answer has come through before both die is chance. */
	cr_expect(told == status || (fn == lose_both && told == SQLA_EABORTED), "%d: %s", told,
		  sqla_error_last()->message);
	(void)txn_abort();
	bouncer_restart(other);
	if (fn == lose_both)
		bouncer_restart(bouncer);
	cr_expect(eq(int, recover_now(NULL), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_at(urls[0]), rows));
	cr_expect(eq(i64, rows_at(urls[1]), rows));
	cr_expect(eq(i64, prepared_at(urls[1]), 0));
	sqla_session_close(b);
	sqla_session_close(s);
	free(urls[0]);
	free(urls[1]);
}

Test(bouncer, one_that_dies_behind_the_votes_leaves_a_branch_to_recovery)
{
	check_lost("transaction", lose_other, SQLA_PENDING, 1);
}

Test(bouncer, one_that_dies_before_the_decision_leaves_nothing_behind)
{
	check_lost("transaction", lose_both, SQLA_EINDOUBT, 0);
}

Test(bouncer, the_same_goes_for_session_pooling)
{
	check_lost("session", lose_other, SQLA_PENDING, 1);
}

Test(bouncer, a_deadline_cancels_through_it)
{
	struct sqla_session *s;

	bouncer = bouncer_start(one, "transaction", NULL);
	free(must_engine(bouncer, one, "late", NULL));
	s = must_open("late");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_set_timeout(txn_current(), 300), 0));
	cr_expect(lt(int, sqla_exec(s, "SELECT pg_sleep(60)"), 0));
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
}
