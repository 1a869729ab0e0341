/* SEMANTICS.md section 2: a test for every row. */
#include <sqlassist.h>
#include <sqlassist/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static char *path; /* of engine "till" */

static void setup_with(const struct sqla_engine_options *options)
{
	path = must_file_engine("till", options);
}

static void setup(void)
{
	setup_with(NULL);
}

static void teardown(void)
{
	(void)txn_abort();
	(void)sqla_session_remove("till");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(joined, .init = setup, .fini = teardown);
TestSuite(joined_options, .fini = teardown);

Test(joined, states_are_active_and_changed)
{
	struct sqla_session *s = must_open("till");

	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_ACTIVE));
	must_run(s, "SELECT 1");
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_ACTIVE));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_CHANGED));
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_ACTIVE));
	sqla_session_close(s);
}

Test(joined, raw_sql_is_committed_without_mark_changed)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(joined, work_through_the_native_handle_is_noticed_and_committed)
{
	struct sqla_session *s = must_open("till");

	cr_assert(ne(ptr, sqla_session_sqlite(s), NULL));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(eq(ptr, sqla_session_pg(s), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
	sqla_session_close(s);
}

Test(joined, mark_changed_makes_an_unwritten_session_changed)
{
	struct sqla_session *s = must_open("till");

	cr_assert(eq(int, sqla_session_mark_changed(s), 0));
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_CHANGED));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_ACTIVE));
	sqla_session_close(s);
}

Test(joined, an_unchanged_session_ends_with_its_transaction)
{
	struct sqla_session *s = must_open("till");

	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_expect(sqla_session_is_connected(s));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(not(sqla_session_is_connected(s)));
	sqla_session_close(s);
}

Test(joined_options, readonly_refuses_mark_changed_and_writes)
{
	struct sqla_engine_options options = { .readonly = SQLA_YES };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("till");
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_READONLY));
	cr_expect(eq(int, sqla_session_mark_changed(s), SQLA_EREADONLY));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EREADONLY));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 0));
	sqla_session_close(s);
}

Test(joined, a_direct_commit_is_refused_and_the_manager_commits_the_work)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(s), SQLA_EMANAGED));
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(joined, a_direct_rollback_undoes_its_part_and_stays_joined)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, sqla_session_mark_changed(s), 0));
	cr_expect(eq(int, sqla_session_rollback(s), 0));
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_ACTIVE));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, must_query_int_file(path, "SELECT sum(v) FROM t"), 2));
	sqla_session_close(s);
}

Test(joined, after_a_commit_the_handle_is_valid_and_begins_anew)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(not(sqla_session_is_connected(s)));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(ne(ptr, txn_current(), NULL));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_assert(eq(int, txn_abort(), 0));
	must_run(s, "INSERT INTO t(v) VALUES (3)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, must_query_int_file(path, "SELECT sum(v) FROM t"), 4));
	sqla_session_close(s);
}

Test(joined_options, keep_session_keeps_the_connection_and_abort_rolls_back)
{
	struct sqla_engine_options options = { .keep_session = SQLA_YES };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("till");
	must_run(s, "CREATE TEMP TABLE mine(x)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(sqla_session_is_connected(s));
	must_run(s, "INSERT INTO mine VALUES (1)");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(sqla_session_is_connected(s));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM mine"), 0));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	sqla_session_close(s);
}

Test(joined_options, initial_state_changed_counts_without_being_asked)
{
	struct sqla_engine_options options = { .initial_state = SQLA_INITIAL_CHANGED };
	struct sqla_session *s;

	setup_with(&options);
	s = must_open("till");
	must_run(s, "SELECT 1");
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_CHANGED));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	sqla_session_close(s);
}

Test(joined, opening_begins_a_transaction_and_the_first_use_joins)
{
	struct sqla_session *s;

	cr_expect(eq(ptr, txn_current(), NULL));
	s = must_open("till");
	cr_expect(ne(ptr, txn_current(), NULL));
	cr_expect(not(sqla_session_is_connected(s)));
	must_run(s, "SELECT 1");
	cr_expect(sqla_session_is_connected(s));
	sqla_session_close(s);
}

