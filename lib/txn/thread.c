#include "txn/thread.h"

#include <sqlassist/txn.h>

#include "base/error.h"

/* A thread without a manager is out of memory, and the detail says so. */
#define ON_THREAD(call)                                        \
	do {                                                   \
		struct txn_manager *m = txn_manager_thread();  \
		return m ? (call) : sqla_error_last()->status; \
	} while (0)

int txn_begin(void)
{
	ON_THREAD(txn_manager_begin(m));
}

int txn_commit(void)
{
	ON_THREAD(txn_manager_commit(m));
}

int txn_abort(void)
{
	ON_THREAD(txn_manager_abort(m));
}

int txn_doom(void)
{
	ON_THREAD(txn_manager_doom(m));
}

bool txn_is_doomed(void)
{
	return txn_manager_is_doomed(txn_manager_thread());
}

struct txn *txn_current(void)
{
	return txn_manager_current(txn_manager_thread());
}

int txn_savepoint(unsigned flags, struct txn_savepoint **ret_sp)
{
	ON_THREAD(txn_manager_savepoint(m, flags, ret_sp));
}

int txn_run(int attempts, txn_work_fn *fn, void *arg)
{
	ON_THREAD(txn_manager_run(m, attempts, fn, arg));
}

int txn_suspend(struct txn **ret_txn)
{
	ON_THREAD(txn_manager_suspend(m, ret_txn));
}

int txn_resume(struct txn *txn)
{
	ON_THREAD(txn_manager_resume(m, txn));
}
