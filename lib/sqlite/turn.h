/*
 * Whose turn it is to try for a file's lock, among the connections of this
 * process. SQLite's lock arbitrates, as ever, also with other processes; this
 * is only how one waits for it: until somebody of this process lets go, the
 * first come first, or for a moment, since others do not tell.
 *
 * Nothing is held by whose turn it is, and every wait ends with a moment. So
 * there is no deadlock that SQLite's own waiting had not, a deadline and a
 * cancel are seen as soon, and a forked child finds nobody waiting. Who comes
 * new may still be quicker than who was called.
 */
#ifndef SQLITE_TURN_H
#define SQLITE_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Nobody who polls for a lock need wait longer between two tries. */
enum { TURN_PATIENCE_MS = 10 };

/* Of a connection; its functions are called by one thread at a time. */
struct turn {
	dev_t device; /* the file */
	ino_t inode;
	uint64_t number;   /* who came first has a smaller one */
	uint64_t releases; /* that had been when it tried last */
	bool is_waiting;
	bool is_called;
	struct turn *next, *prev;
};

void turn_init(struct turn *turn);

/* It is for the file at PATH, which is NULL or "" for one in memory. */
void turn_at(struct turn *turn, const char *path);

/* It has found the lock taken for the first time, and tries again at once. */
void turn_come(struct turn *turn);

/* Waits until it may be worth trying again, at most MS milliseconds; who is not
 * first, and has no chance before the first had its own, up to TURN_PATIENCE_MS. */
void turn_wait(struct turn *turn, int ms);

/* A lock on TURN's file may be free now: calls the first who waits for it. */
void turn_pass(const struct turn *turn);

/* Whether somebody waits for TURN's file. */
bool turn_is_wanted(const struct turn *turn);

/* Whether TURN's owner is in turn_wait; from any thread. */
bool turn_is_waiting(const struct turn *turn);

#endif
