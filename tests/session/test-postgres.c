/* Joined sessions on PostgreSQL, alone, two of them, and with SQLite. */
#include <sqlassist.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/helper.h"
#include "support/bouncer.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "one", .conf = NULL }, { .name = "two", .conf = NULL })

/* The table has a row for its site, too. */
#define DECISIONS "SELECT count(*) FROM sqlassist_decision WHERE verdict = 'committed'"

static char *url; /* of engine "bank" */

/* Makes a database with table t for this test, and engine NAME on it. */
static char *must_bank(const char *cluster, const char *name,
		       const struct sqla_engine_options *options)
{
	struct cluster *c = cluster_get(cluster);
	char *database = must_printf("session_%s_%d", name, (int)getpid());
	char *result = cluster_database(c, database);
	char *route;

	must_exec_at(result, "CREATE TABLE t(id serial PRIMARY KEY, v int)");
	route = bouncer_route(result);
	if (sqla_engine_register(name, route, options) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(route);
	cluster_free(c);
	free(database);
	return result;
}

static int64_t rows_at(const char *where)
{
	return must_query_int_at(where, "SELECT count(*) FROM t");
}

static void setup_with(const struct sqla_engine_options *options)
{
	url = must_bank("one", "bank", options);
}

static void setup(void)
{
	setup_with(NULL);
}

static void teardown(void)
{
	(void)txn_abort();
	(void)sqla_session_remove("bank");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(url);
}

TestSuite(postgres, .init = setup, .fini = teardown);
TestSuite(postgres_options, .fini = teardown);

static void expect_commit(void)
{
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
}

Test(postgres, raw_sql_is_committed_without_mark_changed)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(i64, sqla_session_affected(s), 1));
	cr_expect(eq(i64, rows_at(url), 0));
	expect_commit();
	cr_expect(eq(i64, rows_at(url), 1));
	cr_expect(not(sqla_session_is_connected(s)));
	sqla_session_close(s);
}

Test(postgres, reading_changes_nothing)
{
	struct sqla_session *s = must_open("bank");

	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_ACTIVE));
	expect_commit();
	sqla_session_close(s);
}

Test(postgres, work_through_the_native_handle_is_noticed_and_committed)
{
	struct sqla_session *s = must_open("bank");
	PGconn *native = sqla_session_pg(s);

	cr_assert(ne(ptr, native, NULL));
	must_exec(native, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	cr_expect(eq(i64, rows_at(url), 1));
	cr_expect(eq(ptr, sqla_session_sqlite(s), NULL));
	sqla_session_close(s);
}

Test(postgres, the_native_handle_blocks_unless_the_application_says_otherwise)
{
	struct sqla_session *s = must_open("bank");
	PGconn *native;

	cr_expect(eq(i64, must_int(s, "SELECT 1"), 1));
	native = sqla_session_pg(s);
	cr_assert(ne(ptr, native, NULL));
	cr_expect(zero(int, PQisnonblocking(native)));
	for (int mode = 0; mode < 2; mode++) {
		cr_assert(zero(int, PQsetnonblocking(native, mode)));
		cr_expect(eq(i64, must_int(s, "SELECT 1"), 1));
		cr_expect(eq(int, PQisnonblocking(sqla_session_pg(s)), mode));
	}
	expect_commit();
	sqla_session_close(s);
}

Test(postgres, rows_stay_readable_after_the_commit)
{
	struct sqla_session *s = must_open("bank");
	struct sqla_rows *rows;

	cr_assert(eq(int, sqla_query(s, &rows, "SELECT g FROM generate_series(1, 3) g"), 0));
	expect_commit();
	cr_expect(eq(int, sqla_rows_next(rows), 1));
	cr_expect(eq(i64, sqla_rows_int(rows, 0), 1));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
	sqla_session_close(s);
}

Test(postgres, every_type_comes_back_as_it_was_sent)
{
	struct sqla_session *s = must_open("bank");
	struct sqla_rows *rows;
	size_t size;

	cr_assert(
		eq(int,
		   sqla_query(s, &rows,
			      "SELECT $1::int8, $2::float8, $3::text, $4::bytea, $5::bool, $6::int",
			      sqla_int(INT64_MIN), sqla_real(0.1), sqla_text("it's \"x\" \xC3\xBC"),
			      sqla_blob("\0\1\377", 3), sqla_bool(true), sqla_null()),
		   0),
		"%s", sqla_error_last()->message);
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	cr_expect(eq(i64, sqla_rows_int(rows, 0), INT64_MIN));
	cr_expect(eq(dbl, sqla_rows_real(rows, 1), 0.1));
	cr_expect(eq(str, (char *)sqla_rows_text(rows, 2), "it's \"x\" \xC3\xBC"));
	cr_expect(eq(int, memcmp(sqla_rows_blob(rows, 3, &size), "\0\1\377", 3), 0));
	cr_expect(eq(sz, size, 3));
	cr_expect(sqla_rows_bool(rows, 4));
	cr_expect(sqla_rows_is_null(rows, 5));
	cr_expect(eq(int, sqla_rows_close(rows), 0), "%s", sqla_error_last()->message);
	sqla_session_close(s);
}

Test(postgres, mark_changed_without_a_statement_commits)
{
	struct sqla_session *s = must_open("bank");

	cr_assert(eq(int, sqla_session_mark_changed(s), 0));
	expect_commit();
	sqla_session_close(s);
}

Test(postgres, after_an_sql_error_nothing_is_committed_and_abort_works)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(id, v) VALUES (1, 1)");
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(id, v) VALUES (1, 1)"), SQLA_EDATABASE));
	cr_expect(eq(str, (char *)sqla_error_last()->sqlstate, "23505"));
	cr_expect(lt(int, sqla_exec(s, "SELECT 1"), 0));
	cr_expect(lt(int, txn_commit(), 0));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	sqla_session_close(s);
}

