/*
 * wire.h - counts what this process says to servers, at its sockets: the
 * program's own send() and recv() stand in front of the C library's, also for
 * libpq. What is counted is thus what every way of committing really does.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdint.h>

/* Of one thread, since it began. */
struct wire {
	uint64_t messages; /* send() calls that took something */
	/* Dependent round trips: how often something was said behind an answer. What is
	 * said to many servers before any answer is read is one. */
	uint64_t rounds;
	int64_t round_at; /* when the latest of them began; see now_ns */
};

/* This thread's. */
struct wire wire_read(void);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t now_ns(void);

#endif
