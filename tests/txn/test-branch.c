/* What is made of a resource's table and of its answers: a vote counts only if it
 * is certain (I7). */
#include "txn/branch.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/alloc.h"
#include "support/test.h"
#include "txn/recorder.h"

static struct recorder a;
static struct branch *branch;
static struct sqla_error first;

static void setup(void)
{
	recorder_init(&a, "a");
	branch = branch_new(&a.ops, &a);
	cr_assert(ne(ptr, branch, NULL));
}

static void teardown(void)
{
	free(branch);
	recorder_close(&a);
}

TestSuite(branch, .init = setup, .fini = teardown);

/* The answer to VERB, awaited until DEADLINE. */
static int vote(enum branch_verb verb, int64_t deadline)
{
	const struct txn_decision decision = { .uuid = "uuid", .branches = "" };
	struct branch_step step = { branch, verb };

	memset(&first, 0, sizeof(first));
	branch_start(step, &decision, &first);
	branch_await(&step, 1, deadline, &first);
	return branch->vote;
}

/* ---- tables ------------------------------------------------------------------ */

/* Of each group of members one at a time is left out. */
Test(branch, needs_all_members_that_go_together)
{
	static const size_t members[] = {
#define MEMBER(name) offsetof(struct txn_resource_ops, name)
		MEMBER(sort_key),
		MEMBER(commit),
		MEMBER(abort),
		MEMBER(give_up),
		MEMBER(prepare),
		MEMBER(commit_prepared),
		MEMBER(rollback_prepared),
		MEMBER(is_prepared),
		MEMBER(site),
		MEMBER(claim),
		MEMBER(decide),
		MEMBER(look),
		MEMBER(group),
		MEMBER(follow),
		MEMBER(savepoint),
		MEMBER(savepoint_rollback),
		MEMBER(savepoint_release),
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct txn_resource_ops ops = a.ops;

		memset((char *)&ops + members[i], 0, sizeof(ops.commit));
		cr_expect(eq(ptr, branch_new(&ops, &a), NULL), "member %zu", i);
		cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
		cr_expect(ne(ptr, strstr(sqla_error_last()->message, "lacks"), NULL));
	}
}

/* Nor is any of them enough alone. */
Test(branch, needs_more_than_one_of_those_that_go_together)
{
	static const size_t members[] = {
		MEMBER(prepare),
		MEMBER(commit_prepared),
		MEMBER(rollback_prepared),
		MEMBER(is_prepared),
		MEMBER(claim),
		MEMBER(decide),
		MEMBER(look),
		MEMBER(savepoint),
		MEMBER(savepoint_rollback),
		MEMBER(savepoint_release),
	};
	struct txn_resource_ops least = { .size = sizeof(least),
					  .sort_key = a.ops.sort_key,
					  .commit = a.ops.commit,
					  .abort = a.ops.abort,
					  .site = a.ops.site };
	struct branch *enough = branch_new(&least, &a);

	cr_assert(ne(ptr, enough, NULL));
	free(enough);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct txn_resource_ops ops = least;

		memcpy((char *)&ops + members[i], (char *)&a.ops + members[i], sizeof(ops.commit));
		cr_expect(eq(ptr, branch_new(&ops, &a), NULL), "member %zu", i);
	}
}

