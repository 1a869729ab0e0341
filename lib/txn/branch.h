/*
 * A branch: one joined resource and how far the commit has come with it.
 * Also the way a step is taken by many branches at once: all are started,
 * then all answers are awaited together.
 */
#ifndef TXN_BRANCH_H
#define TXN_BRANCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlassist/resource.h>

#include "base/error.h"
#include "base/fault.h"

/* What is known about the branch in its store. */
enum branch_phase {
	BRANCH_WORKING,	  /* joined; a crash rolls it back */
	BRANCH_UNCHANGED, /* has nothing to commit */
	BRANCH_CHANGED,	  /* has; a crash rolls it back */
	BRANCH_PREPARED,  /* in doubt until it is ended */
	BRANCH_UNKNOWN,	  /* prepared or ended, or not: recovery finds out */
	BRANCH_ENDED,	  /* committed or rolled back */
};

struct branch {
	struct txn_resource_ops ops;	      /* a copy, complete: absent members are NULL */
	const struct txn_resource_ops *given; /* identity, with self */
	void *self;
	enum branch_phase phase;
	struct branch *leader;	   /* whose decide commits this one too, or NULL */
	unsigned number;	   /* order of joining, from 1 */
	char gid[TXN_GID_MAX + 1]; /* "" until it is to be prepared */
	char site[TXN_SITE_MAX + 1];
	int vote; /* answer to the latest step */
	struct branch *next, *prev;
};

/* Returns a new branch, or NULL with the error set; incomplete ops: misuse. */
struct branch *branch_new(const struct txn_resource_ops *ops, void *self);

const char *branch_name(const struct branch *branch);
unsigned branch_abilities(const struct branch *branch);
/* Why it cannot, for texts. Never NULL. */
const char *branch_why_not(const struct branch *branch, enum txn_ability ability);

/* One step of the protocol, with the fault points around it. */
enum branch_verb {
	VERB_ASK,
	VERB_CLAIM,
	VERB_FOLLOW, /* the branch's leader */
	VERB_PREPARE,
	VERB_DECIDE,
	VERB_COMMIT, /* the only changed branch */
	VERB_END,    /* an unchanged branch */
	VERB_COMMIT_PREPARED,
	VERB_ROLLBACK_PREPARED,
};

/* A step that one branch takes. */
struct branch_step {
	struct branch *branch;
	enum branch_verb verb;
};

/*
 * Starts the step; afterwards the branch's vote is TXN_WAIT or the answer.
 * DECISION is needed by VERB_CLAIM. FIRST receives the error detail of the
 * first negative answer, if it holds none yet (status 0).
 */
void branch_start(struct branch_step step, const struct txn_decision *decision,
		  struct sqla_error *first);

/*
 * Awaits the answers of all STEPS whose vote is TXN_WAIT. After DEADLINE
 * (clock_ms, 0: never) those without one are given up: unknown.
 */
void branch_await(struct branch_step steps[], size_t n, int64_t deadline, struct sqla_error *first);

#endif
