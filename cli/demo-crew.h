/*
 * demo-crew.h - the workers as their killer sees them: started, killed at
 * random moments, recovered after, and every kill accounted for.
 *
 * How a kill is accounted for, without a word from the one who was killed:
 * its last step stands in the shared page. Inside txn_commit the finer step
 * is what the databases show afterwards: recovery found a branch of that
 * transaction and rolled it back (prepared, not decided), or committed it
 * (decided, not told); or found none, and the ledger has its rows (all done)
 * or has not (nothing was prepared). Files have no branches: whoever opens
 * them next rolls both back, or finds both committed.
 */
#ifndef DEMO_CREW_H
#define DEMO_CREW_H

#include <stdbool.h>
#include <sys/types.h>

struct crew;

/* Returns new, or NULL (told on stderr). LEDGER_URL is borrowed. */
struct crew *crew_new(const char *ledger_url, bool naive);

/* Kills and reaps who is left. NULL is allowed. */
void crew_free(struct crew *crew);

/* Starts a worker wherever one is missing. 0 or -1. */
int crew_hire(struct crew *crew);

/*
 * Reaps workers that ended by themselves. 1: one of them found the outbox
 * empty; 0: all are at work; -1: one of them failed (and told why).
 */
int crew_reap(struct crew *crew);

/* How many workers there are now. */
int crew_size(const struct crew *crew);

/* SIGKILL to one worker at random, rather one at work than one that waits, or to
 * ALL at once; their steps are kept. */
void crew_kill(struct crew *crew, bool all);

/*
 * Runs recovery, as an application does when it starts. 1: something is
 * still to be done, by a living worker or by a later call; 0: nothing is in
 * doubt; negative: failed (told on stderr).
 */
int crew_recover(struct crew *crew);

/* From now on a transaction carries up to SALES sales. */
void crew_set_sales_at_once(struct crew *crew, int sales);

/* How many have been killed; how many of their branches recovery has ended. */
int crew_kills(const struct crew *crew);
int crew_recovered(const struct crew *crew);

/* Tells which step the kills fell into. Negative: cannot be found out. */
int crew_print_tally(const struct crew *crew);

#endif
