#include "txn/deadline.h"

#include <poll.h>
#include <sched.h>

#include "base/clock.h"
#include "support/test.h"
#include "txn/recorder.h"

static struct recorder a;

static void setup(void)
{
	recorder_init(&a, "a");
	must_join(&a);
}

static void teardown(void)
{
	(void)txn_abort();
	recorder_close(&a);
}

TestSuite(deadline, .init = setup, .fini = teardown);

static void pass_deadline(void)
{
	cr_assert(zero(int, txn_set_timeout(txn_current(), 1)));
	while (txn_status(txn_current()) != TXN_FAILED)
		(void)sched_yield();
}

Test(deadline, past_it_only_abort_is_possible)
{
	struct txn_savepoint *sp;

	pass_deadline();
	cr_expect(eq(int, txn_join(txn_current(), &a.ops, &sp), SQLA_ETIMEOUT));
	cr_expect(eq(int, txn_savepoint(0, &sp), SQLA_ETIMEOUT));
	cr_expect(eq(int, txn_commit(), SQLA_ETIMEOUT));
	cr_expect(eq(int, txn_commit(), SQLA_ETIMEOUT), "still");
	cr_expect(zero(int, txn_abort()));
	cr_expect(eq(str, recorder_log, (char *)"a.abort "));
}

Test(deadline, past_it_begin_replaces_the_transaction)
{
	pass_deadline();
	cr_expect(zero(int, txn_begin()));
	cr_expect(eq(int, a.released, 1));
}

Test(deadline, running_work_is_cancelled_until_it_stops)
{
	pass_deadline();
	while (__atomic_load_n(&a.cancelled, __ATOMIC_RELAXED) < 2)
		(void)sched_yield();
	cr_expect(zero(int, txn_abort()));
	cr_expect(ge(int, a.cancelled, 2));
}

Test(deadline, an_ended_transaction_is_not_cancelled)
{
	int before;

	cr_assert(zero(int, txn_set_timeout(txn_current(), 50)));
	cr_assert(zero(int, txn_commit()));
	before = a.cancelled;
	(void)poll(NULL, 0, 200);
	cr_expect(eq(int, a.cancelled, before));
	cr_expect(zero(int, a.cancelled));
}

Test(deadline, it_can_be_moved_and_taken_away)
{
	cr_assert(zero(int, txn_set_timeout(txn_current(), 50)));
	cr_assert(zero(int, txn_set_timeout(txn_current(), 0)));
	(void)poll(NULL, 0, 100);
	cr_expect(zero(int, txn_commit()));
}

Test(deadline, bad_arguments_are_misuse)
{
	cr_expect(eq(int, txn_set_timeout(NULL, 1), SQLA_EMISUSE));
	cr_expect(eq(int, txn_set_timeout(txn_current(), -1), SQLA_EMISUSE));
}
