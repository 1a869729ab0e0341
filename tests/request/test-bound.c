/* Requests that are a transaction, on SQLite. */
#include <sqlassist.h>

#include <pthread.h>
#include <stdlib.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static char *path; /* of engine "writer" */
static struct sqla_request *rq;
static char app[] = "POST /";

static void must_begin_with(sqla_veto_fn *veto, void *arg)
{
	struct sqla_request_options options = {
		.bound = SQLA_YES,
		.veto = veto,
		.veto_arg = arg,
	};

	sqla_request_free(rq);
	rq = NULL;
	if (sqla_request_begin_with(app, &options, &rq) < 0)
		must_fail("%s", sqla_error_last()->message);
}

static void must_insert(void)
{
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
}

static void setup(void)
{
	path = must_file_engine("writer", NULL);
}

static void teardown(void)
{
	sqla_request_free(rq);
	(void)txn_abort();
	(void)sqla_session_remove("writer");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(bound, .init = setup, .fini = teardown);

/* Ends it, which must answer STATUS; then ROWS are in the file, and nothing
 * is current. */
static void expect_end(int outcome, int status, int rows)
{
	cr_expect(eq(int, sqla_request_end(rq, outcome), status), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), rows));
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_expect(eq(int, (int)sqla_request_state(rq, "writer"), SQLA_REQUEST_END));
}

/* ---- begin --------------------------------------------------------------- */

Test(bound, begins_a_transaction)
{
	must_begin_with(NULL, NULL);
	cr_expect(ne(ptr, txn_current(), NULL));
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_ACTIVE));
	expect_end(0, 0, 0);
}

