#include "base/alarm.h"

#include <pthread.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/thread.h"

/* Guards all below, and the alarms that are set. */
static pthread_mutex_t alarms_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* an alarm was set, or is no longer busy */
static struct alarm *alarms;
static pthread_t thread;
static bool is_running;
static bool is_stopping;
static unsigned generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
	(void)thread_cond_init(&changed);
	generation = fork_generation();
	(void)fork_guard(&alarms_lock);
}

/* A forked child has no thread and no alarms. */
static void lock_alarms(void)
{
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&alarms_lock);
	if (!fork_is_foreign(generation))
		return;
	alarms = NULL;
	is_running = false;
	generation = fork_generation();
	(void)thread_cond_init(&changed);
}

static void unlock_alarms(void)
{
	(void)pthread_mutex_unlock(&alarms_lock);
}

static struct alarm *earliest(void)
{
	struct alarm *alarm, *first = alarms;

	DL_FOREACH(alarms, alarm)
		if (alarm->due < first->due)
			first = alarm;
	return first;
}

static void take_off(struct alarm *alarm)
{
	DL_DELETE(alarms, alarm);
	alarm->generation = 0;
}

static void ring(struct alarm *alarm)
{
	int64_t again;

	alarm->is_busy = true;
	unlock_alarms();
	again = alarm->fn(alarm->arg);
	(void)pthread_mutex_lock(&alarms_lock);
	alarm->is_busy = false;
	alarm->due = again;
	if (!again)
		take_off(alarm);
	(void)pthread_cond_broadcast(&changed);
}

static void *run(void *unused)
{
	(void)pthread_mutex_lock(&alarms_lock);
	while (!is_stopping) {
		struct alarm *first = earliest();

		if (!first)
			(void)pthread_cond_wait(&changed, &alarms_lock);
		else if (first->due > clock_ms())
			(void)thread_cond_wait(&changed, &alarms_lock, first->due);
		else
			ring(first);
	}
	unlock_alarms();
	return unused;
}

/* With the lock held. */
static int start(void)
{
	if (is_running)
		return 0;
	if (thread_start(&thread, NULL, run, NULL) != 0)
		return error_set(SQLA_ENOMEM, NULL, "Raise the limit on threads.",
				 "cannot start the thread that watches deadlines");
	is_running = true;
	return 0;
}

static void __attribute__((destructor)) stop(void)
{
	bool join;

	(void)pthread_mutex_lock(&alarms_lock);
	join = is_running && !fork_is_foreign(generation);
	is_stopping = true;
	is_running = false;
	if (join)
		(void)pthread_cond_broadcast(&changed);
	unlock_alarms();
	if (join)
		(void)pthread_join(thread, NULL);
}

int alarm_set(struct alarm *alarm, int64_t due, alarm_fn *fn, void *arg)
{
	int status;

	alarm_cancel(alarm);
	lock_alarms();
	status = start();
	if (status == 0) {
		alarm->due = due;
		alarm->fn = fn;
		alarm->arg = arg;
		alarm->generation = generation;
		DL_APPEND(alarms, alarm);
		(void)pthread_cond_broadcast(&changed);
	}
	unlock_alarms();
	return status;
}

void alarm_cancel(struct alarm *alarm)
{
	lock_alarms();
	while (alarm->generation == generation && alarm->is_busy)
		(void)pthread_cond_wait(&changed, &alarms_lock);
	if (alarm->generation == generation)
		take_off(alarm);
	alarm->generation = 0;
	alarm->is_busy = false; /* a child inherits it so */
	unlock_alarms();
}
