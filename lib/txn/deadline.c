#include "txn/deadline.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/thread.h"
#include "txn/txn.h"

#define AGAIN_MS 100

struct watch {
	struct txn *txn;
	int64_t due;
	bool is_busy; /* being cancelled, without the lock: not to be freed */
	struct watch *next, *prev;
};

/* Guards all below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* a watch was added, or is no longer busy */
static struct watch *watches;
static pthread_t thread;
static bool is_running;
static bool is_stopping;
static unsigned generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_condition(void)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

static void init(void)
{
	init_condition();
	generation = fork_generation();
	(void)fork_guard(&lock);
}

static void cancel_all(struct txn *txn)
{
	struct branch *branch;

	(void)pthread_mutex_lock(&txn->cancel_lock);
	if (txn->is_cancellable)
		DL_FOREACH(txn->branches, branch)
			if (branch->ops.cancel)
				branch->ops.cancel(branch->self);
	(void)pthread_mutex_unlock(&txn->cancel_lock);
}

static struct watch *earliest(void)
{
	struct watch *watch, *first = watches;

	DL_FOREACH(watches, watch)
		if (watch->due < first->due)
			first = watch;
	return first;
}

static void wait_until(int64_t ms)
{
	struct timespec until = { .tv_sec = (time_t)(ms / 1000),
				  .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)pthread_cond_timedwait(&changed, &lock, &until);
}

static void *run(void *unused)
{
	(void)pthread_mutex_lock(&lock);
	while (!is_stopping) {
		struct watch *first = earliest();

		if (!first) {
			(void)pthread_cond_wait(&changed, &lock);
		} else if (first->due > clock_ms()) {
			wait_until(first->due);
		} else {
			first->is_busy = true;
			(void)pthread_mutex_unlock(&lock);
			cancel_all(first->txn);
			(void)pthread_mutex_lock(&lock);
			first->is_busy = false;
			first->due = clock_ms() + AGAIN_MS;
			(void)pthread_cond_broadcast(&changed);
		}
	}
	(void)pthread_mutex_unlock(&lock);
	return unused;
}

/* Called with the lock. A forked child has no thread and no watches. */
static int start(void)
{
	if (generation != fork_generation()) {
		watches = NULL;
		is_running = false;
		generation = fork_generation();
		init_condition();
	}
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

	(void)pthread_mutex_lock(&lock);
	join = is_running && generation == fork_generation();
	is_stopping = true;
	is_running = false;
	if (join)
		(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
	if (join)
		(void)pthread_join(thread, NULL);
}

static struct watch *find(const struct txn *txn)
{
	struct watch *watch;

	DL_FOREACH(watches, watch)
		if (watch->txn == txn)
			break;
	return watch;
}

int deadline_arm(struct txn *txn)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int status;

	if (!watch)
		return error_nomem();
	deadline_disarm(txn);
	(void)pthread_mutex_lock(&lock);
	status = start();
	if (status == 0) {
		watch->txn = txn;
		watch->due = txn->deadline;
		DL_APPEND(watches, watch);
		(void)pthread_cond_broadcast(&changed);
	} else {
		free(watch);
	}
	(void)pthread_mutex_unlock(&lock);
	return status;
}

void deadline_disarm(struct txn *txn)
{
	struct watch *watch;

	if (!txn->deadline)
		return;
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&lock);
	watch = generation == fork_generation() ? find(txn) : NULL;
	while (watch && watch->is_busy)
		(void)pthread_cond_wait(&changed, &lock);
	if (watch)
		DL_DELETE(watches, watch);
	(void)pthread_mutex_unlock(&lock);
	free(watch);
}

int txn_set_timeout(struct txn *txn, int ms)
{
	int status = txn_check(txn, "txn_set_timeout");

	if (status == 0 && ms < 0)
		status = error_set(SQLA_EMISUSE, NULL, "Give milliseconds, or 0 for none.",
				   "txn_set_timeout: %d ms", ms);
	if (status == 0)
		status = txn_may(txn, EV_JOIN);
	if (status < 0)
		return status;
	deadline_disarm(txn);
	txn->deadline = ms ? clock_ms() + ms : 0;
	return ms ? deadline_arm(txn) : 0;
}
