/*
 * A wire that carries nothing any more and says nothing of it: the transaction's
 * deadline ends the wait before the decision, and the wire comes back, or is found
 * dead, behind it. Each message of each shape; they mostly wait, so many processes
 * share them.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <criterion/parameterized.h>

#include "support/main.h"
#include "support/test.h"
#include "wire/shapes.h"
#include "wire/strikes.h"

enum {
	SHARES = 12,
	DEADLINE_MS = 50,
	THAW_MS = 2500,	      /* beyond the grace that a vote has */
	THAW_LONG_MS = 40000, /* beyond the patience that a decision has */
};

TEST_MAIN_JOBS(SHARES, { .name = "one" }, { .name = "two" })

/* Lets the wire go on some time after it was frozen. */
struct thaw {
	pthread_t thread;
	struct tap *tap;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool is_over;
};

static void *thaw_later(void *arg)
{
	int ms = getenv("SQLA_TEST_LONG") ? THAW_LONG_MS : THAW_MS;
	struct thaw *thaw = arg;
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	(void)pthread_mutex_lock(&thaw->lock);
	while (!thaw->is_over)
		if (pthread_cond_timedwait(&thaw->over, &thaw->lock, &until) != 0)
			break;
	(void)pthread_mutex_unlock(&thaw->lock);
	tap_settle(thaw->tap);
	return NULL;
}

static void freeze_at(struct strikes *sweep, const struct target *target)
{
	struct thaw thaw = { .tap = ledger_tap(sweep->ledger, target->party),
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .over = PTHREAD_COND_INITIALIZER };
	struct strike strike = { .kind = STRIKE_FREEZE };
	int status;

	(void)strikes_aim(target, &strike);
	ledger_work(sweep->ledger);
	(void)txn_set_timeout(txn_current(), DEADLINE_MS);
	tap_watch(thaw.tap, &strike, 1);
	cr_assert(zero(int, pthread_create(&thaw.thread, NULL, thaw_later, &thaw)));
	status = ledger_end(sweep->ledger);
	(void)pthread_mutex_lock(&thaw.lock);
	thaw.is_over = true;
	(void)pthread_cond_signal(&thaw.over);
	(void)pthread_mutex_unlock(&thaw.lock);
	(void)pthread_join(thaw.thread, NULL);
	strikes_note(sweep, target, &strike, status, ledger_violation(sweep->ledger, status));
	strikes_clean(sweep);
}

/* Every SHARES-th message. */
static void freeze_share(const struct shape *shape, size_t share)
{
	struct strikes sweep;

	strikes_start(&sweep, shape);
	for (size_t i = share; i < sweep.n_targets; i += SHARES)
		freeze_at(&sweep, &sweep.targets[i]);
	strikes_end(&sweep);
}

static size_t shares[SHARES];

static struct criterion_test_params all_shares(void)
{
	for (size_t i = 0; i < SHARES; i++)
		shares[i] = i;
	return cr_make_param_array(size_t, shares, SHARES);
}

/* In a short run the first three shapes hold all messages that there are. */
#define FREEZE(shape, ...)                                            \
	ParameterizedTestParameters(frozen, shape)                    \
	{                                                             \
		return all_shares();                                  \
	}                                                             \
	ParameterizedTest(const size_t *share, frozen, shape)         \
	{                                                             \
		freeze_share(WIRE_SHAPE(shape, __VA_ARGS__), *share); \
	}

FREEZE(one_server, "p")
FREEZE(two_servers, "pq")
FREEZE(server_and_file, "ps")
