/*
 * doubt.h - the in-doubt branches that a pass has found, each once: a
 * PostgreSQL server lists its branches in every one of its databases.
 */
#ifndef RECOVERY_DOUBT_H
#define RECOVERY_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "recovery/party.h"

struct doubt {
	char key[96 + TXN_GID_MAX + 2]; /* server and gid */
	char gid[TXN_GID_MAX + 1];
	struct txn_gid parts;
	char owner[64];
	char database[64];
	char xid[24]; /* "": not known */
	int64_t age_s;
	int blocked;
	bool is_endable;     /* through its party */
	struct party *party; /* where it is prepared; borrowed */
	UT_hash_handle hh;
};

/* All that were found, in the order of listing. */
struct doubts {
	struct doubt *first;
};

/*
 * Adds what PARTY lists. Of a branch that is listed twice the one that can be
 * ended stays. Foreign gids are left out.
 */
int doubts_add(struct doubts *all, struct party *party);

/* Whether GID is prepared where PARTY is. */
bool doubts_has(const struct doubts *all, const struct party *party, const char *gid);

/* Those of one party and one decider beside each other, otherwise as they were. */
void doubts_sort(struct doubts *all);

void doubts_free(struct doubts *all);

#endif
