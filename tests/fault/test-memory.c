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
	int n_left;	     /* recoveries that left something */
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
	struct told told[1]; /* gcc takes a member for less than it is */
	char *violation;
	int status;

	sweep->last = (struct attempt){ fails_at, forever };
	sweep->id++;
	status = sweep->try(sweep, &sweep->last);
	told[0] = sweep->told = (struct told){ sweep->id, status };
	if (status < 0 && !sweep->is_explained)
		fail_sweep(sweep, "no error is told");
	if (status == 0 && bank_in_doubt(sweep->teller.bank) > 0)
		fail_sweep(sweep, "a branch is in doubt and nobody says so");
	teller_leave(&sweep->teller);
	if (status != 0)
		part(sweep->teller.bank);
	if (bank_in_doubt(sweep->teller.bank) > 0)
		teller_recover(&sweep->teller);
	violation = bank_violation(sweep->teller.bank, told, 1);
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
		cr_expect(gt(int, sweep->answers[1] + sweep->answers[2] + sweep->n_left, 0));
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

/* ---- what needs no commit ---------------------------------------------------------- */

static int refuse(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	return sqla_error_set(SQLA_EABORTED, "objector", "no", NULL);
}

static int nothing(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static int unreachable(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	return 0;
}

static const char *last_key(void *self)
{
	(void)self;
	return "~"; /* behind every session */
}

static unsigned prepares(void *self)
{
	(void)self;
	return TXN_PREPARES;
}

static int nowhere(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	(void)self;
	(void)snprintf(ret_site, TXN_SITE_MAX + 1, "nowhere");
	return 0;
}

static int unasked(void *self)
{
	(void)self;
	return 0;
}

/* Votes no when all others have voted. */
static const struct txn_resource_ops objector = {
	.size = sizeof(objector),
	.sort_key = last_key,
	.name = last_key,
	.abilities = prepares,
	.commit = unasked,
	.prepare = refuse,
	.commit_prepared = unreachable,
	.rollback_prepared = unreachable,
	.site = nowhere,
	.is_prepared = unreachable,
	.abort = nothing,
};

/* Leaves a branch in doubt, which was decided or was not. */
static void leave_doubt(struct sweep *sweep, bool is_decided)
{
	int status = teller_write(&sweep->teller, sweep->id);

	if (status == 0 && !is_decided)
		status = txn_join(txn_current(), &objector, NULL);
	if (status < 0)
		must_fail("transfer: %s", sqla_error_last()->message);
	fault_arm(is_decided ? "finish_before_send:fail" : "undo_before_send:fail");
	status = txn_commit();
	fault_arm(NULL);
	teller_leave(&sweep->teller);
	if (status != (is_decided ? SQLA_PENDING : SQLA_EABORTED))
		must_fail("the transfer ended with %d: %s", status, sqla_error_last()->message);
	sweep->told = (struct told){ sweep->id, status };
}

static int recover(struct sweep *sweep, const struct attempt *attempt, bool is_decided)
{
	const struct sqla_recover_options now = { .grace_s = -1 };
	struct sqla_recover_report report;
	int status;

	leave_doubt(sweep, is_decided);
	alloc_fail_at(attempt->fails_at, attempt->forever);
	status = sqla_recover(&now, NULL, NULL, &report);
	sweep->made = alloc_stop();
	sweep->is_explained = true;
	sweep->n_left += status != SQLA_OK;
	if (status == SQLA_OK && bank_in_doubt(sweep->teller.bank) > 0)
		fail_sweep(sweep, "recovery says that nothing is in doubt");
	if (status == SQLA_EMIXED)
		fail_sweep(sweep, "recovery guesses");
	return sweep->told.status;
}

static int recover_decided(struct sweep *sweep, const struct attempt *attempt)
{
	return recover(sweep, attempt, true);
}

static int recover_undecided(struct sweep *sweep, const struct attempt *attempt)
{
	return recover(sweep, attempt, false);
}

Test(recovery_without_memory, leaves_what_it_cannot_end_of_two_servers)
{
	sweep_all("r_ab", "ab", NULL, recover_decided, 3 * STRIDE);
	sweep_all("u_ab", "ab", NULL, recover_undecided, 3 * STRIDE);
}

Test(recovery_without_memory, leaves_what_it_cannot_end_of_a_server_and_a_file)
{
	sweep_all("r_al", "al", NULL, recover_decided, 3 * STRIDE);
	sweep_all("u_al", "al", NULL, recover_undecided, 3 * STRIDE);
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
