/*
 * Lost connections are not taken for a no (I7), nor for a yes: servers end
 * the backends in the middle of each step, and what is then answered is true.
 */
#include <sqlassist.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/fault.h"
#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" })

static struct pair pair;

static void setup(void)
{
	pair_open(&pair, NULL, NULL);
}

static void teardown(void)
{
	pair_close(&pair);
}

TestSuite(lost, .init = setup, .fini = teardown);
TestSuite(lost_with_rows, .fini = teardown);

static void expect_commit(int status)
{
	cr_expect(eq(int, txn_commit(), status), "%s", sqla_error_last()->message);
}

/* After any answer recovery brings agreement, and the next transaction commits. */
static void expect_agreement(int64_t rows)
{
	cr_expect(eq(int, txn_abort(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, recover_now(NULL), 0), "%s", sqla_error_last()->message);
	cr_expect(pair_has(&pair, rows));
	pair_work(&pair);
	expect_commit(0);
	cr_expect(pair_has(&pair, rows + 1));
}

#define END_MYSELF "PERFORM pg_terminate_backend(pg_backend_pid())"

/* ---- before anything is decided ------------------------------------------------ */

Test(lost, during_prepare_aborts)
{
	must_trigger_at_end(pair.shop, END_MYSELF);
	pair_work(&pair);
	must_run(pair.s, "INSERT INTO d VALUES (1)");
	expect_commit(SQLA_EABORTED);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "shop"));
	cr_expect(eq(str, (char *)sqla_error_last()->sqlstate, "57P01"));
	expect_agreement(0);
}

Test(lost, during_the_claim_aborts)
{
	must_trigger_at_end(pair.bank, END_MYSELF);
	pair_work(&pair);
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	expect_commit(SQLA_EABORTED);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bank"));
	expect_agreement(0);
}

static int end_bank(struct txn *txn, void *backend)
{
	(void)txn;
	must_terminate(pair.bank, *(int *)backend);
	return 0;
}

static int end_shop(struct txn *txn, void *backend)
{
	(void)txn;
	must_terminate(pair.shop, *(int *)backend);
	return 0;
}

Test(lost, before_the_vote_of_the_decider_aborts)
{
	int backend = backend_of(pair.b);

	pair_work(&pair);
	cr_assert(eq(int, txn_before_commit(txn_current(), end_bank, &backend), 0));
	expect_commit(SQLA_EABORTED);
	expect_agreement(0);
}

Test(lost, before_the_vote_of_another_aborts)
{
	int backend = backend_of(pair.s);

	pair_work(&pair);
	cr_assert(eq(int, txn_before_commit(txn_current(), end_shop, &backend), 0));
	expect_commit(SQLA_EABORTED);
	expect_agreement(0);
}

static void lose_decider(void *arg)
{
	int backend = *(int *)arg;

	must_await_claim(pair.bank, backend);
	must_terminate(pair.bank, backend);
}

Test(lost, between_claim_and_decision_it_was_never_decided)
{
	int backend = backend_of(pair.b);

	pair_work(&pair);
	must_intervene(lose_decider, &backend);
	expect_commit(SQLA_EABORTED);
	expect_agreement(0);
}

/* ---- while it is decided --------------------------------------------------------- */

/* Holds the decider in its COMMIT: written here, and not yet confirmed. */
struct holder {
	pthread_t thread;
	int backend;
	bool goes_on;	  /* afterwards commits pass again */
	bool is_finished; /* atomic: the coordinator has its answer */
};

static void *end_in_commit(void *arg)
{
	struct holder *h = arg;

	commits_await_held(pair.bank, h->backend);
	if (h->goes_on)
		commits_go(pair.bank);
	/* Whoever got away because commits pass again has committed, too. */
	must_terminate(pair.bank, h->backend);
	while (!h->goes_on && !__atomic_load_n(&h->is_finished, __ATOMIC_ACQUIRE)) {
		must_exec_at(pair.bank, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					"WHERE wait_event = 'SyncRep'");
		(void)poll(NULL, 0, 20);
	}
	return NULL;
}

