/* Threads of the library's own. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/*
 * pthread_create, with every signal blocked in the new thread: signals are for
 * the application's threads. Returns an error number.
 */
int thread_start(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*fn)(void *arg),
		 void *arg);

#endif
