#include "txn/commit.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "support/test.h"
#include "txn/recorder.h"

static struct recorder a, b;

static void setup(void)
{
	recorder_init(&a, "a");
	recorder_init(&b, "b");
}

static void teardown(void)
{
	(void)txn_abort();
	recorder_close(&a);
	recorder_close(&b);
}

TestSuite(commit, .init = setup, .fini = teardown);

static int note_hook(struct txn *txn, void *arg)
{
	(void)txn;
	(void)strcat(recorder_log, arg);
	return 0;
}

static int note_outcome(struct txn *txn, int outcome, void *arg)
{
	(void)arg;
	(void)sprintf(recorder_log + strlen(recorder_log), "after(%d,%d) ", outcome,
		      (int)txn_status(txn));
	return 0;
}

static int note_before(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	(void)strcat(recorder_log, "before_completion ");
	return 0;
}

static int note_after(void *self, struct txn *txn)
{
	(void)self;
	(void)sprintf(recorder_log + strlen(recorder_log), "after_completion(%d) ",
		      (int)txn_status(txn));
	return 0;
}

static const struct txn_sync_ops noting = {
	.before_completion = note_before,
	.after_completion = note_after,
};

Test(commit, the_order_of_events_is_the_models)
{
	struct txn_sync *sync;

	must_join(&b);
	must_join(&a);
	cr_assert(zero(int, txn_manager_register_sync(txn_manager_thread(), &noting, NULL, &sync)));
	cr_assert(zero(int, txn_before_commit(txn_current(), note_hook, "hook1 ")));
	cr_assert(zero(int, txn_before_commit(txn_current(), note_hook, "hook2 ")));
	cr_assert(zero(int, txn_after_commit(txn_current(), note_outcome, NULL)));
	cr_assert(zero(int, txn_commit()));
	cr_expect(eq(str, recorder_log,
		     (char *)"hook1 hook2 before_completion a.begin b.begin a.flush b.flush "
			     "a.ask b.ask b.claim a.prepare b.decide a.commit_prepared b.forget "
			     "after_completion(3) after(0,3) "));
	cr_expect(eq(ptr, txn_current(), NULL));
}

Test(commit, a_doomed_transaction_is_refused_untouched_and_repeatably)
{
	must_join(&a);
	cr_assert(zero(int, txn_doom()));
	cr_assert(zero(int, txn_doom()));
	cr_expect(txn_is_doomed());
	cr_expect(eq(int, txn_commit(), SQLA_EDOOMED));
	cr_expect(eq(int, txn_commit(), SQLA_EDOOMED));
	cr_expect(eq(str, recorder_log, (char *)""));
	must_join(&b);
	cr_assert(zero(int, txn_abort()));
	cr_expect(not(txn_is_doomed()));
}

static int join_b(struct txn *txn, void *arg)
{
	(void)arg;
	return txn_join(txn, &b.ops, &b);
}

Test(commit, a_resource_that_joins_inside_a_before_commit_hook_takes_part)
{
	must_join(&a);
	cr_assert(zero(int, txn_before_commit(txn_current(), join_b, NULL)));
	cr_assert(zero(int, txn_commit()));
	cr_expect(eq(int, b.released, 1));
	cr_expect(ne(ptr, strstr(recorder_log, "b.decide"), NULL));
}

static int refuse_hook(struct txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return SQLA_EREADONLY;
}

Test(commit, a_failing_before_commit_hook_leaves_the_transaction_active)
{
	must_join(&a);
	cr_assert(zero(int, txn_before_commit(txn_current(), refuse_hook, NULL)));
	cr_expect(eq(int, txn_commit(), SQLA_EREADONLY));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EREADONLY));
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_ACTIVE));
	cr_expect(zero(int, txn_commit()), "the hook is used up, so it may be tried again");
}

static int doom_hook(struct txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return txn_doom();
}

Test(commit, doom_inside_a_before_commit_hook_stops_the_commit)
{
	must_join(&a);
	cr_assert(zero(int, txn_before_commit(txn_current(), doom_hook, NULL)));
	cr_expect(eq(int, txn_commit(), SQLA_EDOOMED));
	cr_expect(eq(str, recorder_log, (char *)""));
}

static int reenter_statuses[4];

static int reenter(struct txn *txn, void *arg)
{
	struct txn *out;

	(void)txn;
	(void)arg;
	reenter_statuses[0] = txn_commit();
	reenter_statuses[1] = txn_abort();
	reenter_statuses[2] = txn_begin();
	reenter_statuses[3] = txn_suspend(&out);
	return 0;
}

Test(commit, ending_a_transaction_from_inside_its_hooks_is_misuse)
{
	must_join(&a);
	cr_assert(zero(int, txn_before_commit(txn_current(), reenter, NULL)));
	cr_assert(zero(int, txn_commit()));
	for (int i = 0; i < 4; i++)
		cr_expect(eq(int, reenter_statuses[i], SQLA_EMISUSE), "%d", i);
}

Test(commit, joining_twice_is_a_no_op)
{
	must_join(&a);
	must_join(&a);
	cr_assert(zero(int, txn_commit()));
	cr_expect(eq(str, recorder_log, (char *)"a.begin a.flush a.ask a.commit "));
	cr_expect(eq(int, a.released, 1));
}

