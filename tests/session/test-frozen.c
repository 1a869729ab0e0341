/*
 * A coordinator that is frozen, or whose server goes down, while it commits.
 * When it wakes up recovery may have ended everything, and may have forgotten
 * that it did (I5): it must never take that for an abort.
 */
#include <sqlassist.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" })

enum { SECONDS_KEPT = 1 };

static struct pair pair;
static char *till; /* path of a file */

static const char *fault_then; /* armed when the child goes on */

static void wake_up(int signal)
{
	(void)signal;
	/* The child stands in its own fault point, which holds no lock. */
	fault_arm(fault_then);
}

static void open_with(const struct sqla_engine_options *options)
{
	pair_open(&pair, options, NULL);
	till = must_file_engine("till", options);
	/* The tables are made at the first use. */
	must_run(pair.b, "SELECT 1");
	must_run(pair.s, "SELECT 1");
	cr_assert(eq(int, txn_commit(), 0));
}

static void setup(void)
{
	const struct sqla_engine_options options = { .decide = SQLA_DECIDE_PREFER,
						     .keep_decisions = SECONDS_KEPT };

	open_with(&options);
}

static void setup_with_rows(void)
{
	const struct sqla_engine_options options = { .outcome = SQLA_OUTCOME_ROW,
						     .keep_decisions = SECONDS_KEPT };

	open_with(&options);
}

static void teardown(void)
{
	pair_close(&pair);
	free(till);
}

TestSuite(frozen, .init = setup, .fini = teardown);
TestSuite(frozen_with_rows, .init = setup_with_rows, .fini = teardown);

struct plan {
	const char *engines[3]; /* those that write */
	const char *stop;	/* the fault that freezes it */
	const char *then;	/* the fault after that */
	const char *slow;	/* an engine whose vote takes longer than a row is kept */
	bool is_patient;	/* it keeps rows for longer than who recovers */
};

/* In the child: the servers again, as another program knows them. */
static int register_patiently(void)
{
	const struct sqla_engine_options options = { .decide = SQLA_DECIDE_PREFER };
	int status = sqla_engine_unregister(NULL);

	if (status == 0)
		status = sqla_engine_register("bank", pair.bank, &options);
	return status == 0 ? sqla_engine_register("shop", pair.shop, NULL) : status;
}

static int work(const struct plan *plan)
{
	struct sqla_session *s;

	for (int i = 0; i < 3 && plan->engines[i]; i++)
		if (sqla_session_open(plan->engines[i], &s) < 0 ||
		    sqla_exec(s, "INSERT INTO t(v) VALUES (1)") < 0)
			return -1;
	if (plan->slow)
		return sqla_session_open(plan->slow, &s) < 0 ||
				       sqla_exec(s, "INSERT INTO d VALUES (1)") < 0 ?
			       -1 :
			       0;
	return 0;
}

/* Statuses are -20 to 1. */
enum { STATUS_SHIFT = 64 };

static pid_t must_freeze(const struct plan *plan)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fault_then = plan->then;
		(void)signal(SIGCONT, wake_up);
		fault_arm(plan->stop);
		if ((plan->is_patient && register_patiently() < 0) || work(plan) < 0)
			_exit(1);
		_exit(txn_commit() + STATUS_SHIFT);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		must_fail("the child was not frozen");
	return pid;
}

