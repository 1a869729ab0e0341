/*
 * batch.h - branches of one party whose decider is the same are looked at and
 * ended together, as far as that goes smoothly; who has no result then is for
 * its caller to look at, or to end, alone.
 */
#ifndef RECOVERY_BATCH_H
#define RECOVERY_BATCH_H

#include "recovery/resolve.h"

enum { BATCH_MAX = 64 };

/* Zero is an empty one. */
struct batch {
	size_t n;
	struct batch_item {
		struct doubt *doubt; /* borrowed */
		bool is_resolved;
		bool is_ended; /* as resolved */
		struct resolution resolution;
	} items[BATCH_MAX];
};

/* Whether DOUBT can be added: an empty one takes any. */
bool batch_takes(const struct batch *batch, const struct doubt *doubt,
		 const struct resolve_how *how);
void batch_add(struct batch *batch, struct doubt *doubt);

/* Looks at the decider for all; and ends those that are resolved. */
void batch_resolve(struct batch *batch, const struct parties *all, const struct resolve_how *how);
void batch_end(struct batch *batch);

#endif
