/*
 * What the transactions of this process came to and how long their steps
 * took: counters, histograms and the latest ones, for whoever shows them.
 * Thread-safe and cheap: a transaction that ends adds to a few atomic numbers
 * and copies one entry under a lock that is held for nothing else. Nothing
 * joined: nothing is counted. A forked child starts from zero.
 */
#ifndef TXN_OBSERVE_H
#define TXN_OBSERVE_H

#include <stddef.h>
#include <stdint.h>

struct txn;
struct protocol_result;

/* The steps of protocol.c that take time. */
enum observe_step {
	OBSERVE_ASK,	 /* did anything change? */
	OBSERVE_PREPARE, /* the claim, and all prepared behind it */
	OBSERVE_DECIDE,	 /* the decider's commit, or the only one */
	OBSERVE_FINISH,	 /* the others told */
	OBSERVE_STEPS
};

#define OBSERVE_NEVER (-1) /* a step that was not taken */

/* Of one commit, kept by the protocol while it runs. */
struct observe_times {
	int64_t began_us;
	int64_t mark_us; /* when the latest step ended */
	int64_t step_us[OBSERVE_STEPS];
};
void observe_begin(struct observe_times *times);
/* STEP ends now; it began when the one before it ended. */
void observe_step(struct observe_times *times, enum observe_step step);

enum observe_outcome {
	OBSERVE_COMMITTED,
	OBSERVE_PENDING,
	OBSERVE_MIXED,
	OBSERVE_IN_DOUBT,
	OBSERVE_REFUSED,     /* txn_commit failed: nothing is committed */
	OBSERVE_ROLLED_BACK, /* the application called txn_abort */
	OBSERVE_OUTCOMES
};

/* Short constant words, for labels. */
const char *observe_outcome_name(enum observe_outcome outcome);
const char *observe_step_name(enum observe_step step);

/* The protocol has run over TXN, whose branches are still there. */
void observe_commit(const struct txn *txn, const struct protocol_result *result);
/* TXN is about to be rolled back; not counted again after a failed commit. */
void observe_abort(const struct txn *txn);
/* A branch of a commit that had returned before it ended (TXN_FINISH_DEFERRED)
 * did not end well: OBSERVE_PENDING or OBSERVE_MIXED. Its transaction was
 * counted already, as committed. */
void observe_late(enum observe_outcome outcome);

/* ---- reading --------------------------------------------------------------- */

#define OBSERVE_BOUNDS 14

/* Upper bounds of the histograms' buckets, in microseconds; one more is open. */
extern const int64_t observe_bounds_us[OBSERVE_BOUNDS];

struct observe_histogram {
	uint64_t buckets[OBSERVE_BOUNDS + 1]; /* each counts its own only */
	uint64_t sum_us;
};

#define OBSERVE_PHASES 3 /* 0: nothing had changed; 1: one branch; 2: two-phase */

struct observe_totals {
	uint64_t outcomes[OBSERVE_OUTCOMES][OBSERVE_PHASES];
	struct observe_histogram steps[OBSERVE_STEPS];
	struct observe_histogram commit; /* from the call to the outcome */
	uint64_t late[OBSERVE_OUTCOMES]; /* branches; see observe_late */
};
void observe_totals(struct observe_totals *ret_totals);

#define OBSERVE_RECENT 64

struct observe_entry {
	char uuid[37];
	enum observe_outcome outcome;
	int status; /* as txn_commit returned it */
	unsigned n_branches;
	unsigned phases;
	int64_t ended_unix_ms;
	int64_t work_us;   /* from its begin to the call of commit or abort */
	int64_t commit_us; /* OBSERVE_NEVER: it was rolled back */
	int64_t step_us[OBSERVE_STEPS];
	char decider[64];      /* or "" */
	char description[128]; /* cut */
	char reason[512];      /* why it did not commit, or "" */
};

/* Fills ENTRIES with the latest transactions, newest first; how many. Commits
 * in which nothing had changed are counted, but not kept. */
size_t observe_recent(struct observe_entry entries[], size_t n);

#endif
