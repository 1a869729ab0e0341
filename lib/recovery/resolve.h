/*
 * resolve.h - what is to become of an in-doubt branch: finding its decider
 * and looking at it (sqlassist-commit(7)). Nothing is ended here.
 */
#ifndef RECOVERY_RESOLVE_H
#define RECOVERY_RESOLVE_H

#include "recovery/doubt.h"
#include "recovery/parties.h"

/* Why the verdict is what it is. */
enum resolution_cause {
	CAUSE_LOOKED,	   /* the decider was looked at; the evidence is its own */
	CAUSE_NO_ENGINE,   /* no engine has the decider's site */
	CAUSE_UNREACHABLE, /* the same, and one could not be asked */
	CAUSE_DOUBLE,	   /* two databases have the decider's site */
	CAUSE_LOST,	   /* the branch's own database was lost meanwhile */
	CAUSE_YOUNG,
	CAUSE_OWNER,	/* only somebody else may end it */
	CAUSE_DATABASE, /* it can be ended from another database only */
};

struct resolution {
	enum sqla_verdict verdict;
	enum resolution_cause cause;
	/* The decider, or (CAUSE_UNREACHABLE) whoever could not be asked, or
	 * (CAUSE_DOUBLE) one of the two; NULL: nobody. */
	const struct party *decider;
	char evidence[512];
};

/* How to look. */
struct resolve_how {
	int grace_s; /* 0: none */
	int fence_s; /* 0: never */
	bool dry_run;
};

/* What an answer of a decider means for a branch. */
enum sqla_verdict resolve_verdict(enum driver_look_result result);

/* Whether a decider is to be looked at for DOUBT at all. */
bool resolve_wants_look(const struct doubt *doubt, const struct resolve_how *how);

/* Looks for the decision that PARTS names. */
void resolve_decision(const struct parties *all, const struct txn_gid *parts,
		      const struct resolve_how *how, txn_still_prepared_fn *still_prepared,
		      void *arg, struct resolution *ret);

/* What is to become of DOUBT. */
void resolve_doubt(const struct parties *all, struct doubt *doubt, const struct resolve_how *how,
		   struct resolution *ret);

#endif
