/* A commit that does not wait for its branches to end. */
#include "txn/deferred.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/test.h"
#include "txn/commit.h"
#include "txn/observe.h"
#include "txn/recorder.h"

/* "c", which joins first, decides; "a" and "b" are prepared. */
static struct recorder a, b, c;
static int unfinished;

/* What is under way by itself. */
static struct {
	txn_ended_fn *ended;
	void *arg;
} detached[2];
static size_t n_detached;
static bool refuses; /* to go on by itself */

static int forgotten; /* -1: not told yet */

static bool detach(void *self, txn_ended_fn *ended, void *arg)
{
	(void)self;
	if (refuses)
		return false;
	detached[n_detached].ended = ended;
	detached[n_detached++].arg = arg;
	return true;
}

static void end(size_t nth, int vote)
{
	detached[nth].ended(detached[nth].arg, vote);
}

static void *forget_later(void *self, const struct txn_decision *decision)
{
	(void)decision;
	return self;
}

static void forget_ended(void *promise, bool all_ended)
{
	(void)promise;
	forgotten = all_ended;
}

static void count_unfinished(void)
{
	unfinished++;
}

static void setup(void)
{
	recorder_init(&a, "a");
	recorder_init(&b, "b");
	recorder_init(&c, "c");
	a.is_slow = b.is_slow = true;
	a.ops.detach = b.ops.detach = detach;
	c.ops.forget_later = forget_later;
	c.ops.forget_ended = forget_ended;
	commit_on_unfinished(count_unfinished);
	forgotten = -1;
}

static void teardown(void)
{
	(void)txn_abort();
	recorder_close(&a);
	recorder_close(&b);
	recorder_close(&c);
}

TestSuite(deferred, .init = setup, .fini = teardown);

static int commit_deferred(void)
{
	must_join(&c);
	must_join(&a);
	must_join(&b);
	cr_assert(eq(int, txn_set_finish(txn_current(), TXN_FINISH_DEFERRED), 0));
	return txn_commit();
}

static bool happened(const char *step)
{
	return strstr(recorder_log, step) != NULL;
}

static uint64_t late(enum observe_outcome outcome)
{
	struct observe_totals totals;

	observe_totals(&totals);
	return totals.late[outcome];
}

Test(deferred, commits_return_before_their_branches_have_ended)
{
	cr_assert(eq(int, commit_deferred(), 0));
	cr_expect(eq(sz, n_detached, 2));
	cr_expect(happened("a.commit_prepared "));
	cr_expect(happened("b.commit_prepared "));
	cr_expect(eq(int, a.released, 1));
	cr_expect(eq(int, a.outcome_told, 0));
	cr_expect(eq(ptr, (void *)txn_current(), NULL));
	end(0, 0);
	end(1, 0);
}

/* The thread's next transaction will begin with it again. */
Test(deferred, the_first_that_joined_of_equals_decides)
{
	b.ops.forget_later = forget_later;
	b.ops.forget_ended = forget_ended;
	must_join(&b);
	must_join(&c);
	must_join(&a);
	cr_assert(eq(int, txn_set_finish(txn_current(), TXN_FINISH_DEFERRED), 0));
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(happened("b.claim "));
	end(0, 0);
}

Test(deferred, the_last_decides_where_all_are_waited_for)
{
	must_join(&b);
	must_join(&c);
	must_join(&a);
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(happened("c.claim "));
}

Test(deferred, who_prefers_to_decide_does_so_whoever_joined_first)
{
	c.abilities |= TXN_PREFERS;
	must_join(&a);
	must_join(&b);
	must_join(&c);
	cr_assert(eq(int, txn_set_finish(txn_current(), TXN_FINISH_DEFERRED), 0));
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(happened("c.claim "));
	end(0, 0);
	end(1, 0);
}

/* I5 */
Test(deferred, rows_are_forgotten_when_the_last_branch_has_ended)
{
	cr_assert(eq(int, commit_deferred(), 0));
	cr_expect(eq(int, forgotten, -1));
	end(1, 0);
	cr_expect(eq(int, forgotten, -1));
	end(0, 0);
	cr_expect(eq(int, forgotten, 1));
	cr_expect(not(happened("c.forget ")));
	cr_expect(eq(int, unfinished, 0));
	cr_expect(zero(u64, late(OBSERVE_PENDING)));
}

Test(deferred, a_branch_that_does_not_end_keeps_the_row_and_calls_recovery)
{
	cr_assert(eq(int, commit_deferred(), 0));
	end(0, sqla_error_set(SQLA_EINDOUBT, "a", "the connection was lost", NULL));
	end(1, 0);
	cr_expect(eq(int, forgotten, 0));
	cr_expect(eq(int, unfinished, 1));
	cr_expect(eq(u64, late(OBSERVE_PENDING), 1));
	cr_expect(zero(u64, late(OBSERVE_MIXED)));
}

static char logged[512];