static void hold_decider(void *arg)
{
	struct holder *h = arg;

	must_await_claim(pair.bank, h->backend);
	commits_hold(pair.bank);
	cr_assert(eq(int, pthread_create(&h->thread, NULL, end_in_commit, h), 0));
}

static void let_go(struct holder *h)
{
	__atomic_store_n(&h->is_finished, true, __ATOMIC_RELEASE);
	cr_assert(eq(int, pthread_join(h->thread, NULL), 0));
	commits_go(pair.bank);
}

Test(lost, during_the_deciding_commit_without_an_answer_it_is_in_doubt)
{
	struct holder holder = { .backend = backend_of(pair.b) };
	struct sqla_recover_report report;

	pair_work(&pair);
	must_intervene(hold_decider, &holder);
	expect_commit(SQLA_EINDOUBT);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bank"));
	cr_expect(error_says("Recovery"), "%s", sqla_error_last()->hint);
	let_go(&holder);
	cr_expect(eq(i64, prepared_at(pair.shop), 1));
	cr_expect(eq(int, recover_now(&report), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, report.committed, 1));
	expect_agreement(1);
}

/* As above, but commits pass again as soon as the backend was ended. */
static void *end_once(void *arg)
{
	struct holder *h = arg;

	commits_await_held(pair.bank, h->backend);
	must_terminate(pair.bank, h->backend);
	commits_go(pair.bank);
	return NULL;
}

static void hold_once(void *arg)
{
	struct holder *h = arg;

	must_await_claim(pair.bank, h->backend);
	commits_hold(pair.bank);
	cr_assert(eq(int, pthread_create(&h->thread, NULL, end_once, h), 0));
}

Test(lost, during_the_deciding_commit_it_is_looked_for_and_found)
{
	struct holder holder = { .backend = backend_of(pair.b) };

	pair_work(&pair);
	must_intervene(hold_once, &holder);
	expect_commit(0);
	let_go(&holder);
	cr_expect(pair_has(&pair, 1));
	expect_agreement(1);
}

/* ---- after the decision ----------------------------------------------------------- */

static void lose_prepared(void *arg)
{
	must_await(pair.shop, "SELECT count(*) FROM pg_prepared_xacts "
			      "WHERE database = current_database()");
	must_terminate(pair.shop, *(int *)arg);
}

Test(lost, before_commit_prepared_is_pending_and_recovery_commits)
{
	int backend = backend_of(pair.s);
	struct sqla_recover_report report;

	pair_work(&pair);
	must_intervene(lose_prepared, &backend);
	expect_commit(SQLA_PENDING);
	cr_expect(eq(i64, rows_at(pair.bank), 1));
	cr_expect(eq(i64, prepared_at(pair.shop), 1));
	cr_expect(eq(int, recover_now(&report), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, report.committed, 1));
	expect_agreement(1);
}

/* COMMIT PREPARED is held at the shop, and its backend ended there. */
static void *end_commit_prepared(void *arg)
{
	struct holder *h = arg;

	commits_await_held(pair.shop, h->backend);
	must_terminate(pair.shop, h->backend);
	commits_go(pair.shop);
	return NULL;
}

static void hold_shop(void *arg)
{
	struct holder *h = arg;

	must_await(pair.shop, "SELECT count(*) FROM pg_prepared_xacts "
			      "WHERE database = current_database()");
	commits_hold(pair.shop);
	cr_assert(eq(int, pthread_create(&h->thread, NULL, end_commit_prepared, h), 0));
}

Test(lost, during_commit_prepared_is_pending_and_recovery_finds_it_done)
{
	struct holder holder = { .backend = backend_of(pair.s) };

	pair_work(&pair);
	must_intervene(hold_shop, &holder);
	expect_commit(SQLA_PENDING);
	let_go(&holder);
	cr_expect(pair_has(&pair, 1));
	expect_agreement(1);
}

/* ---- one alone ---------------------------------------------------------------------- */

