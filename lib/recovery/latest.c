#include "recovery/latest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/fork.h"

/* Guarded by latest_lock: */
static struct latest_pass latest;
static struct sqla_recover_report totals;
static unsigned generation;

static pthread_mutex_t latest_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void guard(void)
{
	(void)fork_guard(&latest_lock);
	generation = fork_generation();
}

/* Takes the lock. What the parent of a forked child saw is not the child's. */
static void enter(void)
{
	(void)pthread_once(&once, guard);
	(void)pthread_mutex_lock(&latest_lock);
	if (!fork_is_foreign(generation))
		return;
	latest_clear(&latest);
	totals = (struct sqla_recover_report){ 0 };
	generation = fork_generation();
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&latest_lock);
}

#define copy_text(to, from) ((void)snprintf((to), sizeof(to), "%s", (from)))

void latest_add(struct latest_pass *pass, const struct sqla_in_doubt *branch)
{
	struct latest_branch *kept;

	if (branch->verdict == SQLA_VERDICT_YOUNG || branch->verdict == SQLA_VERDICT_FOREIGN) {
		pass->n_young += branch->verdict == SQLA_VERDICT_YOUNG;
		pass->n_foreign += branch->verdict == SQLA_VERDICT_FOREIGN;
		return;
	}
	pass->n_branches++;
	kept = pass->n_branches <= LATEST_MOST ? calloc(1, sizeof(*kept)) : NULL;
	if (!kept)
		return;
	copy_text(kept->engine, branch->engine);
	copy_text(kept->gid, branch->gid);
	copy_text(kept->uuid, branch->uuid);
	copy_text(kept->owner, branch->owner);
	copy_text(kept->database, branch->database);
	copy_text(kept->decider, branch->decider);
	copy_text(kept->evidence, branch->evidence);
	copy_text(kept->remedy, branch->remedy);
	kept->age_s = branch->age_s;
	kept->verdict = branch->verdict;
	kept->status = branch->status;
	kept->blocked = branch->blocked;
	DL_APPEND(pass->branches, kept);
}

void latest_add_unreachable(struct latest_pass *pass, const char *engine, const char *reason)
{
	struct latest_unreachable *kept = calloc(1, sizeof(*kept));

	if (!kept)
		return;
	copy_text(kept->engine, engine);
	copy_text(kept->reason, reason);
	DL_APPEND(pass->unreachable, kept);
}

void latest_publish(struct latest_pass *pass, const struct sqla_recover_report *report)
{
	struct latest_pass before;

	pass->ended_ms = clock_boot_ms();
	pass->report = *report;
	enter();
	before = latest;
	latest = *pass;
	totals.committed += report->committed;
	totals.rolled_back += report->rolled_back;
	totals.mixed += report->mixed;
	totals.forgotten += report->forgotten;
	leave();
	*pass = (struct latest_pass){ 0 };
	latest_clear(&before);
}

static void copy_branches(const struct latest_pass *from, struct latest_pass *ret)
{
	const struct latest_branch *branch;

	DL_FOREACH(from->branches, branch) {
		struct latest_branch *copy = malloc(sizeof(*copy));

		if (!copy)
			return;
		*copy = *branch;
		DL_APPEND(ret->branches, copy);
	}
}

static void copy_unreachable(const struct latest_pass *from, struct latest_pass *ret)
{
	const struct latest_unreachable *one;

	DL_FOREACH(from->unreachable, one) {
		struct latest_unreachable *copy = malloc(sizeof(*copy));

		if (!copy)
			return;
		*copy = *one;
		DL_APPEND(ret->unreachable, copy);
	}
}

void latest_copy(struct latest_pass *ret_pass, struct sqla_recover_report *ret_totals)
{
	enter();
	*ret_pass = latest;
	ret_pass->branches = NULL;
	ret_pass->unreachable = NULL;
	copy_branches(&latest, ret_pass);
	copy_unreachable(&latest, ret_pass);
	*ret_totals = totals;
	leave();
}

void latest_clear(struct latest_pass *pass)
{
	struct latest_branch *branch, *next_branch;
	struct latest_unreachable *one, *next;

	DL_FOREACH_SAFE(pass->branches, branch, next_branch) {
		DL_DELETE(pass->branches, branch);
		free(branch);
	}
	DL_FOREACH_SAFE(pass->unreachable, one, next) {
		DL_DELETE(pass->unreachable, one);
		free(one);
	}
	*pass = (struct latest_pass){ 0 };
}
