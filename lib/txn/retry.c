#include "txn/retry.h"

#include "base/error.h"
#include "txn/manager.h"

/* Whether the failed attempt may be made again; asked before its abort. In a child that
 * the work has forked, never: the parent does the work. */
static bool may_retry(const struct txn_manager *m, int status)
{
	if (m->current && txn_check_process(m->current, "txn_run") < 0)
		return false;
	if (status == SQLA_EINDOUBT || status == SQLA_EMIXED)
		return false;
	if (status == SQLA_ERETRY)
		return true;
	return m->current && (m->current->may_retry || txn_should_retry(m->current));
}

/* I8: every attempt is a new transaction with a new uuid. */
static int attempt(struct txn_manager *m, txn_work_fn *fn, void *arg, bool *ret_retry)
{
	struct sqla_error error;
	int status = txn_manager_begin(m);

	*ret_retry = false;
	if (status < 0)
		return status;
	error_clear();
	status = fn(arg);
	if (status < 0)
		(void)error_ensure(status, NULL, "the work of txn_run failed");
	else
		status = txn_manager_commit(m);
	if (status >= 0)
		return status;
	error_save(&error);
	*ret_retry = may_retry(m, status);
	if (m->current)
		(void)txn_manager_abort(m);
	(void)error_restore(&error);
	return status;
}

int txn_manager_run(struct txn_manager *m, int attempts, txn_work_fn *fn, void *arg)
{
	bool retry;
	int status;

	if (!m || !fn || attempts < 1)
		return error_set(SQLA_EMISUSE, NULL, "Give a function and 1 or more attempts.",
				 "txn_run: a NULL argument or %d attempts", attempts);
	do
		status = attempt(m, fn, arg, &retry);
	while (status < 0 && retry && --attempts > 0);
	return status;
}
