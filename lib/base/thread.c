#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*fn)(void *arg),
		 void *arg)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(ret_thread, attributes, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}
