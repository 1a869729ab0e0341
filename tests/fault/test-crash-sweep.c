/*
 * A coordinator is killed at every pass of every fault point, or something
 * fails there; a fresh process recovers; all databases agree, and what was
 * told came true.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault/sweep.h"
#include "support/main.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

TEST_MAIN_JOBS(3, { .name = "a" }, { .name = "b" })

enum {
	TRANSFERS = 2, /* the second finds what the first left */
	LONG_ROUNDS = 12,
};

/* The transfer that the last coordinator had not told of, if there is one. */
static void check_fate(struct sweep *sweep, const struct pass *pass, struct child *c, int64_t first)
{
	int has, fate = sweep_fate(sweep->scenario, pass->point);
	size_t n;

	(void)child_told(c, &n);
	has = n < TRANSFERS ? bank_has(sweep->bank, first + (int64_t)n) : fate;
	if (fate >= 0 && has != fate)
		sweep_report(sweep, pass->point, c,
			     must_printf("the transfer is there: %d, must be: %d", has, fate));
}

static void step(struct sweep *sweep, const struct pass *pass, const char *action)
{
	int64_t first = sweep->next_id;
	char *fault = pass_fault(pass, action);
	struct child *c = sweep_coordinator(sweep, fault, NULL);
	bool kills = strcmp(action, "kill") == 0;

	sweep_expect(sweep, fault, c, kills ? CHILD_KILLED : CHILD_ENDED);
	sweep_must_agree(sweep, fault, c);
	if (kills)
		check_fate(sweep, pass, c, first);
	sweep_progress(sweep, fault, c);
	child_free(c);
	free(fault);
}

static void sweep_all(const char *scenario, const char *action)
{
	const int rounds = strcmp(action, "kill") == 0 ? sweep_rounds(LONG_ROUNDS) : 1;
	struct sweep sweep;

	sweep_start(&sweep, action, scenario_get(scenario), TRANSFERS);
	sweep_measure(&sweep);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < sweep.n_passes; i++)
			step(&sweep, &sweep.passes[i], action);
	printf("%s: %s at %zu passes\n", scenario, action, sweep.n_passes);
	if (strcmp(action, "kill") == 0)
		printf("count %zu coordinators killed at a fault point\n",
		       sweep.n_passes * (size_t)rounds);
	sweep_end(&sweep);
}

/* ---- every point is passed ------------------------------------------------ */

/* Adds what FAULT in N coordinators and the recovery behind them pass to COUNTS. */
static void count_passes(struct sweep *sweep, const char *fault, int n, int counts[])
{
	struct child *c;

	for (int i = 0; i < n; i++) {
		c = sweep_coordinator(sweep, fault, sweep->passed);
		(void)child_wait(c);
		child_free(c);
		bank_wait_quiet(sweep->bank);
	}
	c = sweep_recoverer(sweep, NULL, NULL, sweep->passed);
	sweep_expect(sweep, "recovery", c, CHILD_ENDED);
	child_free(c);
	sweep_take_passes(sweep);
	for (size_t i = 0; i < sweep->n_passes; i++)
		counts[point_number(sweep->passes[i].point)]++;
}

Test(fault_points, are_all_passed_by_somebody)
{
	static const char *const faults[] = { NULL, "commit_voted:kill", "commit_decided:kill" };
	const size_t n_faults = sizeof(faults) / sizeof(faults[0]);
	int counts[64] = { 0 };

	for (const struct scenario *s = scenarios; s->name; s++) {
		struct sweep sweep;

		sweep_start(&sweep, "count", s, TRANSFERS);
		for (size_t i = 0; i < n_faults; i++)
			/* Many are recovered by another way than one. */
			for (int n = 1; n <= 2; n++)
				count_passes(&sweep, faults[i], n, counts);
		sweep_end(&sweep);
	}
	for (int i = 0; point_names[i]; i++) {
		printf("%5d passes of %s\n", counts[i], point_names[i]);
		cr_expect(gt(int, counts[i], 0), "nobody passes %s", point_names[i]);
	}
}

/* ---- something happens at each ---------------------------------------------- */

#define KILL_AND_FAIL(scenario)                          \
	Test(killed_anywhere, scenario, .timeout = 3600) \
	{                                                \
		sweep_all(#scenario, "kill");            \
	}                                                \
	Test(losing_a_connection_anywhere, scenario)     \
	{                                                \
		sweep_all(#scenario, "fail");            \
	}

#define SWEEP(scenario)                         \
	KILL_AND_FAIL(scenario)                 \
	Test(refused_anywhere, scenario)        \
	{                                       \
		sweep_all(#scenario, "refuse"); \
	}

SWEEP(two_servers)
SWEEP(two_servers_deferred)
SWEEP(server_and_file)
SWEEP(three_branches)
KILL_AND_FAIL(three_branches_deferred)
SWEEP(one_server)
SWEEP(one_server_with_row)
SWEEP(one_file)
KILL_AND_FAIL(two_servers_that_keep_decisions)
KILL_AND_FAIL(server_and_file_that_keep_decisions)
KILL_AND_FAIL(server_and_wal_file)
KILL_AND_FAIL(one_server_with_row_that_keeps_it)
KILL_AND_FAIL(one_wal_file_with_row)
KILL_AND_FAIL(two_files)
KILL_AND_FAIL(server_and_two_files)
KILL_AND_FAIL(server_and_two_wal_files)
KILL_AND_FAIL(server_file_and_wal_file)
KILL_AND_FAIL(server_and_two_files_file_refuses)
KILL_AND_FAIL(two_servers_preparer_refuses)
KILL_AND_FAIL(two_servers_decider_refuses)
KILL_AND_FAIL(server_and_file_server_refuses)
KILL_AND_FAIL(server_and_file_file_refuses)
KILL_AND_FAIL(three_branches_one_refuses)
KILL_AND_FAIL(one_server_refuses)
