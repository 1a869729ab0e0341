/* Requests on real servers, and on a server and a file at once. */
#include <sqlassist.h>

#include <stdlib.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "one", .conf = NULL })

static char *url;  /* of engine "writer", on PostgreSQL */
static char *path; /* of engine "reader", a file */
static struct sqla_request *rq;

static void setup(void)
{
	url = must_server_engine("one", "writer", NULL);
	path = must_file_engine("reader", NULL);
}

static void teardown(void)
{
	sqla_request_free(rq);
	(void)txn_abort();
	(void)sqla_session_remove("writer");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(url);
	free(path);
}

TestSuite(postgres, .init = setup, .fini = teardown);

static void must_begin_bound(void)
{
	struct sqla_request_options options = { .bound = SQLA_YES };

	if (sqla_request_begin_with(NULL, &options, &rq) < 0)
		must_fail("%s", sqla_error_last()->message);
}

static void insert_in_both(void)
{
	must_run(sqla_request_reader(rq), "INSERT INTO t(v) VALUES (1)");
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
}

static void expect_rows(int64_t n)
{
	cr_expect(eq(i64, rows_in(path), n));
	cr_expect(eq(i64, rows_at(url), n));
	cr_expect(eq(i64, prepared_at(url), 0));
}

Test(postgres, success_commits_in_both_databases)
{
	must_begin_bound();
	insert_in_both();
	cr_expect(eq(int, sqla_request_end(rq, 0), 0), "%s", sqla_error_last()->message);
	expect_rows(1);
}

Test(postgres, failure_leaves_nothing_in_either)
{
	int failure;

	must_begin_bound();
	insert_in_both();
	failure = sqla_exec(sqla_request_writer(rq), "SELECT nonsense");
	cr_expect(eq(int, sqla_request_end(rq, failure), failure));
	cr_expect(error_says("nonsense"));
	expect_rows(0);
}

Test(postgres, a_branch_that_refuses_leaves_nothing_in_either)
{
	must_trigger_at_end(url, "BEGIN RAISE EXCEPTION 'not today'; END");
	must_begin_bound();
	insert_in_both();
	must_run(sqla_request_writer(rq), "INSERT INTO d VALUES (1)");
	cr_expect(lt(int, sqla_request_end(rq, 0), 0));
	cr_expect(error_says("not today"));
	cr_expect(eq(ptr, txn_current(), NULL));
	expect_rows(0);
}

Test(postgres, a_serialization_failure_at_the_commit_asks_for_another_request)
{
	must_trigger_at_end(url, "BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END");
	must_begin_bound();
	must_run(sqla_request_writer(rq), "INSERT INTO d VALUES (1)");
	cr_expect(eq(int, sqla_request_end(rq, 0), SQLA_ERETRY), "%s", sqla_error_last()->message);
	cr_expect(eq(str, (char *)sqla_error_last()->sqlstate, "40001"));
}

Test(postgres, what_was_left_over_is_rolled_back_at_the_first_touch)
{
	must_run(must_open("writer"), "INSERT INTO t(v) VALUES (9)");
	cr_assert(eq(int, sqla_request_begin(NULL, &rq), 0));
	cr_expect(eq(i64, must_int(sqla_request_writer(rq), "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, txn_commit(), 0));
	expect_rows(0);
}

Test(postgres, what_was_left_over_in_a_failed_session_does_not_fail_the_request)
{
	cr_assert(lt(int, sqla_exec(must_open("writer"), "SELECT nonsense"), 0));
	cr_assert(eq(int, sqla_request_begin(NULL, &rq), 0));
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_at(url), 1));
}

Test(postgres, what_was_left_over_on_a_lost_connection_does_not_fail_the_request)
{
	struct sqla_session *s = must_open("writer");

	must_run(s, "INSERT INTO t(v) VALUES (9)");
	must_terminate(url, backend_of(s));
	cr_assert(lt(int, sqla_exec(s, "SELECT 1"), 0));
	cr_assert(eq(int, sqla_request_begin(NULL, &rq), 0));
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_at(url), 1));
}

Test(postgres, the_end_gives_the_connection_back)
{
	struct sqla_session *s;

	cr_assert(eq(int, sqla_request_begin(NULL, &rq), 0));
	s = sqla_request_writer(rq);
	must_run(s, "SELECT 1");
	cr_expect(sqla_session_is_connected(s));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(not(sqla_session_is_connected(s)));
}