Test(postgres, a_savepoint_rollback_mends_an_sql_error)
{
	struct sqla_session *s = must_open("bank");
	struct txn_savepoint *one, *two;

	must_run(s, "INSERT INTO t(id, v) VALUES (1, 1)");
	cr_assert(eq(int, txn_savepoint(0, &one), 0));
	must_run(s, "INSERT INTO t(id, v) VALUES (2, 2)");
	cr_assert(eq(int, txn_savepoint(0, &two), 0));
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(id, v) VALUES (1, 1)"), SQLA_EDATABASE));
	cr_expect(eq(int, txn_savepoint_rollback(two), 0), "%s", sqla_error_last()->message);
	must_run(s, "INSERT INTO t(id, v) VALUES (4, 4)");
	cr_expect(eq(int, txn_savepoint_rollback(one), 0));
	must_run(s, "INSERT INTO t(id, v) VALUES (8, 8)");
	cr_expect(eq(int, txn_savepoint_release(one), 0));
	expect_commit();
	cr_expect(eq(i64, must_query_int_at(url, "SELECT sum(v) FROM t"), 9));
	sqla_session_close(s);
}

Test(postgres, a_direct_rollback_undoes_its_part_and_stays_joined)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(s), SQLA_EMANAGED));
	cr_expect(eq(int, sqla_session_rollback(s), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	cr_expect(eq(i64, must_query_int_at(url, "SELECT sum(v) FROM t"), 2));
	sqla_session_close(s);
}

Test(postgres_options, readonly_really_is)
{
	struct sqla_engine_options options = { .readonly = SQLA_YES };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EREADONLY));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	expect_commit();
	sqla_session_close(s);
}

Test(postgres_options, isolation_is_that_of_the_engine)
{
	struct sqla_engine_options options = { .isolation = "serializable" };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	cr_expect(eq(i64,
		     must_int(s, "SELECT (current_setting('transaction_isolation') = "
				 "'serializable')::int"),
		     1));
	sqla_session_close(s);
}

Test(postgres_options, an_unjoined_session_commits_itself_and_autocommit_needs_none)
{
	struct sqla_engine_options options = { .joined = SQLA_NO };
	struct sqla_engine_options logger = { .joined = SQLA_NO, .autocommit = SQLA_YES };
	struct sqla_session *s, *l;

	setup_with(&options);
	s = must_open("bank");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(s), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, sqla_session_rollback(s), 0));
	cr_expect(eq(i64, rows_at(url), 1));
	cr_assert(eq(int, sqla_engine_register("logger", url, &logger), 0));
	l = must_open("logger");
	must_run(l, "INSERT INTO t(v) VALUES (3)");
	cr_expect(eq(i64, rows_at(url), 2));
	sqla_session_close(l);
	sqla_session_close(s);
}

