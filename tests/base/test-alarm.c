#include "base/alarm.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/test.h"

struct bell {
	struct alarm alarm;
	int rung; /* atomic */
	int most; /* rings */
};

static int64_t ring(void *arg)
{
	struct bell *bell = arg;

	return __atomic_add_fetch(&bell->rung, 1, __ATOMIC_SEQ_CST) < bell->most ? clock_ms() : 0;
}

static int rung(struct bell *bell)
{
	return __atomic_load_n(&bell->rung, __ATOMIC_SEQ_CST);
}

static void must_set(struct bell *bell, int64_t due)
{
	cr_assert(zero(int, alarm_set(&bell->alarm, due, ring, bell)));
}

static void await(struct bell *bell, int rings)
{
	while (rung(bell) < rings)
		(void)sched_yield();
}

Test(alarm, rings_when_its_time_has_come_and_not_before)
{
	struct bell bell = { .most = 1 };
	int64_t due = clock_ms() + 30;

	must_set(&bell, due);
	await(&bell, 1);
	cr_expect(ge(i64, clock_ms(), due));
	alarm_cancel(&bell.alarm);
}

Test(alarm, rings_as_often_as_its_function_wants)
{
	struct bell bell = { .most = 3 };

	must_set(&bell, clock_ms());
	await(&bell, 3);
	alarm_cancel(&bell.alarm);
	cr_expect(eq(int, rung(&bell), 3));
}

Test(alarm, the_earliest_rings_first_whichever_was_set_first)
{
	struct bell late = { .most = 1 }, early = { .most = 1 };

	must_set(&late, clock_ms() + 3600000);
	must_set(&early, clock_ms());
	await(&early, 1);
	cr_expect(zero(int, rung(&late)));
	alarm_cancel(&late.alarm);
	alarm_cancel(&early.alarm);
}

Test(alarm, set_again_only_the_new_time_counts)
{
	struct bell bell = { .most = 1 };

	must_set(&bell, clock_ms() + 3600000);
	must_set(&bell, clock_ms());
	await(&bell, 1);
	must_set(&bell, clock_ms());
	await(&bell, 2);
	alarm_cancel(&bell.alarm);
	alarm_cancel(&bell.alarm);
}

struct slow {
	struct alarm alarm;
	int has_begun; /* atomic */
	int may_end;   /* atomic */
	int has_ended;
};

static int64_t ring_slowly(void *arg)
{
	struct slow *slow = arg;

	__atomic_store_n(&slow->has_begun, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&slow->may_end, __ATOMIC_SEQ_CST))
		(void)sched_yield();
	slow->has_ended = 1;
	return clock_ms() + 3600000;
}

static void *let_end(void *arg)
{
	struct slow *slow = arg;

	__atomic_store_n(&slow->may_end, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

Test(alarm, cancelling_waits_for_a_function_that_runs)
{
	struct slow slow = { .has_ended = 0 };
	pthread_t thread;

	cr_assert(zero(int, alarm_set(&slow.alarm, clock_ms(), ring_slowly, &slow)));
	while (!__atomic_load_n(&slow.has_begun, __ATOMIC_SEQ_CST))
		(void)sched_yield();
	cr_assert(zero(int, pthread_create(&thread, NULL, let_end, &slow)));
	alarm_cancel(&slow.alarm);
	cr_expect(eq(int, slow.has_ended, 1));
	cr_assert(zero(int, pthread_join(thread, NULL)));
}

/* The thread sanitizer itself ends a forked child that makes a thread. */
#ifndef __SANITIZE_THREAD__

/* In a forked child: the number of the first thing that is wrong, or 0. */
static int child(struct bell *inherited)
{
	struct bell own = { .most = 1 };

	alarm_cancel(&inherited->alarm);
	if (alarm_set(&own.alarm, clock_ms(), ring, &own) < 0)
		return 1;
	await(&own, 1);
	alarm_cancel(&own.alarm);
	return rung(inherited) ? 2 : 0;
}

Test(alarm, a_forked_child_has_alarms_of_its_own_alone)
{
	struct bell bell = { .most = 1 };
	int status = -1;
	pid_t pid;

	must_set(&bell, clock_ms() + 3600000);
	pid = fork();
	if (pid == 0)
		_exit(child(&bell));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, WEXITSTATUS(status)));
	must_set(&bell, clock_ms());
	await(&bell, 1);
	alarm_cancel(&bell.alarm);
}

#endif
