/* Which session an open gives, in threads, scopes and handed-over transactions. */
#include <sqlassist.h>

#include <pthread.h>
#include <stdlib.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static char *path; /* of engine "db" */

static void setup(void)
{
	path = must_file_engine("db", NULL);
}

static void teardown(void)
{
	(void)txn_abort();
	cr_expect(eq(int, sqla_session_remove("db"), 0));
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(scope, .init = setup, .fini = teardown);

Test(scope, two_opens_give_the_same_session_counted)
{
	struct sqla_session *one = must_open("db");
	struct sqla_session *two = must_open(NULL);

	cr_expect(eq(ptr, one, two));
	sqla_session_close(one);
	must_run(two, "SELECT 1");
	sqla_session_close(two);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(int, sqla_exec(two, "SELECT 1"), SQLA_EMISUSE));
}

Test(scope, removing_ends_the_session_however_often_it_was_opened)
{
	struct sqla_session *s = must_open("db");

	cr_assert(eq(ptr, must_open("db"), s));
	cr_expect(eq(int, sqla_session_remove("db"), 0));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_remove("db"), 0));
}

Test(scope, a_closed_session_that_is_joined_is_given_again)
{
	struct sqla_session *s = must_open("db");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	sqla_session_close(s);
	cr_expect(eq(ptr, must_open("db"), s));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 1));
	cr_expect(eq(int, sqla_session_remove("db"), 0));
	cr_expect(eq(ptr, must_open("db"), s));
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
}

static void *open_in_thread(void *arg)
{
	struct sqla_session **ret_s = arg;

	*ret_s = must_open("db");
	must_run(*ret_s, "SELECT 1");
	sqla_session_close(*ret_s);
	if (txn_abort() < 0)
		must_fail("abort");
	return NULL;
}

Test(scope, each_thread_has_its_own)
{
	struct sqla_session *mine = must_open("db");
	struct sqla_session *its = NULL;

	in_thread(open_in_thread, &its);
	cr_expect(ne(ptr, its, NULL));
	cr_expect(ne(ptr, its, mine));
	sqla_session_close(mine);
}

static void *leave_open(void *arg)
{
	(void)arg;
	must_run(must_open("db"), "INSERT INTO t(v) VALUES (1)");
	return NULL;
}

Test(scope, a_thread_that_ends_inside_a_transaction_is_rolled_back)
{
	log_collect();
	in_thread(leave_open, NULL);
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	cr_expect(log_has("thread"));
	cr_expect(eq(i64, rows_in(path), 0));
}

static void *leave_open_unjoined(void *arg)
{
	must_run(must_open(arg), "INSERT INTO t(v) VALUES (1)");
	return NULL;
}

Test(scope, a_thread_that_ends_with_an_open_session_is_warned_of)
{
	struct sqla_engine_options options = { .joined = SQLA_NO };
	char *url = must_printf("sqlite:///%s", path);
	char name[] = "plain";

	cr_assert(eq(int, sqla_engine_register(name, url, &options), 0));
	free(url);
	log_collect();
	in_thread(leave_open_unjoined, name);
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	cr_expect(log_has("plain"));
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(eq(int, sqla_engine_unregister(name), 0));
}

static uintptr_t request;

static uintptr_t request_scope(void)
{
	return request;
}

Test(scope, a_scope_function_says_which_session_is_meant)
{
	struct sqla_session *one, *two;

	cr_assert(eq(int, sqla_engine_set_scope("db", request_scope), 0));
	request = 1;
	one = must_open("db");
	must_run(one, "SELECT 1");
	request = 2;
	two = must_open("db");
	cr_expect(ne(ptr, one, two));
	must_run(two, "SELECT 1");
	request = 1;
	cr_expect(eq(ptr, must_open("db"), one));
	cr_expect(eq(int, sqla_session_remove("db"), 0));
	request = 2;
	cr_expect(eq(ptr, must_open("db"), two));
	cr_expect(eq(int, sqla_session_remove("db"), 0));
}