Test(lost, during_a_commit_alone_that_failed_it_is_aborted)
{
	must_trigger_at_end(pair.bank, END_MYSELF);
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EABORTED);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bank"));
	expect_agreement(0);
}

/* The bank alone writes, and its COMMIT waits. */
static void commit_alone(struct holder *h, int status)
{
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	commits_hold(pair.bank);
	cr_assert(eq(int,
		     pthread_create(&h->thread, NULL, h->goes_on ? end_once : end_in_commit, h),
		     0));
	expect_commit(status);
	let_go(h);
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

Test(lost, during_a_commit_alone_its_number_tells_that_it_has_committed)
{
	struct holder holder = { .backend = backend_of(pair.b), .goes_on = true };

	commit_alone(&holder, 0);
}

Test(lost, during_a_commit_alone_what_is_not_durable_is_in_doubt)
{
	struct holder holder = { .backend = backend_of(pair.b) };

	commit_alone(&holder, SQLA_EINDOUBT);
	cr_expect(error_says("outcome = row"), "%s", sqla_error_last()->hint);
}

static void open_with_rows(void)
{
	struct sqla_engine_options rows = { .outcome = SQLA_OUTCOME_ROW };

	pair_open(&pair, &rows, NULL);
}

Test(lost_with_rows, during_a_commit_alone_its_row_tells_that_it_has_committed)
{
	struct holder holder = { .goes_on = true };

	open_with_rows();
	holder.backend = backend_of(pair.b);
	commit_alone(&holder, 0);
	cr_expect(eq(i64, decisions_at(pair.bank, "committed"), 1));
}

Test(lost_with_rows, during_a_commit_alone_that_failed_it_is_aborted)
{
	open_with_rows();
	must_trigger_at_end(pair.bank, END_MYSELF);
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EABORTED);
	cr_expect(eq(i64, rows_at(pair.bank), 0));
	cr_expect(eq(i64, decisions_at(pair.bank, "committed"), 0));
}

/* ---- answers that never came, whatever the server did ---------------------------------- */

#ifdef SQLA_FAULT_POINTS
static void lose_at(const char *point)
{
	char *spec = must_printf("%s:fail", point);

	pair_work(&pair);
	fault_arm(spec);
	free(spec);
}

Test(lost, an_unanswered_prepare_that_was_done_aborts_and_recovery_undoes_it)
{
	struct sqla_recover_report report;

	lose_at("prepare_answered");
	expect_commit(SQLA_EABORTED);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, prepared_at(pair.shop), 1));
	cr_expect(eq(int, recover_now(&report), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, report.rolled_back, 1));
	expect_agreement(0);
}

Test(lost, an_unanswered_claim_aborts)
{
	lose_at("claim_answered");
	expect_commit(SQLA_EABORTED);
	expect_agreement(0);
}

Test(lost, an_unanswered_decision_that_was_made_stands)
{
	lose_at("decide_answered");
	expect_commit(0);
	expect_agreement(1);
}

Test(lost, a_decision_that_was_never_sent_was_never_made)
{
	lose_at("decide_before_send");
	expect_commit(SQLA_EABORTED);
	expect_agreement(0);
}

Test(lost, an_unanswered_commit_prepared_is_pending)
{
	lose_at("finish_answered");
	expect_commit(SQLA_PENDING);
	expect_agreement(1);
}

static void commit_one(const char *fault, int status, int64_t rows)
{
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	fault_arm(fault);
	expect_commit(status);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(pair.bank), rows));
}

Test(lost, an_unanswered_commit_alone_is_asked_for)
{
	commit_one("onephase_answered:fail", 0, 1);
}

Test(lost, a_commit_alone_that_was_never_sent_is_aborted)
{
	commit_one("onephase_before_send:fail", SQLA_EABORTED, 0);
}

Test(lost_with_rows, an_unanswered_commit_alone_is_looked_for)
{
	open_with_rows();
	commit_one("decide_answered:fail", 0, 1);
	commit_one("decide_before_send:fail", SQLA_EABORTED, 1);
}
#endif
