/*
 * Each allocation of a commit fails, or of a recovery or of whatever else an
 * application calls, once or from there on: also those inside of libpq, SQLite
 * and jansson. What is told is true, recovery ends what is in doubt, and
 * nothing leaks.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>
#include <sqlassist/resource.h>

#include "base/fault.h"
#include "fault/teller.h"
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

/* ---- what is held ------------------------------------------------------------ */

static int open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int n = 0;

	while (directory && readdir(directory))
		n++;
	if (!directory || closedir(directory) != 0)
		must_fail("no /proc/self/fd");
	return n;
}

struct held {
	int files;
	long blocks;
};

static struct held held_now(void)
{
	return (struct held){ open_files(), alloc_blocks() };
}

/* ---- one transaction after the other -------------------------------------------- */

struct attempt {
	unsigned fails_at; /* 0: none */
	bool forever;
};

struct sweep {
	const struct sqla_engine_options *options;
	struct teller teller;
	int64_t id;	     /* of the latest transfer */
	unsigned made;	     /* allocations in the latest attempt */
	bool is_explained;   /* a failure has an error with a text */
	int answers[3];	     /* done, refused, in doubt */
	struct told told;    /* the latest transfer */
	struct attempt last; /* ... and what failed there */
	/* What is tried; its status is that of a transfer. */
	int (*try)(struct sweep *sweep, const struct attempt *attempt);
};

static bool is_explained(void)
{
	const struct sqla_error *error = sqla_error_last();

	return error->status < 0 && error->message[0];
}

static int commit(struct sweep *sweep, const struct attempt *attempt)
{
	int status = teller_write(&sweep->teller, sweep->id);

	if (status < 0)
		must_fail("transfer: %s", sqla_error_last()->message);
	alloc_fail_at(attempt->fails_at, attempt->forever);
	status = teller_commit(&sweep->teller);
	sweep->made = alloc_stop();
	sweep->is_explained = is_explained();
	return status;
}

/* From opening the sessions to closing them. What was not sent to commit was
 * not committed. */
static int everything(struct sweep *sweep, const struct attempt *attempt)
{
	int status;

	alloc_fail_at(attempt->fails_at, attempt->forever);
	status = teller_write(&sweep->teller, sweep->id);
	status = status < 0 ? SQLA_EABORTED : teller_commit(&sweep->teller);
	sweep->is_explained = is_explained();
	teller_leave(&sweep->teller);
	sweep->made = alloc_stop();
	return status;
}

static void fail_sweep(const struct sweep *sweep, const char *what)
{
	char *place = alloc_place();

	must_fail("allocation %u%s failed, answer %d: %s; in %s", sweep->last.fails_at,
		  sweep->last.forever ? " and all behind it" : "", sweep->told.status, what, place);
}

/* What was sent on a connection that was given up may be under way. */
static void part(struct bank *bank)
{
	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	bank_wait_quiet(bank);
}

static void attempt(struct sweep *sweep, unsigned fails_at, bool forever)
{
	char *violation;
	int status;

	sweep->last = (struct attempt){ fails_at, forever };
	sweep->id++;
	status = sweep->try(sweep, &sweep->last);
	sweep->told = (struct told){ sweep->id, status };
	if (status < 0 && !sweep->is_explained)
		fail_sweep(sweep, "no error is told");
	if (status == 0 && bank_in_doubt(sweep->teller.bank) > 0)
		fail_sweep(sweep, "a branch is in doubt and nobody says so");
	teller_leave(&sweep->teller);
	if (status != 0)
		part(sweep->teller.bank);
	if (bank_in_doubt(sweep->teller.bank) > 0)
		teller_recover(&sweep->teller);
	violation = bank_violation(sweep->teller.bank, &sweep->told, 1);
	if (violation)
		fail_sweep(sweep, violation);
	sweep->answers[status >= 0 ? 0 : status == SQLA_EINDOUBT ? 2 : 1]++;
}

static void each_allocation(struct sweep *sweep, unsigned step, bool forever)
{
	unsigned at = 1;

	memset(sweep->answers, 0, sizeof(sweep->answers));
	for (; attempt(sweep, at, forever), sweep->made >= at; at += step)
		;
	(void)printf("%s: %u allocations%s: done %d, refused %d, in doubt %d\n",
		     bank_kinds(sweep->teller.bank), at - 1, forever ? ", for ever" : "",
		     sweep->answers[0], sweep->answers[1], sweep->answers[2]);
	if (forever)
		cr_expect(gt(int, sweep->answers[1] + sweep->answers[2], 0));
}

static void sweep_all(const char *name, const char *kinds,
		      const struct sqla_engine_options *options,
		      int (*try)(struct sweep *sweep, const struct attempt *attempt), unsigned step)
{
	struct sweep sweep = { .options = options, .try = try };
	struct bank *bank = bank_new(name, kinds);
	struct held before, after;

	(void)printf("%s\n", name); /* stdout has its buffer now */
	teller_open(&sweep.teller, bank, options);
	attempt(&sweep, 0, false);
	teller_recover(&sweep.teller);
	teller_close(&sweep.teller);
	before = held_now();
	teller_open(&sweep.teller, bank, options);
	attempt(&sweep, 0, false);
	attempt(&sweep, 0, false);
	each_allocation(&sweep, stride(step), false);
	each_allocation(&sweep, stride(step), true);
	teller_recover(&sweep.teller);
	teller_close(&sweep.teller);
	bank_wait_quiet(bank); /* no connection is left */
	after = held_now();
	cr_expect(eq(int, after.files, before.files));
	cr_expect(eq(long, after.blocks, before.blocks));
	bank_free(bank);
}

/* Rows are forgotten at once: that is part of the commit then. */
static const struct sqla_engine_options hasty = { .keep_decisions = SQLA_ZERO };

Test(commit_without_memory, tells_the_truth_of_one_server)
{
	sweep_all("cm_a", "a", &hasty, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_one_server_with_row)
{
	const struct sqla_engine_options row = { .outcome = SQLA_OUTCOME_ROW };

	sweep_all("cm_ax", "a", &row, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_two_servers)
{
	sweep_all("cm_ab", "ab", &hasty, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_server_and_a_file)
{
	sweep_all("cm_al", "al", &hasty, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_file)
{
	sweep_all("cm_l", "l", &hasty, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_file_with_a_log)
{
	sweep_all("cm_w", "w", &hasty, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_two_files)
{
	sweep_all("cm_lm", "lm", &hasty, commit, 1);
}

Test(commit_without_memory, tells_the_truth_of_a_session_that_is_not_joined)
{
	const struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };

	sweep_all("cm_ua", "a", &alone, commit, 1);
	sweep_all("cm_ul", "l", &alone, commit, 1);
}

Test(work_without_memory, tells_the_truth_of_two_servers)
{
	sweep_all("w_ab", "ab", &hasty, everything, STRIDE);
}

Test(work_without_memory, tells_the_truth_of_a_server_and_a_file)
{
	sweep_all("w_al", "al", &hasty, everything, STRIDE);
}

Test(work_without_memory, tells_the_truth_of_two_files)
{
	sweep_all("w_lm", "lm", &hasty, everything, STRIDE);
}

Test(work_without_memory, tells_the_truth_of_sessions_that_are_not_joined)
{
	const struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };

	sweep_all("w_ua", "a", &alone, everything, STRIDE);
	sweep_all("w_ul", "l", &alone, everything, STRIDE);
}