Test(scope, a_session_that_is_joined_to_a_suspended_transaction_is_not_it)
{
	struct sqla_session *one = must_open("db");
	struct sqla_session *two;
	struct txn *first;

	must_run(one, "SELECT 1");
	cr_assert(eq(int, txn_suspend(&first), 0));
	two = must_open("db");
	cr_expect(ne(ptr, one, two));
	cr_expect(eq(int, sqla_exec(one, "SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_session_rollback(one), SQLA_EMISUSE));
	must_run(two, "SELECT 1");
	cr_assert(eq(int, txn_abort(), 0));
	cr_assert(eq(int, txn_resume(first), 0));
	cr_expect(eq(ptr, must_open("db"), one));
	must_run(one, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(one);
	sqla_session_close(one);
	sqla_session_close(two);
}

static void *use_it(void *arg)
{
	struct sqla_session *s = arg;
	int status = sqla_exec(s, "INSERT INTO t(v) VALUES (9)");

	if (status != SQLA_EMISUSE)
		must_fail("another thread's session was used: %d", status);
	return NULL;
}

Test(scope, a_session_that_is_joined_on_another_thread_is_refused)
{
	struct sqla_session *s = must_open("db");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	in_thread(use_it, s);
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

struct handover {
	struct txn *txn;
	struct sqla_session *session;
	bool is_same;
};

static void *finish_there(void *arg)
{
	struct handover *handover = arg;
	struct sqla_session *s;

	if (txn_resume(handover->txn) < 0)
		must_fail("%s", sqla_error_last()->message);
	s = must_open("db");
	handover->is_same = s == handover->session;
	must_run(s, "INSERT INTO t(v) VALUES (2)");
	sqla_session_close(s);
	if (txn_commit() < 0)
		must_fail("%s", sqla_error_last()->message);
	return NULL;
}

Test(scope, sessions_follow_their_transaction_to_another_thread)
{
	struct handover handover = { .session = must_open("db") };

	must_run(handover.session, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_suspend(&handover.txn), 0));
	sqla_session_close(handover.session);
	in_thread(finish_there, &handover);
	cr_expect(handover.is_same);
	cr_expect(eq(i64, must_query_int_file(path, "SELECT sum(v) FROM t"), 3));
}

static void *begin_there(void *arg)
{
	struct handover *handover = arg;

	handover->session = must_open("db");
	must_run(handover->session, "INSERT INTO t(v) VALUES (1)");
	if (txn_suspend(&handover->txn) < 0)
		must_fail("%s", sqla_error_last()->message);
	return NULL;
}

Test(scope, a_handed_over_transaction_outlives_its_thread)
{
	struct handover handover = { .txn = NULL };

	in_thread(begin_there, &handover);
	cr_assert(eq(int, txn_resume(handover.txn), 0));
	must_run(handover.session, "INSERT INTO t(v) VALUES (2)");
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 2));
	sqla_session_close(handover.session);
}

/* ---- many threads --------------------------------------------------------- */

struct worker {
	int commits;
	int failures;
};

static int add_one(void *arg)
{
	struct sqla_session *s;
	int status = sqla_session_open("db", &s);

	(void)arg;
	if (status < 0)
		return status;
	status = sqla_exec(s, "INSERT INTO t(v) VALUES ($1)", sqla_int(1));
	sqla_session_close(s);
	return status;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < 10; i++) {
		if (txn_run(20, add_one, NULL) == 0)
			worker->commits++;
		else
			worker->failures++;
	}
	return NULL;
}

Test(scope, many_threads_commit_side_by_side)
{
	enum { THREADS = 8 };
	struct worker workers[THREADS] = { { 0 } };
	pthread_t threads[THREADS];
	int commits = 0;

	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, work, &workers[i]), 0));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(eq(int, workers[i].failures, 0));
		commits += workers[i].commits;
	}
	cr_expect(eq(i64, rows_in(path), commits));
}
