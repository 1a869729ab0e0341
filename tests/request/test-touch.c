/* The sessions of a request: which, when, what was left over, and their end. */
#include <sqlassist.h>

#include <stdlib.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static char *reader, *writer, *logger, *till; /* paths; "till" is not joined */
static struct sqla_request *rq;
static char app[] = "GET /";

static void must_begin(struct sqla_request **ret_rq)
{
	if (sqla_request_begin(app, ret_rq) < 0)
		must_fail("%s", sqla_error_last()->message);
}

static void setup(void)
{
	struct sqla_engine_options unjoined = { .joined = SQLA_NO };

	reader = must_file_engine("reader", NULL);
	writer = must_file_engine("writer", NULL);
	logger = must_file_engine("logger", NULL);
	till = must_file_engine("till", &unjoined);
}

static void teardown(void)
{
	sqla_request_free(rq);
	(void)txn_abort();
	(void)sqla_session_remove("reader");
	(void)sqla_session_remove("writer");
	(void)sqla_session_remove("logger");
	(void)sqla_session_remove("till");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(reader);
	free(writer);
	free(logger);
	free(till);
}

TestSuite(touch, .init = setup, .fini = teardown);

/* ---- which --------------------------------------------------------------- */

Test(touch, accessors_give_the_engine_of_their_name)
{
	must_begin(&rq);
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_reader(rq)), "reader"));
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_writer(rq)), "writer"));
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_logger(rq)), "logger"));
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_session(rq, "till")), "till"));
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_session(rq, NULL)), "reader"));
}

Test(touch, the_same_session_is_given_each_time)
{
	struct sqla_session *s;

	must_begin(&rq);
	s = sqla_request_writer(rq);
	cr_assert(ne(ptr, s, NULL));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(ptr, sqla_request_writer(rq), s));
	cr_expect(eq(ptr, sqla_request_session(rq, "writer"), s));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 1));
}

Test(touch, the_default_engine_and_its_name_are_one)
{
	must_begin(&rq);
	cr_expect(eq(ptr, sqla_request_session(rq, NULL), sqla_request_reader(rq)));
}

Test(touch, sessions_that_nobody_shares_are_memoised_too)
{
	struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };
	char *path = must_file_engine("alone", &alone);
	struct sqla_session *other = must_open("alone");
	struct sqla_session *s;

	must_begin(&rq);
	s = sqla_request_session(rq, "alone");
	cr_expect(ne(ptr, s, other));
	cr_expect(eq(ptr, sqla_request_session(rq, "alone"), s));
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
	must_run(other, "SELECT 1");
	sqla_session_close(other);
	free(path);
}

Test(touch, an_unknown_engine_is_refused_naming_those_there_are)
{
	must_begin(&rq);
	cr_expect(eq(ptr, sqla_request_session(rq, "wrieter"), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_ENOTFOUND));
	cr_expect(error_says("wrieter"));
	cr_expect(error_says("logger"));
	cr_expect(eq(int, (int)sqla_request_state(rq, "wrieter"), SQLA_REQUEST_INIT));
}

Test(touch, any_is_the_reader_while_nothing_is_touched)
{
	must_begin(&rq);
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_any(rq)), "reader"));
}

Test(touch, any_prefers_the_writer_if_only_that_is_touched)
{
	must_begin(&rq);
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_expect(eq(ptr, sqla_request_any(rq), sqla_request_writer(rq)));
	cr_expect(eq(int, (int)sqla_request_state(rq, "reader"), SQLA_REQUEST_INIT));
}

Test(touch, any_prefers_the_reader_if_both_are_touched)
{
	must_begin(&rq);
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_assert(ne(ptr, sqla_request_reader(rq), NULL));
	cr_expect(eq(ptr, sqla_request_any(rq), sqla_request_reader(rq)));
}

Test(touch, any_is_the_writer_where_there_is_no_reader)
{
	cr_assert(eq(int, sqla_engine_unregister("reader"), 0));
	must_begin(&rq);
	cr_expect(eq(str, (char *)sqla_session_engine(sqla_request_any(rq)), "writer"));
}

