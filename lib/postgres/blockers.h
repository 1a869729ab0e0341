/* Who holds what a link waits for. Asked on a second connection. */
#ifndef POSTGRES_BLOCKERS_H
#define POSTGRES_BLOCKERS_H

#include <stdbool.h>
#include <stddef.h>

struct pg_link;

/*
 * Finds the sessions that block WAITING and describes one in RET_TEXT. With
 * FENCE_S >= 0 ends those that have been waiting for their client, or have
 * been running, for that long. Returns how many were ended, or negative.
 */
int pg_blockers(struct pg_link *waiting, int fence_s, char *ret_text, size_t size);

#endif
