#include "txn/observe.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/must.h"
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

TestSuite(observe, .init = setup, .fini = teardown);

static struct observe_totals totals(void)
{
	struct observe_totals result;

	observe_totals(&result);
	return result;
}

static struct observe_entry must_latest(void)
{
	struct observe_entry entry;

	if (observe_recent(&entry, 1) != 1)
		must_fail("no transaction was observed");
	return entry;
}

static uint64_t measured(const struct observe_histogram *histogram)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= OBSERVE_BOUNDS; i++)
		sum += histogram->buckets[i];
	return sum;
}

static uint64_t commits(void)
{
	struct observe_totals seen = totals();

	return measured(&seen.commit);
}

Test(observe, a_two_phase_commit_is_counted_with_the_time_of_every_step)
{
	struct observe_entry entry;
	struct observe_totals seen;

	must_join(&a);
	must_join(&b);
	cr_assert(zero(int, txn_note(txn_current(), "sells a pear")));
	cr_assert(zero(int, txn_commit()));
	entry = must_latest();
	seen = totals();
	cr_expect(eq(int, (int)entry.outcome, OBSERVE_COMMITTED));
	cr_expect(eq(int, (int)entry.phases, 2));
	cr_expect(eq(int, (int)entry.n_branches, 2));
	cr_expect(eq(str, entry.decider, (char *)"b"));
	cr_expect(eq(str, entry.description, (char *)"sells a pear"));
	cr_expect(eq(str, entry.reason, (char *)""));
	cr_expect(ge(i64, entry.commit_us, entry.step_us[OBSERVE_PREPARE]));
	for (unsigned i = 0; i < OBSERVE_STEPS; i++) {
		cr_expect(ge(i64, entry.step_us[i], 0), "%s", observe_step_name(i));
		cr_expect(eq(u64, measured(&seen.steps[i]), 1), "%s", observe_step_name(i));
	}
	cr_expect(eq(u64, seen.outcomes[OBSERVE_COMMITTED][2], 1));
	cr_expect(eq(u64, measured(&seen.commit), 1));
}

Test(observe, one_changed_branch_is_one_phase_and_prepares_nothing)
{
	b.is_unchanged = true;
	must_join(&a);
	must_join(&b);
	cr_assert(zero(int, txn_commit()));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_COMMITTED][1], 1));
	cr_expect(eq(i64, must_latest().step_us[OBSERVE_PREPARE], OBSERVE_NEVER));
}

Test(observe, commits_that_changed_nothing_are_counted_but_not_kept)
{
	struct observe_entry entry;

	a.is_unchanged = true;
	must_join(&a);
	cr_assert(zero(int, txn_commit()));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_COMMITTED][0], 1));
	cr_expect(zero(sz, observe_recent(&entry, 1)));
}

Test(observe, a_refused_commit_is_counted_once_and_tells_why)
{
	struct observe_entry entry;

	a.prepare = SQLA_EDATABASE;
	must_join(&a);
	must_join(&b);
	cr_assert(lt(int, txn_commit(), 0));
	cr_assert(zero(int, txn_abort()));
	entry = must_latest();
	cr_expect(eq(int, (int)entry.outcome, OBSERVE_REFUSED));
	cr_expect(eq(int, entry.status, SQLA_EDATABASE));
	cr_expect(ne(str, entry.reason, (char *)""));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_REFUSED][2], 1));
	cr_expect(zero(u64, totals().outcomes[OBSERVE_ROLLED_BACK][0]));
}

Test(observe, what_the_decider_cannot_tell_counts_as_in_doubt)
{
	b.decide = SQLA_EINDOUBT;
	b.look = SQLA_EINDOUBT;
	must_join(&a);
	must_join(&b);
	cr_assert(eq(int, txn_commit(), SQLA_EINDOUBT));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_IN_DOUBT][2], 1));
}

