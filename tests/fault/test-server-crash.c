/*
 * A whole PostgreSQL server is killed, all its processes at once, while the
 * coordinator (or the recoverer) stands at a fault point; it restarts; after
 * recovery all databases agree, and what was told came true.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault/sweep.h"
#include "support/cluster.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

/* Every test crashes servers of its own. */
TEST_MAIN_JOBS(4, { .name = NULL })

enum { LONG_ROUNDS = 3 };

/* What becomes of the process that stands at the point. */
enum fate { GOES_ON, GOES_ON_WITHOUT_SERVER, GOES_ON_AFTER_RECOVERY, DIES, DIES_AND_IS_RECOVERED };
static const char *const fates[] = { "goes on", "goes on while it is down",
				     "goes on after recovery", "dies",
				     "dies, and recovery runs while it is down" };

static void sleep_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Down long enough for a coordinator to end, if it does not look at a decider
 * that is down: that goes on until it is there again. */
static void crash_under(struct sweep *sweep, char kind, struct child *c, enum fate fate)
{
	struct cluster *server = sweep_server(sweep, kind);

	cluster_crash(server);
	if (fate == GOES_ON_WITHOUT_SERVER) {
		child_signal(c, SIGCONT);
		sleep_ms(300);
	} else if (fate == DIES_AND_IS_RECOVERED) {
		child_signal(c, SIGKILL);
		(void)sweep_recover(sweep, NULL);
	}
	cluster_restart(server);
	if (fate == GOES_ON_AFTER_RECOVERY)
		(void)sweep_recover(sweep, NULL);
	child_signal(c, fate == DIES ? SIGKILL : SIGCONT);
	(void)child_wait(c);
}

/* Before or after the server has done what it was sent last. */
enum moment { AT_ONCE, LATER };

static void step(struct sweep *sweep, const struct pass *pass, char kind, enum moment moment,
		 enum fate fate)
{
	char *fault = pass_fault(pass, "stop");
	char *text = must_printf("%s, server %c crashes%s, coordinator %s", fault, kind,
				 moment == LATER ? " later" : "", fates[fate]);
	struct child *c = sweep_coordinator(sweep, fault, NULL);
	size_t n;

	sweep_expect(sweep, fault, c, CHILD_STOPPED);
	if (moment == LATER)
		sleep_ms(20);
	crash_under(sweep, kind, c, fate);
	(void)child_told(c, &n);
	if (fate < DIES && n != (size_t)sweep->transfers)
		sweep_report(sweep, text, c, must_printf("the coordinator did not end well"));
	sweep_must_agree(sweep, text, c);
	sweep_progress(sweep, text, c);
	child_free(c);
	free(text);
	free(fault);
}

static bool is_sent(const struct pass *pass)
{
	static const char end[] = "_after_send";
	size_t length = strlen(pass->point);

	return length > strlen(end) && strcmp(pass->point + length - strlen(end), end) == 0;
}

/* The fates share the passes, where there is little time: each is crashed at by two or
 * three of the five. */
static void each_pass(struct sweep *sweep, char kind, enum fate fate)
{
	const size_t stride = sweep_stride(2);
	int crashes = 0;

	for (size_t i = (size_t)fate % stride; i < sweep->n_passes; i += stride) {
		step(sweep, &sweep->passes[i], kind, AT_ONCE, fate);
		crashes++;
		if (is_sent(&sweep->passes[i])) {
			step(sweep, &sweep->passes[i], kind, LATER, fate);
			crashes++;
		}
	}
	printf("count %d servers crashed\n", crashes);
}

static void sweep_server_crash(const char *scenario, char kind, enum fate fate)
{
	struct sweep sweep;

	sweep_start_apart(&sweep, scenario_get(scenario), 1);
	sweep_measure(&sweep);
	for (int round = 0; round < sweep_rounds(LONG_ROUNDS); round++)
		each_pass(&sweep, kind, fate);
	sweep_end(&sweep);
}

#define CRASH(scenario, kind)                                                            \
	Test(server_##kind##_crashes_and_coordinator_goes_on, scenario, .timeout = 3600) \
	{                                                                                \
		sweep_server_crash(#scenario, #kind[0], GOES_ON);                        \
	}                                                                                \
	Test(server_##kind##_is_down_and_coordinator_goes_on, scenario, .timeout = 3600) \
	{                                                                                \
		sweep_server_crash(#scenario, #kind[0], GOES_ON_WITHOUT_SERVER);         \
	}                                                                                \
	Test(server_##kind##_crashes_and_coordinator_goes_on_after_recovery, scenario,   \
	     .timeout = 3600)                                                            \
	{                                                                                \
		sweep_server_crash(#scenario, #kind[0], GOES_ON_AFTER_RECOVERY);         \
	}                                                                                \
	Test(server_##kind##_is_down_and_coordinator_dies, scenario, .timeout = 3600)    \
	{                                                                                \
		sweep_server_crash(#scenario, #kind[0], DIES_AND_IS_RECOVERED);          \
	}                                                                                \
	Test(server_##kind##_crashes_and_coordinator_dies, scenario, .timeout = 3600)    \
	{                                                                                \
		sweep_server_crash(#scenario, #kind[0], DIES);                           \
	}

CRASH(two_servers, a)
CRASH(two_servers, b)
CRASH(two_servers_that_keep_decisions, b)
CRASH(server_and_file, a)
CRASH(three_branches, a)
CRASH(three_branches, b)
CRASH(one_server, a)
CRASH(one_server_with_row_that_keeps_it, a)
CRASH(two_servers_decider_refuses, a)

/* ---- while recovery stands at a point --------------------------------------- */

static void crash_recovery(struct sweep *sweep, const char *point, const struct pass *pass,
			   char kind)
{
	struct child *dead = sweep_leave_behind(sweep, point);
	char *fault = pass_fault(pass, "stop");
	char *text = must_printf("after %s, crash under recovery at %s", point, fault);
	struct child *c = sweep_recoverer(sweep, NULL, fault, NULL);

	sweep_expect(sweep, text, c, CHILD_STOPPED);
	crash_under(sweep, kind, c, GOES_ON);
	if (child_recovered(c) < 0)
		sweep_report(sweep, text, c, NULL);
	sweep_must_agree(sweep, text, dead);
	sweep_progress(sweep, text, dead);
	child_free(c);
	child_free(dead);
	free(text);
	free(fault);
}

static void sweep_recovery(const char *scenario, const char *point)
{
	struct sweep sweep;

	sweep_start_apart(&sweep, scenario_get(scenario), 1);
	sweep_measure(&sweep);
	sweep_measure_recovery(&sweep, point);
	for (size_t i = 0; i < sweep.n_passes; i++) {
		crash_recovery(&sweep, point, &sweep.passes[i], 'a');
		if (strchr(sweep.scenario->kinds, 'b'))
			crash_recovery(&sweep, point, &sweep.passes[i], 'b');
	}
	sweep_end(&sweep);
}

Test(server_crashes_under_recovery, of_an_undecided_transaction_on_two_servers)
{
	sweep_recovery("two_servers", "commit_voted");
}

Test(server_crashes_under_recovery, of_a_decided_transaction_on_two_servers)
{
	sweep_recovery("two_servers", "commit_decided");
}

Test(server_crashes_under_recovery, of_an_undecided_transaction_with_a_file)
{
	sweep_recovery("server_and_file", "commit_voted");
}

Test(server_crashes_under_recovery, of_a_decided_transaction_with_a_file)
{
	sweep_recovery("server_and_file", "commit_decided");
}
