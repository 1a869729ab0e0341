/*
 * Recovery in a thread of the library's.
 *
 *   waiting --due, or stop--> in a pass --done--> waiting
 *                         \-> ended
 *
 * A commit that leaves something behind brings the next pass forward, to when
 * its branches are past the grace period. The thread belongs to the process
 * that started it; a forked child has none, and frees nothing that the
 * thread's ghost may seem to hold.
 */
#include "recovery/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/thread.h"
#include "txn/commit.h"

#define INTERVAL_MS 10000
#define AFTER_GRACE_MS 200

struct background {
	unsigned generation;
	pthread_t thread;
	pthread_cond_t changed; /* on the monotonic clock; with `lock` */
	int interval_ms;
	struct sqla_recover_options options;
	int64_t due_ms;		/* of the next pass; guarded by `lock` */
	atomic_bool is_stopped; /* the pass under way looks at it too */
};

/* Guards `current` and what it points to. */
static struct fork_lock lock = FORK_LOCK_INITIALIZER;
static struct background *current;

/* Takes the lock, and drops the parent's thread from a child's memory: its
 * condition variable has a waiter that is not there, so it is left as it is. */
static void enter(void)
{
	fork_lock_take(&lock);
	if (current && fork_is_foreign(current->generation)) {
		free(current);
		current = NULL;
	}
}

static void leave(void)
{
	fork_lock_give(&lock);
}

static void bring_forward(struct background *self, int64_t due_ms)
{
	if (due_ms < self->due_ms)
		self->due_ms = due_ms;
}

static void on_unfinished(void)
{
	enter();
	if (current) {
		bring_forward(current, clock_ms() + AFTER_GRACE_MS +
					       scan_grace(&current->options) * INT64_C(1000));
		(void)pthread_cond_signal(&current->changed);
	}
	leave();
}

/* Most young ones are commits under way, and nothing to warn of. */
static void count_young(const struct sqla_in_doubt *branch, void *arg)
{
	int *young = arg;

	if (branch->verdict == SQLA_VERDICT_YOUNG)
		(*young)++;
}

static void run_pass(const struct background *self)
{
	struct sqla_recover_report report;
	int young = 0;
	int status = scan_run(&self->options, count_young, &young, &self->is_stopped, &report);

	if (status < 0)
		log_error("recovery: %s: %s", sqla_strerror(status), sqla_error_last()->message);
	else if (report.left > young)
		log_warning(
			"recovery: %d branches are left in doubt (`sqlassist status` tells why)",
			report.left - young);
}

/* False: it is to stop. Called and left with the lock held. */
static bool wait_until_due(struct background *self)
{
	while (!atomic_load(&self->is_stopped) && clock_ms() < self->due_ms)
		(void)thread_cond_wait(&self->changed, &lock.mutex, self->due_ms);
	return !atomic_load(&self->is_stopped);
}

/* Whoever asks for a pass while one runs gets another one. */
static void *run(void *arg)
{
	struct background *self = arg;

	fork_lock_take(&lock);
	while (wait_until_due(self)) {
		self->due_ms = INT64_MAX;
		fork_lock_give(&lock);
		run_pass(self);
		fork_lock_take(&lock);
		bring_forward(self, clock_ms() + self->interval_ms);
	}
	fork_lock_give(&lock);
	return NULL;
}

static int start_locked(struct background *self)
{
	int error;

	if (current)
		return error_set(SQLA_EALREADY, NULL, "Stop it first: sqla_recovery_stop().",
				 "recovery already runs in the background");
	error = thread_cond_init(&self->changed);
	if (error)
		return error_set(SQLA_ENOMEM, NULL, NULL, "cannot start recovery: %s",
				 strerror(error));
	error = thread_start(&self->thread, NULL, run, self);
	if (error) {
		(void)pthread_cond_destroy(&self->changed);
		return error_set(SQLA_ENOMEM, NULL, "Raise the limit on threads.",
				 "cannot start a thread for recovery: %s", strerror(error));
	}
	current = self;
	return 0;
}

int sqla_recovery_start(int interval_ms, const struct sqla_recover_options *options)
{
	struct background *self;
	int status;

	if (interval_ms < 0)
		return error_set(SQLA_EMISUSE, NULL, "Give milliseconds, or 0 for the default.",
				 "sqla_recovery_start: the interval is negative");
	self = calloc(1, sizeof(*self));
	if (!self)
		return error_nomem();
	self->generation = fork_generation();
	self->interval_ms = interval_ms == 0 ? INTERVAL_MS : interval_ms;
	if (options)
		self->options = *options;
	enter();
	status = start_locked(self);
	leave();
	if (status < 0)
		free(self);
	else
		commit_on_unfinished(on_unfinished);
	return status;
}

/* The list of who runs is emptied first, so that of two callers one waits. */
void sqla_recovery_stop(void)
{
	struct background *self;

	enter();
	self = current;
	current = NULL;
	if (self) {
		atomic_store(&self->is_stopped, true);
		(void)pthread_cond_signal(&self->changed);
	}
	leave();
	if (!self)
		return;
	(void)pthread_join(self->thread, NULL);
	(void)pthread_cond_destroy(&self->changed);
	free(self);
}
