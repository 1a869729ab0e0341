#include "txn/savepoint.h"

#include <string.h>

#include "support/test.h"
#include "txn/recorder.h"

static struct recorder a, b;

static void setup(void)
{
	recorder_init(&a, "a");
	recorder_init(&b, "b");
}

static void teardown(void)
{
	(void)txn_abort();
	recorder_close(&a);
	recorder_close(&b);
}

TestSuite(savepoint, .init = setup, .fini = teardown);

static struct txn_savepoint *must_savepoint(unsigned flags)
{
	struct txn_savepoint *sp = NULL;

	cr_assert(zero(int, txn_savepoint(flags, &sp)));
	return sp;
}

static void without_savepoints(struct recorder *r)
{
	r->ops.savepoint = NULL;
	r->ops.savepoint_rollback = NULL;
	r->ops.savepoint_release = NULL;
}

Test(savepoint, asks_every_resource_in_join_order)
{
	must_join(&b);
	must_join(&a);
	(void)must_savepoint(0);
	cr_expect(eq(str, recorder_log, (char *)"b.savepoint a.savepoint "));
}

Test(savepoint, a_resource_without_support_fails_the_transaction)
{
	struct txn_savepoint *sp;

	without_savepoints(&a);
	must_join(&a);
	cr_expect(eq(int, txn_savepoint(0, &sp), SQLA_EMISUSE));
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_FAILED));
	cr_expect(eq(int, txn_commit(), SQLA_EFAILED));
	cr_expect(zero(int, txn_abort()));
	cr_expect(eq(str, recorder_log, (char *)"a.abort "));
}

Test(savepoint, an_optimistic_one_lets_it_pass_until_it_is_rolled_back)
{
	struct txn_savepoint *sp;

	without_savepoints(&a);
	must_join(&a);
	sp = must_savepoint(TXN_SAVEPOINT_OPTIMISTIC);
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_ACTIVE));
	cr_expect(eq(int, txn_savepoint_rollback(sp), SQLA_EMISUSE));
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_FAILED));
}

Test(savepoint, rollback_is_repeatable_and_makes_later_ones_invalid)
{
	struct txn_savepoint *first, *second;

	must_join(&a);
	first = must_savepoint(0);
	second = must_savepoint(0);
	cr_expect(zero(int, txn_savepoint_rollback(first)));
	cr_expect(eq(int, txn_savepoint_rollback(second), SQLA_EMISUSE));
	cr_expect(eq(int, (int)txn_status(txn_current()), TXN_ACTIVE), "misuse changes no state");
	cr_expect(zero(int, txn_savepoint_rollback(first)));
	cr_expect(zero(int, txn_commit()));
}

Test(savepoint, the_store_goes_back_before_later_marks_are_given_up)
{
	struct txn_savepoint *first;

	must_join(&a);
	first = must_savepoint(0);
	(void)must_savepoint(0);
	cr_expect(zero(int, txn_savepoint_rollback(first)));
	cr_expect(eq(str, recorder_log, (char *)"a.savepoint a.savepoint a.back a.release "));
}

Test(savepoint, resources_that_joined_later_are_aborted_and_may_join_again)
{
	struct txn_savepoint *sp;

	must_join(&a);
	sp = must_savepoint(0);
	must_join(&b);
	cr_expect(zero(int, txn_savepoint_rollback(sp)));
	cr_expect(ne(ptr, strstr(recorder_log, "b.abort"), NULL));
	cr_expect(eq(int, b.released, 1));
	must_join(&b);
	cr_expect(zero(int, txn_commit()));
	cr_expect(eq(int, b.released, 2));
}

Test(savepoint, works_while_doomed)
{
	struct txn_savepoint *sp;

	must_join(&a);
	cr_assert(zero(int, txn_doom()));
	sp = must_savepoint(0);
	cr_expect(zero(int, txn_savepoint_rollback(sp)));
	cr_expect(txn_is_doomed());
}

Test(savepoint, a_failing_rollback_fails_the_transaction)
{
	struct txn_savepoint *sp;

	a.savepoint_rollback = SQLA_ECONNECT;
	must_join(&a);
	sp = must_savepoint(0);
	cr_expect(eq(int, txn_savepoint_rollback(sp), SQLA_ECONNECT));
	cr_expect(eq(int, txn_commit(), SQLA_EFAILED));
}

Test(savepoint, a_failing_savepoint_fails_the_transaction_and_gives_up_its_marks)
{
	struct txn_savepoint *sp;

	b.savepoint = SQLA_EDATABASE;
	must_join(&a);
	must_join(&b);
	cr_expect(eq(int, txn_savepoint(0, &sp), SQLA_EDATABASE));
	cr_expect(zero(int, txn_abort()));
	cr_expect(ne(ptr, strstr(recorder_log, "a.release"), NULL));
}

Test(savepoint, release_gives_up_the_newest_first_and_keeps_the_work)
{
	struct txn_savepoint *first, *second;

	must_join(&a);
	first = must_savepoint(0);
	second = must_savepoint(0);
	cr_expect(zero(int, txn_savepoint_release(first)));
	cr_expect(eq(str, recorder_log, (char *)"a.savepoint a.savepoint a.release a.release "));
	cr_expect(eq(int, txn_savepoint_rollback(second), SQLA_EMISUSE));
	cr_expect(eq(int, txn_savepoint_release(first), SQLA_EMISUSE));
	cr_expect(zero(int, txn_commit()));
}

static int try_it(struct txn *txn, int outcome, void *arg)
{
	(void)txn;
	(void)outcome;
	return txn_savepoint_rollback(arg) == SQLA_EMISUSE ? 0 : (recorder_log[0] = '\0');
}

Test(savepoint, is_invalid_once_the_commit_has_begun)
{
	struct txn_savepoint *sp;

	must_join(&a);
	sp = must_savepoint(0);
	cr_assert(zero(int, txn_after_commit(txn_current(), try_it, sp)));
	cr_expect(zero(int, txn_commit()));
	cr_expect(ne(str, recorder_log, (char *)""));
}

Test(savepoint, bad_arguments_are_misuse)
{
	struct txn_savepoint *sp;

	cr_expect(eq(int, txn_savepoint(0, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_savepoint(8, &sp), SQLA_EMISUSE));
	cr_expect(eq(int, txn_savepoint_rollback(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_savepoint_release(NULL), SQLA_EMISUSE));
}
