/*
 * doubts.h - branches in doubt, as coordinators that died leave them: on the first
 * of two PostgreSQL servers, while the second decides.
 */
#ifndef BENCH_DOUBTS_H
#define BENCH_DOUBTS_H

struct doubts;

/* Registers the engines, and makes their tables. Aborts when something does not work. */
struct doubts *doubts_new(void);
void doubts_free(struct doubts *doubts);

/* Adds N branches; every second one, from the first on, was decided. */
void doubts_leave(const struct doubts *doubts, int n);

#endif
