/* SQLite runs out of memory, on purpose. */
#ifndef TESTS_GROUP_MEMORY_H
#define TESTS_GROUP_MEMORY_H

#include <stdbool.h>

/* In a process without connections: SQLite's allocations are counted. */
void memory_watch(void);

/* The nth from now on (from 1) fails; FOREVER: so do all behind it. 0: none. */
void memory_fail_at(unsigned n, bool forever);

/* How many there were since. */
unsigned memory_counted(void);

#endif
