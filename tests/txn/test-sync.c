#include "txn/sync.h"

#include "support/test.h"

static int told;
static struct txn_sync *self_removing;

static void count_new(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	told++;
}

static int remove_itself(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return txn_manager_unregister_sync(txn_manager_thread(), self_removing);
}

static const struct txn_sync_ops counting = { .new_transaction = count_new };
static const struct txn_sync_ops removing = { .after_completion = remove_itself };

Test(sync, is_told_of_every_new_transaction)
{
	struct txn_sync *sync;

	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &counting, NULL, &sync)));
	cr_expect(zero(int, told));
	(void)txn_begin();
	(void)txn_abort();
	(void)txn_begin();
	cr_expect(eq(int, told, 2));
	(void)txn_abort();
}

Test(sync, a_late_one_is_told_of_a_live_transaction_at_once)
{
	struct txn_sync *sync;

	(void)txn_begin();
	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &counting, NULL, &sync)));
	cr_expect(eq(int, told, 1));
	(void)txn_abort();
}

Test(sync, removing_an_unknown_one_is_an_error)
{
	struct txn_manager *m = txn_manager_new(0);
	struct txn_sync *sync;

	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &counting, NULL, &sync)));
	cr_expect(eq(int, txn_manager_unregister_sync(m, sync), SQLA_ENOTFOUND));
	cr_expect(zero(int, txn_manager_unregister_sync(txn_manager_thread(), sync)));
	cr_expect(eq(int, txn_manager_unregister_sync(txn_manager_thread(), sync), SQLA_ENOTFOUND));
	txn_manager_free(m);
}

Test(sync, may_remove_itself_while_it_is_told)
{
	struct txn_sync *after;

	cr_assert(zero(int, txn_manager_register_sync(txn_manager_thread(), &removing, NULL,
						      &self_removing)));
	cr_assert(zero(int,
		       txn_manager_register_sync(txn_manager_thread(), &counting, NULL, &after)));
	(void)txn_begin();
	cr_expect(zero(int, txn_commit()));
	(void)txn_begin();
	cr_expect(eq(int, told, 2));
	(void)txn_abort();
}

static void register_another(void *self, struct txn *txn)
{
	struct txn_sync *sync;

	(void)self;
	(void)txn;
	(void)txn_manager_register_sync(txn_manager_thread(), &counting, NULL, &sync);
}

Test(sync, registered_while_others_are_told_it_is_told_once)
{
	static const struct txn_sync_ops registering = { .new_transaction = register_another };
	struct txn_sync *sync;

	cr_assert(zero(int,
		       txn_manager_register_sync(txn_manager_thread(), &registering, NULL, &sync)));
	(void)txn_begin();
	cr_expect(eq(int, told, 1));
	(void)txn_abort();
}

Test(sync, null_arguments_are_misuse)
{
	struct txn_sync *sync;

	cr_expect(eq(int, txn_manager_register_sync(NULL, &counting, NULL, &sync), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_register_sync(txn_manager_thread(), NULL, NULL, &sync),
		     SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_unregister_sync(NULL, NULL), SQLA_EMISUSE));
}