Test(bound, is_refused_while_a_transaction_with_work_is_under_way)
{
	struct sqla_request_options options = { .bound = SQLA_YES };

	must_run(must_open("writer"), "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_request_begin_with(app, &options, &rq), SQLA_EALREADY));
	cr_expect(eq(ptr, rq, NULL));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
}

Test(bound, a_veto_needs_a_bound_request)
{
	struct sqla_request_options options = { .veto = (sqla_veto_fn *)abort };

	cr_expect(eq(int, sqla_request_begin_with(app, &options, &rq), SQLA_EMISUSE));
	cr_expect(error_says("veto"));
}

static int is_disabled(void *arg)
{
	struct sqla_request_options options = { .bound = SQLA_YES };

	(void)arg;
	if (setenv("SQLASSIST_DISABLE_TRANSACTION", "1", 1) != 0)
		return 1;
	if (sqla_request_begin_with(app, &options, &rq) != SQLA_EDISABLED || rq)
		return 2;
	if (!error_says("SQLASSIST_DISABLE_TRANSACTION"))
		return 3;
	free(must_file_engine("plain", NULL));
	if (sqla_request_begin(app, &rq) < 0 || !sqla_request_session(rq, "plain"))
		return 4;
	must_run(sqla_request_session(rq, "plain"), "INSERT INTO t(v) VALUES (1)");
	if (sqla_session_commit(sqla_request_session(rq, "plain")) < 0)
		return 5;
	must_run(sqla_request_session(rq, "plain"), "INSERT INTO t(v) VALUES (2)");
	if (sqla_request_end(rq, 0) != 0)
		return 6;
	return must_int(must_open("plain"), "SELECT sum(v) FROM t") == 1 ? 0 : 7;
}

/* The library reads the environment once, at the first use of a transaction. */
Test(bound_disabled, is_refused_and_unbound_requests_work)
{
	cr_expect(eq(int, in_child(is_disabled, NULL), 0));
}

/* ---- the end ------------------------------------------------------------- */

Test(bound, success_commits)
{
	must_begin_with(NULL, NULL);
	must_insert();
	expect_end(0, 0, 1);
}

Test(bound, failure_aborts_and_is_returned_with_its_detail)
{
	int failure;

	must_begin_with(NULL, NULL);
	must_insert();
	failure = sqla_exec(sqla_request_writer(rq), "SELECT nonsense");
	expect_end(failure, failure, 0);
	must_begin_with(NULL, NULL);
	must_insert();
	cr_expect(eq(int, sqla_request_end(rq, failure), failure));
	cr_expect(error_says("nonsense"));
}

Test(bound, a_doomed_transaction_is_aborted)
{
	must_begin_with(NULL, NULL);
	must_insert();
	cr_assert(eq(int, txn_doom(), 0));
	expect_end(0, SQLA_EDOOMED, 0);
}

Test(bound, a_failed_transaction_is_aborted)
{
	struct txn_savepoint *sp;

	must_begin_with(NULL, NULL);
	must_insert();
	cr_assert(eq(int, txn_savepoint(0, &sp), 0));
	cr_assert(eq(int, sqla_session_rollback(sqla_request_writer(rq)), 0));
	cr_assert(lt(int, txn_savepoint_rollback(sp), 0));
	expect_end(0, SQLA_EFAILED, 0);
}

static int refuse(struct txn *txn, void *arg)
{
	(void)txn;
	return *(int *)arg;
}

Test(bound, a_commit_that_fails_is_aborted_and_reported)
{
	int status = SQLA_ERETRY;

	must_begin_with(NULL, NULL);
	must_insert();
	cr_assert(eq(int, txn_before_commit(txn_current(), refuse, &status), 0));
	expect_end(0, SQLA_ERETRY, 0);
}

Test(bound, works_on_an_explicit_manager)
{
	cr_assert(eq(int, txn_manager_set_explicit(txn_manager_thread(), true), 0));
	must_begin_with(NULL, NULL);
	must_insert();
	expect_end(0, 0, 1);
	must_begin_with(NULL, NULL);
	must_insert();
	expect_end(SQLA_EABORTED, SQLA_EABORTED, 1);
	cr_assert(eq(int, txn_manager_set_explicit(txn_manager_thread(), false), 0));
}

Test(bound, work_done_before_the_touch_is_the_request_s_own)
{
	must_begin_with(NULL, NULL);
	must_run(must_open("writer"), "INSERT INTO t(v) VALUES (1)");
	must_insert();
	expect_end(0, 0, 2);
}

Test(bound, freeing_one_that_has_not_ended_aborts)
{
	must_begin_with(NULL, NULL);
	must_insert();
	sqla_request_free(rq);
	rq = NULL;
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_expect(eq(i64, rows_in(path), 0));
}

/* ---- the veto ------------------------------------------------------------ */

struct asked {
	int times;
	void *app;
	bool answer;
};

static bool veto(void *app_request, void *arg)
{
	struct asked *asked = arg;

	asked->times++;
	asked->app = app_request;
	return asked->answer;
}

Test(bound, a_veto_aborts)
{
	struct asked asked = { .answer = true };

	must_begin_with(veto, &asked);
	must_insert();
	expect_end(0, SQLA_EABORTED, 0);
	cr_expect(eq(int, asked.times, 1));
	cr_expect(eq(ptr, asked.app, app));
}

Test(bound, a_veto_that_agrees_lets_it_commit)
{
	struct asked asked = { .answer = false };

	must_begin_with(veto, &asked);
	must_insert();
	expect_end(0, 0, 1);
	cr_expect(eq(int, asked.times, 1));
}

Test(bound, the_veto_is_not_asked_where_nothing_can_commit)
{
	struct asked asked = { .answer = false };

	must_begin_with(veto, &asked);
	expect_end(SQLA_EDATABASE, SQLA_EDATABASE, 0);
	must_begin_with(veto, &asked);
	cr_assert(eq(int, txn_doom(), 0));
	expect_end(0, SQLA_EDOOMED, 0);
	cr_expect(eq(int, asked.times, 0));
}

static bool end_it(void *app_request, void *arg)
{
	(void)app_request;
	*(int *)arg = sqla_request_end(rq, 0);
	return false;
}

Test(bound, ending_it_in_the_veto_is_an_error)
{
	int answer = 0;

	must_begin_with(end_it, &answer);
	must_insert();
	expect_end(0, 0, 1);
	cr_expect(eq(int, answer, SQLA_EMISUSE));
}

static bool abort_it(void *app_request, void *arg)
{
	(void)app_request;
	(void)arg;
	return txn_abort() < 0;
}

Test(bound, a_veto_that_ends_the_transaction_commits_nothing)
{
	must_begin_with(abort_it, NULL);
	must_insert();
	expect_end(0, SQLA_ENOTXN, 0);
}

/* ---- callbacks ----------------------------------------------------------- */

struct seen {
	int times;
	int outcome;
	int64_t rows;
	bool is_open;
};

static int look(struct sqla_request *of, int outcome, void *arg)
{
	struct seen *seen = arg;

	seen->times++;
	seen->outcome = outcome;
	seen->rows = rows_in(path);
	seen->is_open = txn_current();
	return sqla_request_app(of) == app ? SQLA_EFAILED : 0;
}

Test(bound, callbacks_run_after_the_commit_and_cannot_undo_it)
{
	struct seen seen = { 0 };

	must_begin_with(NULL, NULL);
	cr_assert(eq(int, sqla_request_on_finished(rq, look, &seen), 0));
	must_insert();
	expect_end(0, 0, 1);
	cr_expect(eq(int, seen.times, 1));
	cr_expect(eq(int, seen.outcome, 0));
	cr_expect(eq(i64, seen.rows, 1));
}

Test(bound, callbacks_run_once_also_after_a_doomed_transaction)
{
	struct seen seen = { 0 };

	must_begin_with(NULL, NULL);
	cr_assert(eq(int, sqla_request_on_finished(rq, look, &seen), 0));
	must_insert();
	cr_assert(eq(int, txn_doom(), 0));
	expect_end(0, SQLA_EDOOMED, 0);
	cr_expect(eq(int, sqla_request_end(rq, 0), SQLA_EMISUSE));
	cr_expect(eq(int, seen.times, 1));
	cr_expect(eq(int, seen.outcome, SQLA_EDOOMED));
	cr_expect(not(seen.is_open));
}

static int insert_late(struct sqla_request *of, int outcome, void *arg)
{
	(void)outcome;
	(void)arg;
	return sqla_exec(sqla_request_writer(of), "INSERT INTO t(v) VALUES (2)");
}

Test(bound, what_a_callback_leaves_open_is_aborted_with_a_warning)
{
	must_begin_with(NULL, NULL);
	cr_assert(eq(int, sqla_request_on_finished(rq, insert_late, NULL), 0));
	must_insert();
	log_collect();
	expect_end(0, 0, 1);
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	cr_expect(log_has("still open"));
}

/* ---- transactions that somebody else ended -------------------------------- */

Test(bound, a_transaction_that_was_committed_meanwhile_is_told)
{
	struct seen seen = { 0 };

	must_begin_with(NULL, NULL);
	cr_assert(eq(int, sqla_request_on_finished(rq, look, &seen), 0));
	must_insert();
	cr_assert(eq(int, txn_commit(), 0));
	must_insert(); /* in a transaction of its own, which nobody commits */
	expect_end(0, SQLA_ENOTXN, 1);
	cr_expect(eq(int, seen.times, 1));
}

Test(bound, a_failure_after_a_commit_by_others_is_not_told_as_an_abort)
{
	must_begin_with(NULL, NULL);
	must_insert();
	cr_assert(eq(int, txn_commit(), 0));
	expect_end(SQLA_EABORTED, SQLA_ENOTXN, 1);
}

Test(bound, a_suspended_transaction_stays_with_who_has_it)
{
	struct txn *txn;

	must_begin_with(NULL, NULL);
	must_insert();
	cr_assert(eq(int, txn_suspend(&txn), 0));
	expect_end(0, SQLA_ENOTXN, 0);
	cr_assert(eq(int, txn_resume(txn), 0));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
}

/* ---- threads ------------------------------------------------------------- */

static void *end_there(void *arg)
{
	*(int *)arg = sqla_request_end(rq, 0);
	return NULL;
}

Test(bound, another_thread_is_refused_and_changes_nothing)
{
	int answer = 0;

	must_begin_with(NULL, NULL);
	must_insert();
	in_thread(end_there, &answer);
	cr_expect(eq(int, answer, SQLA_EMISUSE));
	cr_expect(eq(int, (int)sqla_request_state(rq, "writer"), SQLA_REQUEST_START));
	expect_end(0, 0, 1);
}

static void *free_there(void *arg)
{
	(void)arg;
	sqla_request_free(rq);
	return NULL;
}

Test(bound, freeing_it_on_another_thread_leaves_the_transaction_open)
{
	must_begin_with(NULL, NULL);
	must_insert();
	log_collect();
	in_thread(free_there, NULL);
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	rq = NULL;
	cr_expect(log_has("another thread"));
	cr_expect(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(path), 0));
}