Test(postgres, a_deadline_cancels_the_statement_that_runs)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_set_timeout(txn_current(), 200), 0));
	cr_expect(eq(int, sqla_exec(s, "SELECT pg_sleep(20)"), SQLA_ETIMEOUT));
	cr_expect(eq(int, txn_commit(), SQLA_ETIMEOUT));
	cr_assert(eq(int, txn_abort(), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	cr_expect(eq(i64, rows_at(url), 1));
	sqla_session_close(s);
}

static void terminate(struct sqla_session *s)
{
	int64_t pid = must_int(s, "SELECT pg_backend_pid()");

	must_exec_at(url, "SELECT pg_terminate_backend(%lld, 5000)", (long long)pid);
}

Test(postgres, a_lost_connection_is_told_and_abort_begins_anew)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	terminate(s);
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ECONNECT), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ECONNECT));
	cr_expect(lt(int, txn_commit(), 0));
	cr_expect(eq(int, txn_abort(), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	cr_expect(eq(i64, must_query_int_at(url, "SELECT sum(v) FROM t"), 2));
	sqla_session_close(s);
}

Test(postgres, a_connection_that_is_lost_before_the_commit_commits_nothing)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	terminate(s);
	cr_expect(lt(int, txn_commit(), 0));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url), 0));
	sqla_session_close(s);
}

Test(postgres, a_session_rollback_gets_over_a_lost_connection)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	terminate(s);
	cr_expect(eq(int, sqla_session_rollback(s), 0), "%s", sqla_error_last()->message);
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	cr_expect(eq(i64, must_query_int_at(url, "SELECT sum(v) FROM t"), 2));
	sqla_session_close(s);
}

Test(postgres_options, pre_ping_replaces_connections_that_died_in_the_pool)
{
	struct sqla_engine_options options = { .pool_pre_ping = SQLA_YES };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	must_run(s, "SELECT 1");
	expect_commit();
	must_exec_at(url, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
			  "WHERE datname = current_database() AND pid <> pg_backend_pid()");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	sqla_session_close(s);
}

Test(postgres_options, pre_ping_replaces_a_kept_connection_that_died)
{
	struct sqla_engine_options options = { .pool_pre_ping = SQLA_YES,
					       .keep_session = SQLA_YES };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	must_run(s, "SELECT 1");
	expect_commit();
	cr_expect(sqla_session_is_connected(s));
	must_exec_at(url, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
			  "WHERE datname = current_database() AND pid <> pg_backend_pid()");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	sqla_session_close(s);
}

Test(postgres, a_bad_url_is_told_without_its_password)
{
	struct sqla_session *s;

	cr_assert(eq(int,
		     sqla_engine_register("nowhere", "postgresql://u:hunter2@127.0.0.1:1/x", NULL),
		     0));
	s = must_open("nowhere");
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ECONNECT));
	cr_expect(not(error_says("hunter2")), "%s", sqla_error_last()->message);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "nowhere"));
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
}

/* ---- two and more ---------------------------------------------------------- */

Test(postgres, two_servers_commit_together)
{
	char *other = must_bank("two", "shop", NULL);
	struct sqla_session *a = must_open("bank");
	struct sqla_session *b = must_open("shop");

	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	cr_expect(eq(i64, rows_at(url), 1));
	cr_expect(eq(i64, rows_at(other), 1));
	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url) + rows_at(other), 2));
	sqla_session_close(a);
	sqla_session_close(b);
	free(other);
}

Test(postgres, a_direct_commit_of_one_of_two_is_refused_and_when_ignored_changes_nothing)
{
	char *other = must_bank("two", "shop", NULL);
	struct sqla_session *a = must_open("bank");
	struct sqla_session *b = must_open("shop");

	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(a), SQLA_EMANAGED));
	cr_expect(error_says("txn_commit"));
	cr_expect(eq(i64, rows_at(url) + rows_at(other), 0));
	must_run(a, "INSERT INTO t(v) VALUES (2)");
	must_run(b, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	cr_expect(eq(i64, rows_at(url), 2));
	cr_expect(eq(i64, rows_at(other), 2));
	sqla_session_close(a);
	sqla_session_close(b);
	free(other);
}

Test(postgres_options, a_write_that_is_found_in_a_readonly_session_fails_the_commit)
{
	struct sqla_engine_options options = { .readonly = SQLA_YES };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	must_run(s, "SET TRANSACTION READ WRITE");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), SQLA_EREADONLY), "%s", sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url), 0));
	sqla_session_close(s);
}

