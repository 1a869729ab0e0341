/*
 * Forks with both kinds of engine in one transaction: whatever a child does and
 * however it ends, the parent's connections and transaction are as they were.
 */
#include <sqlassist.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "one" })

static char *till; /* path */
static char *bank; /* URL */

static void setup(void)
{
	till = must_file_engine("till", NULL);
	bank = must_server_engine("one", "bank", NULL);
}

static void teardown(void)
{
	(void)txn_abort();
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(till);
	free(bank);
}

TestSuite(forked, .init = setup, .fini = teardown);

static void expect_rows(int64_t n)
{
	cr_expect(eq(i64, rows_in(till), n));
	cr_expect(eq(i64, rows_at(bank), n));
	cr_expect(eq(i64, prepared_at(bank), 0));
}

static int insert(const char *engine)
{
	struct sqla_session *s;
	int status = sqla_session_open(engine, &s);

	if (status < 0)
		return status;
	status = sqla_exec(s, "INSERT INTO t(v) VALUES (1)");
	sqla_session_close(s);
	return status;
}

static int insert_both(void *unused)
{
	int status = insert("till");

	(void)unused;
	return status < 0 ? status : insert("bank");
}

/* Each child answers the number of the first thing that is wrong, or 0. */
static int works(void *unused)
{
	return txn_run(3, insert_both, unused) == 0 ? 0 : 1;
}

static int works_without(void *unused)
{
	return txn_abort() == 0 ? works(unused) : 2;
}

static int reinits_and_works(void *name)
{
	if (sqla_engine_reinit(name) != 0)
		return 3;
	return works_without(NULL);
}

Test(forked, before_the_first_use_both_work)
{
	cr_expect(eq(int, in_child(works, NULL), 0));
	cr_expect(eq(int, txn_run(1, insert_both, NULL), 0));
	cr_expect(eq(int, in_child(works, NULL), 0));
	expect_rows(3);
}

/* The server process that serves the parent; the pool gives the same again. */
static int64_t backend(void)
{
	struct sqla_session *s = must_open("bank");
	int64_t pid = backend_of(s);

	cr_assert(eq(int, txn_abort(), 0));
	sqla_session_close(s);
	return pid;
}

Test(forked, an_idle_connection_stays_the_parents)
{
	int64_t before = backend();
	char name[] = "bank";

	cr_expect(eq(int, in_child(works, NULL), 0));
	cr_expect(eq(int, in_child(reinits_and_works, name), 0));
	cr_expect(eq(int, in_child(reinits_and_works, NULL), 0));
	cr_expect(eq(i64, backend(), before));
	expect_rows(3);
}

/* The leak checker that runs at exit cannot stop the parent's threads, and says
 * so; every other build runs this. */
#ifndef __SANITIZE_ADDRESS__

static int exits(int (*fn)(void *arg))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		exit(fn(NULL)); /* with the library's destructors */
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		must_fail("no child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int closes(void *unused)
{
	(void)unused;
	return sqla_engine_unregister(NULL) == 0 ? 0 : 4;
}

Test(forked, a_child_that_exits_tidily_ends_nothing_of_its_parent)
{
	int64_t before = backend();

	cr_assert(eq(int, insert_both(NULL), 0));
	cr_expect(eq(int, exits(closes), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, backend(), before));
}

#endif

/* ---- in the middle of a transaction --------------------------------------------- */

static struct sqla_session *sessions[2];
static struct txn_savepoint *savepoint;

static int is_refused(void *unused)
{
	struct txn_savepoint *sp;

	(void)unused;
	for (int i = 0; i < 2; i++)
		if (sqla_exec(sessions[i], "SELECT 1") != SQLA_EFORKED)
			return 10 + i;
	if (txn_savepoint(0, &sp) != SQLA_EFORKED)
		return 12;
	if (txn_savepoint_rollback(savepoint) != SQLA_EFORKED)
		return 13;
	if (txn_doom() != SQLA_EFORKED || txn_commit() != SQLA_EFORKED)
		return 14;
	if (txn_set_timeout(txn_current(), 1000) != SQLA_EFORKED)
		return 15;
	for (int i = 0; i < 2; i++)
		sqla_session_close(sessions[i]);
	return 0;
}

static void open_both(void)
{
	sessions[0] = must_open("till");
	sessions[1] = must_open("bank");
	for (int i = 0; i < 2; i++)
		must_run(sessions[i], "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_savepoint(0, &savepoint), 0));
}

static void finish_both(void)
{
	for (int i = 0; i < 2; i++)
		must_run(sessions[i], "INSERT INTO t(v) VALUES (2)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	for (int i = 0; i < 2; i++)
		sqla_session_close(sessions[i]);
}

Test(forked, in_a_transaction_its_sessions_and_verbs_are_refused_and_it_commits)
{
	open_both();
	cr_expect(eq(int, in_child(is_refused, NULL), 0));
	finish_both();
	expect_rows(2);
}

static int works_in_bank(void *unused)
{
	int status;

	(void)unused;
	if (is_refused(NULL) != 0 || txn_abort() < 0)
		return 20;
	status = insert("bank");
	return status == 0 && txn_commit() == 0 ? 0 : 21;
}

Test(forked, in_a_transaction_a_child_commits_one_of_its_own_first)
{
	open_both();
	cr_expect(eq(int, in_child(works_in_bank, NULL), 0));
	finish_both();
	cr_expect(eq(i64, rows_in(till), 2));
	cr_expect(eq(i64, rows_at(bank), 3));
}

static struct txn *suspended;

static int cannot_resume(void *unused)
{
	if (txn_resume(suspended) != SQLA_EFORKED)
		return 30;
	return works(unused);
}

Test(forked, a_suspended_transaction_is_the_parents)
{
	cr_assert(eq(int, insert("bank"), 0));
	cr_assert(eq(int, txn_suspend(&suspended), 0));
	cr_expect(eq(int, in_child(cannot_resume, NULL), 0));
	cr_assert(eq(int, txn_resume(suspended), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_at(bank), 2));
}

/* ---- with threads ------------------------------------------------------------------ */

/* The sanitizers' own allocator keeps locks over a fork that nobody in the child
 * releases; every other build runs this. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static int is_over; /* atomic */

static int insert_bank(void *unused)
{
	(void)unused;
	return insert("bank");
}

/* Counts in ARG what it has committed; a failure makes it negative. */
static void *keep_busy(void *arg)
{
	int *committed = arg;

	do {
		if (txn_run(1, insert_bank, NULL) != 0) {
			*committed = -1000000;
			break;
		}
		++*committed;
	} while (!__atomic_load_n(&is_over, __ATOMIC_SEQ_CST));
	return NULL;
}

Test(forked, while_other_threads_work_children_work_and_they_go_on)
{
	enum { THREADS = 6, CHILDREN = 10 };
	int committed[THREADS] = { 0 };
	pthread_t threads[THREADS];
	int64_t sum = CHILDREN;

	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, keep_busy, &committed[i]), 0));
	for (int i = 0; i < CHILDREN; i++)
		cr_expect(eq(int, in_child(works, NULL), 0));
	__atomic_store_n(&is_over, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < THREADS; i++) {
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
		cr_expect(gt(int, committed[i], 0));
		sum += committed[i];
	}
	cr_expect(eq(i64, rows_at(bank), sum));
	cr_expect(eq(i64, rows_in(till), CHILDREN));
}

#endif
