#include "fault/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist/resource.h>

#include "base/fault.h"
#include "support/files.h"
#include "support/must.h"
#include "support/test.h"

static void arm(const struct trial *trial)
{
	trial->breaker->arm(trial->fails_at, trial->forever);
}

static void disarm(struct trial *trial)
{
	trial->met = trial->breaker->disarm();
}

void trial_fail(const struct trial *trial, const char *what)
{
	char *place = trial->breaker->place();

	must_fail("%s: number %u%s failed, answer %d: %s (%s); in %s", trial->breaker->what,
		  trial->fails_at, trial->forever ? " and all behind it" : "", trial->told.status,
		  what, sqla_error_last()->message, place);
}

static int open_files(void)
{
	int n = files_open();

	if (n < 0)
		must_fail("open files cannot be counted");
	return n;
}

static long held(const struct trial *trial)
{
	return trial->breaker->held ? trial->breaker->held() : 0;
}

/* ---- one transfer after the other --------------------------------------------------- */

/* What was sent on a connection that was given up may be under way. */
static void part(struct trial *trial)
{
	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	if (trial->files && open_files() > trial->files)
		trial_fail(trial, "a file is left open");
	bank_wait_quiet(trial->teller.bank);
}

static void count_answer(struct trial *trial)
{
	int status = trial->told.status;

	trial->answers[status >= 0 ? 0 : status == SQLA_EINDOUBT ? 2 : 1]++;
}

bool trial_run(struct trial *trial, unsigned nth, bool forever)
{
	struct bank *bank = trial->teller.bank;
	struct told told[1]; /* gcc takes a member for less than it is */
	char *violation;

	trial->fails_at = nth;
	trial->forever = forever;
	told[0].id = ++trial->id;
	told[0].status = trial->attempt(trial);
	trial->told = told[0];
	if (told[0].status < 0 && !trial->is_clear)
		trial_fail(trial, "the error does not say what it must");
	if (told[0].status == 0 && bank_in_doubt(bank) > 0)
		trial_fail(trial, "a branch is in doubt and nobody says so");
	teller_leave(&trial->teller);
	if (told[0].status != 0)
		part(trial);
	if (bank_in_doubt(bank) > 0)
		teller_recover(&trial->teller);
	violation = bank_violation(bank, told, 1);
	if (violation)
		trial_fail(trial, violation);
	count_answer(trial);
	return trial->met >= nth;
}

void trial_each(struct trial *trial, unsigned step, bool forever)
{
	unsigned at = 1;

	memset(trial->answers, 0, sizeof(trial->answers));
	while (trial_run(trial, at, forever))
		at += step;
	(void)printf("%s: %u %s%s: done %d, refused %d, in doubt %d\n",
		     bank_kinds(trial->teller.bank), at - 1, trial->breaker->what,
		     forever ? ", for ever" : "", trial->answers[0], trial->answers[1],
		     trial->answers[2]);
	/* Who makes no such call can do without. */
	if (forever && at > 1)
		cr_expect(gt(int, trial->answers[1] + trial->answers[2] + trial->n_left, 0));
}

void trial_open(struct trial *trial, const char *name, const char *kinds,
		const struct sqla_engine_options *options)
{
	struct bank *bank = bank_new(name, kinds);

	(void)printf("%s\n", name); /* stdout has its buffer now */
	teller_open(&trial->teller, bank, options);
	(void)trial_run(trial, 0, false);
	teller_recover(&trial->teller);
	teller_close(&trial->teller);
	trial->files_before = open_files();
	trial->held_before = held(trial);
	teller_open(&trial->teller, bank, options);
	(void)trial_run(trial, 0, false);
	(void)trial_run(trial, 0, false);
	part(trial);
	trial->files = open_files();
}

void trial_close(struct trial *trial)
{
	struct bank *bank = trial->teller.bank;

	teller_recover(&trial->teller);
	teller_close(&trial->teller);
	bank_wait_quiet(bank); /* no connection is left */
	cr_expect(eq(int, open_files(), trial->files_before));
	cr_expect(eq(long, held(trial), trial->held_before));
	bank_free(bank);
}

/* ---- attempts ---------------------------------------------------------------------- */

static void must_write(struct trial *trial)
{
	if (teller_write(&trial->teller, trial->id) < 0)
		must_fail("transfer: %s", sqla_error_last()->message);
}

int trial_commit(struct trial *trial)
{
	int status;

	must_write(trial);
	arm(trial);
	status = teller_commit(&trial->teller);
	disarm(trial);
	trial->is_clear = status < 0 && trial->breaker->is_clear(trial);
	return status;
}

int trial_everything(struct trial *trial)
{
	int status;

	arm(trial);
	status = teller_write(&trial->teller, trial->id);
	status = status < 0 ? SQLA_EABORTED : teller_commit(&trial->teller);
	trial->is_clear = status < 0 && trial->breaker->is_clear(trial);
	teller_leave(&trial->teller);
	disarm(trial);
	return status;
}

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
static int leave_doubt(struct trial *trial, bool is_decided)
{
	int status;

	must_write(trial);
	if (!is_decided && txn_join(txn_current(), &objector, NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	fault_arm(is_decided ? "finish_before_send:fail" : "undo_before_send:fail");
	status = txn_commit();
	fault_arm(NULL);
	teller_leave(&trial->teller);
	if (status != (is_decided ? SQLA_PENDING : SQLA_EABORTED))
		must_fail("the transfer ended with %d: %s", status, sqla_error_last()->message);
	return status;
}

/* It speaks of what it leaves in its report, or says why it could not. */
void trial_recover(struct trial *trial)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };
	struct sqla_recover_report report;
	int status;

	arm(trial);
	status = sqla_recover(&now, NULL, NULL, &report);
	disarm(trial);
	trial->is_clear = true;
	trial->n_left += status != SQLA_OK;
	if (status == SQLA_OK && bank_in_doubt(trial->teller.bank) > 0)
		trial_fail(trial, "recovery says that nothing is in doubt");
	if (status == SQLA_EMIXED)
		trial_fail(trial, "recovery guesses");
}

int trial_recover_decided(struct trial *trial)
{
	int status = leave_doubt(trial, true);

	trial_recover(trial);
	return status;
}

int trial_recover_undecided(struct trial *trial)
{
	int status = leave_doubt(trial, false);

	trial_recover(trial);
	return status;
}
