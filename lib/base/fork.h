/*
 * Knowing that we are in a forked child. A generation number goes up in
 * every child; objects remember the one they were made in, and refuse to be
 * used in another.
 */
#ifndef BASE_FORK_H
#define BASE_FORK_H

#include <pthread.h>
#include <stdbool.h>

/* This process's generation. */
unsigned fork_generation(void);

/* True if GENERATION is not this process's. */
bool fork_is_foreign(unsigned generation);

/*
 * Calls FN(arg) in every forked child, in the child's only thread, before
 * fork() returns there. FN may only do what a signal handler may. At most 32
 * can be registered; they stay for the life of the process.
 */
int fork_on_child(void (*fn)(void *arg), void *arg);

/* Takes LOCK before every fork and gives it back on both sides, so that a
 * child never finds it held by a thread it does not have. */
int fork_guard(pthread_mutex_t *lock);

/* A lock of a module's own, which does that by itself when it is first taken. */
struct fork_lock {
	pthread_mutex_t mutex;
	bool is_guarded; /* atomic */
};

#define FORK_LOCK_INITIALIZER                      \
	{                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER \
	}

void fork_lock_take(struct fork_lock *lock);
void fork_lock_give(struct fork_lock *lock);

#endif
