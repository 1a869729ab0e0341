/*
 * alloc.h - the process runs out of memory, on purpose: the C library's
 * malloc and its relatives are interposed, for every library in the process
 * (libpq, SQLite, jansson) as for ours.
 *
 * Not part of libtestsupport: a program that wants it lists alloc.c among its
 * sources. Not for valgrind, which interposes the same.
 */
#ifndef SUPPORT_ALLOC_H
#define SUPPORT_ALLOC_H

#include <stdbool.h>

/*
 * From now on this thread's allocations are counted, and the nth (from 1)
 * fails; FOREVER: so do all that follow it. N 0: they are only counted.
 */
void alloc_fail_at(unsigned n, bool forever);

/* No longer. Returns how many there were; fewer than N: none has failed. */
unsigned alloc_stop(void);

/* New text: the calls that led to the first that failed since alloc_fail_at. */
char *alloc_place(void);

/* How many blocks are in use, taken by whatever thread. */
long alloc_blocks(void);

#endif
