#include "engine/forget.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/copy.h"
#include "base/error.h"
#include "base/fork.h"

/* Beyond this the oldest are left to recovery, so that a decider that nobody
 * writes to any more does not fill the memory. */
#define FORGET_MOST 65536

struct ended {
	char uuid[37];
	int64_t ended_ms;
	struct ended *next, *prev;
};

struct forget_queue {
	int keep_s;
	/* Guarded by forget_lock: */
	unsigned generation;
	struct ended *first;
	size_t n;
};

static struct fork_lock forget_lock = FORK_LOCK_INITIALIZER;

static void drop_all(struct forget_queue *queue)
{
	struct ended *one, *next;

	DL_FOREACH_SAFE(queue->first, one, next) {
		DL_DELETE(queue->first, one);
		free(one);
	}
	queue->n = 0;
}

/* A forked child leaves what its parent has queued to the parent. */
static void lock_queue(struct forget_queue *queue)
{
	fork_lock_take(&forget_lock);
	if (fork_is_foreign(queue->generation)) {
		drop_all(queue);
		queue->generation = fork_generation();
	}
}

static void unlock_queue(void)
{
	fork_lock_give(&forget_lock);
}

struct forget_queue *forget_new(int keep_s)
{
	struct forget_queue *queue = calloc(1, sizeof(*queue));

	if (!queue) {
		error_nomem();
		return NULL;
	}
	queue->keep_s = keep_s;
	queue->generation = fork_generation();
	return queue;
}

void forget_free(struct forget_queue *queue)
{
	if (!queue)
		return;
	drop_all(queue);
	free(queue);
}

static struct ended *ended_new(const char *uuid, int64_t ended_ms)
{
	struct ended *one = malloc(sizeof(*one));

	if (one) {
		*one = (struct ended){ .ended_ms = ended_ms };
		copy_text(one->uuid, sizeof(one->uuid), uuid);
	}
	return one;
}

static void drop_first(struct forget_queue *queue)
{
	struct ended *first = queue->first;

	DL_DELETE(queue->first, first);
	queue->n--;
	free(first);
}

void forget_later(struct forget_queue *queue, const char *uuid)
{
	struct ended *one;

	if (queue->keep_s == INT_MAX)
		return;
	one = ended_new(uuid, clock_ms());
	if (!one)
		return;
	lock_queue(queue);
	DL_APPEND(queue->first, one);
	if (++queue->n > FORGET_MOST)
		drop_first(queue);
	unlock_queue();
}

static bool is_due(const struct forget_queue *queue, const struct ended *one)
{
	return clock_ms() - one->ended_ms >= (int64_t)queue->keep_s * 1000;
}

bool forget_is_due(struct forget_queue *queue, size_t n)
{
	struct ended *one;
	bool due = false;

	lock_queue(queue);
	if (queue->n >= n && n > 0) {
		one = queue->first;
		while (--n > 0)
			one = one->next;
		due = is_due(queue, one);
	}
	unlock_queue();
	return due;
}

size_t forget_due(struct forget_queue *queue, char (*uuids)[37], size_t n)
{
	size_t taken = 0;

	lock_queue(queue);
	while (taken < n && queue->first && is_due(queue, queue->first)) {
		(void)snprintf(uuids[taken++], 37, "%s", queue->first->uuid);
		drop_first(queue);
	}
	unlock_queue();
	return taken;
}

void forget_again(struct forget_queue *queue, char (*uuids)[37], size_t n)
{
	struct ended *one;

	lock_queue(queue);
	while (n-- > 0) {
		one = ended_new(uuids[n], clock_ms() - (int64_t)queue->keep_s * 1000);
		if (!one)
			break;
		DL_PREPEND(queue->first, one);
		queue->n++;
	}
	unlock_queue();
}
