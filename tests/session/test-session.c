/* Sessions that no transaction manages, and misuse of any session. */
#include <sqlassist.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static char *path; /* of engine "db" */

static void teardown(void)
{
	(void)txn_abort();
	if (path)
		cr_expect(eq(int, sqla_session_remove(NULL), 0));
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(session, .fini = teardown);

static struct sqla_session *open_unjoined(struct sqla_engine_options options)
{
	options.joined = SQLA_NO;
	path = must_file_engine("db", &options);
	return must_open("db");
}

#define OPEN_UNJOINED(...) open_unjoined((struct sqla_engine_options){ __VA_ARGS__ })

Test(session, an_unjoined_session_commits_itself)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_expect(eq(int, sqla_session_commit(s), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(not(sqla_session_is_connected(s)));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, sqla_session_rollback(s), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(eq(int, sqla_session_commit(s), 0));
	sqla_session_close(s);
}

Test(session, keeps_nobody_out_of_a_file_when_it_has_committed)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	must_run(s, "PRAGMA locking_mode = EXCLUSIVE");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(s), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(session, closing_an_unjoined_session_rolls_back)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	sqla_session_close(s);
	cr_expect(eq(i64, rows_in(path), 0));
}

Test(session, unscoped_sessions_are_each_their_own)
{
	struct sqla_session *one = OPEN_UNJOINED(.scoped = SQLA_NO);
	struct sqla_session *two = must_open("db");

	cr_expect(ne(ptr, one, two));
	must_run(one, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(i64, must_int(two, "SELECT count(*) FROM t"), 0));
	sqla_session_close(one);
	sqla_session_close(two);
}

Test(session, autocommit_needs_no_commit)
{
	struct sqla_session *s = OPEN_UNJOINED(.autocommit = SQLA_YES);

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(eq(int, sqla_session_rollback(s), 0));
	cr_expect(eq(int, sqla_session_commit(s), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(session, a_readonly_session_writes_nothing)
{
	struct sqla_session *s = OPEN_UNJOINED(.readonly = SQLA_YES);

	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EREADONLY));
	cr_expect(eq(int, (int)sqla_session_state(s), SQLA_SESSION_READONLY));
	cr_expect(eq(int, sqla_session_commit(s), 0));
	sqla_session_close(s);
}

Test(session, a_commit_in_sql_is_refused_with_the_calls_that_commit)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_exec(s, "COMMIT"), SQLA_EMANAGED));
	cr_expect(error_says("sqla_session_commit"));
	cr_expect(not(error_says("txn_")));
	sqla_session_close(s);
}

Test(session, a_refused_commit_rolls_back_and_says_why)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	must_run(s, "CREATE TABLE c(t REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED)");
	cr_assert(eq(int, sqla_session_commit(s), 0));
	must_run(s, "INSERT INTO c VALUES (7)");
	cr_expect(eq(int, sqla_session_commit(s), SQLA_EDATABASE));
	cr_expect(ne(int, sqla_error_last()->sqlite_code, 0));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM c"), 0));
	sqla_session_close(s);
}

Test(session, in_memory_a_session_has_its_own_database_as_long_as_it_lives)
{
	struct sqla_engine_options options = { .joined = SQLA_NO, .scoped = SQLA_NO };
	struct sqla_session *one, *two;

	cr_assert(eq(int, sqla_engine_register("mem", "sqlite://", &options), 0));
	one = must_open("mem");
	two = must_open("mem");
	must_run(one, "CREATE TABLE t(v)");
	cr_assert(eq(int, sqla_session_commit(one), 0));
	must_run(one, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, sqla_session_rollback(one), 0));
	cr_expect(eq(i64, must_int(one, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, sqla_exec(two, "SELECT * FROM t"), SQLA_EDATABASE));
	sqla_session_close(one);
	one = must_open("mem");
	cr_expect(eq(int, sqla_exec(one, "SELECT * FROM t"), SQLA_EDATABASE));
	sqla_session_close(one);
	sqla_session_close(two);
}

