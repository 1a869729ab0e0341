#include "txn/deferred.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/copy.h"
#include "base/fork.h"
#include "base/log.h"
#include "txn/commit.h"
#include "txn/observe.h"

struct deferred {
	char uuid[37];
	unsigned generation;
	void (*forget_ended)(void *promise, bool all_ended); /* of the decider, or NULL */
	void *promise;
	atomic_uint holders;
	atomic_bool is_unfinished;
};

struct deferred *deferred_new(struct branch *decider, const struct txn_decision *decision)
{
	const struct txn_resource_ops *ops = &decider->ops;
	struct deferred *deferred;

	if (ops->forget && !ops->forget_later)
		return NULL;
	deferred = malloc(sizeof(*deferred));
	if (!deferred)
		return NULL;
	*deferred = (struct deferred){
		.generation = fork_generation(),
		.forget_ended = ops->forget_ended,
		.holders = 1,
	};
	copy_text(deferred->uuid, sizeof(deferred->uuid), decision->uuid);
	if (ops->forget_later)
		deferred->promise = ops->forget_later(decider->self, decision);
	if (ops->forget_later && !deferred->promise) {
		free(deferred);
		return NULL;
	}
	return deferred;
}

/* In a forked child it is the parent's, who lives on. */
void deferred_let_go(struct deferred *deferred, bool all_ended)
{
	bool is_ours = !fork_is_foreign(deferred->generation);

	if (!all_ended)
		atomic_store(&deferred->is_unfinished, true);
	if (atomic_fetch_sub(&deferred->holders, 1) > 1)
		return;
	all_ended = is_ours && !atomic_load(&deferred->is_unfinished);
	if (deferred->forget_ended)
		deferred->forget_ended(deferred->promise, all_ended);
	if (is_ours && !all_ended)
		commit_tell_unfinished();
	free(deferred);
}

/* Nobody is there to be told but the log and the counters. */
static void tell_late(const struct deferred *deferred, int vote)
{
	const char *why = sqla_error_last()->message;

	if (vote == SQLA_EMIXED) {
		observe_late(OBSERVE_MIXED);
		log_error("transaction %s: committed, but not everywhere: %s", deferred->uuid, why);
	} else if (!fork_is_foreign(deferred->generation)) {
		observe_late(OBSERVE_PENDING);
		log_warning("transaction %s: committed; recovery has to tell a branch: %s",
			    deferred->uuid, why);
	}
}

static void ended(void *arg, int vote)
{
	struct deferred *deferred = arg;

	if (vote == 0 && fault_pass(FAULT_finish_late) == FAULT_FAIL)
		vote = error_set(SQLA_EINDOUBT, NULL, NULL, "a fault point cut the wire");
	if (vote < 0)
		tell_late(deferred, vote);
	deferred_let_go(deferred, vote == 0);
}

bool deferred_detach(struct deferred *deferred, struct branch *branch)
{
	if (!branch->ops.detach)
		return false;
	(void)atomic_fetch_add(&deferred->holders, 1);
	if (branch->ops.detach(branch->self, ended, deferred))
		return true;
	(void)atomic_fetch_sub(&deferred->holders, 1);
	return false;
}
