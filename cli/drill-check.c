#include "drill-check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "drill-scratch.h"
#include "drill-worker.h"

/* ---- recovering ------------------------------------------------------------------ */

static bool is_ours(const char *uuid, void *arg)
{
	return ledger_find(arg, uuid) != NULL;
}

static void note_branch(const struct sqla_in_doubt *branch, void *arg)
{
	struct drill_ledger *ledger = arg;
	struct drill_transfer *transfer = ledger_find(ledger, branch->uuid);

	if (!transfer || branch->status != SQLA_OK)
		return;
	if (branch->verdict == SQLA_VERDICT_COMMIT) {
		atomic_store(&transfer->ending, ENDED_COMMITTED);
		atomic_fetch_add(&ledger->recovered_committed, 1);
	} else {
		atomic_store(&transfer->ending, ENDED_ROLLED_BACK);
		atomic_fetch_add(&ledger->recovered_rolled_back, 1);
	}
}

/* Of one that cannot be asked it is not known what is in doubt there. */
static void note_unreachable(const char *engine, const char *reason, const char *remedy, void *arg)
{
	struct drill_trouble *trouble = &((struct drill_ledger *)arg)->trouble;

	trouble->status = SQLA_ECONNECT;
	(void)snprintf(trouble->engine, sizeof(trouble->engine), "%s", engine);
	(void)snprintf(trouble->message, sizeof(trouble->message), "%s", reason);
	(void)snprintf(trouble->hint, sizeof(trouble->hint), "%s", remedy);
}

int check_recover(struct drill_ledger *ledger, void *arg)
{
	/* No grace: whoever is found in doubt may be alive and in the middle of its
	 * commit, and recovery must cope. */
	const struct sqla_recover_options options = { .grace_s = -1,
						      .keep_rows = true,
						      .unreachable = note_unreachable,
						      .unreachable_arg = ledger,
						      .wanted = is_ours,
						      .wanted_arg = ledger };
	struct sqla_recover_report report = { 0 };
	int status = sqla_recover(&options, note_branch, ledger, &report);

	(void)arg;
	if (report.unreachable > 0)
		return SQLA_ECONNECT;
	if (status != SQLA_EMIXED)
		return status < 0 ? ledger_trouble(ledger, status) : status;
	ledger_violation(ledger, "recovery: %s", sqla_error_last()->message);
	return SQLA_OK;
}

/* ---- reading ----------------------------------------------------------------------- */

/* Behind the lock nobody is left who has touched the tables, in whatever state.
 * A SQLite file has no servers that outlive their clients. */
static int lock(struct sqla_session *s)
{
	int status = sqla_exec(s, "SELECT 1");

	if (status < 0 || !scratch_is_server(s))
		return status;
	status = sqla_exec(s, "SET LOCAL lock_timeout = '1s'");
	if (status >= 0)
		status = sqla_exec(s, "LOCK TABLE " DRILL_ACCOUNT ", " DRILL_TRANSFER
				      " IN ACCESS EXCLUSIVE MODE");
	return scratch_is_held(status) ? SQLA_PENDING : status;
}

static void take_row(struct drill_ledger *ledger, int nth, int64_t id, int64_t cents)
{
	struct drill_transfer *transfer;

	if (id < ledger->first || id >= ledger_end(ledger)) {
		ledger_violation(ledger, "engine \"%s\" has a transfer %" PRId64 " of nobody's",
				 ledger->engines[nth].name, id);
		return;
	}
	transfer = &ledger->transfers[id];
	transfer->found = (uint16_t)(transfer->found | 1U << nth);
	if (transfer->parts & 1U << nth && cents != worker_share(transfer, id, nth))
		ledger_violation(ledger,
				 "transfer %" PRId64 " moves %" PRId64 " cents in engine \"%s\""
				 " instead of %" PRId64,
				 id, cents, ledger->engines[nth].name,
				 worker_share(transfer, id, nth));
}

static int read_transfers(struct drill_ledger *ledger, struct sqla_session *s, int nth)
{
	struct sqla_rows *rows = NULL;
	int closed, status = sqla_query(s, &rows, "SELECT id, cents FROM " DRILL_TRANSFER);

	while (status >= 0 && (status = sqla_rows_next(rows)) > 0)
		take_row(ledger, nth, sqla_rows_int(rows, 0), sqla_rows_int(rows, 1));
	closed = sqla_rows_close(rows);
	return status < 0 ? status : closed;
}

