/*
 * The members of a group: a file each, whose COMMIT runs on a thread of its own
 * and follows the orders that are given to all. COMMITs that are held inside one
 * another on one thread do the same, and their syncs wait for each other:
 * docs/performance.md tells what that costs.
 */
#ifndef SQLITE_MEMBERS_H
#define SQLITE_MEMBERS_H

#include "sqlite/conn.h"

/* How many files a group holds at most. */
#define LITE_GROUP_MAX 16

struct members;

enum members_order {
	MEMBERS_HOLD,	  /* write all, and wait: the order that a COMMIT begins with */
	MEMBERS_SEAL,	  /* be prepared in the name of the super-journal, and wait */
	MEMBERS_COMMIT,	  /* it is decided: release it, and return */
	MEMBERS_ROLLBACK, /* take back what was sealed, roll back, and return */
	MEMBERS_FREEZE,	  /* touch nothing any more, and return */
};

/* Without members; NULL: no memory. */
struct members *members_new(void);
void members_free(struct members *members); /* none is running */

/* Adds the file of CONN, if that can be committed together with those before:
 * 0, or the error is set. */
int members_add(struct members *members, struct lite_conn *conn);

size_t members_n(const struct members *members);
/* In the order of joining, until they are sorted. */
struct lite_conn *members_conn(const struct members *members, size_t i);

/* Puts them into the order in which all processes lock, whatever they call the
 * files. */
void members_sort(struct members *members);

/* Starts their COMMITs: 0, or the error is set; some may be running then. */
int members_start(struct members *members);

/* Orders all that wait, or will, to be sealed in the name of SUPER, which is
 * borrowed until the end. */
void members_seal(struct members *members, const char *super);

/* Waits until all have done what they were told, to hold or to seal, or have
 * returned because there was nothing to commit: NULL. Or until one cannot, and
 * why is in RET. */
struct lite_conn *members_await(struct members *members, int *ret_rc);

/* Gives the last order, and waits for all to return. */
void members_end(struct members *members, enum members_order order);

/* After that: what the COMMIT of each has answered. */
int members_answer(const struct members *members, size_t i);
/* Whether no seal is left that was to be taken back. */
bool members_are_clean(const struct members *members);

#endif