/* Its commit was told that all is well. */
Test(observe, late_failures_of_branches_are_counted_by_what_became_of_them)
{
	observe_late(OBSERVE_PENDING);
	observe_late(OBSERVE_PENDING);
	observe_late(OBSERVE_MIXED);
	cr_expect(eq(u64, totals().late[OBSERVE_PENDING], 2));
	cr_expect(eq(u64, totals().late[OBSERVE_MIXED], 1));
	cr_expect(zero(u64, totals().outcomes[OBSERVE_PENDING][2]));
}

Test(observe, an_abort_of_the_application_counts_as_rolled_back)
{
	must_join(&a);
	cr_assert(zero(int, txn_abort()));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_ROLLED_BACK][0], 1));
	cr_expect(eq(int, (int)must_latest().outcome, OBSERVE_ROLLED_BACK));
	cr_expect(zero(u64, commits()));
}

Test(observe, what_nothing_has_joined_is_not_counted)
{
	struct observe_entry entry;

	cr_assert(zero(int, txn_begin()));
	cr_assert(zero(int, txn_commit()));
	cr_assert(zero(int, txn_begin()));
	cr_assert(zero(int, txn_abort()));
	cr_expect(zero(sz, observe_recent(&entry, 1)));
	cr_expect(zero(u64, totals().outcomes[OBSERVE_COMMITTED][0]));
}

Test(observe, the_latest_come_first_and_the_oldest_are_dropped)
{
	struct observe_entry entries[OBSERVE_RECENT + 1];

	for (int i = 0; i < OBSERVE_RECENT + 3; i++) {
		must_join(&a);
		cr_assert(
			zero(int, txn_note(txn_current(), i == OBSERVE_RECENT + 2 ? "last" : "")));
		cr_assert(zero(int, txn_commit()));
	}
	cr_assert(eq(sz, observe_recent(entries, OBSERVE_RECENT + 1), OBSERVE_RECENT));
	cr_expect(eq(str, entries[0].description, (char *)"last"));
	cr_expect(eq(str, entries[1].description, (char *)""));
}

/* A recorder would share its log with other threads. */
static const char *sort_key(void *self)
{
	(void)self;
	return "plain";
}

static int commit_plain(void *self)
{
	(void)self;
	return 0;
}

static int abort_plain(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static const struct txn_resource_ops plain = {
	.size = sizeof(plain),
	.sort_key = sort_key,
	.commit = commit_plain,
	.abort = abort_plain,
};

static void *commit_some(void *self)
{
	struct txn *txn;

	for (int i = 0; i < 100; i++)
		if (txn_manager_get(txn_manager_thread(), &txn) < 0 ||
		    txn_join(txn, &plain, self) < 0 || txn_commit() < 0)
			must_fail("%s", sqla_error_last()->message);
	return NULL;
}

Test(observe, threads_that_commit_at_once_lose_no_count)
{
	struct observe_entry entries[OBSERVE_RECENT];
	pthread_t threads[4];
	char selves[4];

	for (int i = 0; i < 4; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, commit_some, &selves[i])));
	for (int i = 0; i < 100; i++)
		(void)observe_recent(entries, OBSERVE_RECENT);
	for (int i = 0; i < 4; i++)
		cr_assert(zero(int, pthread_join(threads[i], NULL)));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_COMMITTED][1], 400));
	cr_expect(eq(u64, commits(), 400));
}

Test(observe, a_forked_child_starts_from_zero)
{
	struct observe_entry entry;
	int status = -1;
	pid_t pid;

	must_join(&a);
	cr_assert(zero(int, txn_commit()));
	observe_late(OBSERVE_PENDING);
	pid = fork();
	if (pid == 0)
		_exit(totals().outcomes[OBSERVE_COMMITTED][1] != 0 ||
		      totals().late[OBSERVE_PENDING] != 0 || observe_recent(&entry, 1) != 0);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	cr_expect(eq(u64, totals().outcomes[OBSERVE_COMMITTED][1], 1));
}
