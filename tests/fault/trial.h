/*
 * trial.h - transfers in each of which one call below the library fails, or that
 * and all behind it: an allocation, or what is asked of the disk. What is told is
 * true, recovery ends what is in doubt, and nothing is kept.
 */
#ifndef FAULT_TRIAL_H
#define FAULT_TRIAL_H

#include "fault/teller.h"

struct trial;

/* How such calls are made to fail. */
struct trial_breaker {
	const char *what; /* it is, in the plural */
	/* The nth from now on (from 1; 0: none), and FOREVER: so do all behind it. */
	void (*arm)(unsigned nth, bool forever);
	unsigned (*disarm)(void); /* how many there were */
	char *(*place)(void);	  /* new text: where the first has failed */
	/* Whether this thread's latest error says what it must. */
	bool (*is_clear)(const struct trial *trial);
	long (*held)(void); /* what must be as much in the end as before; or NULL */
};

struct trial {
	const struct trial_breaker *breaker;
	/* What is tried; returns the status of a transfer. */
	int (*attempt)(struct trial *trial);
	struct teller teller;
	int64_t id;	   /* of the latest transfer */
	unsigned fails_at; /* ... and what fails there */
	bool forever;	   /* ... with all behind it */
	unsigned met;	   /* how many calls there were */
	bool is_clear;	   /* its failure is told as it must be */
	struct told told;  /* what its caller was told */
	int answers[3];	   /* done, refused, in doubt */
	int n_left;	   /* recoveries that left something */
	int files;	   /* that are open when nothing is in the pools */
	int files_before;  /* ... and before the engines were registered */
	long held_before;
};

/* Opens a bank of its own and makes transfers in which nothing fails. The trial
 * holds a breaker and an attempt, all else 0. */
void trial_open(struct trial *trial, const char *name, const char *kinds,
		const struct sqla_engine_options *options);

/* One transfer in which call NTH fails; 0: none. Whether there was such a call. */
bool trial_run(struct trial *trial, unsigned nth, bool forever);

/* All calls of a transfer, every STEPth. */
void trial_each(struct trial *trial, unsigned step, bool forever);

/* Recovers, closes all, and expects that as much is held as before. */
void trial_close(struct trial *trial);

/* Aborts the test; says what has failed where. */
__attribute__((noreturn)) void trial_fail(const struct trial *trial, const char *what);

/* ---- attempts ---------------------------------------------------------------- */

/* The commit alone. */
int trial_commit(struct trial *trial);

/* From opening the sessions to closing them. What was not sent to commit was not
 * committed. */
int trial_everything(struct trial *trial);

/* Recovery of a branch that is in doubt, though its transfer was decided, or was
 * not. */
int trial_recover_decided(struct trial *trial);
int trial_recover_undecided(struct trial *trial);

/* The same of whatever is in doubt. */
void trial_recover(struct trial *trial);

#endif
