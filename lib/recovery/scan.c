/*
 * A pass, which may run beside other passes and beside live coordinators:
 *  1. Everybody is asked for its site. A crash leaves nothing. What was left
 *     beside files is looked at before: to open them deals with it.
 *  2. Everybody lists what is prepared.
 *  3. Of each branch the decider is looked at (I3, I4, I6), which may commit a
 *     tombstone. A crash leaves the tombstone, and the next look finds it.
 *  4. The branch is ended as decided. Ended by somebody else meanwhile: its
 *     own xid tells how.
 *  5. Rows that nobody needs are cleaned (rows.c).
 * Branches with the same decider take steps 3 and 4 together where nothing stands
 * in the way (batch.h), and else each takes them alone.
 * All that a pass holds is in struct scan and is freed in one place. In
 * model/commit.pml: resolve (3, 4) and clean (5).
 */
#include "recovery/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "recovery/batch.h"
#include "recovery/explain.h"
#include "recovery/latest.h"
#include "recovery/leftovers.h"
#include "recovery/rows.h"

struct scan {
	struct parties parties;
	struct doubts doubts;
	struct leftovers leftovers;
	struct batch *batch; /* that is being filled */
	struct resolve_how how;
	const struct sqla_recover_options *options;
	sqla_in_doubt_fn *fn;
	void *arg;
	const atomic_bool *stop;
	struct sqla_recover_report report;
	struct latest_pass pass;     /* what is left, to be shown */
	char mixed[TXN_GID_MAX + 1]; /* a branch that was ended by hand */
	char mixed_engine[64];
};

static bool is_stopped(const struct scan *scan)
{
	return scan->stop && atomic_load(scan->stop);
}

int scan_grace(const struct sqla_recover_options *options)
{
	int grace = options ? options->grace_s : 0;

	if (grace < 0)
		return 0;
	return grace == 0 ? SCAN_GRACE_S : grace;
}

/* ---- step 2 ------------------------------------------------------------ */

static void list_all(struct scan *scan)
{
	for (size_t i = 0; i < scan->parties.n && !is_stopped(scan); i++) {
		struct party *party = &scan->parties.items[i];

		if (!party_is_primary(party))
			continue;
		if (doubts_add(&scan->doubts, party) < 0)
			party_fail(party);
		fault_here(recover_listed);
	}
}

/*
 * Steps 1 and 2. To open a file that was left hot is to deal with it: a dry run
 * spares it, unless a branch is in doubt, which that file may have decided.
 */
static int look_around(struct scan *scan)
{
	const struct leftovers *spared = scan->how.dry_run ? &scan->leftovers : NULL;
	int status = parties_open(&scan->parties, scan->stop, spared);

	if (status < 0)
		return status;
	list_all(scan);
	if (!spared || !spared->first || !scan->doubts.first)
		return 0;
	doubts_free(&scan->doubts);
	parties_release(&scan->parties);
	status = parties_open(&scan->parties, scan->stop, NULL);
	if (status == 0)
		list_all(scan);
	return status;
}

/* ---- steps 3 and 4 ----------------------------------------------------- */

static void log_doubt(const struct doubt *doubt, const struct explanation *texts, int status)
{
	if (status == SQLA_OK)
		log_info("recovery: branch %s in \"%s\": %s %s", doubt->gid, doubt->party->name,
			 texts->evidence, texts->remedy);
	else if (status < 0)
		log_error("recovery: branch %s in \"%s\": %s %s", doubt->gid, doubt->party->name,
			  texts->evidence, texts->remedy);
	else
		log_debug("recovery: branch %s in \"%s\" is left: %s %s", doubt->gid,
			  doubt->party->name, texts->evidence, texts->remedy);
}

/* A decider that is unknown, or has not been looked at, has no name. */
static const char *decider_name(const struct resolution *resolution)
{
	return resolution->cause == CAUSE_LOOKED && resolution->decider ?
		       resolution->decider->name :
		       "";
}