Test(branch, needs_a_site_to_decide)
{
	struct txn_resource_ops ops = { .size = sizeof(ops),
					.sort_key = a.ops.sort_key,
					.commit = a.ops.commit,
					.abort = a.ops.abort,
					.claim = a.ops.claim,
					.decide = a.ops.decide,
					.look = a.ops.look };

	cr_expect(eq(ptr, branch_new(&ops, &a), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
}

static void *promise(void *self, const struct txn_decision *decision)
{
	(void)decision;
	return self;
}

Test(branch, needs_a_way_to_forget_what_it_promised_to)
{
	struct txn_resource_ops ops = a.ops;

	ops.forget_later = promise;
	cr_expect(eq(ptr, branch_new(&ops, &a), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
}

Test(branch, needs_memory)
{
	struct branch *none;

	alloc_fail_at(1, true);
	none = branch_new(&a.ops, &a);
	(void)alloc_stop();
	cr_expect(eq(ptr, none, NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_ENOMEM));
}

/* Whatever it says of itself. */
Test(branch, can_do_only_what_its_table_has_a_member_for)
{
	a.abilities = TXN_PREPARES | TXN_DECIDES | TXN_PREFERS | TXN_FOLLOWS;
	branch->ops.prepare = NULL;
	cr_expect(eq(int, (int)branch_abilities(branch), TXN_DECIDES | TXN_PREFERS | TXN_FOLLOWS));
	branch->ops.claim = NULL;
	cr_expect(eq(int, (int)branch_abilities(branch), TXN_FOLLOWS));
	branch->ops.follow = NULL;
	cr_expect(zero(int, (int)branch_abilities(branch)));
}

Test(branch, that_says_nothing_of_itself_can_do_what_its_table_has)
{
	branch->ops.abilities = NULL;
	cr_expect(eq(int, (int)branch_abilities(branch), TXN_PREPARES | TXN_DECIDES | TXN_FOLLOWS));
}

static const char *no_reason(void *self, enum txn_ability ability)
{
	(void)self;
	(void)ability;
	return "";
}

Test(branch, has_a_reason_also_where_its_resource_gives_none)
{
	branch->ops.why_not = no_reason;
	for (int round = 0; round < 2; round++) {
		cr_expect(ne(ptr, strstr(branch_why_not(branch, TXN_PREPARES), "prepare"), NULL));
		cr_expect(ne(ptr, strstr(branch_why_not(branch, TXN_FOLLOWS), "follow"), NULL));
		cr_expect(ne(ptr, strstr(branch_why_not(branch, TXN_DECIDES), "decision"), NULL));
		branch->ops.why_not = NULL;
	}
}

static const char *no_name(void *self)
{
	(void)self;
	return NULL;
}

Test(branch, without_a_name_goes_by_its_sort_key)
{
	cr_expect(eq(str, (char *)branch_name(branch), "a"));
	branch->ops.name = no_name;
	cr_expect(eq(str, (char *)branch_name(branch), "a"));
}

/* ---- votes ------------------------------------------------------------------- */

Test(branch, that_cannot_be_asked_counts_as_changed)
{
	branch->ops.ask = NULL;
	cr_expect(eq(int, vote(VERB_ASK, 0), TXN_CHANGED));
}

Test(branch, may_say_only_when_asked_that_it_has_changed)
{
	a.prepare = a.decide = TXN_CHANGED;
	cr_expect(eq(int, vote(VERB_ASK, 0), TXN_CHANGED));
	cr_expect(eq(int, vote(VERB_PREPARE, 0), SQLA_EINDOUBT));
	cr_expect(eq(int, first.status, SQLA_EINDOUBT));
	cr_expect(eq(int, vote(VERB_DECIDE, 0), SQLA_EINDOUBT));
}

/* A number of its own is neither a yes nor a no. */
Test(branch, that_answers_nonsense_leaves_it_unknown)
{
	a.is_slow = true;
	a.decide = a.commit = 77;
	cr_expect(eq(int, vote(VERB_DECIDE, 0), SQLA_EINDOUBT));
	cr_expect(eq(int, vote(VERB_COMMIT, 0), SQLA_EINDOUBT));
	cr_expect(eq(str, first.engine, (char *)"a"));
}

Test(branch, that_has_no_advance_must_not_make_us_wait)
{
	a.is_slow = true;
	branch->ops.advance = NULL;
	cr_expect(eq(int, vote(VERB_PREPARE, 0), SQLA_EINDOUBT));
}

Test(branch, that_is_not_heard_in_time_is_given_up_and_unknown)
{
	a.is_slow = a.is_deaf = true;
	cr_expect(eq(int, vote(VERB_DECIDE, clock_ms() + 20), SQLA_EINDOUBT));
	cr_expect(ne(ptr, strstr(recorder_log, "a.decide a.give_up"), NULL));
	cr_expect(eq(int, first.status, SQLA_EINDOUBT));
}

Test(branch, that_answers_has_not_to_be_given_up)
{
	a.is_slow = true;
	cr_expect(zero(int, vote(VERB_DECIDE, clock_ms() + 60000)));
	cr_expect(eq(ptr, strstr(recorder_log, "give_up"), NULL));
}

/* ---- many -------------------------------------------------------------------- */

enum { MANY = 12 };

static struct recorder crowd[MANY];
static struct branch_step steps[MANY];

static void start_crowd(void)
{
	memset(&first, 0, sizeof(first));
	for (int i = 0; i < MANY; i++) {
		recorder_init(&crowd[i], "one of many");
		crowd[i].is_slow = true;
		steps[i] =
			(struct branch_step){ branch_new(&crowd[i].ops, &crowd[i]), VERB_PREPARE };
		cr_assert(ne(ptr, steps[i].branch, NULL));
		branch_start(steps[i], NULL, &first);
		cr_assert(eq(int, steps[i].branch->vote, TXN_WAIT));
	}
}

static void end_crowd(void)
{
	for (int i = 0; i < MANY; i++) {
		free(steps[i].branch);
		recorder_close(&crowd[i]);
	}
}

Test(branch, is_one_of_many_that_are_awaited_together)
{
	start_crowd();
	crowd[3].waiting = SQLA_EDATABASE;
	crowd[7].waiting = SQLA_ERETRY;
	branch_await(steps, MANY, 0, &first);
	for (int i = 0; i < MANY; i++)
		cr_expect(eq(int, steps[i].branch->vote, crowd[i].waiting));
	cr_expect(eq(int, first.status, SQLA_EDATABASE), "the first failure is kept");
	end_crowd();
}

static unsigned early_advances, late_advances;

/* Has its answer with the third advance, or never. */
static int advance_late(void *self, struct pollfd *wait)
{
	const struct recorder *late = self;

	*wait = (struct pollfd){ .fd = late->pipe[0], .events = POLLIN };
	return late->is_deaf || ++late_advances < 3 ? TXN_WAIT : 0;
}

/* Has its answer behind the first advance. */
static int advance_early(void *self, struct pollfd *wait)
{
	const struct recorder *early = self;

	*wait = (struct pollfd){ .fd = early->pipe[0], .events = POLLIN };
	return ++early_advances < 2 || (late_advances < 3 && !crowd[1].is_deaf) ? TXN_WAIT : 0;
}

static void await_early_and_late(int64_t deadline)
{
	start_crowd();
	crowd[1].is_deaf = deadline != 0;
	steps[0].branch->ops.advance = advance_early;
	steps[1].branch->ops.advance = advance_late;
	branch_await(steps, 2, deadline, &first);
	cr_expect(zero(int, steps[0].branch->vote));
	cr_expect(eq(uint, early_advances, 2), "once when it is sent, and once when it is there");
}

Test(branch, that_answers_early_wakes_nobody)
{
	await_early_and_late(0);
	cr_expect(zero(int, steps[1].branch->vote));
	end_crowd();
}

Test(branch, that_has_answered_when_time_is_up_is_heard)
{
	await_early_and_late(clock_ms() + 20);
	cr_expect(eq(int, steps[1].branch->vote, SQLA_EINDOUBT));
	end_crowd();
}

/* What was sent may have happened. */
Test(branch, is_unknown_when_there_is_no_memory_to_await_it)
{
	start_crowd();
	alloc_fail_at(1, true);
	branch_await(steps, MANY, 0, &first);
	(void)alloc_stop();
	for (int i = 0; i < MANY; i++)
		cr_expect(eq(int, steps[i].branch->vote, SQLA_EINDOUBT));
	end_crowd();
}

#ifdef SQLA_FAULT_POINTS

Test(branch, that_has_nothing_to_give_up_can_be_lost)
{
	branch->ops.advance = NULL;
	branch->ops.give_up = NULL;
	fault_arm("prepare_answered:fail");
	cr_expect(eq(int, vote(VERB_PREPARE, 0), SQLA_EINDOUBT));
	fault_arm("prepare_before_send:refuse");
	cr_expect(eq(int, vote(VERB_PREPARE, 0), SQLA_EABORTED));
	cr_expect(zero(int, vote(VERB_PREPARE, 0)));
}

#endif