Test(joined, an_explicit_manager_begins_nothing_by_itself)
{
	struct sqla_session *s = NULL;

	cr_assert(eq(int, txn_manager_set_explicit(txn_manager_thread(), true), 0));
	cr_expect(eq(int, sqla_session_open("till", &s), SQLA_ENOTXN));
	cr_expect(eq(ptr, s, NULL));
	cr_assert(eq(int, txn_begin(), 0));
	s = must_open("till");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ENOTXN));
	cr_assert(eq(int, txn_begin(), 0));
	must_run(s, "SELECT 1");
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
	cr_assert(eq(int, txn_manager_set_explicit(txn_manager_thread(), false), 0));
}

Test(joined, a_doomed_transaction_lets_sessions_work_and_refuses_the_commit)
{
	struct sqla_session *s = must_open("till");

	cr_assert(eq(int, txn_doom(), 0));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), SQLA_EDOOMED));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 1));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(path), 0));
	sqla_session_close(s);
}

static int fail_hook(struct txn *txn, void *arg)
{
	(void)txn;
	return *(int *)arg;
}

/* A resource whose vote is no. */
static const char *no_key(void *self)
{
	return self;
}

static int no_ask(void *self)
{
	(void)self;
	return SQLA_EABORTED;
}

static int no_commit(void *self)
{
	(void)self;
	return 0;
}

static int no_abort(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static const struct txn_resource_ops no_ops = {
	.size = sizeof(no_ops),
	.sort_key = no_key,
	.ask = no_ask,
	.commit = no_commit,
	.abort = no_abort,
};

Test(joined, a_session_that_fails_to_join_stays_usable)
{
	struct sqla_session *s = must_open("till");
	char name[] = "no";

	cr_assert(eq(int, txn_join(txn_current(), &no_ops, name), 0));
	cr_assert(eq(int, txn_commit(), SQLA_EABORTED));
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EFAILED));
	cr_expect(not(sqla_session_is_connected(s)));
	cr_assert(eq(int, txn_abort(), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, must_query_int_file(path, "SELECT sum(v) FROM t"), 2));
	sqla_session_close(s);
}

Test(joined, a_failed_commit_commits_nothing_and_only_abort_helps)
{
	struct sqla_session *s = must_open("till");
	char name[] = "no";

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_join(txn_current(), &no_ops, name), 0));
	cr_expect(eq(int, txn_commit(), SQLA_EABORTED));
	cr_expect(not(sqla_session_is_connected(s)));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EFAILED));
	cr_expect(
		eq(int, sqla_session_open("till", &(struct sqla_session *){ NULL }), SQLA_EFAILED));
	cr_assert(eq(int, txn_abort(), 0));
	must_run(s, "SELECT 1");
	cr_expect(eq(i64, rows_in(path), 0));
	sqla_session_close(s);
}

Test(joined, a_session_works_in_a_before_commit_hook_that_stops_the_commit)
{
	struct sqla_session *s = must_open("till");
	int answer = SQLA_EDATABASE;

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_before_commit(txn_current(), fail_hook, &answer), 0));
	cr_expect(eq(int, txn_commit(), SQLA_EDATABASE));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 2));
	sqla_session_close(s);
}

Test(joined, an_sql_error_in_the_middle_keeps_its_detail_and_abort_works)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(id) VALUES (1)");
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(id) VALUES (1)"), SQLA_EDATABASE));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "till"));
	cr_expect(ne(int, sqla_error_last()->sqlite_code, 0));
	cr_expect(eq(int, sqla_exec(s, "nonsense"), SQLA_EDATABASE));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(path), 0));
	sqla_session_close(s);
}

Test(joined, savepoints_work_on_sqlite)
{
	struct sqla_session *s = must_open("till");
	struct txn_savepoint *one, *two;

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_savepoint(0, &one), 0), "%s", sqla_error_last()->message);
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_assert(eq(int, txn_savepoint(0, &two), 0));
	must_run(s, "INSERT INTO t(v) VALUES (4)");
	cr_expect(eq(int, txn_savepoint_rollback(two), 0));
	cr_expect(eq(i64, must_int(s, "SELECT sum(v) FROM t"), 3));
	cr_expect(eq(int, txn_savepoint_rollback(one), 0));
	cr_expect(eq(i64, must_int(s, "SELECT sum(v) FROM t"), 1));
	must_run(s, "INSERT INTO t(v) VALUES (8)");
	cr_expect(eq(int, txn_savepoint_rollback(one), 0));
	must_run(s, "INSERT INTO t(v) VALUES (16)");
	cr_expect(eq(int, txn_savepoint_release(one), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, must_query_int_file(path, "SELECT sum(v) FROM t"), 17));
	sqla_session_close(s);
}