static void tell(struct scan *scan, const struct doubt *doubt, const struct resolution *resolution,
		 int status)
{
	struct explanation texts;
	struct sqla_in_doubt in_doubt = {
		.engine = doubt->party->name,
		.gid = doubt->gid,
		.uuid = doubt->parts.uuid,
		.owner = doubt->owner,
		.database = doubt->database,
		.age_s = doubt->age_s,
		.decider = decider_name(resolution),
		.decider_site = doubt->parts.site,
		.verdict = resolution->verdict,
		.evidence = texts.evidence,
		.remedy = texts.remedy,
		.blocked = doubt->blocked,
		.status = status,
	};

	explain(&doubt->parts, resolution, &scan->how, doubt, status, &texts);
	log_doubt(doubt, &texts, status);
	if (status != SQLA_OK)
		latest_add(&scan->pass, &in_doubt);
	if (scan->fn)
		scan->fn(&in_doubt, scan->arg);
}

/* Another application's branches in other databases of the server are not
 * ours to wait for. */
static bool is_ours(const struct resolution *resolution)
{
	return resolution->cause != CAUSE_DATABASE;
}

static void count(struct scan *scan, const struct doubt *doubt, const struct resolution *resolution,
		  int status)
{
	if (status == SQLA_OK && resolution->verdict == SQLA_VERDICT_COMMIT) {
		scan->report.committed++;
	} else if (status == SQLA_OK) {
		scan->report.rolled_back++;
	} else if (status == SQLA_EMIXED) {
		scan->report.mixed++;
		(void)strcpy(scan->mixed, doubt->gid);
		(void)strcpy(scan->mixed_engine, doubt->party->name);
	} else if (is_ours(resolution)) {
		scan->report.left++;
	}
}

static bool is_decided(const struct resolution *resolution)
{
	return resolution->verdict == SQLA_VERDICT_COMMIT ||
	       resolution->verdict == SQLA_VERDICT_ROLLBACK;
}

/* Somebody else may have ended it between the list and the look, and then
 * forgotten the row: it is not in doubt any more. */
static bool has_vanished(struct doubt *doubt, const struct resolution *resolution)
{
	return resolution->cause == CAUSE_LOOKED && !is_decided(resolution) &&
	       party_is_prepared(doubt->party, doubt->gid) == 0;
}

static int end(const struct doubt *doubt, enum sqla_verdict verdict)
{
	int status = party_end(doubt->party, doubt->gid, verdict == SQLA_VERDICT_COMMIT,
			       doubt->xid[0] ? doubt->xid : NULL);

	fault_here(recover_ended);
	return status;
}

/* Whoever has a result by now has it from the batch. */
static void finish(struct scan *scan, struct batch_item *item)
{
	struct doubt *doubt = item->doubt;
	struct resolution *resolution = &item->resolution;
	int status = SQLA_PENDING;

	if (!item->is_resolved) {
		resolve_doubt(&scan->parties, doubt, &scan->how, resolution);
		fault_here(recover_resolved);
	}
	if (!item->is_resolved && has_vanished(doubt, resolution)) {
		log_debug("recovery: branch %s was ended by somebody else", doubt->gid);
		return;
	}
	if (item->is_ended)
		status = SQLA_OK;
	else if (is_decided(resolution) && !scan->how.dry_run)
		status = end(doubt, resolution->verdict);
	tell(scan, doubt, resolution, status);
	count(scan, doubt, resolution, status);
}

static void finish_batch(struct scan *scan)
{
	struct batch *batch = scan->batch;

	if (is_stopped(scan)) {
		scan->report.left += (int)batch->n;
		batch->n = 0;
	}
	if (batch->n > 1) {
		batch_resolve(batch, &scan->parties, &scan->how);
		fault_here(recover_looked);
	}
	if (batch->n > 1 && !scan->how.dry_run) {
		batch_end(batch);
		fault_here(recover_ended_all);
	}
	for (size_t i = 0; i < batch->n; i++)
		finish(scan, &batch->items[i]);
	batch->n = 0;
}

/* Looking leaves tombstones, so a branch of no interest is not even looked at. */
static bool is_wanted(const struct scan *scan, const struct doubt *doubt)
{
	const struct sqla_recover_options *options = scan->options;

	return !options->wanted || options->wanted(doubt->parts.uuid, options->wanted_arg);
}

static int finish_all(struct scan *scan)
{
	struct doubt *doubt;

	scan->batch = calloc(1, sizeof(*scan->batch));
	if (!scan->batch)
		return error_nomem();
	doubts_sort(&scan->doubts);
	for (doubt = scan->doubts.first; doubt; doubt = doubt->hh.next) {
		if (!is_wanted(scan, doubt))
			continue;
		if (!batch_takes(scan->batch, doubt, &scan->how))
			finish_batch(scan);
		batch_add(scan->batch, doubt);
	}
	finish_batch(scan);
	return 0;
}

