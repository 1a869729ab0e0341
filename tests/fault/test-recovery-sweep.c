/*
 * Recovery itself is killed, fails, is overtaken by another recoverer or runs
 * while the coordinator is merely frozen: the databases still agree in the
 * end, and a coordinator that goes on agrees with what recovery did.
 */
#include <signal.h>
#include <sqlassist/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault/sweep.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

/* Every test has servers of its own. */
TEST_MAIN_JOBS(4, { .name = NULL })

enum { LONG_ROUNDS = 12 };

typedef void disturb_fn(struct sweep *sweep, const struct pass *pass);

/* Whether recovery looked for many branches at once. */
static bool is_together(const struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->n_passes; i++)
		if (strcmp(sweep->passes[i].point, "recover_ended_all") == 0)
			return true;
	return false;
}

static void each_pass_of_recovery(struct sweep *sweep, const char *point, disturb_fn *disturb)
{
	sweep_measure_recovery(sweep, point);
	if (sweep->n_left > 1)
		cr_assert(is_together(sweep), "%s", point);
	for (size_t i = 0; i < sweep->n_passes; i++) {
		struct child *dead = sweep_leave_behind(sweep, point);
		char *step = must_printf("recovery of %s disturbed at %s:%d", point,
					 sweep->passes[i].point, sweep->passes[i].nth);

		disturb(sweep, &sweep->passes[i]);
		sweep_must_agree(sweep, step, dead);
		sweep_progress(sweep, step, dead);
		child_free(dead);
		free(step);
	}
}

static void sweep_recovery_at(const char *const points[], const char *scenario, int n_left,
			      disturb_fn *disturb)
{
	struct sweep sweep;

	sweep_start_apart(&sweep, scenario_get(scenario), 1);
	sweep_measure(&sweep);
	sweep.n_left = n_left;
	for (size_t i = 0; points[i]; i++)
		each_pass_of_recovery(&sweep, points[i], disturb);
	sweep_end(&sweep);
}

/* Undecided, half prepared; all prepared; decided; half finished. */
static void sweep_recovery(const char *scenario, disturb_fn *disturb)
{
	static const char *const points[] = { "prepare_answered", "commit_voted", "commit_decided",
					      "finish_answered", NULL };

	sweep_recovery_at(points, scenario, 1, disturb);
}

/* Many are left by coordinators that died one after the other. */
static void sweep_recovery_of_many(disturb_fn *disturb)
{
	static const char *const points[] = { "commit_voted", "commit_decided", NULL };

	sweep_recovery_at(points, "two_servers", 3, disturb);
}

/* ---- ways to disturb a recoverer -------------------------------------------- */

static void inflict(struct sweep *sweep, const struct pass *pass, const char *action,
		    enum child_state expected)
{
	char *fault = pass_fault(pass, action);
	struct child *c = sweep_recoverer(sweep, NULL, fault, NULL);

	sweep_expect(sweep, fault, c, expected);
	child_free(c);
	free(fault);
}

static void kill_it(struct sweep *sweep, const struct pass *pass)
{
	inflict(sweep, pass, "kill", CHILD_KILLED);
}

static void fail_it(struct sweep *sweep, const struct pass *pass)
{
	inflict(sweep, pass, "fail", CHILD_ENDED);
}

static void overtake_it(struct sweep *sweep, const struct pass *pass)
{
	char *fault = pass_fault(pass, "stop");
	struct child *c = sweep_recoverer(sweep, NULL, fault, NULL);

	sweep_expect(sweep, fault, c, CHILD_STOPPED);
	(void)sweep_recover(sweep, NULL);
	child_signal(c, SIGCONT);
	sweep_expect(sweep, fault, c, CHILD_ENDED);
	if (child_recovered(c) < 0)
		sweep_report(sweep, fault, c, NULL);
	child_free(c);
	free(fault);
}

