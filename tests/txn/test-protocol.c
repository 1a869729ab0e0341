#include "txn/protocol.h"

#include <poll.h>
#include <string.h>

#include "support/test.h"
#include "txn/commit.h"
#include "txn/gid.h"
#include "txn/recorder.h"

static struct recorder a, b, c;
static int unfinished;

static void count_unfinished(void)
{
	unfinished++;
}

static void setup(void)
{
	recorder_init(&a, "a");
	recorder_init(&b, "b");
	recorder_init(&c, "c");
	commit_on_unfinished(count_unfinished);
}

static void teardown(void)
{
	(void)txn_abort();
	recorder_close(&a);
	recorder_close(&b);
	recorder_close(&c);
}

TestSuite(protocol, .init = setup, .fini = teardown);

static bool happened(const char *step)
{
	return strstr(recorder_log, step) != NULL;
}

/* Whether ONE stands in the log before OTHER. */
static bool in_order(const char *one, const char *other)
{
	const char *first = strstr(recorder_log, one), *second = strstr(recorder_log, other);

	return first && second && first < second;
}

static int commit_all(void)
{
	must_join(&a);
	must_join(&b);
	must_join(&c);
	return txn_commit();
}

Test(protocol, nothing_is_voted_on_when_nothing_changed)
{
	a.is_unchanged = b.is_unchanged = c.is_unchanged = true;
	cr_expect(zero(int, commit_all()));
	cr_expect(not(happened("prepare")));
	cr_expect(not(happened("claim")));
	cr_expect(happened("a.commit ") && happened("b.commit ") && happened("c.commit "));
}

Test(protocol, one_changed_branch_commits_in_one_phase_and_before_the_unchanged)
{
	a.is_unchanged = c.is_unchanged = true;
	cr_expect(zero(int, commit_all()));
	cr_expect(not(happened("prepare") || happened("claim")));
	cr_expect(in_order("b.commit", "a.commit") && in_order("b.commit", "c.commit"));
}

Test(protocol, the_claim_is_started_before_any_prepare_and_answers_are_awaited_together)
{
	a.is_slow = b.is_slow = c.is_slow = true;
	cr_expect(zero(int, commit_all()));
	cr_expect(in_order("c.claim", "a.prepare") && in_order("c.claim", "b.prepare"));
	cr_expect(in_order("b.prepare a.answered", "c.decide") ||
			  in_order("b.prepare c.answered", "c.decide"),
		  "%s", recorder_log);
}

Test(protocol, I2_no_branch_commits_before_the_decider)
{
	cr_expect(zero(int, commit_all()));
	cr_expect(in_order("c.decide", "a.commit_prepared"));
	cr_expect(in_order("c.decide", "b.commit_prepared"));
}

Test(protocol, the_row_lists_every_prepared_branch_and_names_the_deciders_site)
{
	struct gid_branch branch;
	struct txn_gid parts;
	const char *at = c.branches;

	cr_assert(zero(int, commit_all()));
	cr_assert(eq(int, gid_next_branch(&at, &branch), 1));
	cr_expect(eq(str, branch.site, (char *)"site-a"));
	cr_expect(eq(str, branch.gid, a.gid));
	cr_assert(zero(int, txn_gid_parse(branch.gid, &parts)));
	cr_expect(eq(str, parts.site, (char *)"site-c"));
	cr_assert(eq(int, gid_next_branch(&at, &branch), 1));
	cr_expect(eq(str, branch.site, (char *)"site-b"));
	cr_assert(zero(int, gid_next_branch(&at, &branch)));
}

/* They may be in one server, where a gid can be there once. */
Test(protocol, no_two_branches_have_one_gid)
{
	cr_assert(zero(int, commit_all()));
	cr_expect(ne(str, (char *)a.gid, (char *)b.gid));
}

Test(protocol, unchanged_branches_end_only_after_the_decision)
{
	b.is_unchanged = true;
	cr_expect(zero(int, commit_all()));
	cr_expect(in_order("c.decide", "b.commit "));
}