Test(joined, released_savepoints_may_be_released_in_any_order)
{
	struct sqla_session *s = must_open("till");
	struct txn_savepoint *sp[3];

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	for (int i = 0; i < 3; i++)
		cr_assert(eq(int, txn_savepoint(0, &sp[i]), 0));
	cr_expect(eq(int, txn_savepoint_release(sp[2]), 0));
	cr_expect(eq(int, txn_savepoint_release(sp[0]), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 2));
	sqla_session_close(s);
}

Test(joined, a_session_that_joined_after_the_savepoint_leaves_and_may_join_again)
{
	struct sqla_session *s = must_open("till");
	struct txn_savepoint *sp;

	cr_assert(eq(int, txn_savepoint(0, &sp), 0));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_savepoint_rollback(sp), 0));
	cr_expect(not(sqla_session_is_connected(s)));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, must_query_int_file(path, "SELECT sum(v) FROM t"), 2));
	sqla_session_close(s);
}

Test(joined, a_savepoint_of_before_a_session_rollback_leads_nowhere)
{
	struct sqla_session *s = must_open("till");
	struct txn_savepoint *sp;

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_savepoint(0, &sp), 0));
	cr_assert(eq(int, sqla_session_rollback(s), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_savepoint_rollback(sp), SQLA_EFAILED));
	cr_expect(eq(int, txn_commit(), SQLA_EFAILED));
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
}

Test(joined, a_deadline_ends_waiting_for_a_lock)
{
	struct sqla_session *s = must_open("till");
	struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };
	struct sqla_session *blocker;
	char *url = must_printf("sqlite:///%s", path);

	cr_assert(eq(int, sqla_engine_register("blocker", url, &alone), 0));
	free(url);
	blocker = must_open("blocker");
	must_run(blocker, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_set_timeout(txn_current(), 200), 0));
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (2)"), SQLA_ETIMEOUT), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ETIMEOUT));
	cr_expect(eq(int, txn_commit(), SQLA_ETIMEOUT));
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(blocker);
	must_run(s, "INSERT INTO t(v) VALUES (3)");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(joined, closing_leaves_the_work_to_the_transaction)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	sqla_session_close(s);
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
}

Test(joined, must_decide_is_forgotten_with_its_transaction)
{
	struct sqla_session *s = must_open("till");

	cr_assert(eq(int, sqla_session_must_decide(s), 0));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(joined, two_changed_files_commit_together)
{
	char *other = must_file_engine("other", NULL);
	struct sqla_session *s = must_open("till");
	struct sqla_session *o = must_open("other");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(o, "INSERT INTO t(v) VALUES (1)");
	cr_expect(zero(int, txn_commit()), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(eq(i64, rows_in(other), 1));
	sqla_session_close(s);
	sqla_session_close(o);
	free(other);
}

Test(joined, two_changed_files_are_refused_in_wal_mode_before_anything_is_durable)
{
	char *other = must_file_engine("other", NULL);
	struct sqla_session *s = must_open("till");
	struct sqla_session *o = must_open("other");

	must_exec_file(other, "PRAGMA journal_mode = WAL");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(o, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), SQLA_EUNSAFE));
	cr_expect(error_says("till"));
	cr_expect(error_says("other"));
	cr_expect(error_says("journal_mode is wal"));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(path) + rows_in(other), 0));
	sqla_session_close(s);
	sqla_session_close(o);
	free(other);
}

Test(joined, a_lock_conflict_asks_for_another_attempt)
{
	struct sqla_engine_options alone = { .joined = SQLA_NO,
					     .scoped = SQLA_NO,
					     .busy_timeout_ms = SQLA_ZERO };
	struct sqla_engine_options quick = { .busy_timeout_ms = SQLA_ZERO };
	char *url = must_printf("sqlite:///%s", path);
	struct sqla_session *blocker, *s;

	cr_assert(eq(int, sqla_engine_register("blocker", url, &alone), 0));
	cr_assert(eq(int, sqla_engine_register("quick", url, &quick), 0));
	free(url);
	blocker = must_open("blocker");
	must_run(blocker, "INSERT INTO t(v) VALUES (1)");
	s = must_open("quick");
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (2)"), SQLA_ERETRY));
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
	sqla_session_close(blocker);
}
