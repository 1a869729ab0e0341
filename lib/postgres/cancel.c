#include "postgres/cancel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"

struct pg_canceller {
	PGcancel *handle;
	atomic_uint references; /* the link's, and one for each thread */
	atomic_bool has_fired;
};

struct pg_canceller *pg_canceller_new(PGconn *native)
{
	struct pg_canceller *canceller = calloc(1, sizeof(*canceller));

	if (!canceller)
		return NULL;
	canceller->handle = PQgetCancel(native);
	if (!canceller->handle) {
		free(canceller);
		return NULL;
	}
	atomic_init(&canceller->references, 1);
	atomic_init(&canceller->has_fired, false);
	return canceller;
}

void pg_canceller_free(struct pg_canceller *canceller)
{
	if (!canceller || atomic_fetch_sub(&canceller->references, 1) > 1)
		return;
	PQfreeCancel(canceller->handle);
	free(canceller);
}

static void *run(void *arg)
{
	struct pg_canceller *canceller = arg;
	char why[256] = "";

	if (!PQcancel(canceller->handle, why, sizeof(why)))
		log_warning("cannot cancel a statement: %s", why);
	pg_canceller_free(canceller);
	return NULL;
}

/* Signals belong to the application's threads. */
static int start(struct pg_canceller *canceller)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int failed = pthread_attr_init(&attributes);

	if (failed)
		return failed;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread, &attributes, run, canceller);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return failed;
}

void pg_canceller_fire(struct pg_canceller *canceller)
{
	atomic_store(&canceller->has_fired, true);
	atomic_fetch_add(&canceller->references, 1);
	if (start(canceller)) {
		log_warning("cannot cancel a statement: no thread can be made");
		pg_canceller_free(canceller);
	}
}

bool pg_canceller_has_fired(const struct pg_canceller *canceller)
{
	return atomic_load(&canceller->has_fired);
}
