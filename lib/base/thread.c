#include "base/thread.h"

#include <signal.h>
#include <time.h>

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

int thread_cond_init(pthread_cond_t *ret_cond)
{
	pthread_condattr_t attributes;
	int error = pthread_condattr_init(&attributes);

	if (error)
		return error;
	error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (!error)
		error = pthread_cond_init(ret_cond, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return error;
}

int thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ms)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ms / 1000),
		.tv_nsec = (long)(until_ms % 1000) * 1000000,
	};

	return pthread_cond_timedwait(cond, mutex, &until);
}