/* ---- what is left beside files ------------------------------------------- */

static void tidy_all(struct scan *scan)
{
	for (size_t i = 0; i < scan->parties.n && !is_stopped(scan); i++)
		party_tidy(&scan->parties.items[i]);
	leftovers_settle(&scan->leftovers);
}

/* ---- the whole --------------------------------------------------------- */

static void tell_unreachable(struct scan *scan)
{
	sqla_unreachable_fn *fn = scan->options->unreachable;

	for (size_t i = 0; i < scan->parties.n; i++) {
		const struct party *party = &scan->parties.items[i];

		if (party->is_reachable)
			continue;
		scan->report.unreachable++;
		latest_add_unreachable(&scan->pass, party->name, party->reason);
		log_warning("recovery: \"%s\" could not be asked: %s", party->name, party->reason);
		if (fn)
			fn(party->name, party->reason, party->remedy,
			   scan->options->unreachable_arg);
	}
}

static int outcome(const struct scan *scan)
{
	if (scan->report.mixed > 0)
		return error_set(SQLA_EMIXED, scan->mixed_engine,
				 "Compare the databases and mend the data by hand.",
				 "branch %s was ended by hand against the decision", scan->mixed);
	if (scan->report.left > 0 || scan->report.unreachable > 0)
		return SQLA_PENDING;
	return SQLA_OK;
}

int scan_run(const struct sqla_recover_options *options, sqla_in_doubt_fn *fn, void *arg,
	     const atomic_bool *stop, struct sqla_recover_report *ret_report)
{
	static const struct sqla_recover_options defaults;
	struct scan scan = { .options = options ? options : &defaults, .fn = fn, .arg = arg };
	struct sqla_error before;
	int status;

	error_save(&before);
	scan.stop = stop;
	scan.how.grace_s = scan_grace(options);
	scan.how.fence_s = scan.options->fence_s;
	scan.how.dry_run = scan.options->dry_run;
	leftovers_find(&scan.leftovers);
	status = look_around(&scan);
	if (status < 0)
		goto out;
	status = finish_all(&scan);
	if (status < 0)
		goto out;
	/* Files are opened, or not, as a whole: there is no wanted part. */
	if (!scan.how.dry_run && !scan.options->wanted)
		tidy_all(&scan);
	if (!scan.how.dry_run && !scan.options->keep_rows && !is_stopped(&scan))
		scan.report.forgotten = rows_forget(&scan.parties, scan.options);
	tell_unreachable(&scan);
	leftovers_tell(&scan.leftovers, scan.options->leftover, scan.options->leftover_arg);
	status = outcome(&scan);
	*ret_report = scan.report;
	/* One that was stopped, or chose, has not seen everything. */
	if (!is_stopped(&scan) && !scan.options->wanted)
		latest_publish(&scan.pass, &scan.report);
	if (status >= 0)
		(void)error_restore(&before);
out:
	free(scan.batch);
	latest_clear(&scan.pass);
	leftovers_free(&scan.leftovers);
	doubts_free(&scan.doubts);
	parties_release(&scan.parties);
	return status;
}

int sqla_recover(const struct sqla_recover_options *options, sqla_in_doubt_fn *fn, void *arg,
		 struct sqla_recover_report *ret_report)
{
	struct sqla_recover_report report;
	int status = scan_run(options, fn, arg, NULL, &report);

	if (ret_report && (status >= 0 || status == SQLA_EMIXED))
		*ret_report = report;
	return status;
}

/* A number that leaves an engine out would be a guess (I6). */
static void note_unreachable(const char *engine, const char *reason, const char *hint, void *arg)
{
	(void)error_set(SQLA_ECONNECT, engine, hint, "%s", reason);
	error_save(arg);
}

int sqla_in_doubt(sqla_in_doubt_fn *fn, void *arg)
{
	struct sqla_error unreachable = { .status = SQLA_OK };
	const struct sqla_recover_options options = {
		.dry_run = true,
		.unreachable = note_unreachable,
		.unreachable_arg = &unreachable,
	};
	struct sqla_recover_report report;
	int status = scan_run(&options, fn, arg, NULL, &report);

	if (status < 0)
		return status;
	if (unreachable.status < 0)
		return error_restore(&unreachable);
	return report.left;
}