Test(session, in_memory_a_joined_session_keeps_its_database_over_transactions)
{
	struct sqla_session *s;

	cr_assert(eq(int, sqla_engine_register("mem", "sqlite://", NULL), 0));
	s = must_open("mem");
	must_run(s, "CREATE TABLE t(v)");
	cr_assert(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	must_run(s, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
}

Test(session, affected_rows_are_those_of_the_latest_statement)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	cr_expect(eq(i64, sqla_session_affected(s), 0));
	must_run(s, "INSERT INTO t(v) VALUES (1), (2), (3)");
	cr_expect(eq(i64, sqla_session_affected(s), 3));
	must_run(s, "SELECT * FROM t");
	cr_expect(eq(i64, sqla_session_affected(s), 0));
	cr_expect(eq(i64, sqla_session_affected(NULL), 0));
	sqla_session_close(s);
}

Test(session, info_is_kept_by_name_until_it_is_removed)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);
	int request, other;

	cr_expect(eq(ptr, sqla_session_info(s, "request"), NULL));
	cr_expect(eq(int, sqla_session_set_info(s, "request", &request), 0));
	cr_expect(eq(int, sqla_session_set_info(s, "other", &other), 0));
	cr_expect(eq(ptr, sqla_session_info(s, "request"), &request));
	cr_expect(eq(int, sqla_session_set_info(s, "request", &other), 0));
	cr_expect(eq(ptr, sqla_session_info(s, "request"), &other));
	cr_expect(eq(int, sqla_session_set_info(s, "request", NULL), 0));
	cr_expect(eq(int, sqla_session_set_info(s, "request", NULL), 0));
	cr_expect(eq(ptr, sqla_session_info(s, "request"), NULL));
	cr_expect(eq(int, sqla_session_set_info(s, NULL, &other), SQLA_EMISUSE));
	cr_expect(eq(ptr, sqla_session_info(s, NULL), NULL));
	sqla_session_close(s);
}

