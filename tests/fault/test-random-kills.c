/*
 * Four threads move money between two servers and a file; the process is
 * killed at a random moment; a fresh one recovers; and again, 200 times. No
 * money is lost, and every word that was given holds.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fault/bank.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

enum {
	ROUNDS = 120,
	ROUNDS_LONG = 3000,
	THREADS = 4,
	FOR_EVER = 100000,
	IDS_A_ROUND = 1000000,
	ALIVE_MIN_MS = 15,
	ALIVE_MAX_MS = 150,
};

TEST_MAIN({ .name = "a" }, { .name = "b" })

static void sleep_ms(long ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Every third round forgets as late as usual, the others as soon as they may. */
static const char *keeping(int round)
{
	return round % 3 == 0 ? "-k" : NULL;
}

static int recover(struct bank *bank, int round)
{
	struct child *c = bank_start(bank, NULL, NULL, keeping(round), "recover");
	enum child_state state = child_wait(c);
	int status = child_recovered(c);

	cr_assert(eq(int, state, CHILD_ENDED), "%s", child_output(c));
	cr_assert(ge(int, status, 0), "%s", child_output(c));
	child_free(c);
	return status;
}

/* In every other round a recoverer without grace meets living coordinators. */
static struct child *trade_and_die(struct bank *bank, int round, unsigned *seed)
{
	const long alive = ALIVE_MIN_MS + rand_r(seed) % (ALIVE_MAX_MS - ALIVE_MIN_MS);
	struct child *meddler = NULL;
	struct child *c = bank_start(bank, NULL, NULL, keeping(round), "trade %" PRId64 " %d %d",
				     (int64_t)round * IDS_A_ROUND, THREADS, FOR_EVER);

	if (round % 2 == 0) {
		sleep_ms(alive / 3);
		meddler = bank_start(bank, NULL, NULL, keeping(round), "recover");
	}
	sleep_ms(alive);
	child_signal(c, SIGKILL);
	cr_assert(eq(int, child_wait(c), CHILD_KILLED), "%s", child_output(c));
	if (meddler)
		cr_assert(eq(int, child_wait(meddler), CHILD_ENDED), "%s", child_output(meddler));
	child_free(meddler);
	return c;
}

static int64_t one_round(struct bank *bank, int round, unsigned *seed)
{
	struct child *c = trade_and_die(bank, round, seed);
	int64_t doubts = bank_in_doubt(bank);
	const struct told *told;
	char *violation;
	size_t n;

	(void)recover(bank, round);
	bank_wait_quiet(bank);
	cr_assert(eq(int, recover(bank, round), 0), "round %d", round);
	told = child_told(c, &n);
	violation = bank_violation(bank, told, n);
	cr_assert(zero(ptr, violation), "round %d: %s\n%s", round, violation, child_output(c));
	child_free(c);
	return doubts;
}

Test(random_kills, lose_no_money, .timeout = 3600)
{
	const int rounds = getenv("SQLA_TEST_LONG") ? ROUNDS_LONG : ROUNDS;
	struct bank *bank = bank_new("random", "abl");
	unsigned seed = (unsigned)time(NULL);
	int64_t doubts = 0;

	printf("seed %u\n", seed);
	for (int round = 1; round <= rounds; round++) {
		doubts += one_round(bank, round, &seed);
		if (round % 50 == 0)
			printf("%d kills, %zu transfers, %" PRId64 " branches were in doubt\n",
			       round, bank_transfers(bank), doubts);
	}
	printf("count %d coordinators killed at random\n", rounds);
	cr_expect(gt(i64, doubts, 0), "no kill met a commit: the test shows nothing");
	bank_free(bank);
}
