#include "txn/deadline.h"

#include <utlist.h>

#include "base/clock.h"
#include "txn/txn.h"

#define AGAIN_MS 100

static int64_t cancel_all(void *arg)
{
	struct txn *txn = arg;
	struct branch *branch;

	(void)pthread_mutex_lock(&txn->cancel_lock);
	if (txn->is_cancellable)
		DL_FOREACH(txn->branches, branch)
			if (branch->ops.cancel)
				branch->ops.cancel(branch->self);
	(void)pthread_mutex_unlock(&txn->cancel_lock);
	return clock_ms() + AGAIN_MS;
}

int deadline_arm(struct txn *txn)
{
	return alarm_set(&txn->alarm, txn->deadline, cancel_all, txn);
}

void deadline_disarm(struct txn *txn)
{
	if (txn->deadline)
		alarm_cancel(&txn->alarm);
}

void deadline_lock(struct txn *txn)
{
	if (txn->deadline)
		(void)pthread_mutex_lock(&txn->cancel_lock);
}

void deadline_unlock(struct txn *txn)
{
	if (txn->deadline)
		(void)pthread_mutex_unlock(&txn->cancel_lock);
}

int txn_set_timeout(struct txn *txn, int ms)
{
	int status = txn_check(txn, "txn_set_timeout");

	if (status == 0 && ms < 0)
		status = error_set(SQLA_EMISUSE, NULL, "Give milliseconds, or 0 for none.",
				   "txn_set_timeout: %d ms", ms);
	if (status == 0)
		status = txn_may(txn, EV_JOIN);
	if (status < 0)
		return status;
	deadline_disarm(txn);
	txn->deadline = ms ? clock_ms() + ms : 0;
	return ms ? deadline_arm(txn) : 0;
}
