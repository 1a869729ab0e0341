#include "postgres/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

/* A statement that is cancelled for so long hangs on a wire that is dead. */
#define PATIENCE_MS 3000

struct pg_canceller {
	PGcancel *handle;
	atomic_uint references; /* the link's, and one for each thread */
	int socket;
	atomic_llong fired_ms;	  /* clock_ms of the first time; 0: never */
	atomic_bool is_under_way; /* a thread is at it; an unreachable server takes long */
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
	canceller->socket = PQsocket(native);
	atomic_init(&canceller->fired_ms, 0);
	atomic_init(&canceller->is_under_way, false);
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
	atomic_store(&canceller->is_under_way, false);
	pg_canceller_free(canceller);
	return NULL;
}

static int start(struct pg_canceller *canceller)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int failed = pthread_attr_init(&attributes);

	if (failed)
		return failed;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	failed = thread_start(&thread, &attributes, run, canceller);
	(void)pthread_attr_destroy(&attributes);
	return failed;
}

void pg_canceller_fire(struct pg_canceller *canceller)
{
	long long never = 0;

	(void)atomic_compare_exchange_strong(&canceller->fired_ms, &never, clock_ms());
	if (never && clock_ms() - never > PATIENCE_MS)
		(void)shutdown(canceller->socket, SHUT_RDWR);
	if (atomic_exchange(&canceller->is_under_way, true))
		return;
	atomic_fetch_add(&canceller->references, 1);
	if (start(canceller)) {
		log_warning("cannot cancel a statement: no thread can be made");
		atomic_store(&canceller->is_under_way, false);
		pg_canceller_free(canceller);
	}
}

bool pg_canceller_has_fired(const struct pg_canceller *canceller)
{
	return atomic_load(&canceller->fired_ms) != 0;
}
