/* The life of a request: states, callbacks, and what is refused when it is over. */
#include <sqlassist.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static char *path; /* of engine "writer" */
static struct sqla_request *rq;
static char app[] = "GET /";

/* What the callbacks did, a letter each. */
static char told[32];
static int told_outcome;

static void begin(void)
{
	if (sqla_request_begin(app, &rq) < 0)
		must_fail("%s", sqla_error_last()->message);
}

static void setup(void)
{
	path = must_file_engine("writer", NULL);
	begin();
}

static void teardown(void)
{
	sqla_request_free(rq);
	(void)txn_abort();
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(request, .init = setup, .fini = teardown);

static int tell(struct sqla_request *of, int outcome, void *arg)
{
	const char *letter = arg;

	if (sqla_request_app(of) != app)
		must_fail("another request's callback");
	(void)snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s", letter);
	told_outcome = outcome;
	return strcmp(letter, "!") == 0 ? sqla_exec(NULL, "SELECT 1") : 0;
}

static void must_tell(const char *letter)
{
	if (sqla_request_on_finished(rq, tell, (void *)(intptr_t)letter) < 0)
		must_fail("%s", sqla_error_last()->message);
}

/* ---- states -------------------------------------------------------------- */

Test(request, an_engine_goes_from_init_over_start_to_end)
{
	cr_expect(eq(int, (int)sqla_request_state(rq, "writer"), SQLA_REQUEST_INIT));
	cr_expect(eq(int, (int)sqla_request_state(rq, NULL), SQLA_REQUEST_INIT));
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_expect(eq(int, (int)sqla_request_state(rq, "writer"), SQLA_REQUEST_START));
	cr_expect(eq(int, (int)sqla_request_state(rq, NULL), SQLA_REQUEST_START));
	cr_expect(eq(int, (int)sqla_request_state(rq, "reader"), SQLA_REQUEST_INIT));
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, (int)sqla_request_state(rq, "writer"), SQLA_REQUEST_END));
	cr_expect(eq(int, (int)sqla_request_state(rq, "reader"), SQLA_REQUEST_END));
	cr_expect(eq(int, (int)sqla_request_state(NULL, "writer"), SQLA_REQUEST_END));
}

Test(request, knows_its_application_s_request_also_when_it_is_over)
{
	cr_expect(eq(ptr, sqla_request_app(rq), app));
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(ptr, sqla_request_app(rq), app));
	cr_expect(eq(ptr, sqla_request_app(NULL), NULL));
}

Test(request, needs_no_application_s_request)
{
	struct sqla_request *plain;

	cr_assert(eq(int, sqla_request_begin(NULL, &plain), 0));
	cr_expect(ne(ptr, sqla_request_writer(plain), NULL));
	cr_expect(eq(ptr, sqla_request_of(sqla_request_writer(plain)), plain));
	cr_expect(eq(int, sqla_request_end(plain, 0), 0));
	sqla_request_free(plain);
}

/* ---- what is refused ----------------------------------------------------- */