static int read_sum(struct drill_ledger *ledger, struct sqla_session *s, int nth,
		    int64_t *ret_cents)
{
	const struct drill_engine *engine = &ledger->engines[nth];
	int64_t sums[2] = { 0, 0 };
	int status = scratch_numbers(s,
				     "SELECT (SELECT sum(cents) FROM " DRILL_ACCOUNT "),"
				     " (SELECT coalesce(sum(cents), 0) FROM " DRILL_TRANSFER ")",
				     sums, 2);

	if (status < 0)
		return status;
	if (sums[0] != engine->cents + sums[1])
		ledger_violation(ledger,
				 "engine \"%s\": the accounts hold %" PRId64
				 " cents, the transfers explain %" PRId64,
				 engine->name, sums[0], engine->cents + sums[1]);
	*ret_cents = sums[0];
	return 0;
}

/* ---- comparing --------------------------------------------------------------------- */

static const char *parts_text(const struct drill_ledger *ledger, unsigned parts, char *ret,
			      size_t size)
{
	size_t used = 0;

	*ret = '\0';
	for (int i = 0; i < ledger->n_engines; i++)
		if (parts & 1U << i && used + 1 < size)
			used += (size_t)snprintf(ret + used, size - used, "%s%s",
						 used > 0 ? ", " : "", ledger->engines[i].name);
	return parts ? ret : "none";
}

/* Only "in doubt" may turn out either way. */
static void compare(struct drill_ledger *ledger, int64_t id)
{
	const struct drill_transfer *transfer = &ledger->transfers[id];
	const bool is_told = atomic_load(&transfer->step) == STEP_TOLD;
	char has[128], wants[128];

	if (transfer->found != 0 && transfer->found != transfer->parts)
		ledger_violation(ledger,
				 "transfer %" PRId64 " (%s) is in engines %s, and must be in "
				 "all or none of %s",
				 id, transfer->uuid,
				 parts_text(ledger, transfer->found, has, sizeof(has)),
				 parts_text(ledger, transfer->parts, wants, sizeof(wants)));
	else if (atomic_load(&transfer->step) == STEP_WORKING && transfer->found != 0)
		ledger_violation(ledger, "transfer %" PRId64 " is there, and nobody committed it",
				 id);
	else if (is_told && transfer->status >= 0 && transfer->found == 0)
		ledger_violation(ledger,
				 "transfer %" PRId64 " (%s) was told to be committed and is "
				 "nowhere",
				 id, transfer->uuid);
	else if (is_told && transfer->status < 0 && transfer->status != SQLA_EINDOUBT &&
		 transfer->found != 0)
		ledger_violation(ledger,
				 "transfer %" PRId64 " (%s) was told not to be committed "
				 "(%s) and is there",
				 id, transfer->uuid, sqla_strerror(transfer->status));
}

static void compare_all(struct drill_ledger *ledger)
{
	const int64_t end = ledger_end(ledger);
	int64_t cents = 0;

	for (int64_t id = ledger->first; id < end; id++)
		compare(ledger, id);
	for (int i = 0; i < ledger->n_engines; i++)
		cents += ledger->engines[i].cents;
	if (cents != (int64_t)ledger->n_engines * DRILL_ACCOUNTS * DRILL_CENTS)
		ledger_violation(ledger, "there were %" PRId64 " cents, there are %" PRId64,
				 (int64_t)ledger->n_engines * DRILL_ACCOUNTS * DRILL_CENTS, cents);
}

static int lock_engine(struct drill_ledger *ledger, int nth)
{
	struct sqla_session *s = NULL;
	int status = sqla_session_open(ledger->engines[nth].name, &s);

	if (status >= 0)
		status = lock(s);
	sqla_session_close(s);
	return status;
}

static int check_engine(struct drill_ledger *ledger, int nth, int64_t *ret_cents)
{
	struct sqla_session *s = NULL;
	int status = sqla_session_open(ledger->engines[nth].name, &s);

	if (status >= 0)
		status = read_sum(ledger, s, nth, ret_cents);
	if (status >= 0)
		status = read_transfers(ledger, s, nth);
	if (status >= 0)
		status = sqla_exec(s, "DELETE FROM " DRILL_TRANSFER);
	sqla_session_close(s);
	return status;
}

int check_all(struct drill_ledger *ledger, void *arg)
{
	int64_t cents[DRILL_ENGINES];
	int status = 0;

	(void)arg;
	for (int i = 0; status == 0 && i < ledger->n_engines; i++)
		status = lock_engine(ledger, i);
	for (int i = 0; status == 0 && i < ledger->n_engines; i++)
		status = check_engine(ledger, i, &cents[i]);
	if (status == 0)
		status = txn_commit();
	if (status < 0)
		status = ledger_trouble(ledger, status);
	if (status != 0) {
		(void)txn_abort();
		return status;
	}
	for (int i = 0; i < ledger->n_engines; i++)
		ledger->engines[i].cents = cents[i];
	compare_all(ledger);
	return 0;
}
