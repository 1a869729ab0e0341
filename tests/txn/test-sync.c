#include "txn/sync.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/alloc.h"
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

static int refuse(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return SQLA_EDATABASE;
}

static const struct txn_sync_ops refusing = { .before_completion = refuse };

Test(sync, that_refuses_stops_a_commit_and_no_abort)
{
	struct txn_sync *sync;

	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &refusing, NULL, &sync)));
	(void)txn_begin();
	cr_expect(eq(int, txn_commit(), SQLA_EDATABASE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "a synchronizer refused"), NULL));
	cr_expect(ne(ptr, (void *)txn_current(), NULL));
	cr_expect(zero(int, txn_abort()));
	cr_expect(eq(ptr, (void *)txn_current(), NULL));
}

/* ---- removed by another ------------------------------------------------------ */

static struct txn_sync *victim;

static int remove_victim(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	cr_assert(zero(int, txn_manager_unregister_sync(txn_manager_thread(), victim)));
	cr_expect(
		eq(int, txn_manager_unregister_sync(txn_manager_thread(), victim), SQLA_ENOTFOUND));
	return 0;
}

static void remove_victim_early(void *self, struct txn *txn)
{
	(void)remove_victim(self, txn);
}

static int count_completion(void *self, struct txn *txn)
{
	count_new(self, txn);
	return 0;
}

/* OPS removes the other, which counts: how much does it count? */
static int told_with(const struct txn_sync_ops *ops)
{
	static const struct txn_sync_ops counting_all = {
		.new_transaction = count_new,
		.before_completion = count_completion,
		.after_completion = count_completion,
	};
	struct txn_sync *remover;

	told = 0;
	cr_assert(zero(int, txn_manager_register_sync(txn_manager_thread(), ops, NULL, &remover)));
	cr_assert(zero(int, txn_manager_register_sync(txn_manager_thread(), &counting_all, NULL,
						      &victim)));
	(void)txn_begin();
	cr_expect(zero(int, txn_commit()));
	cr_assert(zero(int, txn_manager_unregister_sync(txn_manager_thread(), remover)));
	return told;
}

Test(sync, removed_by_another_is_told_nothing_more)
{
	cr_expect(eq(int, told_with(&(struct txn_sync_ops){ 0 }), 3));
	cr_assert(zero(int, txn_manager_unregister_sync(txn_manager_thread(), victim)));
	cr_expect(eq(int,
		     told_with(&(struct txn_sync_ops){ .new_transaction = remove_victim_early }),
		     0));
	cr_expect(eq(int, told_with(&(struct txn_sync_ops){ .before_completion = remove_victim }),
		     1));
	cr_expect(
		eq(int, told_with(&(struct txn_sync_ops){ .after_completion = remove_victim }), 2));
}

/* ---- what may happen --------------------------------------------------------- */

static pid_t child = -1;

static int fork_a_child(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	child = fork();
	return 0;
}

/* The parent's transaction is none of the child's business. */
Test(sync, that_forks_in_an_abort_leaves_the_child_without_it)
{
	static const struct txn_sync_ops forking = { .before_completion = fork_a_child };
	struct txn_sync *sync;
	int aborted, status;

	cr_assert(
		zero(int, txn_manager_register_sync(txn_manager_thread(), &forking, NULL, &sync)));
	(void)txn_begin();
	aborted = txn_abort();
	if (child == 0)
		_exit(aborted == 0 ? 0 : 1);
	cr_assert(zero(int, aborted));
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_expect(zero(int, status));
}

Test(sync, needs_memory)
{
	struct txn_manager *manager = txn_manager_thread();
	struct txn_sync *sync = NULL;
	int status;

	alloc_fail_at(1, true);
	status = txn_manager_register_sync(manager, &counting, NULL, &sync);
	(void)alloc_stop();
	cr_expect(eq(int, status, SQLA_ENOMEM));
	cr_expect(eq(ptr, (void *)sync, NULL));
}