Test(postgres_options, nor_is_it_committed_by_an_unjoined_readonly_session)
{
	struct sqla_engine_options options = {
		.joined = SQLA_NO,
		.readonly = SQLA_YES,
		.keep_session = SQLA_YES,
	};
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	must_run(s, "SET TRANSACTION READ WRITE");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(s), SQLA_EREADONLY));
	cr_expect(error_says("\"bank\" has written"));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, sqla_session_commit(s), 0));
	sqla_session_close(s);
}

Test(postgres_options, a_readonly_autocommit_session_writes_nothing_whatever_it_sets)
{
	struct sqla_engine_options options = {
		.joined = SQLA_NO,
		.readonly = SQLA_YES,
		.autocommit = SQLA_YES,
	};
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	for (int i = 0; i < 3; i++) {
		cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EREADONLY));
		must_run(s, "SET default_transaction_read_only = off");
	}
	cr_expect(lt(int, sqla_exec(s, "BEGIN READ WRITE"), 0));
	must_run(s, "BEGIN");
	cr_expect(lt(int, sqla_exec(s, "SET TRANSACTION READ WRITE"), 0));
	must_run(s, "ROLLBACK");
	must_run(s, "BEGIN");
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EREADONLY));
	must_run(s, "ROLLBACK");
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	sqla_session_close(s);
}

Test(postgres_options, an_unjoined_session_ended_by_hand_names_the_calls_that_end_it)
{
	struct sqla_engine_options options = { .joined = SQLA_NO };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("bank");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_exec(s, "ROLLBACK"), SQLA_EMANAGED));
	cr_expect(error_says("engine \"bank\""));
	cr_expect(error_says("sqla_session_rollback"));
	cr_expect(not(error_says("txn_")));
	sqla_session_close(s);
}

Test(postgres, one_that_votes_no_aborts_all)
{
	char *other = must_bank("two", "shop", NULL);
	struct sqla_session *a = must_open("bank");
	struct sqla_session *b = must_open("shop");

	must_exec_at(other, "CREATE TABLE c(t int REFERENCES t DEFERRABLE INITIALLY DEFERRED)");
	must_exec_at(url, "CREATE TABLE c(t int REFERENCES t DEFERRABLE INITIALLY DEFERRED)");
	must_run(a, "INSERT INTO c VALUES (7)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	cr_expect(lt(int, txn_commit(), 0));
	cr_assert(eq(int, txn_abort(), 0));
	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO c VALUES (7)");
	cr_expect(lt(int, txn_commit(), 0));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url) + rows_at(other), 0));
	cr_expect(eq(i64, must_query_int_at(url, "SELECT count(*) FROM pg_prepared_xacts"), 0));
	cr_expect(eq(i64, must_query_int_at(other, "SELECT count(*) FROM pg_prepared_xacts"), 0));
	sqla_session_close(a);
	sqla_session_close(b);
	free(other);
}

Test(postgres, with_sqlite_both_or_none)
{
	char *path = must_file_engine("till", NULL);
	struct sqla_session *a = must_open("bank");
	struct sqla_session *b = must_open("till");

	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	cr_expect(eq(i64, rows_at(url), 1));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(eq(i64, must_query_int_file(path, DECISIONS), 1));
	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url) + rows_in(path), 2));
	sqla_session_close(a);
	sqla_session_close(b);
	free(path);
}

Test(postgres, sqlite_forgets_due_decisions_in_a_claim_in_batches)
{
	struct sqla_engine_options options = { .keep_decisions = SQLA_ZERO };
	char *path = must_file_engine("till", &options);
	struct sqla_session *a = must_open("bank");
	struct sqla_session *b = must_open("till");

	for (int i = 0; i < 64; i++) {
		must_run(a, "INSERT INTO t(v) VALUES (1)");
		must_run(b, "INSERT INTO t(v) VALUES (1)");
		expect_commit();
	}
	cr_expect(eq(i64, must_query_int_file(path, DECISIONS), 64));
	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	cr_expect(eq(i64, must_query_int_file(path, DECISIONS), 1));
	sqla_session_close(a);
	sqla_session_close(b);
	free(path);
}

Test(postgres_options, postgresql_forgets_due_decisions_in_batches)
{
	struct sqla_engine_options options = { .keep_decisions = SQLA_ZERO,
					       .decide = SQLA_DECIDE_PREFER };
	struct sqla_session *a, *b;
	char *other;

	setup_with(&options);
	other = must_bank("two", "shop", NULL);
	a = must_open("bank");
	b = must_open("shop");
	for (int i = 0; i < 70; i++) {
		must_run(a, "INSERT INTO t(v) VALUES (1)");
		must_run(b, "INSERT INTO t(v) VALUES (1)");
		expect_commit();
	}
	cr_expect(lt(i64,
		     must_query_int_at(url, "SELECT count(*) FROM sqlassist.sqlassist_decision"),
		     10));
	cr_expect(eq(i64, rows_at(other), 70));
	sqla_session_close(a);
	sqla_session_close(b);
	free(other);
}

