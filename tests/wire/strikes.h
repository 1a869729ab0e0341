/*
 * strikes.h - the messages of a real transaction's end, and one thing after the
 * other that happens to one of them.
 */
#ifndef WIRE_STRIKES_H
#define WIRE_STRIKES_H

#include "wire/ledger.h"

enum { TARGETS_MAX = 1000 };

/* One message of one party. */
struct target {
	size_t party;
	struct heard heard;
};

struct strikes {
	struct ledger *ledger;
	struct target targets[TARGETS_MAX];
	size_t n_targets;
	unsigned cases, committed, pending, aborted, in_doubt;
	unsigned missed; /* the message did not come */
};

/* Opens the ledger of SHAPE and listens to one clean transaction: from when its end
 * begins until that is over. */
void strikes_start(struct strikes *sweep, const struct shape *shape);

/* Prints what was done. Fails the test if many a message was not met again: where
 * everything takes long now and then something else is said. */
void strikes_end(struct strikes *sweep);

/* Listens at all taps from now on; and makes what was heard the targets. */
void strikes_listen(struct strikes *sweep);
void strikes_take_targets(struct strikes *sweep);

/* STRIKE with its message: TARGET's. False: it makes no sense there. */
bool strikes_aim(const struct target *target, struct strike *strike);

/* One transaction with STRIKE at TARGET, if that makes sense, and a clean one. TIMEOUT_MS:
 * of the transaction, or 0. */
void strikes_at(struct strikes *sweep, const struct target *target, struct strike strike,
		int timeout_ms);

/* The same at each target. */
void strikes_at_all(struct strikes *sweep, struct strike strike);

/* Each target is cut off behind each of its bytes; at most SOME of them where
 * that is not 0: the header's, the last, and such in between. */
void strikes_truncate_all(struct strikes *sweep, size_t some);

/* A transaction on a wire that nothing happens to; fails the test if it is not clean. */
void strikes_clean(struct strikes *sweep);

/* Counts what was answered, and fails the test at VIOLATION (taken; NULL: none). */
void strikes_note(struct strikes *sweep, const struct target *target, const struct strike *strike,
		  int status, char *violation);

#endif