Test(session, echo_logs_statements_and_no_values)
{
	struct sqla_session *s = OPEN_UNJOINED(.echo = SQLA_YES);

	log_collect();
	cr_assert(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES ($1)", sqla_text("secret")), 0));
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
#ifndef SQLA_NO_DEBUG_LOG
	cr_expect(log_has("INSERT INTO t(v) VALUES ($1)"));
#endif
	cr_expect(not(log_has("secret")));
	sqla_session_close(s);
}

Test(session, null_handles_are_misuse_and_never_a_crash)
{
	struct sqla_rows *rows;

	cr_expect(eq(int, sqla_session_open(NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_exec(NULL, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_query(NULL, &rows, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_commit(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_rollback(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_mark_changed(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_must_decide(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_set_info(NULL, "x", NULL), SQLA_EMISUSE));
	cr_expect(eq(int, (int)sqla_session_state(NULL), SQLA_SESSION_ACTIVE));
	cr_expect(eq(ptr, sqla_session_pg(NULL), NULL));
	cr_expect(eq(ptr, sqla_session_sqlite(NULL), NULL));
	cr_expect(eq(ptr, sqla_session_info(NULL, "x"), NULL));
	cr_expect(eq(ptr, (void *)sqla_session_engine(NULL), NULL));
	cr_expect(not(sqla_session_is_connected(NULL)));
	sqla_session_close(NULL);
}

Test(session, bad_arguments_are_misuse_and_leave_the_session_usable)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);
	struct sqla_value typeless = { .type = (enum sqla_type)77 };
	struct sqla_value pointless = { .type = SQLA_TEXT, .size = 3 };

	cr_expect(eq(int, sqla_exec(s, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_query(s, NULL, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_exec_array(s, "SELECT $1", NULL, 1), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_exec_array(s, "SELECT $1", &typeless, 70000), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_exec(s, "SELECT $1", typeless), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_exec(s, "SELECT $1", pointless), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_exec(s, "SELECT $1", sqla_text_n("a\0b", 3)), SQLA_EMISUSE));
	cr_expect(error_says("$1"));
	cr_expect(not(sqla_session_is_connected(s)));
	must_run(s, "SELECT 1");
	sqla_session_close(s);
}

Test(session, a_closed_handle_is_told)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	sqla_session_close(s);
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(error_says("closed"));
	cr_expect(eq(int, sqla_session_commit(s), SQLA_EMISUSE));
	cr_expect(not(sqla_session_is_connected(s)));
	sqla_session_close(s);
}

Test(session, an_unknown_engine_is_refused_with_those_there_are)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);
	struct sqla_session *other = NULL;

	cr_expect(eq(int, sqla_session_open("nobody", &other), SQLA_ENOTFOUND));
	cr_expect(error_says("db"));
	cr_expect(eq(ptr, other, NULL));
	cr_expect(eq(int, sqla_session_remove("nobody"), SQLA_ENOTFOUND));
	cr_expect(eq(str, (char *)sqla_session_engine(s), "db"));
	sqla_session_close(s);
}

Test(session, a_session_keeps_its_engine_registered)
{
	struct sqla_session *s = OPEN_UNJOINED(.scoped = SQLA_NO);

	cr_expect(eq(int, sqla_engine_unregister("db"), SQLA_EALREADY));
	sqla_session_close(s);
	cr_expect(eq(int, sqla_engine_unregister("db"), 0));
	free(path);
	path = NULL;
}

Test(session, a_database_that_cannot_be_opened_is_told_at_first_use)
{
	struct sqla_engine_options options = { .joined = SQLA_NO, .scoped = SQLA_NO };
	struct sqla_session *s;

	cr_assert(eq(int, sqla_engine_register("gone", "sqlite:////no/such/folder/x.db", &options),
		     0));
	s = must_open("gone");
	cr_expect(lt(int, sqla_exec(s, "SELECT 1"), 0));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "gone"));
	cr_expect(lt(int, sqla_exec(s, "SELECT 1"), 0));
	cr_expect(eq(int, sqla_session_rollback(s), 0));
	sqla_session_close(s);
}

/* ---- where a file is ------------------------------------------------------- */

static void must_go(const char *folder)
{
	if (chdir(folder) != 0)
		must_fail("cannot go to %s", folder);
}

Test(session, a_relative_file_is_the_same_wherever_the_process_goes)
{
	struct sqla_engine_options options = { .joined = SQLA_NO };
	char *folder = scratch_path("a%20b?c#d");
	char *file = must_printf("%s/till%%41.db", folder);
	struct sqla_session *s;

	cr_assert(eq(int, mkdir(folder, 0700), 0));
	must_go(folder);
	cr_assert(eq(int, sqla_engine_register("till", "sqlite:///till%2541.db", &options), 0),
		  "%s", sqla_error_last()->message);
	must_go("/");
	s = must_open("till");
	must_run(s, "CREATE TABLE t(x)");
	cr_expect(eq(int, sqla_session_commit(s), 0));
	sqla_session_close(s);
	cr_expect(eq(int, access(file, F_OK), 0), "%s", file);
	free(file);
	free(folder);
}

Test(session, a_relative_file_needs_a_folder_to_be_in)
{
	char *folder = scratch_path("gone");

	cr_assert(eq(int, mkdir(folder, 0700), 0));
	must_go(folder);
	cr_assert(eq(int, rmdir(folder), 0));
	cr_expect(eq(int, sqla_engine_register("x", "sqlite:///x.db", NULL), SQLA_ECONFIG));
	cr_expect(error_says("sqlite:///x.db"));
	must_go("/");
	cr_expect(eq(int, sqla_engine_register("x", "sqlite:///no-such-file", NULL), 0));
	free(folder);
}

Test(session, with_transactions_disabled_sessions_commit_themselves)
{
	struct sqla_session *s;

	cr_assert(eq(int, setenv("SQLASSIST_DISABLE_TRANSACTION", "1", 1), 0));
	path = must_file_engine("db", NULL);
	s = must_open("db");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), SQLA_EDISABLED));
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(eq(int, sqla_session_commit(s), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}
