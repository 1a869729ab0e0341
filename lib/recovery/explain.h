/*
 * explain.h - what was found about a branch, in words for an operator who was
 * woken by it: what is so, and the one safe thing to do.
 */
#ifndef RECOVERY_EXPLAIN_H
#define RECOVERY_EXPLAIN_H

#include "recovery/resolve.h"

struct explanation {
	char evidence[1280];
	char remedy[1280];
};

/*
 * STATUS: how ending it went, as in struct sqla_in_doubt; when it is negative
 * this thread's latest error tells why.
 */
void explain(const struct txn_gid *parts, const struct resolution *resolution,
	     const struct resolve_how *how, const struct doubt *doubt, int status,
	     struct explanation *ret);

#endif