Test(protocol, aborts_every_branch_when_one_votes_no)
{
	b.prepare = SQLA_EDATABASE;
	cr_expect(eq(int, commit_all(), SQLA_EDATABASE));
	cr_expect(not(happened("decide")));
	cr_expect(in_order("c.abort", "a.rollback_prepared"), "I3: the decider first: %s",
		  recorder_log);
	cr_expect(happened("b.abort"));
	cr_expect(zero(int, unfinished));
	cr_expect(eq(int, a.outcome_told, SQLA_EDATABASE));
}

/* Its own answer would be an error, for a session that has nothing any more. */
Test(protocol, a_branch_that_was_prepared_is_rolled_back_as_such_only)
{
	b.prepare = SQLA_EDATABASE;
	cr_expect(eq(int, commit_all(), SQLA_EDATABASE));
	cr_expect(happened("a.rollback_prepared") && !happened("a.abort"));
}

Test(protocol, a_refused_claim_prepares_nothing_more_and_aborts)
{
	c.claim = SQLA_EABORTED;
	cr_expect(eq(int, commit_all(), SQLA_EABORTED));
	cr_expect(not(happened("prepare")));
}

Test(protocol, a_claim_refused_late_rolls_back_what_was_prepared)
{
	c.is_slow = true;
	c.claim = SQLA_ERETRY;
	cr_expect(eq(int, commit_all(), SQLA_ERETRY));
	cr_expect(happened("a.rollback_prepared") && happened("b.rollback_prepared"));
	cr_expect(not(happened("decide")));
}

Test(protocol, I7_an_unknown_vote_aborts_and_is_left_to_recovery)
{
	a.prepare = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_all(), SQLA_EABORTED));
	cr_expect(not(happened("decide")));
	cr_expect(not(happened("a.rollback_prepared")));
	cr_expect(happened("b.rollback_prepared"));
	cr_expect(eq(int, unfinished, 1));
}

Test(protocol, a_refusal_by_the_decider_aborts)
{
	c.decide = SQLA_EDATABASE;
	cr_expect(eq(int, commit_all(), SQLA_EDATABASE));
	cr_expect(happened("a.rollback_prepared") && happened("b.rollback_prepared"));
	cr_expect(not(happened("commit_prepared")));
	cr_expect(not(happened("look")));
}

Test(protocol, a_lost_decision_is_looked_for_and_found)
{
	c.decide = SQLA_EINDOUBT;
	a.is_prepared = 1;
	cr_expect(zero(int, commit_all()));
	cr_expect(in_order("c.look c.still", "a.commit_prepared"));
}

Test(protocol, a_look_hears_that_a_branch_could_not_be_asked)
{
	c.decide = SQLA_EINDOUBT;
	c.look = SQLA_EINDOUBT;
	a.is_prepared = SQLA_ECONNECT;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(happened("c.unsaid"), "gone is what nobody said: %s", recorder_log);
}

Test(protocol, a_lost_decision_that_was_never_made_aborts)
{
	c.decide = SQLA_EINDOUBT;
	c.look = SQLA_EABORTED;
	cr_expect(eq(int, commit_all(), SQLA_EABORTED));
	cr_expect(happened("a.rollback_prepared") && !happened("commit_prepared"));
}

Test(protocol, a_lost_decision_without_an_answer_leaves_everything_alone)
{
	c.decide = SQLA_EINDOUBT;
	c.look = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(not(happened("rollback_prepared") || happened("commit_prepared")));
	cr_expect(eq(int, unfinished, 1));
	cr_expect(eq(int, a.released + b.released + c.released, 3));
	cr_expect(zero(int, txn_abort()), "and abort does no harm");
	cr_expect(not(happened("rollback_prepared")));
}

Test(protocol, I3_a_look_that_fails_is_not_taken_for_an_abort)
{
	c.decide = SQLA_EINDOUBT;
	c.look = SQLA_ECONNECT;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(not(happened("rollback_prepared") || happened("commit_prepared")));
}

Test(protocol, I2_a_look_that_answers_nonsense_is_not_taken_for_a_commit)
{
	c.decide = SQLA_EINDOUBT;
	c.look = TXN_CHANGED;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(not(happened("rollback_prepared") || happened("commit_prepared")));
}

