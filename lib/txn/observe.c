#include "txn/observe.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/copy.h"
#include "base/fork.h"
#include "txn/protocol.h"

const int64_t observe_bounds_us[OBSERVE_BOUNDS] = {
	500,	1000,	2500,	5000,	 10000,	  25000,   50000,
	100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

/* Every number in it is atomic by itself. */
static struct observe_totals totals;

/* Guarded by recent_lock: */
static struct observe_entry recent[OBSERVE_RECENT];
static size_t n_recent; /* ever; the latest is at n_recent - 1, modulo */

static pthread_mutex_t recent_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* In a forked child, which has committed nothing yet. */
static void start_from_zero(void *unused)
{
	(void)unused;
	memset(&totals, 0, sizeof(totals));
	n_recent = 0;
}

static void init(void)
{
	(void)fork_guard(&recent_lock);
	(void)fork_on_child(start_from_zero, NULL);
}

/* ---- one commit ------------------------------------------------------------ */

void observe_begin(struct observe_times *times)
{
	times->began_us = clock_us();
	times->mark_us = times->began_us;
	for (size_t i = 0; i < OBSERVE_STEPS; i++)
		times->step_us[i] = OBSERVE_NEVER;
}

void observe_step(struct observe_times *times, enum observe_step step)
{
	int64_t now = clock_us();

	times->step_us[step] = now - times->mark_us;
	times->mark_us = now;
}

/* ---- words ----------------------------------------------------------------- */

const char *observe_outcome_name(enum observe_outcome outcome)
{
	static const char *const names[OBSERVE_OUTCOMES] = {
		[OBSERVE_COMMITTED] = "committed", [OBSERVE_PENDING] = "pending",
		[OBSERVE_MIXED] = "mixed",	   [OBSERVE_IN_DOUBT] = "in_doubt",
		[OBSERVE_REFUSED] = "refused",	   [OBSERVE_ROLLED_BACK] = "rolled_back",
	};

	return names[outcome];
}

const char *observe_step_name(enum observe_step step)
{
	static const char *const names[OBSERVE_STEPS] = {
		[OBSERVE_ASK] = "ask",
		[OBSERVE_PREPARE] = "prepare",
		[OBSERVE_DECIDE] = "decide",
		[OBSERVE_FINISH] = "finish",
	};

	return names[step];
}

static enum observe_outcome outcome_of(int status)
{
	switch (status) {
	case SQLA_OK:
		return OBSERVE_COMMITTED;
	case SQLA_PENDING:
		return OBSERVE_PENDING;
	case SQLA_EMIXED:
		return OBSERVE_MIXED;
	case SQLA_EINDOUBT:
		return OBSERVE_IN_DOUBT;
	default:
		return OBSERVE_REFUSED;
	}
}

/* ---- adding ---------------------------------------------------------------- */

static void add(uint64_t *number, uint64_t n)
{
	__atomic_add_fetch(number, n, __ATOMIC_RELAXED);
}

static void measure(struct observe_histogram *histogram, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		return;
	while (i < OBSERVE_BOUNDS && us > observe_bounds_us[i])
		i++;
	add(&histogram->buckets[i], 1);
	add(&histogram->sum_us, (uint64_t)us);
}

static unsigned phases_of(const struct observe_times *times)
{
	if (times->step_us[OBSERVE_PREPARE] != OBSERVE_NEVER)
		return 2;
	return times->step_us[OBSERVE_DECIDE] != OBSERVE_NEVER ? 1 : 0;
}

static void remember(const struct observe_entry *entry)
{
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&recent_lock);
	recent[n_recent++ % OBSERVE_RECENT] = *entry;
	(void)pthread_mutex_unlock(&recent_lock);
}