Test(commit, one_that_fails_aborts_all_and_only_abort_is_accepted)
{
	char text[512];

	b.begin = SQLA_EDATABASE;
	must_join(&a);
	must_join(&b);
	cr_assert(zero(int, txn_after_commit(txn_current(), note_outcome, NULL)));
	cr_expect(eq(int, txn_commit(), SQLA_EDATABASE));
	cr_expect(eq(str, recorder_log, (char *)"a.begin b.begin a.abort b.abort after(-20,4) "));
	(void)strcpy(text, sqla_error_last()->message);
	cr_expect(eq(int, txn_commit(), SQLA_EFAILED));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, text), NULL), "repeats \"%s\"", text);
	cr_expect(eq(int, txn_join(txn_current(), &a.ops, &a), SQLA_EFAILED));
	cr_expect(eq(int, txn_doom(), SQLA_EFAILED));
	cr_expect(zero(int, txn_abort()));
	cr_expect(eq(int, a.released, 1));
	cr_expect(zero(int, txn_commit()));
}

Test(commit, an_implicit_begin_is_accepted_after_a_failure)
{
	a.ask = SQLA_EABORTED;
	must_join(&a);
	cr_expect(eq(int, txn_commit(), SQLA_EABORTED));
	cr_expect(zero(int, txn_begin()));
}

static int fail_after(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	(void)strcat(recorder_log, "failing ");
	return SQLA_EABORTED;
}

static const struct txn_sync_ops failing = { .after_completion = fail_after };

Test(commit, a_failing_after_completion_changes_no_outcome)
{
	struct txn_sync *sync;

	must_join(&a);
	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &failing, NULL, &sync)));
	cr_assert(zero(int, txn_after_commit(txn_current(), note_outcome, NULL)));
	cr_expect(zero(int, txn_commit()));
	cr_expect(ne(ptr, strstr(recorder_log, "failing after(0,3)"), NULL));
	cr_expect(eq(ptr, txn_current(), NULL));
}

Test(commit, a_failing_after_completion_does_not_hide_the_first_error)
{
	struct txn_sync *sync;

	a.ask = sqla_error_set(SQLA_EDATABASE, "a", "the first error", NULL);
	must_join(&a);
	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &failing, NULL, &sync)));
	cr_expect(eq(int, txn_commit(), SQLA_EDATABASE));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"a"));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EDATABASE));
}

static int fail_outcome(struct txn *txn, int outcome, void *arg)
{
	(void)txn;
	(void)outcome;
	(void)arg;
	return SQLA_EABORTED;
}

Test(commit, a_failing_after_commit_hook_lets_the_others_run)
{
	must_join(&a);
	cr_assert(zero(int, txn_after_commit(txn_current(), fail_outcome, NULL)));
	cr_assert(zero(int, txn_after_commit(txn_current(), note_outcome, NULL)));
	cr_expect(zero(int, txn_commit()));
	cr_expect(ne(ptr, strstr(recorder_log, "after(0,3)"), NULL));
}

Test(commit, a_failing_before_completion_leaves_the_transaction_active)
{
	static const struct txn_sync_ops ops = { .before_completion = fail_after };
	struct txn_sync *sync;

	must_join(&a);
	cr_assert(zero(int, txn_manager_register_sync(txn_manager_thread(), &ops, NULL, &sync)));
	cr_expect(eq(int, txn_commit(), SQLA_EABORTED));
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_ACTIVE));
	cr_assert(zero(int, txn_manager_unregister_sync(txn_manager_thread(), sync)));
	cr_expect(zero(int, txn_commit()));
}

Test(abort, runs_in_the_models_order_and_attempts_every_branch)
{
	struct txn_sync *sync;

	setup();
	b.abort = SQLA_ECONNECT;
	must_join(&b);
	must_join(&a);
	cr_assert(zero(int, txn_manager_register_sync(txn_manager_thread(), &noting, NULL, &sync)));
	cr_assert(zero(int, txn_before_commit(txn_current(), note_hook, "never ")));
	cr_assert(zero(int, txn_before_abort(txn_current(), note_hook, "before ")));
	cr_assert(zero(int, txn_before_abort(txn_current(), refuse_hook, NULL)));
	cr_assert(zero(int, txn_after_abort(txn_current(), note_hook, "after ")));
	cr_expect(eq(int, txn_abort(), SQLA_ECONNECT), "the first failure is kept");
	cr_expect(eq(str, recorder_log,
		     (char *)"before before_completion b.abort a.abort after "
			     "after_completion(5) "));
	cr_expect(zero(int, txn_abort()), "a second abort is a no-op");
	teardown();
}

Test(commit, a_table_that_lacks_something_is_refused_at_join)
{
	struct txn_resource_ops ops = a.ops;
	struct txn *txn;

	cr_assert(zero(int, txn_manager_get(txn_manager_thread(), &txn)));
	ops.commit = NULL;
	cr_expect(eq(int, txn_join(txn, &ops, &a), SQLA_EMISUSE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "commit"), NULL));
	ops = a.ops;
	ops.size = 8;
	cr_expect(eq(int, txn_join(txn, &ops, &a), SQLA_EMISUSE));
	ops = a.ops;
	ops.rollback_prepared = NULL;
	cr_expect(eq(int, txn_join(txn, &ops, &a), SQLA_EMISUSE));
	ops = a.ops;
	ops.look = NULL;
	cr_expect(eq(int, txn_join(txn, &ops, &a), SQLA_EMISUSE));
	ops = a.ops;
	ops.give_up = NULL;
	cr_expect(eq(int, txn_join(txn, &ops, &a), SQLA_EMISUSE));
	ops = a.ops;
	ops.savepoint_release = NULL;
	cr_expect(eq(int, txn_join(txn, &ops, &a), SQLA_EMISUSE));
	a.key = NULL;
	cr_expect(eq(int, txn_join(txn, &a.ops, &a), SQLA_EMISUSE), "missing sort key");
	a.key = "a";
}