/* What txn_commit answered there. */
static int thaw(pid_t pid)
{
	int status;

	if (kill(pid, SIGCONT) != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		must_fail("the child did not go on: %s", strerror(errno));
	return WEXITSTATUS(status) - STATUS_SHIFT;
}

static void wait_until_forgettable(void)
{
	(void)poll(NULL, 0, SECONDS_KEPT * 1000 + 1100);
}

static void expect_recovery(int committed, int forgotten)
{
	struct sqla_recover_report report;

	cr_expect(eq(int, recover_now(&report), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, report.committed, committed));
	cr_expect(eq(int, report.forgotten, forgotten));
}

/* ---- the row is gone when it wakes up ---------------------------------------------- */

Test(frozen, behind_its_decision_it_never_takes_a_forgotten_row_for_an_abort)
{
	struct plan plan = { { "bank", "shop" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     NULL,
			     false };
	pid_t pid = must_freeze(&plan);

	must_await(pair.bank, "SELECT count(*) FROM t");
	wait_until_forgettable();
	expect_recovery(1, 1);
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	cr_expect(pair_has(&pair, 1));
}

Test(frozen, behind_a_forgetful_recoverer_it_never_takes_a_forgotten_row_for_an_abort)
{
	struct plan plan = { { "bank", "shop" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     NULL,
			     true };
	pid_t pid = must_freeze(&plan);

	must_await(pair.bank, "SELECT count(*) FROM t");
	wait_until_forgettable();
	expect_recovery(1, 1);
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	cr_expect(pair_has(&pair, 1));
}

/* The row's age counts from the claim, and the vote may take its time. */
Test(frozen, behind_a_slow_vote_it_never_takes_a_forgotten_row_for_an_abort)
{
	struct plan plan = { { "bank", "shop" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     "shop",
			     false };
	pid_t pid;

	must_trigger_at_end(pair.shop, "PERFORM pg_sleep(2)");
	pid = must_freeze(&plan);
	must_await(pair.bank, "SELECT count(*) FROM t");
	expect_recovery(1, 1);
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	cr_expect(pair_has(&pair, 1));
}

static void expect_file_and_shop(int64_t rows)
{
	cr_expect(eq(i64, rows_in(till), rows));
	cr_expect(eq(i64, rows_at(pair.shop), rows));
	cr_expect(eq(i64, prepared_at(pair.shop), 0));
}

Test(frozen, behind_the_decision_of_a_file_it_never_takes_a_forgotten_row_for_an_abort)
{
	struct plan plan = { { "till", "shop" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     NULL,
			     false };
	pid_t pid = must_freeze(&plan);

	wait_until_forgettable();
	expect_recovery(1, 1);
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	expect_file_and_shop(1);
}

Test(frozen, behind_a_slow_vote_for_a_file_it_never_takes_a_forgotten_row_for_an_abort)
{
	struct plan plan = { { "till", "shop" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     "shop",
			     false };
	pid_t pid;

	must_trigger_at_end(pair.shop, "PERFORM pg_sleep(2)");
	pid = must_freeze(&plan);
	expect_recovery(1, 1);
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	expect_file_and_shop(1);
}

Test(frozen_with_rows, alone_it_never_takes_a_forgotten_row_for_an_abort)
{
	struct plan plan = { { "bank" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     NULL,
			     false };
	pid_t pid = must_freeze(&plan);

	must_await(pair.bank, "SELECT count(*) FROM t");
	wait_until_forgettable();
	expect_recovery(0, 1);
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

/* ---- it finds everything ended ------------------------------------------------------- */

Test(frozen, before_commit_prepared_it_finds_that_recovery_has_committed)
{
	struct plan plan = { { "bank", "shop" }, "finish_before_send:stop", NULL, NULL, false };
	pid_t pid = must_freeze(&plan);

	wait_until_forgettable();
	expect_recovery(1, 1);
	cr_expect(eq(int, thaw(pid), 0));
	cr_expect(pair_has(&pair, 1));
}

Test(frozen, with_everything_prepared_it_is_waited_for_and_decides)
{
	struct plan plan = { { "bank", "shop" }, "commit_voted:stop", NULL, NULL, false };
	struct sqla_recover_report report;
	pid_t pid = must_freeze(&plan);

	cr_expect(eq(int, recover_now(&report), SQLA_PENDING));
	cr_expect(eq(int, report.left, 1));
	cr_expect(eq(int, thaw(pid), 0));
	cr_expect(pair_has(&pair, 1));
}

Test(frozen, with_everything_prepared_it_can_be_fenced_and_then_aborts)
{
	struct sqla_recover_options fence = { .grace_s = -1, .fence_s = 1 };
	struct plan plan = { { "bank", "shop" }, "commit_voted:stop", NULL, NULL, false };
	pid_t pid = must_freeze(&plan);

	(void)poll(NULL, 0, 1500);
	cr_expect(eq(int, sqla_recover(&fence, NULL, NULL, NULL), 0), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(int, thaw(pid), SQLA_EABORTED));
	cr_expect(pair_has(&pair, 0));
}

Test(frozen, behind_its_own_commit_alone_its_number_tells_that_it_has_committed)
{
	struct plan plan = { { "bank" },
			     "onephase_after_send:stop",
			     "onephase_answered:fail",
			     NULL,
			     false };
	pid_t pid = must_freeze(&plan);

	must_await(pair.bank, "SELECT count(*) FROM t");
	cr_expect(eq(int, thaw(pid), 0));
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

/* ---- its server went down meanwhile ----------------------------------------------------- */

static void crash(const char *name)
{
	struct cluster *c = cluster_get(name);

	cluster_crash(c);
	cluster_restart(c);
	cluster_free(c);
	/* What this process has pooled died with it. */
	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
}

Test(frozen, with_its_server_gone_a_commit_alone_is_in_doubt)
{
	struct plan plan = { { "bank" },
			     "onephase_after_send:stop",
			     "onephase_answered:fail",
			     NULL,
			     false };
	pid_t pid = must_freeze(&plan);

	must_await(pair.bank, "SELECT count(*) FROM t");
	crash("one");
	cr_expect(eq(int, thaw(pid), SQLA_EINDOUBT));
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

Test(frozen_with_rows, with_its_server_gone_a_commit_alone_is_known)
{
	struct plan plan = { { "bank" },
			     "decide_after_send:stop",
			     "decide_answered:fail",
			     NULL,
			     false };
	pid_t pid = must_freeze(&plan);

	must_await(pair.bank, "SELECT count(*) FROM t");
	crash("one");
	cr_expect(eq(int, thaw(pid), 0));
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

Test(frozen, with_its_server_gone_before_the_decision_it_aborts)
{
	struct plan plan = { { "bank", "shop" }, "commit_voted:stop", NULL, NULL, false };
	pid_t pid = must_freeze(&plan);

	crash("one");
	cr_expect(eq(int, thaw(pid), SQLA_EABORTED));
	cr_expect(eq(int, recover_now(NULL), 0));
	cr_expect(pair_has(&pair, 0));
}

Test(frozen, with_the_other_server_gone_it_is_pending)
{
	struct plan plan = { { "bank", "shop" }, "finish_before_send:stop", NULL, NULL, false };
	pid_t pid = must_freeze(&plan);

	crash("two");
	cr_expect(eq(int, thaw(pid), SQLA_PENDING));
	cr_expect(eq(int, recover_now(NULL), 0));
	cr_expect(pair_has(&pair, 1));
}
