#include "base/await.h"

#include <sched.h>
#include <stdatomic.h>

/* Threads that wait. In a forked child also its parent's, which costs it no more
 * than the yield. */
static atomic_uint waiting;

int await_answer(struct pollfd waits[], nfds_t n, int ms)
{
	int ready;

	if (ms == 0)
		return poll(waits, n, 0);
	if (atomic_fetch_add(&waiting, 1) == 0)
		(void)sched_yield();
	ready = poll(waits, n, ms);
	(void)atomic_fetch_sub(&waiting, 1);
	return ready;
}
