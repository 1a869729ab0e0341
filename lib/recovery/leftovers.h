/*
 * leftovers.h - what cut-off transactions have left beside databases that deal
 * with it by themselves when they are opened: looked at before a pass opens
 * them, and told when it is over.
 */
#ifndef RECOVERY_LEFTOVERS_H
#define RECOVERY_LEFTOVERS_H

#include <stdbool.h>

#include <sqlassist/recover.h>

struct leftover;

struct leftovers {
	struct leftover *first;
};

/* Looks beside all engines, and keeps what is found. Without memory it keeps less. */
void leftovers_find(struct leftovers *all);

/* Whether something was found beside ENGINE's database. */
bool leftovers_has(const struct leftovers *all, const char *engine);

/* Looks again: what is not found any more was dealt with. */
void leftovers_settle(struct leftovers *all);

/* Tells FN (may be NULL) of each. */
void leftovers_tell(const struct leftovers *all, sqla_leftover_fn *fn, void *arg);

void leftovers_free(struct leftovers *all);

#endif