static void keep_line(enum sqla_log_level level, const char *line, void *arg)
{
	(void)arg;
	if (level == SQLA_LOG_ERROR)
		(void)snprintf(logged, sizeof(logged), "%s", line);
}

Test(deferred, a_branch_that_somebody_ended_otherwise_is_an_error_in_the_log)
{
	sqla_log_set(SQLA_LOG_ERROR, keep_line, NULL);
	cr_assert(eq(int, commit_deferred(), 0));
	end(0, sqla_error_set(SQLA_EMIXED, "a", "an operator was here", NULL));
	end(1, 0);
	sqla_log_set(SQLA_LOG_ERROR, NULL, NULL);
	cr_expect(ne(ptr, strstr(logged, "an operator was here"), NULL), "%s", logged);
	cr_expect(eq(int, forgotten, 0));
	cr_expect(eq(u64, late(OBSERVE_MIXED), 1));
}

Test(deferred, a_branch_that_cannot_go_on_by_itself_is_waited_for)
{
	refuses = true;
	cr_assert(eq(int, commit_deferred(), 0));
	cr_expect(eq(int, forgotten, 1));
}

Test(deferred, a_branch_that_cannot_go_on_by_itself_may_still_be_left_to_recovery)
{
	a.ops.detach = NULL;
	a.commit_prepared = SQLA_EINDOUBT;
	cr_assert(eq(int, commit_deferred(), SQLA_PENDING));
	end(0, 0);
	cr_expect(eq(int, forgotten, 0));
}

Test(deferred, a_decider_that_only_knows_how_to_forget_now_makes_all_wait)
{
	c.ops.forget_later = NULL;
	c.ops.forget_ended = NULL;
	cr_assert(eq(int, commit_deferred(), 0));
	cr_expect(eq(sz, n_detached, 0));
	cr_expect(happened("c.forget "));
}

Test(deferred, nothing_is_deferred_before_the_decision)
{
	b.prepare = SQLA_EABORTED;
	cr_assert(lt(int, commit_deferred(), 0));
	cr_expect(eq(sz, n_detached, 0));
	cr_expect(eq(int, forgotten, -1));
}

Test(deferred, is_the_default_of_a_manager_that_says_so)
{
	cr_assert(eq(int, txn_manager_set_finish(txn_manager_thread(), TXN_FINISH_DEFERRED), 0));
	must_join(&c);
	must_join(&a);
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(sz, n_detached, 1));
	end(0, 0);
	cr_assert(eq(int, txn_manager_set_finish(txn_manager_thread(), TXN_FINISH_WAIT), 0));
	must_join(&a);
	must_join(&c);
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(eq(sz, n_detached, 1));
}

Test(deferred, is_refused_by_what_is_no_way_to_finish)
{
	must_join(&a);
	cr_expect(eq(int, txn_set_finish(txn_current(), (enum txn_finish)7), SQLA_EMISUSE));
	cr_expect(eq(int, txn_set_finish(NULL, TXN_FINISH_WAIT), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_set_finish(txn_manager_thread(), (enum txn_finish)7),
		     SQLA_EMISUSE));
}

Test(deferred, a_decider_that_has_nothing_to_forget_makes_nobody_wait)
{
	c.ops.forget = NULL;
	c.ops.forget_later = NULL;
	c.ops.forget_ended = NULL;
	cr_assert(eq(int, commit_deferred(), 0));
	cr_expect(eq(sz, n_detached, 2));
	end(0, 0);
	end(1, SQLA_EINDOUBT);
	cr_expect(eq(int, forgotten, -1));
	cr_expect(eq(int, unfinished, 1));
}

static void *promise_nothing(void *self, const struct txn_decision *decision)
{
	(void)self;
	(void)decision;
	return NULL;
}

Test(deferred, a_decider_that_cannot_promise_to_forget_makes_all_wait)
{
	c.ops.forget_later = promise_nothing;
	cr_assert(eq(int, commit_deferred(), 0));
	cr_expect(eq(sz, n_detached, 0));
	cr_expect(happened("c.forget "));
}

Test(deferred, nothing_is_where_nothing_was_prepared)
{
	c.abilities |= TXN_ROW_ALWAYS;
	must_join(&c);
	cr_assert(eq(int, txn_set_finish(txn_current(), TXN_FINISH_DEFERRED), 0));
	cr_assert(eq(int, txn_commit(), 0));
	cr_expect(happened("c.decide "));
	cr_expect(happened("c.forget "));
	cr_expect(eq(int, forgotten, -1));
}

Test(deferred, nothing_is_without_memory)
{
	const struct txn_decision decision = { .uuid = "uuid", .branches = "" };
	struct branch *decider = branch_new(&c.ops, &c);
	struct deferred *deferred;

	cr_assert(ne(ptr, decider, NULL));
	alloc_fail_at(1, true);
	deferred = deferred_new(decider, &decision);
	(void)alloc_stop();
	cr_expect(eq(ptr, deferred, NULL));
	free(decider);
}
