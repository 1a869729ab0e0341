/*
 * Alarms: a function is called once a time has come, by one thread of the
 * library's that starts with the first alarm. A forked child has none of its
 * parent's.
 */
#ifndef BASE_ALARM_H
#define BASE_ALARM_H

#include <stdbool.h>
#include <stdint.h>

/* No lock is held. Returns when it wants to be called again (clock_ms), or 0. */
typedef int64_t alarm_fn(void *arg);

/* A part of whatever it is about; begins zeroed, and is written here alone. */
struct alarm {
	int64_t due; /* clock_ms */
	alarm_fn *fn;
	void *arg;
	unsigned generation; /* of base/fork.h; 0: not set */
	bool is_busy;	     /* its function runs: not to be freed */
	struct alarm *next, *prev;
};

/* Sets it, again or for the first time. Negative: no thread could be started. */
int alarm_set(struct alarm *alarm, int64_t due, alarm_fn *fn, void *arg);

/* Afterwards its function does not run; waits if it does. Not from within it. */
void alarm_cancel(struct alarm *alarm);

#endif