struct handover {
	struct txn *txn;
	int status;
};

static void *resume_and_end(void *arg)
{
	struct handover *handover = arg;

	if (txn_resume(handover->txn) < 0)
		must_fail("%s", sqla_error_last()->message);
	must_insert();
	handover->status = sqla_request_end(rq, 0);
	return NULL;
}

Test(bound, it_ends_where_its_transaction_was_handed_to)
{
	struct handover handover = { .status = -1 };

	must_begin_with(NULL, NULL);
	must_insert();
	cr_assert(eq(int, txn_suspend(&handover.txn), 0));
	in_thread(resume_and_end, &handover);
	cr_expect(eq(int, handover.status, 0));
	cr_expect(eq(i64, rows_in(path), 2));
}

static int add_one(bool fails)
{
	struct sqla_request_options options = { .bound = SQLA_YES };
	struct sqla_request *one;
	struct sqla_session *s;
	int status = sqla_request_begin_with(NULL, &options, &one);

	if (status < 0)
		return status;
	s = sqla_request_writer(one);
	status = s ? sqla_exec(s, "INSERT INTO t(v) VALUES (1)") : sqla_error_last()->status;
	if (status == 0 && fails)
		status = SQLA_EABORTED;
	status = sqla_request_end(one, status);
	sqla_request_free(one);
	return status;
}

static void *add_many(void *arg)
{
	int *commits = arg;

	for (int i = 0; i < 20; i++)
		if (add_one(i % 4 == 0) == 0)
			(*commits)++;
	return NULL;
}

Test(bound, eight_threads_commit_and_abort_side_by_side)
{
	enum { THREADS = 8 };
	int commits[THREADS] = { 0 };
	pthread_t threads[THREADS];
	int all = 0;

	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, add_many, &commits[i]), 0));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(gt(int, commits[i], 0));
		all += commits[i];
	}
	cr_expect(eq(i64, rows_in(path), all));
}

/* ---- forks --------------------------------------------------------------- */

static int goes_on_by_itself(void *arg)
{
	(void)arg;
	if (sqla_request_end(rq, 0) != SQLA_EFORKED)
		return 1;
	must_begin_with(NULL, NULL); /* frees the parent's */
	if (!sqla_request_writer(rq))
		return 2;
	return sqla_request_end(rq, 0) < 0 ? 3 : 0;
}

Test(bound, a_child_lets_go_and_the_parent_commits)
{
	must_begin_with(NULL, NULL);
	must_insert();
	cr_expect(eq(int, in_child(goes_on_by_itself, NULL), 0));
	must_insert();
	expect_end(0, 0, 2);
}
