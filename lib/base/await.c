#include "base/await.h"

#include <sched.h>

int await_answer(struct pollfd waits[], nfds_t n, int ms)
{
	if (ms != 0)
		(void)sched_yield();
	return poll(waits, n, ms);
}
