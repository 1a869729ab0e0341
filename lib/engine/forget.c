#include "engine/forget.h"

#include <limits.h>
#include <pthread.h>
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
	struct ended *fresh; /* the first that was not seen to be due yet, or NULL */
	size_t n;
	size_t n_due; /* in front of fresh */
};

static struct fork_lock forget_lock = FORK_LOCK_INITIALIZER;

static void drop_first(struct forget_queue *queue)
{
	struct ended *first = queue->first;

	if (first == queue->fresh)
		queue->fresh = first->next;
	else
		queue->n_due--;
	DL_DELETE(queue->first, first);
	queue->n--;
	free(first);
}

static void drop_all(struct forget_queue *queue)
{
	while (queue->first)
		drop_first(queue);
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
	if (!queue->fresh)
		queue->fresh = one;
	if (++queue->n > FORGET_MOST)
		drop_first(queue);
	unlock_queue();
}

/* What is due stays so: each is looked at once. */
static size_t count_due(struct forget_queue *queue)
{
	int64_t until = clock_ms() - (int64_t)queue->keep_s * 1000;

	while (queue->fresh && queue->fresh->ended_ms <= until) {
		queue->fresh = queue->fresh->next;
		queue->n_due++;
	}
	return queue->n_due;
}

bool forget_is_due(struct forget_queue *queue, size_t n)
{
	bool due;

	lock_queue(queue);
	due = n > 0 && count_due(queue) >= n;
	unlock_queue();
	return due;
}

size_t forget_due(struct forget_queue *queue, char (*uuids)[37], size_t n)
{
	size_t taken = 0;

	lock_queue(queue);
	(void)count_due(queue);
	while (taken < n && queue->n_due > 0) {
		copy_text(uuids[taken++], sizeof(*uuids), queue->first->uuid);
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
		one = ended_new(uuids[n], 0);
		if (!one)
			break;
		DL_PREPEND(queue->first, one);
		queue->n++;
		queue->n_due++;
	}
	unlock_queue();
}