Test(touch, any_without_reader_and_writer_is_refused)
{
	cr_assert(eq(int, sqla_engine_unregister("reader"), 0));
	cr_assert(eq(int, sqla_engine_unregister("writer"), 0));
	must_begin(&rq);
	cr_expect(eq(ptr, sqla_request_any(rq), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_ENOTFOUND));
}

Test(touch, an_untouched_engine_has_no_session_and_no_transaction)
{
	must_begin(&rq);
	cr_assert(ne(ptr, sqla_request_session(rq, "till"), NULL));
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_expect(eq(int, sqla_engine_unregister("reader"), 0));
	cr_expect(eq(int, sqla_engine_unregister("till"), SQLA_EALREADY));
}

/* ---- from the session to the request ------------------------------------- */

Test(touch, a_session_and_its_rows_know_their_request)
{
	struct sqla_session *s;
	struct sqla_rows *rows;

	must_begin(&rq);
	s = sqla_request_reader(rq);
	cr_expect(eq(ptr, sqla_session_info(s, "request"), app));
	cr_expect(eq(ptr, sqla_request_of(s), rq));
	cr_assert(eq(int, sqla_query(s, &rows, "SELECT 1"), 0));
	cr_expect(eq(ptr, sqla_request_of(sqla_rows_session(rows)), rq));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
}

Test(touch, a_session_outside_of_requests_has_none)
{
	struct sqla_session *s = must_open("reader");

	cr_expect(eq(ptr, sqla_request_of(s), NULL));
	cr_assert(eq(int, sqla_session_set_info(s, "request", app), 0));
	cr_expect(eq(ptr, sqla_request_of(s), NULL));
}

Test(touch, a_session_that_outlives_its_request_has_none)
{
	struct sqla_session *s;

	must_begin(&rq);
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	s = must_open("writer"); /* joined, so it is the same */
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 1));
	cr_expect(eq(ptr, sqla_request_of(s), NULL));
	cr_expect(eq(ptr, sqla_session_info(s, "request"), NULL));
}

/* ---- what was left over -------------------------------------------------- */

static void leave_over(const char *engine)
{
	must_run(must_open(engine), "INSERT INTO t(v) VALUES (9)");
}

Test(touch, what_was_left_over_in_reader_and_writer_is_rolled_back_with_a_warning)
{
	leave_over("reader");
	leave_over("writer");
	must_begin(&rq);
	log_collect();
	cr_expect(eq(i64, must_int(sqla_request_reader(rq), "SELECT count(*) FROM t"), 0));
	cr_expect(log_has("\"reader\" had work left over"));
	cr_expect(eq(i64, must_int(sqla_request_writer(rq), "SELECT count(*) FROM t"), 0));
	cr_expect(log_has("\"writer\" had work left over"));
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(reader), 0));
	cr_expect(eq(i64, rows_in(writer), 0));
}

Test(touch, what_was_left_over_in_the_logger_stays)
{
	leave_over("logger");
	must_begin(&rq);
	cr_expect(eq(i64, must_int(sqla_request_logger(rq), "SELECT count(*) FROM t"), 1));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(logger), 1));
}

Test(touch, what_was_left_over_in_an_unjoined_session_is_rolled_back)
{
	leave_over("till");
	must_begin(&rq);
	cr_expect(eq(i64, must_int(sqla_request_session(rq, "till"), "SELECT count(*) FROM t"), 0));
}

Test(touch, what_was_left_over_in_an_untouched_engine_stays)
{
	leave_over("till");
	must_begin(&rq);
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, sqla_session_commit(must_open("till")), 0));
	cr_expect(eq(i64, rows_in(till), 1));
}

Test(touch, only_the_first_touch_rolls_back)
{
	must_begin(&rq);
	must_run(sqla_request_session(rq, "till"), "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_session_commit(sqla_request_session(rq, "till")), 0));
	cr_expect(eq(i64, rows_in(till), 1));
}

Test(touch, work_of_a_transaction_that_began_with_the_request_is_kept)
{
	must_begin(&rq);
	leave_over("writer");
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(writer), 1));
}

