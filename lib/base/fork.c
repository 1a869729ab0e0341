#include "base/fork.h"

#include "base/error.h"

#define MOST 32

static struct {
	void (*fn)(void *arg);
	void *arg;
} handlers[MOST];
static unsigned n_handlers;

static pthread_mutex_t *guards[MOST];
static unsigned n_guards;

static unsigned generation = 1;
static pthread_mutex_t lists = PTHREAD_MUTEX_INITIALIZER;

static void before(void)
{
	(void)pthread_mutex_lock(&lists);
	for (unsigned i = n_guards; i > 0; i--)
		(void)pthread_mutex_lock(guards[i - 1]);
}

static void give_back(void)
{
	for (unsigned i = 0; i < n_guards; i++)
		(void)pthread_mutex_unlock(guards[i]);
	(void)pthread_mutex_unlock(&lists);
}

static void in_child(void)
{
	give_back();
	__atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < n_handlers; i++)
		handlers[i].fn(handlers[i].arg);
}

static void __attribute__((constructor)) install(void)
{
	(void)pthread_atfork(before, give_back, in_child);
}

unsigned fork_generation(void)
{
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

bool fork_is_foreign(unsigned of)
{
	return of != fork_generation();
}

int fork_on_child(void (*fn)(void *arg), void *arg)
{
	int status = 0;

	(void)pthread_mutex_lock(&lists);
	if (n_handlers < MOST) {
		handlers[n_handlers].fn = fn;
		handlers[n_handlers].arg = arg;
		n_handlers++;
	} else {
		status = error_set(SQLA_EMISUSE, NULL, NULL, "too many fork handlers");
	}
	(void)pthread_mutex_unlock(&lists);
	return status;
}

int fork_guard(pthread_mutex_t *lock)
{
	unsigned known = 0;
	int status = 0;

	(void)pthread_mutex_lock(&lists);
	/* Again in a child that was forked inside the parent's pthread_once. */
	while (known < n_guards && guards[known] != lock)
		known++;
	if (known == n_guards && n_guards < MOST)
		guards[n_guards++] = lock;
	else if (known == n_guards)
		status = error_set(SQLA_EMISUSE, NULL, NULL, "too many fork guards");
	(void)pthread_mutex_unlock(&lists);
	return status;
}

void fork_lock_take(struct fork_lock *lock)
{
	if (!__atomic_load_n(&lock->is_guarded, __ATOMIC_ACQUIRE)) {
		(void)fork_guard(&lock->mutex);
		__atomic_store_n(&lock->is_guarded, true, __ATOMIC_RELEASE);
	}
	(void)pthread_mutex_lock(&lock->mutex);
}

void fork_lock_give(struct fork_lock *lock)
{
	(void)pthread_mutex_unlock(&lock->mutex);
}
