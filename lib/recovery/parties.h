/*
 * parties.h - everybody who takes part in a recovery pass, and who of them
 * has which site. Nobody is found by name: names differ between programs.
 */
#ifndef RECOVERY_PARTIES_H
#define RECOVERY_PARTIES_H

#include <stdatomic.h>

#include "recovery/leftovers.h"
#include "recovery/party.h"

struct parties {
	struct party *items;
	size_t n;
};

/*
 * Takes a snapshot of all joined engines and of all recoverers, opens every
 * one of them, and finds out which are the same database, standbys or copies
 * of each other. An unreachable one is no failure. STOP (may be NULL) ends it
 * early; those not yet opened are then unreachable. Engines beside whose database
 * SPARED (may be NULL) has something are no parties.
 */
int parties_open(struct parties *all, const atomic_bool *stop, const struct leftovers *spared);

/* The next primary after PARTY (NULL: the first) that has SITE, or NULL. */
struct party *parties_next_at(const struct parties *all, const struct party *party,
			      const char *site);

/* An unreachable one, preferably of that name, or NULL. */
const struct party *parties_unreachable(const struct parties *all, const char *name);

/* Also of one that was never opened. */
void parties_release(struct parties *all);

#endif