#define RECOVERY(scenario)                                      \
	Test(recoverer_killed_anywhere, scenario)               \
	{                                                       \
		sweep_recovery(#scenario, kill_it);             \
	}                                                       \
	Test(recoverer_losing_a_connection_anywhere, scenario)  \
	{                                                       \
		sweep_recovery(#scenario, fail_it);             \
	}                                                       \
	Test(recoverer_overtaken_by_another_anywhere, scenario) \
	{                                                       \
		sweep_recovery(#scenario, overtake_it);         \
	}

RECOVERY(two_servers)
RECOVERY(server_and_file)
RECOVERY(three_branches)

/* What three coordinators left is looked at and ended together. */
Test(recoverer_of_many_killed_anywhere, two_servers)
{
	sweep_recovery_of_many(kill_it);
}

Test(recoverer_of_many_overtaken_by_another_anywhere, two_servers)
{
	sweep_recovery_of_many(overtake_it);
}

/* ---- two at once, as they come ------------------------------------------------ */

static void race(struct sweep *sweep, const struct pass *pass)
{
	char *fault = pass_fault(pass, "kill");
	struct child *dead = sweep_coordinator(sweep, fault, NULL), *one, *two;

	sweep_expect(sweep, fault, dead, CHILD_KILLED);
	one = sweep_recoverer(sweep, NULL, NULL, NULL);
	two = sweep_recoverer(sweep, NULL, NULL, NULL);
	sweep_expect(sweep, fault, one, CHILD_ENDED);
	sweep_expect(sweep, fault, two, CHILD_ENDED);
	if (child_recovered(one) < 0)
		sweep_report(sweep, fault, one, NULL);
	if (child_recovered(two) < 0)
		sweep_report(sweep, fault, two, NULL);
	sweep_must_agree(sweep, fault, dead);
	sweep_progress(sweep, fault, dead);
	child_free(dead);
	child_free(one);
	child_free(two);
	free(fault);
}

/* ---- a coordinator that is only frozen ------------------------------------------ */

static void thaw(struct sweep *sweep, const struct pass *pass)
{
	char *fault = pass_fault(pass, "stop");
	struct child *c = sweep_coordinator(sweep, fault, NULL);

	sweep_expect(sweep, fault, c, CHILD_STOPPED);
	(void)sweep_recover(sweep, NULL);
	child_signal(c, SIGCONT);
	sweep_expect(sweep, fault, c, CHILD_ENDED);
	sweep_must_agree(sweep, fault, c);
	sweep_progress(sweep, fault, c);
	child_free(c);
	free(fault);
}

static void freeze_for_ever(struct sweep *sweep, const struct pass *pass)
{
	char *fault = pass_fault(pass, "stop");
	struct child *c = sweep_coordinator(sweep, fault, NULL);

	sweep_expect(sweep, fault, c, CHILD_STOPPED);
	(void)sweep_recover(sweep, NULL);
	child_signal(c, SIGKILL);
	sweep_expect(sweep, fault, c, CHILD_KILLED);
	sweep_must_agree(sweep, fault, c);
	sweep_progress(sweep, fault, c);
	child_free(c);
	free(fault);
}

/* Past the fence the decider's backend is ended, and the coordinator with it
 * loses what it has not decided. */
static void fence(struct sweep *sweep, const struct pass *pass)
{
	const struct timespec past_the_fence = { .tv_sec = 1, .tv_nsec = 100000000 };
	char *fault = pass_fault(pass, "stop");
	struct child *c = sweep_coordinator(sweep, fault, NULL);

	sweep_expect(sweep, fault, c, CHILD_STOPPED);
	(void)nanosleep(&past_the_fence, NULL);
	(void)sweep_recover(sweep, "-f1");
	if (sweep_recover(sweep, "-f1") != SQLA_OK && bank_in_doubt(sweep->bank) > 0)
		sweep_report(sweep, fault, c, must_printf("the fence did not help"));
	child_signal(c, SIGCONT);
	sweep_expect(sweep, fault, c, CHILD_ENDED);
	sweep_must_agree(sweep, fault, c);
	sweep_progress(sweep, fault, c);
	child_free(c);
	free(fault);
}

static void sweep_coordinators(const char *scenario, disturb_fn *disturb)
{
	const int rounds = disturb == thaw ? sweep_rounds(LONG_ROUNDS) : 1;
	/* Who is killed in the end goes through less than who is thawed. */
	const size_t stride = disturb == freeze_for_ever ? sweep_stride(2) : 1;
	struct sweep sweep;

	sweep_start_apart(&sweep, scenario_get(scenario), 1);
	sweep_measure(&sweep);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < sweep.n_passes; i += stride)
			disturb(&sweep, &sweep.passes[i]);
	if (disturb == thaw || disturb == fence)
		printf("count %zu coordinators frozen, and woken behind recovery\n",
		       sweep.n_passes * (size_t)rounds);
	sweep_end(&sweep);
}

#define COORDINATORS(scenario)                                                         \
	Test(two_recoverers_at_once, scenario)                                         \
	{                                                                              \
		sweep_coordinators(#scenario, race);                                   \
	}                                                                              \
	Test(coordinator_frozen_during_recovery_and_thawed, scenario, .timeout = 3600) \
	{                                                                              \
		sweep_coordinators(#scenario, thaw);                                   \
	}                                                                              \
	Test(coordinator_frozen_during_recovery_and_killed, scenario)                  \
	{                                                                              \
		sweep_coordinators(#scenario, freeze_for_ever);                        \
	}

COORDINATORS(two_servers)
COORDINATORS(server_and_file)
COORDINATORS(three_branches)
COORDINATORS(two_servers_that_keep_decisions)
COORDINATORS(one_server_with_row)
COORDINATORS(two_servers_preparer_refuses)
COORDINATORS(two_servers_decider_refuses)

Test(coordinator_fenced_while_frozen, two_servers)
{
	sweep_coordinators("two_servers", fence);
}