Test(request, using_it_after_the_end_is_an_error)
{
	cr_assert(ne(ptr, sqla_request_writer(rq), NULL));
	cr_assert(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(ptr, sqla_request_writer(rq), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
	cr_expect(error_says("has ended"));
	cr_expect(eq(ptr, sqla_request_any(rq), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
	cr_expect(eq(int, sqla_request_on_finished(rq, tell, app), SQLA_EMISUSE));
}

Test(request, ending_it_twice_is_an_error_and_cleans_up_once)
{
	must_tell("a");
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, sqla_request_end(rq, 0), SQLA_EMISUSE));
	cr_expect(eq(str, told, (char *)"a"));
}

Test(request, null_arguments_are_misuse)
{
	cr_expect(eq(int, sqla_request_begin(app, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_request_end(NULL, 0), SQLA_EMISUSE));
	cr_expect(eq(ptr, sqla_request_writer(NULL), NULL));
	cr_expect(eq(ptr, sqla_request_any(NULL), NULL));
	cr_expect(eq(int, sqla_request_on_finished(NULL, tell, app), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_request_on_finished(rq, NULL, app), SQLA_EMISUSE));
	cr_expect(eq(ptr, sqla_request_of(NULL), NULL));
	sqla_request_free(NULL);
}

Test(request, options_that_make_no_sense_are_misuse)
{
	struct sqla_request_options veto_alone = { .veto_arg = NULL, .reserved = { 1 } };
	struct sqla_request_options unknown = { .bound = (enum sqla_choice)7 };
	struct sqla_request *none = NULL;

	cr_expect(eq(int, sqla_request_begin_with(app, &veto_alone, &none), SQLA_EMISUSE));
	cr_expect(error_says("reserved"));
	cr_expect(eq(int, sqla_request_begin_with(app, &unknown, &none), SQLA_EMISUSE));
	cr_expect(error_says("bound"));
	cr_expect(eq(ptr, none, NULL));
}

/* ---- finished callbacks -------------------------------------------------- */

Test(request, callbacks_run_in_the_order_of_registration)
{
	must_tell("a");
	must_tell("b");
	must_tell("c");
	cr_expect(eq(str, told, (char *)""));
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(str, told, (char *)"abc"));
}

Test(request, a_failing_callback_is_logged_and_the_others_run)
{
	must_tell("a");
	must_tell("!");
	must_tell("c");
	log_collect();
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	cr_expect(log_has("callback"));
	cr_expect(eq(str, told, (char *)"a!c"));
}

Test(request, callbacks_are_told_the_outcome_that_the_end_returns)
{
	must_tell("a");
	cr_expect(eq(int, sqla_request_end(rq, SQLA_EDATABASE), SQLA_EDATABASE));
	cr_expect(eq(int, told_outcome, SQLA_EDATABASE));
}

static int register_more(struct sqla_request *of, int outcome, void *arg)
{
	(void)outcome;
	return sqla_request_on_finished(of, tell, arg);
}

Test(request, a_callback_may_register_more)
{
	static char more[] = "m";

	cr_assert(eq(int, sqla_request_on_finished(rq, register_more, more), 0));
	must_tell("a");
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(str, told, (char *)"am"));
}

static int end_again(struct sqla_request *of, int outcome, void *arg)
{
	*(int *)arg = sqla_request_end(of, outcome);
	return 0;
}

Test(request, ending_it_in_a_callback_is_an_error_and_cleans_up_once)
{
	int answer = 0;

	must_tell("a");
	cr_assert(eq(int, sqla_request_on_finished(rq, end_again, &answer), 0));
	must_tell("b");
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(int, answer, SQLA_EMISUSE));
	cr_expect(eq(str, told, (char *)"ab"));
}

static int free_it(struct sqla_request *of, int outcome, void *arg)
{
	(void)outcome;
	(void)arg;
	sqla_request_free(of);
	return sqla_request_state(of, "writer") == SQLA_REQUEST_START ? 0 : SQLA_EFAILED;
}

Test(request, freeing_it_in_a_callback_waits_for_the_end)
{
	struct sqla_request *brief = rq;

	cr_assert(ne(ptr, sqla_request_writer(brief), NULL));
	cr_assert(eq(int, sqla_request_on_finished(brief, free_it, NULL), 0));
	must_tell("a");
	rq = NULL;
	log_collect();
	cr_expect(eq(int, sqla_request_end(brief, 0), 0));
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	cr_expect(not(log_has("callback")));
	cr_expect(eq(str, told, (char *)"a"));
}

static int use_session(struct sqla_request *of, int outcome, void *arg)
{
	(void)outcome;
	*(int64_t *)arg = must_int(sqla_request_writer(of), "SELECT 7");
	return 0;
}