Test(protocol, what_cannot_be_told_after_the_decision_is_pending)
{
	a.commit_prepared = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_all(), SQLA_PENDING));
	cr_expect(not(happened("forget")), "I5");
	cr_expect(not(happened("abort")), "never abort after the decision");
	cr_expect(eq(int, unfinished, 1));
	cr_expect(eq(ptr, txn_current(), NULL));
}

Test(protocol, a_branch_ended_by_hand_against_the_decision_is_mixed)
{
	a.commit_prepared = SQLA_EMIXED;
	cr_expect(eq(int, commit_all(), SQLA_EMIXED));
	cr_expect(happened("b.commit_prepared"));
	cr_expect(eq(ptr, txn_current(), NULL));
}

Test(protocol, the_last_in_sort_order_decides_among_equals)
{
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("c.decide"));
}

Test(protocol, a_local_branch_decides_before_others)
{
	a.abilities |= TXN_DECIDES_LOCAL;
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("a.decide"));
}

Test(protocol, one_that_prefers_decides_before_a_local_one)
{
	a.abilities |= TXN_DECIDES_LOCAL;
	b.abilities |= TXN_PREFERS;
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("b.decide"));
}

Test(protocol, one_that_cannot_be_prepared_decides_before_all)
{
	a.abilities = TXN_DECIDES;
	b.abilities |= TXN_PREFERS;
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("a.decide"));
}

Test(protocol, one_that_may_not_decide_does_not)
{
	c.abilities = TXN_PREPARES;
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("b.decide"));
}

Test(protocol, two_that_cannot_be_prepared_are_refused_by_name_before_anything_durable)
{
	a.abilities = TXN_DECIDES;
	c.abilities = TXN_DECIDES;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(not(happened("prepare") || happened("claim") || happened("decide")));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "\"a\""), NULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "\"c\""), NULL));
	cr_expect(ne(str, (char *)sqla_error_last()->hint, (char *)""));
	cr_expect(happened("a.abort") && happened("b.abort") && happened("c.abort"));
}

Test(protocol, two_that_know_no_group_are_refused_by_name)
{
	a.abilities = c.abilities = TXN_DECIDES;
	a.ops.group = c.ops.group = NULL;
	a.ops.follow = c.ops.follow = NULL;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "\"a\""), NULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "\"c\""), NULL));
}

/* ---- before the votes ------------------------------------------------------- */

Test(protocol, one_that_refuses_to_begin_aborts_all_before_anybody_is_asked)
{
	b.begin = SQLA_ERETRY;
	cr_expect(eq(int, commit_all(), SQLA_ERETRY));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"b"));
	cr_expect(not(happened("flush") || happened("ask")));
	cr_expect(happened("a.abort") && happened("b.abort") && happened("c.abort"));
}

Test(protocol, one_that_refuses_to_flush_aborts_all_before_anybody_is_asked)
{
	c.flush = SQLA_EDATABASE;
	cr_expect(eq(int, commit_all(), SQLA_EDATABASE));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"c"));
	cr_expect(not(happened("ask")));
	cr_expect(happened("a.abort") && happened("b.abort") && happened("c.abort"));
}

static int site_of_its_own(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	(void)self;
	(void)strcpy(ret_site, "fine");
	return 1;
}

Test(protocol, one_that_answers_nonsense_when_asked_for_its_site_is_refused)
{
	a.ops.site = site_of_its_own;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(not(happened("prepare") || happened("claim")));
}

/* ---- without changes -------------------------------------------------------- */

static int commit_unchanged(void)
{
	a.is_unchanged = b.is_unchanged = c.is_unchanged = true;
	must_join(&a);
	must_join(&b);
	must_join(&c);
	cr_assert(zero(int, txn_set_timeout(txn_current(), 60000)));
	return txn_commit();
}

Test(protocol, one_that_changed_nothing_and_cannot_be_ended_is_told_of)
{
	a.commit = SQLA_EDATABASE;
	b.commit = SQLA_ERETRY;
	cr_expect(eq(int, commit_unchanged(), SQLA_EDATABASE));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"a"));
	cr_expect(happened("b.commit") && happened("c.commit"));
}

Test(protocol, one_that_changed_nothing_is_never_in_doubt)
{
	c.commit = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_unchanged(), SQLA_EABORTED));
	cr_expect(zero(int, unfinished));
}

