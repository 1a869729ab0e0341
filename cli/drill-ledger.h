/*
 * drill-ledger.h - what the processes of a drill know of each other: a piece of
 * shared memory that outlives whoever is killed. Workers write down every
 * transfer before and behind each step; recoverers, how it was ended; the
 * checker, where it was found.
 */
#ifndef DRILL_LEDGER_H
#define DRILL_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sqlassist.h>

enum {
	DRILL_ENGINES = 16,
	DRILL_WORKERS = 2,
	DRILL_THREADS = 16,
	DRILL_TRANSFERS = 1 << 20, /* of a whole drill */
	DRILL_VIOLATIONS = 20,	   /* that are told; all are counted */
	DRILL_ACCOUNTS = 8,
	DRILL_CENTS = 1000000, /* in each account, at first */
};

enum drill_step {
	STEP_NONE = 0,
	STEP_WORKING,	 /* statements, before the commit */
	STEP_COMMITTING, /* inside txn_commit */
	STEP_TOLD,	 /* its status is known to the caller */
};

enum drill_ending { ENDED_BY_ITSELF = 0, ENDED_ROLLED_BACK, ENDED_COMMITTED };

/* Its number is its place in the ledger. */
struct drill_transfer {
	char uuid[37];	     /* valid from STEP_COMMITTING on */
	_Atomic int8_t step; /* enum drill_step */
	int8_t status;	     /* what the caller was told; valid in STEP_TOLD */
	_Atomic int8_t ending;
	uint16_t parts; /* engines that it is over, a bit each */
	uint16_t found; /* engines whose tables have it */
	uint32_t life;	/* number of the process that made it */
};

/* How a part of the drill failed. */
struct drill_trouble {
	int status;
	char engine[64], message[512], hint[512];
};

struct drill_engine {
	char name[64];
	char kind[16], version[64];
	char settings[400];
	int64_t cents; /* in all its accounts, when last checked */
};

struct drill_ledger {
	struct drill_engine engines[DRILL_ENGINES];
	int n_engines;
	_Atomic int64_t next;	   /* transfer */
	int64_t first;		   /* that was not checked yet */
	_Atomic int64_t commit_us; /* what a commit takes, about */
	/* The transfer that a thread of a worker is at. */
	_Atomic int64_t at[DRILL_WORKERS][DRILL_THREADS];
	_Atomic int recovered_committed, recovered_rolled_back;
	_Atomic int n_violations;
	char violations[DRILL_VIOLATIONS][256];
	struct drill_trouble trouble; /* of the errand that has failed last */
	struct drill_transfer transfers[DRILL_TRANSFERS];
};

/* NULL: no memory. */
struct drill_ledger *ledger_map(void);
void ledger_unmap(struct drill_ledger *ledger);

/* Behind the last transfer. */
int64_t ledger_end(const struct drill_ledger *ledger);

__attribute__((format(printf, 2, 3))) void ledger_violation(struct drill_ledger *ledger,
							    const char *format, ...);

/* Writes this thread's latest error down and returns STATUS. */
int ledger_trouble(struct drill_ledger *ledger, int status);

/* The transfer of this uuid among those that were not checked yet, or NULL. */
struct drill_transfer *ledger_find(struct drill_ledger *ledger, const char *uuid);

#endif