Test(postgres, who_must_decide_decides)
{
	char *other = must_bank("two", "shop", NULL);
	struct sqla_session *a = must_open("bank");
	struct sqla_session *b = must_open("shop");

	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(a, "NOTIFY something");
	cr_assert(eq(int, sqla_session_must_decide(a), 0));
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	expect_commit();
	cr_expect(eq(i64, rows_at(url) + rows_at(other), 2));

	must_run(a, "INSERT INTO t(v) VALUES (1)");
	must_run(b, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, sqla_session_must_decide(a), 0));
	cr_assert(eq(int, sqla_session_must_decide(b), 0));
	cr_expect(eq(int, txn_commit(), SQLA_EUNSAFE));
	cr_expect(error_says("sqla_session_must_decide"));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(url) + rows_at(other), 2));
	sqla_session_close(a);
	sqla_session_close(b);
	free(other);
}

/* ---- retries and threads ---------------------------------------------------- */

static int attempts;

static int conflict(void *arg)
{
	struct sqla_session *s;
	int status = sqla_session_open("bank", &s);

	if (status < 0)
		return status;
	(void)must_int(s, "SELECT v FROM t WHERE id = 1");
	if (attempts++ == 0)
		must_exec_at(arg, "UPDATE t SET v = v + 10 WHERE id = 1");
	status = sqla_exec(s, "UPDATE t SET v = v + 1 WHERE id = 1");
	sqla_session_close(s);
	return status;
}

Test(postgres_options, a_serialization_failure_is_tried_again)
{
	struct sqla_engine_options options = { .isolation = "repeatable read" };

	setup_with(&options);
	must_exec_at(url, "INSERT INTO t(id, v) VALUES (1, 0)");
	cr_expect(eq(int, txn_run(3, conflict, url), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, attempts, 2));
	cr_expect(eq(i64, must_query_int_at(url, "SELECT v FROM t"), 11));
}

static int add_one(void *arg)
{
	struct sqla_session *s;
	int status = sqla_session_open("bank", &s);

	(void)arg;
	if (status < 0)
		return status;
	status = sqla_exec(s, "INSERT INTO t(v) VALUES (1)");
	sqla_session_close(s);
	return status;
}

static void *work(void *arg)
{
	int *failures = arg;

	for (int i = 0; i < 10; i++)
		if (txn_run(1, add_one, NULL) != 0)
			++*failures;
	return NULL;
}

Test(postgres_options, many_threads_share_a_small_pool)
{
	enum { THREADS = 64 };
	struct sqla_engine_options options = { .pool_size = 8, .pool_overflow = SQLA_ZERO };
	int failures[THREADS] = { 0 };
	pthread_t threads[THREADS];

	setup_with(&options);
	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, work, &failures[i]), 0));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(eq(int, failures[i], 0));
	}
	cr_expect(eq(i64, rows_at(url), THREADS * 10));
	cr_expect(
		le(i64,
		   must_query_int_at(url, "SELECT count(*) FROM pg_stat_activity WHERE datname = "
					  "current_database() AND application_name = 'sqlassist'"),
		   8));
}

/* ---- fork -------------------------------------------------------------------- */

static int child(void *arg)
{
	struct sqla_session *s = arg;
	struct sqla_session *own;

	if (sqla_exec(s, "SELECT 1") != SQLA_EFORKED)
		return 1;
	sqla_session_close(s);
	if (txn_abort() < 0 || sqla_session_open("bank", &own) < 0)
		return 2;
	if (sqla_exec(own, "INSERT INTO t(v) VALUES (10)") < 0 || txn_commit() < 0)
		return 3;
	sqla_session_close(own);
	return sqla_engine_unregister(NULL) == 0 ? 0 : 4;
}

Test(postgres, a_forked_child_uses_no_connection_of_its_parent)
{
	struct sqla_session *s = must_open("bank");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, in_child(child, s), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	expect_commit();
	cr_expect(eq(i64, must_query_int_at(url, "SELECT sum(v) FROM t"), 13));
	sqla_session_close(s);
}
