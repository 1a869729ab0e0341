/* A forked child leaves everything of its parent's alone. */
#include <sqlassist.h>

#include <stdlib.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static char *path; /* of engine "db" */
static struct sqla_session *s;
static struct sqla_rows *rows;

static void setup(void)
{
	path = must_file_engine("db", NULL);
	s = must_open("db");
}

static void teardown(void)
{
	(void)txn_abort();
	sqla_session_close(s);
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(forking, .init = setup, .fini = teardown);

/* Each child answers the number of the first thing that is wrong, or 0. */
static int is_refused(void *arg)
{
	(void)arg;
	if (sqla_exec(s, "SELECT 1") != SQLA_EFORKED)
		return 1;
	if (sqla_session_commit(s) != SQLA_EFORKED || sqla_session_rollback(s) != SQLA_EFORKED)
		return 2;
	if (sqla_session_mark_changed(s) != SQLA_EFORKED || sqla_session_sqlite(s))
		return 3;
	if (txn_commit() != SQLA_EFORKED)
		return 4;
	sqla_session_close(s);
	return sqla_exec(s, "SELECT 1") == SQLA_EMISUSE ? 0 : 5;
}

Test(forking, sessions_of_the_parent_are_refused_and_its_transaction_commits)
{
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, in_child(is_refused, NULL), 0));
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 2));
}

static int works_by_itself(void *arg)
{
	struct sqla_session *own;

	(void)arg;
	if (txn_abort() < 0)
		return 1;
	if (sqla_session_open("db", &own) < 0 || own == s)
		return 2;
	if (sqla_exec(own, "INSERT INTO t(v) VALUES (1)") < 0)
		return 3;
	if (txn_commit() < 0)
		return 4;
	sqla_session_close(own);
	return 0;
}

Test(forking, a_child_works_with_sessions_of_its_own)
{
	must_run(s, "SELECT 1");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(int, in_child(works_by_itself, NULL), 0));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 1));
}

static int is_locked_out(void *arg)
{
	struct sqla_session *own;

	(void)arg;
	sqla_session_close(s);
	if (txn_abort() < 0 || sqla_engine_reinit("quick") < 0)
		return 1;
	if (sqla_session_open("quick", &own) < 0)
		return 2;
	if (must_int(own, "SELECT count(*) FROM t") != 0)
		return 3;
	if (sqla_exec(own, "INSERT INTO t(v) VALUES (2)") != SQLA_ERETRY)
		return 4;
	if (txn_abort() < 0)
		return 5;
	sqla_session_close(own);
	return 0;
}

Test(forking, a_child_drops_no_lock_of_its_parent)
{
	struct sqla_engine_options options = { .busy_timeout_ms = SQLA_ZERO };
	char *url = must_printf("sqlite:///%s", path);

	cr_assert(eq(int, sqla_engine_register("quick", url, &options), 0));
	free(url);
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, in_child(is_locked_out, NULL), 0));
	cr_expect(eq(int, in_child(is_locked_out, NULL), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 1));
}

static int reads_no_rows(void *arg)
{
	(void)arg;
	if (sqla_rows_next(rows) != SQLA_EFORKED)
		return 1;
	return sqla_rows_close(rows) == SQLA_EFORKED ? 0 : 2;
}

Test(forking, rows_of_the_parent_are_refused_and_stay_readable_there)
{
	must_run(s, "INSERT INTO t(v) VALUES (1), (2)");
	cr_assert(eq(int, sqla_query(s, &rows, "SELECT v FROM t ORDER BY v"), 0));
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	cr_expect(eq(int, in_child(reads_no_rows, NULL), 0));
	cr_expect(eq(int, sqla_rows_next(rows), 1));
	cr_expect(eq(i64, sqla_rows_int(rows, 0), 2));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
	cr_expect(eq(int, txn_commit(), 0));
}

static int unregisters(void *arg)
{
	(void)arg;
	return sqla_engine_unregister("db") == 0 ? 0 : 1;
}

Test(forking, a_child_may_unregister_what_only_the_parent_uses)
{
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, in_child(unregisters, NULL), 0));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
}
