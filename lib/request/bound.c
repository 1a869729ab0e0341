/*
 * A request that is a transaction: begun with it, and committed or aborted
 * when it ends. Nothing but that transaction is ever committed here, and
 * nothing is current on the thread afterwards.
 */
#include "request/request.h"

#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"

int bound_begin(struct sqla_request *rq, const struct sqla_request_options *options)
{
	int status;

	if (env_transaction_disabled())
		return error_set(SQLA_EDISABLED, NULL,
				 "Begin it unbound and commit each session itself, or unset "
				 "SQLASSIST_DISABLE_TRANSACTION.",
				 "sqla_request_begin_with: a request cannot be bound while "
				 "transactions are disabled in this process");
	status = txn_begin();
	if (status < 0)
		return status;
	rq->is_bound = true;
	rq->manager = txn_manager_thread();
	rq->veto = options->veto;
	rq->veto_arg = options->veto_arg;
	(void)snprintf(rq->uuid, sizeof(rq->uuid), "%s", txn_uuid(txn_current()));
	return 0;
}

/* By uuid, since another transaction may have the address by now. */
static bool is_current(const struct sqla_request *rq)
{
	return strcmp(txn_uuid(txn_current()), rq->uuid) == 0;
}

int bound_check(const struct sqla_request *rq)
{
	if (!rq->is_bound || is_current(rq) || txn_manager_thread() == rq->manager)
		return 0;
	return error_set(SQLA_EMISUSE, NULL,
			 "End it on its own thread, or hand its transaction over with "
			 "txn_suspend and txn_resume.",
			 "sqla_request_end: the request's transaction %s is not current on this "
			 "thread",
			 rq->uuid);
}

static int gone(const struct sqla_request *rq)
{
	return error_set(SQLA_ENOTXN, NULL,
			 "Leave commit, abort and suspend to sqla_request_end, or do not bind "
			 "the request.",
			 "the request's transaction %s is not current any more", rq->uuid);
}

static int refuse_or_commit(struct sqla_request *rq)
{
	if (!txn_is_doomed() && rq->veto && rq->veto(rq->app, rq->veto_arg))
		return error_set(SQLA_EABORTED, NULL, NULL,
				 "the veto of the request aborted transaction %s", rq->uuid);
	return is_current(rq) ? txn_commit() : gone(rq);
}

int bound_end(struct sqla_request *rq, int outcome)
{
	struct sqla_error why;
	int status = outcome;

	if (!is_current(rq))
		return gone(rq);
	if (outcome >= 0)
		status = refuse_or_commit(rq);
	if (status >= 0)
		return status;
	error_save(&why);
	if (is_current(rq) && txn_abort() < 0)
		log_error("transaction %s: rolling back failed: %s", rq->uuid,
			  sqla_error_last()->message);
	(void)error_restore(&why);
	return status;
}

void bound_sweep(const struct sqla_request *rq)
{
	if (!rq->is_bound || !txn_current() || txn_manager_thread() != rq->manager)
		return;
	log_warning("transaction %s is still open when its request ends: aborted",
		    txn_uuid(txn_current()));
	if (txn_abort() < 0)
		log_error("rolling it back failed: %s", sqla_error_last()->message);
}