Test(touch, work_of_a_session_that_joined_since_the_request_began_is_kept)
{
	must_run(must_open("reader"), "SELECT 1");
	must_begin(&rq);
	leave_over("writer");
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(writer), 1));
}

Test(touch, a_transaction_around_the_request_commits_what_the_request_does)
{
	cr_assert(eq(int, txn_begin(), 0));
	must_begin(&rq);
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(writer), 1));
}

Test(touch, a_transaction_that_can_only_be_aborted_is_refused)
{
	struct txn_savepoint *sp;

	leave_over("writer");
	cr_assert(eq(int, txn_savepoint(0, &sp), 0));
	cr_assert(eq(int, sqla_session_rollback(must_open("writer")), 0));
	cr_assert(lt(int, txn_savepoint_rollback(sp), 0));
	must_begin(&rq);
	cr_expect(eq(ptr, sqla_request_writer(rq), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EFAILED));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(ne(ptr, sqla_request_writer(rq), NULL));
}

/* ---- two requests on one thread ------------------------------------------ */

Test(touch, the_session_of_a_request_that_has_not_ended_is_refused_to_another)
{
	struct sqla_request *inner;

	must_begin(&rq);
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	must_begin(&inner);
	cr_expect(eq(ptr, sqla_request_writer(inner), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EALREADY));
	cr_expect(error_says("writer"));
	cr_expect(eq(int, (int)sqla_request_state(inner, "writer"), SQLA_REQUEST_INIT));
	cr_expect(eq(int, sqla_request_end(inner, 0), 0));
	sqla_request_free(inner);
	cr_expect(eq(ptr, sqla_request_of(sqla_request_writer(rq)), rq));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(writer), 1));
}

static uintptr_t scope;

static uintptr_t which_scope(void)
{
	return scope;
}

Test(touch, with_a_scope_each_two_requests_live_side_by_side)
{
	struct sqla_request *other;
	struct sqla_session *s;

	cr_assert(eq(int, sqla_engine_set_scope("till", which_scope), 0));
	scope = 1;
	must_begin(&rq);
	s = sqla_request_session(rq, "till");
	scope = 2;
	must_begin(&other);
	cr_expect(ne(ptr, sqla_request_session(other, "till"), s));
	scope = 3; /* the end needs no scope */
	cr_expect(eq(int, sqla_request_end(other, 0), 0));
	sqla_request_free(other);
	must_run(s, "SELECT 1");
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
}

/* ---- the end ------------------------------------------------------------- */

Test(touch, the_end_removes_a_session_however_often_it_was_opened)
{
	struct sqla_session *s;

	must_begin(&rq);
	s = sqla_request_session(rq, "till");
	cr_assert(eq(ptr, must_open("till"), s));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_engine_unregister("till"), 0));
	cr_expect(eq(i64, rows_in(till), 0));
}

Test(touch, sessions_are_removed_also_after_an_abort_and_a_doomed_transaction)
{
	struct sqla_session *s;

	must_begin(&rq);
	s = sqla_request_writer(rq);
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_doom(), 0));
	cr_expect(eq(int, txn_commit(), SQLA_EDOOMED));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(int, sqla_request_end(rq, SQLA_EDOOMED), SQLA_EDOOMED));
	cr_expect(eq(int, sqla_engine_unregister("writer"), 0));
}

Test(touch, a_session_that_was_removed_meanwhile_is_touched_anew)
{
	must_begin(&rq);
	must_run(sqla_request_session(rq, "till"), "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, sqla_session_remove("till"), 0));
	must_run(sqla_request_session(rq, "till"), "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, sqla_session_commit(sqla_request_session(rq, "till")), 0));
	cr_expect(eq(i64, rows_in(till), 1));
	cr_assert(eq(int, sqla_session_remove("till"), 0));
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
}