Test(protocol, a_decider_may_have_no_way_to_forget)
{
	c.ops.forget = NULL;
	cr_expect(zero(int, commit_all()));
	cr_expect(happened("c.decide") && !happened("forget"));
}

/* ---- groups --------------------------------------------------------------- */

static void make_group(unsigned one, unsigned other)
{
	a.group = c.group = &a;
	a.abilities = TXN_FOLLOWS | one;
	c.abilities = TXN_FOLLOWS | other;
}

Test(protocol, one_of_a_group_decides_for_the_others)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	cr_assert(zero(int, commit_all()));
	cr_expect(eq(ptr, a.leader, &c));
	cr_expect(in_order("c.claim", "a.follow"));
	cr_expect(in_order("a.follow", "b.prepare"));
	cr_expect(in_order("b.prepare", "c.decide"));
	cr_expect(not(happened("a.commit") || happened("a.claim") || happened("a.decide") ||
		      happened("a.abort")));
	cr_expect(eq(int, a.outcome_told, 0));
	cr_expect(eq(int, a.released, 1));
}

Test(protocol, none_follows_a_decider_whose_claim_was_refused)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	c.claim = SQLA_EABORTED;
	cr_expect(eq(int, commit_all(), SQLA_EABORTED));
	cr_expect(not(happened("follow")));
}

Test(protocol, the_row_lists_none_that_follow_the_decider)
{
	struct gid_branch branch;
	const char *at = c.branches;

	make_group(TXN_DECIDES, TXN_DECIDES);
	cr_assert(zero(int, commit_all()));
	cr_assert(eq(int, gid_next_branch(&at, &branch), 1));
	cr_expect(eq(str, branch.site, (char *)"site-b"));
	cr_assert(zero(int, gid_next_branch(&at, &branch)));
}

Test(protocol, the_one_of_a_group_that_can_decide_is_its_leader)
{
	make_group(TXN_DECIDES, 0);
	cr_assert(zero(int, commit_all()));
	cr_expect(eq(ptr, c.leader, &a));
	cr_expect(happened("a.decide"));
}

Test(protocol, the_one_of_a_group_that_prefers_is_its_leader)
{
	make_group(TXN_DECIDES | TXN_PREFERS, TXN_DECIDES);
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("a.decide"));
}

Test(protocol, the_one_of_a_group_that_decides_locally_is_its_leader)
{
	make_group(TXN_DECIDES | TXN_DECIDES_LOCAL, TXN_DECIDES);
	cr_assert(zero(int, commit_all()));
	cr_expect(happened("a.decide"));
}

Test(protocol, a_group_of_which_none_can_decide_is_refused)
{
	make_group(0, 0);
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(not(happened("prepare") || happened("claim") || happened("follow")));
}

Test(protocol, one_that_cannot_follow_is_refused_with_its_reason)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	c.abilities = TXN_DECIDES;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"c"));
	cr_expect(not(happened("prepare") || happened("claim") || happened("follow")));
}

Test(protocol, two_of_different_groups_are_refused)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	c.group = &c;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(not(happened("prepare") || happened("claim") || happened("follow")));
}

Test(protocol, one_that_refuses_to_follow_aborts_all_before_anything_durable)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	b.group = &b;
	c.follow = SQLA_EUNSAFE;
	a.abilities |= TXN_PREFERS;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(happened("c.follow"));
	cr_expect(happened("a.abort") && happened("b.abort") && happened("c.abort"));
	cr_expect(not(happened("decide") || happened("prepare")));
}

Test(protocol, a_group_that_refuses_to_decide_aborts_all)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	c.decide = SQLA_ERETRY;
	cr_expect(eq(int, commit_all(), SQLA_ERETRY));
	cr_expect(happened("a.abort") && happened("b.rollback_prepared") && happened("c.abort"));
}

Test(protocol, a_group_whose_decision_is_unknown_is_left_alone)
{
	make_group(TXN_DECIDES, TXN_DECIDES);
	c.decide = c.look = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(not(happened("a.abort") || happened("c.abort") || happened("a.commit")));
	cr_expect(eq(int, unfinished, 1));
}

Test(protocol, one_that_can_neither_prepare_nor_decide_is_refused)
{
	a.abilities = 0;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "told not to decide"), NULL));
	cr_expect(not(happened("prepare") || happened("claim")));
}

