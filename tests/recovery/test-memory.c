/* Recovery without memory, and without threads: it tells, and a later pass does it. */
#include "support/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <sqlassist.h>

#include "recovery/store.h"
#include "support/alloc.h"

#define GID "sqla1.11111111-1111-4111-8111-111111111111.1.nowhere.shelf"

static const struct sqla_recover_options now = { .grace_s = -1 };
static struct store *store;

/* A branch whose decider nobody knows. */
static void setup(void)
{
	store = store_new("shelf");
	store_add(store, GID);
	store_register(store, "shelf");
	cr_assert(eq(int, sqla_recover(&now, NULL, NULL, NULL), SQLA_PENDING));
}

static void teardown(void)
{
	cr_assert(eq(int, sqla_recoverer_unregister("shelf"), 0));
	store_free(store);
}

TestSuite(recovery_memory, .init = setup, .fini = teardown);

/* A branch that it may not have seen is never said to have ended. */
static unsigned fail_all(bool forever)
{
	unsigned at = 0, made, refused = 0;

	do {
		int status;

		alloc_fail_at(++at, forever);
		status = sqla_recover(&now, NULL, NULL, NULL);
		made = alloc_stop();
		cr_expect(ne(int, status, SQLA_OK), "allocation %u: %s", at, alloc_place());
		refused += status < 0;
		cr_expect(eq(int, store_prepared(store), 1));
		cr_expect(eq(int, sqla_recover(&now, NULL, NULL, NULL), SQLA_PENDING));
	} while (made >= at);
	return refused;
}

Test(recovery_memory, a_pass_without_memory_says_nothing_false)
{
	cr_expect(gt(uint, fail_all(false), 0));
	cr_expect(gt(uint, fail_all(true), 0));
}

/* ---- in the background --------------------------------------------------- */

/* In place of the C library's. */
static int thread_error, condition_error;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
		   void *arg)
{
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (thread_error)
		return thread_error;
	*(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
	return create(thread, attributes, fn, arg);
}

int pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock)
{
	int (*set)(pthread_condattr_t *, clockid_t);

	if (condition_error)
		return condition_error;
	*(void **)&set = dlsym(RTLD_NEXT, "pthread_condattr_setclock");
	return set(attributes, clock);
}

static int start(void)
{
	int status = sqla_recovery_start(60000, NULL);

	sqla_recovery_stop();
	return status;
}

Test(recovery_memory, a_thread_of_recovery_needs_memory_and_threads)
{
	int status;

	alloc_fail_at(1, true);
	status = start();
	(void)alloc_stop();
	cr_expect(eq(int, status, SQLA_ENOMEM));
	thread_error = EAGAIN;
	cr_expect(eq(int, start(), SQLA_ENOMEM));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "threads"), NULL));
	thread_error = 0;
	condition_error = EINVAL;
	cr_expect(eq(int, start(), SQLA_ENOMEM));
	condition_error = 0;
	cr_expect(zero(int, start()));
}
