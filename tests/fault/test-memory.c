/*
 * Each allocation of a commit fails, or of a recovery or of whatever else an
 * application calls, once or from there on: also those inside of libpq, SQLite
 * and jansson. What is told is true, recovery ends what is in doubt, and
 * nothing leaks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#include "fault/trial.h"
#include "support/alloc.h"
#include "support/main.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

TEST_MAIN({ .name = "a" }, { .name = "b" })

/* Some are only tried one by one by make check-long: what connects anew each
 * time takes longer. A prime number, so that no loop is always met alike. */
enum { STRIDE = 13 };

static unsigned stride(unsigned usual)
{
	return getenv("SQLA_TEST_LONG") ? 1 : usual;
}

static bool is_clear(const struct trial *trial)
{
	const struct sqla_error *error = sqla_error_last();

	(void)trial;
	return error->status < 0 && error->message[0];
}

static const struct trial_breaker memory = {
	.what = "allocations",
	.arm = alloc_fail_at,
	.disarm = alloc_stop,
	.place = alloc_place,
	.is_clear = is_clear,
	.held = alloc_blocks,
};

static void sweep_all(const char *name, const char *kinds,
		      const struct sqla_engine_options *options,
		      int (*attempt)(struct trial *trial), unsigned step)
{
	struct trial trial = { .breaker = &memory, .attempt = attempt };

	trial_open(&trial, name, kinds, options);
	trial_each(&trial, stride(step), false);
	trial_each(&trial, stride(step), true);
	trial_close(&trial);
}

/* Rows are forgotten at once: that is part of the commit then. */
static const struct sqla_engine_options hasty = { .keep_decisions = SQLA_ZERO };

Test(commit_without_memory, tells_the_truth_of_one_server)
{
	sweep_all("cm_a", "a", &hasty, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_one_server_with_row)
{
	const struct sqla_engine_options row = { .outcome = SQLA_OUTCOME_ROW };

	sweep_all("cm_ax", "a", &row, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_two_servers)
{
	sweep_all("cm_ab", "ab", &hasty, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_server_and_a_file)
{
	sweep_all("cm_al", "al", &hasty, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_file)
{
	sweep_all("cm_l", "l", &hasty, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_file_with_a_log)
{
	sweep_all("cm_w", "w", &hasty, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_two_files)
{
	sweep_all("cm_lm", "lm", &hasty, trial_commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_session_that_is_not_joined)
{
	const struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };

	sweep_all("cm_ua", "a", &alone, trial_commit, 1);
	sweep_all("cm_ul", "l", &alone, trial_commit, 1);
}

Test(work_without_memory, tells_the_truth_of_two_servers)
{
	sweep_all("w_ab", "ab", &hasty, trial_everything, STRIDE);
}

Test(work_without_memory, tells_the_truth_of_a_server_and_a_file)
{
	sweep_all("w_al", "al", &hasty, trial_everything, STRIDE);
}

Test(work_without_memory, tells_the_truth_of_two_files)
{
	sweep_all("w_lm", "lm", &hasty, trial_everything, STRIDE);
}

Test(work_without_memory, tells_the_truth_of_sessions_that_are_not_joined)
{
	const struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };

	sweep_all("w_ua", "a", &alone, trial_everything, STRIDE);
	sweep_all("w_ul", "l", &alone, trial_everything, STRIDE);
}

/* ---- what needs no commit ---------------------------------------------------------- */

Test(recovery_without_memory, leaves_what_it_cannot_end_of_two_servers)
{
	sweep_all("r_ab", "ab", NULL, trial_recover_decided, 3 * STRIDE);
	sweep_all("u_ab", "ab", NULL, trial_recover_undecided, 3 * STRIDE);
}

Test(recovery_without_memory, leaves_what_it_cannot_end_of_a_server_and_a_file)
{
	sweep_all("r_al", "al", NULL, trial_recover_decided, 3 * STRIDE);
	sweep_all("u_al", "al", NULL, trial_recover_undecided, 3 * STRIDE);
}

/* ---- calls that ask no database -------------------------------------------------------- */

static char *ini;

static void write_ini(void)
{
	FILE *file;

	ini = scratch_path("engines.ini");
	file = fopen(ini, "we");
	if (!file ||
	    fputs("[engine:till]\nurl = sqlite://\n[engine:bank]\nurl = sqlite:////bank\n"
		  "pool_size = 3\n",
		  file) < 0 ||
	    fclose(file) != 0)
		must_fail("cannot write %s", ini);
}

/* Each allocation of CALL, which answers whether it worked. */
static void each_of(bool (*call)(void), bool forever)
{
	bool worked;
	unsigned at = 0;

	do {
		long blocks = alloc_blocks();
		bool is_told;

		alloc_fail_at(++at, forever);
		worked = call();
		is_told = worked || sqla_error_last()->status < 0;
		if (alloc_stop() < at)
			break;
		if (sqla_engine_unregister(NULL) < 0)
			must_fail("%s", sqla_error_last()->message);
		blocks -= alloc_blocks();
		cr_expect(is_told, "allocation %u: %s", at, alloc_place());
		cr_expect(eq(long, blocks, 0), "allocation %u: %s", at, alloc_place());
	} while (true);
	cr_expect(worked);
	cr_expect(gt(uint, at, 1));
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0));
}

static bool load(void)
{
	return sqla_engines_load(ini) == 0;
}

Test(calls_without_memory, load_all_engines_or_none)
{
	write_ini();
	cr_assert(load(), "%s", sqla_error_last()->message);
	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	each_of(load, false);
	each_of(load, true);
	free(ini);
}

static bool tell_panel(void)
{
	struct sqla_panel *panel = NULL;
	char *text = NULL;

	if (sqla_panel_take(NULL, &panel) == 0)
		text = sqla_panel_json(panel);
	sqla_panel_free(panel);
	if (text && (text[0] != '{' || !strstr(text, "\"engines\"")))
		must_fail("half a panel: %s", text);
	free(text);
	return text != NULL;
}

static bool tell_panel_of_an_engine(void)
{
	return load() && tell_panel();
}

Test(calls_without_memory, tell_a_whole_panel_or_none)
{
	write_ini();
	cr_assert(tell_panel_of_an_engine(), "%s", sqla_error_last()->message);
	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	each_of(tell_panel_of_an_engine, false);
	each_of(tell_panel_of_an_engine, true);
	free(ini);
}