Test(request, callbacks_may_still_use_the_sessions)
{
	int64_t seen = 0;

	cr_assert(eq(int, sqla_request_on_finished(rq, use_session, &seen), 0));
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(i64, seen, 7));
	cr_expect(eq(int, (int)sqla_request_state(rq, "writer"), SQLA_REQUEST_END));
}

Test(request, freeing_one_that_has_not_ended_ends_it_as_failed)
{
	struct sqla_session *s = sqla_request_writer(rq);

	must_tell("a");
	(void)sqla_exec(NULL, "so that there is a detail");
	sqla_request_free(rq);
	rq = NULL;
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
	cr_expect(eq(str, told, (char *)"a"));
	cr_expect(eq(int, told_outcome, SQLA_EABORTED));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
}

/* ---- the outcome --------------------------------------------------------- */

Test(request, the_end_keeps_the_detail_of_the_failure)
{
	int failure = sqla_exec(sqla_request_writer(rq), "SELECT nonsense");

	cr_assert(lt(int, failure, 0));
	must_tell("!");
	cr_expect(eq(int, sqla_request_end(rq, failure), failure));
	cr_expect(error_says("nonsense"));
}

Test(request, the_end_has_a_detail_for_any_failure)
{
	cr_expect(eq(int, sqla_request_end(rq, -4711), -4711));
	cr_expect(eq(int, sqla_error_last()->status, -4711));
	cr_expect(error_says("request"));
}

Test(request, an_unbound_one_leaves_the_transaction_to_its_owner)
{
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
}

/* ---- forks --------------------------------------------------------------- */

static int is_refused(void *arg)
{
	(void)arg;
	if (sqla_request_writer(rq) || sqla_error_last()->status != SQLA_EFORKED)
		return 1;
	if (sqla_request_end(rq, 0) != SQLA_EFORKED)
		return 2;
	if (sqla_request_on_finished(rq, tell, app) != SQLA_EFORKED)
		return 3;
	if (sqla_request_state(rq, "writer") != SQLA_REQUEST_END || sqla_request_app(rq) != app)
		return 4;
	sqla_request_free(rq);
	if (told[0])
		return 5;
	begin();
	if (sqla_request_writer(rq) || sqla_error_last()->status != SQLA_EFORKED)
		return 6; /* the transaction is still the parent's */
	if (txn_abort() < 0 || !sqla_request_writer(rq))
		return 7;
	return sqla_request_end(rq, 0) < 0 ? 8 : 0;
}

Test(request, a_child_is_refused_the_parent_s_and_begins_its_own)
{
	must_tell("a");
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, in_child(is_refused, NULL), 0));
	cr_expect(eq(str, told, (char *)""));
	must_run(sqla_request_writer(rq), "INSERT INTO t(v) VALUES (2)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(int, sqla_request_end(rq, 0), 0));
	cr_expect(eq(i64, rows_in(path), 2));
}

/* ---- threads ------------------------------------------------------------- */

static int serve(int number)
{
	struct sqla_request *one;
	struct sqla_session *s;
	int status = sqla_request_begin(&number, &one);

	if (status < 0)
		return status;
	s = sqla_request_any(one);
	if (!s || sqla_session_info(s, "request") != &number || sqla_request_of(s) != one)
		status = SQLA_EFAILED;
	else if (number % 3 == 0)
		must_run(s, "SELECT count(*) FROM t");
	(void)txn_abort();
	if (sqla_request_end(one, status) < 0)
		status = SQLA_EFAILED;
	sqla_request_free(one);
	return status;
}

static void *serve_many(void *arg)
{
	int *failures = arg;

	for (int i = 0; i < 50; i++)
		if (serve(i) < 0)
			(*failures)++;
	return NULL;
}

Test(request, eight_threads_serve_requests_side_by_side)
{
	enum { THREADS = 8 };
	int failures[THREADS] = { 0 };
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, serve_many, &failures[i]), 0));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(eq(int, failures[i], 0));
	}
}
