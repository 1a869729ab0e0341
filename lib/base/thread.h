/* Threads of the library's own, and waiting for another thread. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

/*
 * pthread_create, with every signal blocked in the new thread: signals are for
 * the application's threads. Returns an error number.
 */
int thread_start(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*fn)(void *arg),
		 void *arg);

/* pthread_cond_init, for waits by the clock that nobody sets. Returns an error number. */
int thread_cond_init(pthread_cond_t *ret_cond);

/* pthread_cond_timedwait, until clock_ms() is UNTIL_MS; COND is of thread_cond_init. */
int thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ms);

#endif
