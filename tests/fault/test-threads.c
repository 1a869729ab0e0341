/*
 * Many threads move money between the same databases, beside a recoverer that
 * has no patience with them. Also run under the thread sanitizer.
 */
#include <stdlib.h>

#include "fault/bank.h"
#include "support/main.h"
#include "support/test.h"

enum { THREADS = 8, TRANSFERS = 25, COMMITTED_MIN = THREADS * TRANSFERS / 2 };

TEST_MAIN({ .name = "a" }, { .name = "b" })

static void check(struct bank *bank, struct child *c)
{
	size_t n;
	const struct told *told = child_told(c, &n);
	char *violation = bank_violation(bank, told, n);

	cr_assert(zero(ptr, violation), "%s\n%s", violation, child_output(c));
	cr_assert(eq(sz, n, (size_t)(THREADS * TRANSFERS)));
}

static void must_end(struct child *c)
{
	cr_assert(eq(int, child_wait(c), CHILD_ENDED), "%s", child_output(c));
}

static void recover(struct bank *bank)
{
	struct child *c = bank_start(bank, NULL, NULL, NULL, "recover");

	must_end(c);
	child_free(c);
}

Test(threads, that_move_money_at_once_lose_none)
{
	struct bank *bank = bank_new("threads", "abl");
	struct child *c = bank_start(bank, NULL, NULL, NULL, "trade 1 %d %d", THREADS, TRANSFERS);

	must_end(c);
	check(bank, c);
	cr_expect(gt(sz, bank_transfers(bank), (size_t)COMMITTED_MIN), "%s", child_output(c));
	child_free(c);
	bank_free(bank);
}

Test(threads, that_move_money_beside_recovery_lose_none)
{
	struct bank *bank = bank_new("beside", "abl");
	struct child *c = bank_start(bank, NULL, NULL, NULL, "trade 1 %d %d", THREADS, TRANSFERS);

	for (int i = 0; i < 10; i++)
		recover(bank);
	must_end(c);
	bank_wait_quiet(bank);
	recover(bank);
	check(bank, c);
	child_free(c);
	bank_free(bank);
}