Test(protocol, branches_of_which_none_may_decide_are_refused)
{
	a.abilities = b.abilities = c.abilities = TXN_PREPARES;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(not(happened("prepare") || happened("claim")));
}

Test(protocol, one_that_can_neither_prepare_nor_decide_may_commit_alone)
{
	a.abilities = 0;
	b.is_unchanged = c.is_unchanged = true;
	cr_expect(zero(int, commit_all()));
}

Test(protocol, a_branch_that_wants_a_row_gets_one_also_alone)
{
	b.abilities |= TXN_ROW_ALWAYS;
	a.is_unchanged = c.is_unchanged = true;
	cr_expect(zero(int, commit_all()));
	cr_expect(in_order("b.claim", "b.decide"));
	cr_expect(not(happened("prepare")));
	cr_expect(eq(str, b.branches, (char *)""));
}

Test(protocol, an_unknown_one_phase_commit_is_asked_for)
{
	a.is_unchanged = c.is_unchanged = true;
	b.commit = SQLA_EINDOUBT;
	b.outcome = SQLA_EABORTED;
	cr_expect(eq(int, commit_all(), SQLA_EABORTED));
	cr_expect(happened("b.outcome"));
}

Test(protocol, an_unknown_one_phase_commit_without_an_answer_is_in_doubt)
{
	a.is_unchanged = c.is_unchanged = true;
	b.commit = SQLA_EINDOUBT;
	b.outcome = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(happened("a.abort") && happened("c.abort"), "what changed nothing is ended");
}

Test(protocol, an_unknown_one_phase_commit_whose_store_cannot_be_asked_is_in_doubt)
{
	a.is_unchanged = c.is_unchanged = true;
	b.commit = SQLA_EINDOUBT;
	b.outcome = SQLA_ENOMEM;
	cr_expect(eq(int, commit_all(), SQLA_EINDOUBT));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EINDOUBT));
}

static int no_site(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	(void)self;
	(void)strcpy(ret_site, "here,there");
	return 0;
}

Test(protocol, a_site_that_would_spoil_the_rows_list_is_refused_before_anything_durable)
{
	a.ops.site = no_site;
	cr_expect(eq(int, commit_all(), SQLA_EUNSAFE));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"a"));
	cr_expect(not(happened("prepare") || happened("claim")));
}

static int fail_to_end(void *self)
{
	(void)self;
	return sqla_error_set(SQLA_EDATABASE, "a", "a could not be ended", NULL);
}

Test(protocol, an_unchanged_branch_that_fails_does_not_hide_why_another_is_pending)
{
	a.is_unchanged = true;
	a.ops.commit = fail_to_end;
	b.commit_prepared = SQLA_EINDOUBT;
	cr_expect(eq(int, commit_all(), SQLA_PENDING));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"b"));
	cr_expect(eq(ptr, strstr(sqla_error_last()->message, "could not be ended"), NULL));
}

static int late_flush(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	(void)poll(NULL, 0, 300);
	return 0;
}

Test(protocol, past_the_deadline_a_branch_alone_is_not_committed)
{
	a.ops.flush = late_flush;
	must_join(&a);
	cr_assert(zero(int, txn_set_timeout(txn_current(), 200)));
	cr_expect(eq(int, txn_commit(), SQLA_ETIMEOUT));
	cr_expect(not(happened("a.commit")));
	cr_expect(happened("a.abort"));
}

Test(protocol, a_branch_that_answers_nonsense_is_not_believed)
{
	a.prepare = 77;
	cr_expect(eq(int, commit_all(), SQLA_EABORTED));
	cr_expect(not(happened("decide")));
}

Test(protocol, a_silent_branch_is_given_up_after_the_deadline)
{
	a.is_slow = a.is_deaf = true;
	must_join(&a);
	must_join(&b);
	cr_assert(zero(int, txn_set_timeout(txn_current(), 200)));
	cr_expect(eq(int, txn_commit(), SQLA_ETIMEOUT));
	cr_expect(happened("a.give_up"));
	cr_expect(not(happened("decide")));
	cr_expect(gt(int, a.cancelled, 0));
}
