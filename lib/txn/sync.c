#include "txn/sync.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/error.h"
#include "base/log.h"
#include "txn/txn.h"

struct txn_sync {
	struct txn_sync_ops ops;
	void *self;
	bool is_removed;
	struct txn_sync *next, *prev;
};

static void sweep(struct syncs *syncs)
{
	struct txn_sync *sync, *next;

	if (syncs->telling > 0)
		return;
	DL_FOREACH_SAFE(syncs->list, sync, next) {
		if (!sync->is_removed)
			continue;
		DL_DELETE(syncs->list, sync);
		free(sync);
	}
}

void syncs_tell_new(struct syncs *syncs, struct txn_sync *sync, struct txn *txn)
{
	syncs->telling++;
	if (!sync->is_removed && sync->ops.new_transaction)
		sync->ops.new_transaction(sync->self, txn);
	syncs->telling--;
	sweep(syncs);
}

/* One that is registered meanwhile is told then. */
void syncs_new_transaction(struct syncs *syncs, struct txn *txn)
{
	const struct txn_sync *last = syncs->list ? syncs->list->prev : NULL;
	struct txn_sync *sync;

	syncs->telling++;
	DL_FOREACH(syncs->list, sync) {
		syncs_tell_new(syncs, sync, txn);
		if (sync == last)
			break;
	}
	syncs->telling--;
	sweep(syncs);
}

int syncs_before_completion(struct syncs *syncs, struct txn *txn)
{
	struct txn_sync *sync;
	int status = 0;

	syncs->telling++;
	DL_FOREACH(syncs->list, sync) {
		if (sync->is_removed || !sync->ops.before_completion)
			continue;
		error_clear();
		status = sync->ops.before_completion(sync->self, txn);
		if (status >= 0) /* or it has forked */
			status = txn_check_process(txn, "before_completion");
		if (status >= 0)
			continue;
		(void)error_ensure(status, NULL, "a synchronizer refused");
		break;
	}
	syncs->telling--;
	sweep(syncs);
	return status < 0 ? status : 0;
}

void syncs_after_completion(struct syncs *syncs, struct txn *txn)
{
	struct txn_sync *sync;

	syncs->telling++;
	DL_FOREACH(syncs->list, sync) {
		int status = 0;

		if (!sync->is_removed && sync->ops.after_completion)
			status = sync->ops.after_completion(sync->self, txn);
		if (status < 0)
			log_error("transaction %s: after_completion failed: %s", txn_uuid(txn),
				  sqla_strerror(status));
	}
	syncs->telling--;
	sweep(syncs);
}

int syncs_add(struct syncs *syncs, const struct txn_sync_ops *ops, void *self,
	      struct txn_sync **ret_sync)
{
	struct txn_sync *sync = calloc(1, sizeof(*sync));

	if (!sync)
		return error_nomem();
	sync->ops = *ops;
	sync->self = self;
	DL_APPEND(syncs->list, sync);
	*ret_sync = sync;
	return 0;
}

bool syncs_has(const struct syncs *syncs, const struct txn_sync *sync)
{
	struct txn_sync *each;

	DL_FOREACH(syncs->list, each)
		if (each == sync && !each->is_removed)
			return true;
	return false;
}

int syncs_remove(struct syncs *syncs, struct txn_sync *sync)
{
	if (!syncs_has(syncs, sync))
		return error_set(SQLA_ENOTFOUND, NULL, "Unregister on the manager it is on, once.",
				 "the synchronizer is not registered here");
	sync->is_removed = true;
	sweep(syncs);
	return 0;
}

void syncs_free(struct syncs *syncs)
{
	struct txn_sync *sync, *next;

	DL_FOREACH_SAFE(syncs->list, sync, next)
		free(sync);
	syncs->list = NULL;
}