static void describe(const struct txn *txn, struct observe_entry *ret)
{
	const char *description = txn_description(txn);
	struct branch *branch;

	DL_COUNT(txn->branches, branch, ret->n_branches);
	ret->ended_unix_ms = clock_unix_ms();
	copy_text(ret->uuid, sizeof(ret->uuid), txn->uuid);
	copy_text(ret->description, sizeof(ret->description), description ? description : "");
	copy_text(ret->reason, sizeof(ret->reason), txn->failure.message);
}

void observe_commit(const struct txn *txn, const struct protocol_result *result)
{
	const struct observe_times *times = &result->times;
	struct observe_entry entry = {
		.outcome = outcome_of(result->status),
		.status = result->status,
		.phases = phases_of(times),
		.work_us = times->began_us - txn->began_us,
		.commit_us = clock_us() - times->began_us,
	};

	if (!txn->branches)
		return;
	describe(txn, &entry);
	if (result->decider)
		copy_text(entry.decider, sizeof(entry.decider), branch_name(result->decider));
	if (result->status != 0)
		(void)snprintf(entry.reason, sizeof(entry.reason), "%s", result->error.message);
	memcpy(entry.step_us, times->step_us, sizeof(entry.step_us));
	add(&totals.outcomes[entry.outcome][entry.phases], 1);
	measure(&totals.commit, entry.commit_us);
	for (size_t i = 0; i < OBSERVE_STEPS; i++)
		measure(&totals.steps[i], entry.step_us[i]);
	/* Those that only read would drive the others out. */
	if (entry.outcome != OBSERVE_COMMITTED || entry.phases > 0)
		remember(&entry);
}

void observe_abort(const struct txn *txn)
{
	struct observe_entry entry = {
		.outcome = OBSERVE_ROLLED_BACK,
		.status = SQLA_EABORTED,
		.work_us = clock_us() - txn->began_us,
		.commit_us = OBSERVE_NEVER,
	};

	/* A commit that failed has released its branches, and was counted. */
	if (!txn->branches)
		return;
	for (size_t i = 0; i < OBSERVE_STEPS; i++)
		entry.step_us[i] = OBSERVE_NEVER;
	describe(txn, &entry);
	add(&totals.outcomes[OBSERVE_ROLLED_BACK][0], 1);
	remember(&entry);
}

void observe_late(enum observe_outcome outcome)
{
	(void)pthread_once(&once, init);
	add(&totals.late[outcome], 1);
}

/* ---- reading --------------------------------------------------------------- */

static void read_histogram(const struct observe_histogram *from, struct observe_histogram *ret)
{
	for (size_t i = 0; i <= OBSERVE_BOUNDS; i++)
		ret->buckets[i] = __atomic_load_n(&from->buckets[i], __ATOMIC_RELAXED);
	ret->sum_us = __atomic_load_n(&from->sum_us, __ATOMIC_RELAXED);
}

void observe_totals(struct observe_totals *ret_totals)
{
	for (size_t i = 0; i < OBSERVE_OUTCOMES; i++)
		for (size_t j = 0; j < OBSERVE_PHASES; j++)
			ret_totals->outcomes[i][j] =
				__atomic_load_n(&totals.outcomes[i][j], __ATOMIC_RELAXED);
	for (size_t i = 0; i < OBSERVE_OUTCOMES; i++)
		ret_totals->late[i] = __atomic_load_n(&totals.late[i], __ATOMIC_RELAXED);
	for (size_t i = 0; i < OBSERVE_STEPS; i++)
		read_histogram(&totals.steps[i], &ret_totals->steps[i]);
	read_histogram(&totals.commit, &ret_totals->commit);
}

size_t observe_recent(struct observe_entry entries[], size_t n)
{
	size_t kept;

	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&recent_lock);
	kept = n_recent < OBSERVE_RECENT ? n_recent : OBSERVE_RECENT;
	if (n > kept)
		n = kept;
	for (size_t i = 0; i < n; i++)
		entries[i] = recent[(n_recent - 1 - i) % OBSERVE_RECENT];
	(void)pthread_mutex_unlock(&recent_lock);
	return n;
}
