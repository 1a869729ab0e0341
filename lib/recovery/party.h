/*
 * party.h - one who takes part in a recovery pass: a registered engine, over
 * a connection of the pass's own, or a recoverer from outside. One code path
 * serves both. A party that fails is out for the rest of the pass: what is
 * prepared there stays, and the others go on.
 */
#ifndef RECOVERY_PARTY_H
#define RECOVERY_PARTY_H

#include <stdbool.h>

#include "engine/engine.h"
#include "recovery/identity.h"

struct party;
struct recoverer;

/* What a kind of party can do. All of it blocks; statuses as in driver.h. */
struct party_ops {
	/* Connects and fills in site and identity. */
	int (*open)(struct party *party);
	int (*list)(struct party *party, driver_prepared_fn *fn, void *arg);
	int (*is_prepared)(struct party *party, const char *gid);
	int (*end)(struct party *party, const char *gid, bool commit, const char *xid);
	/* Whether a failure was the loss of the party, not of one step. */
	bool (*is_lost)(const struct party *party);
	/* Frees what the party holds; also of one that never opened. */
	void (*release)(struct party *party);

	/* The decider's part: all of them or none. */
	enum driver_look_result (*look)(struct party *party, struct driver_look *look);
	int (*list_rows)(struct party *party, driver_row_fn *fn, void *arg);
	int (*forget_rows)(struct party *party, const char *const uuids[], size_t n);

	/* Many at once, as in driver.h; NULL, or without effect, where that cannot be. */
	int (*look_at_all)(struct party *party, struct driver_looks *looks);
	int (*are_prepared)(struct party *party, const char *const gids[], size_t n);
	int (*end_all)(struct party *party, struct driver_ending endings[], size_t n);
};

struct party {
	const struct party_ops *ops;
	char name[64];
	char site[TXN_SITE_MAX + 1]; /* "": it has none, and decides nothing */
	struct identity identity;
	bool is_reachable;
	bool is_covered;  /* a standby, or a second name, of another party */
	bool has_double;  /* another database shows the same site (I6) */
	char reason[512]; /* why it is not reachable */
	char remedy[512];

	struct engine *engine; /* a reference */
	struct driver_conn *conn;
	struct recoverer *recoverer; /* a use */
};

/* A party for ENGINE, which it takes a reference to, not yet open. */
void party_of_engine(struct party *party, struct engine *engine);

/* Opens it; afterwards is_reachable tells, and reason and remedy why not. */
void party_open(struct party *party);

/* The steps. A party that is lost on the way is not reachable afterwards. */
int party_list(struct party *party, driver_prepared_fn *fn, void *arg);
int party_is_prepared(struct party *party, const char *gid);
int party_end(struct party *party, const char *gid, bool commit, const char *xid);
enum driver_look_result party_look(struct party *party, struct driver_look *look);
int party_list_rows(struct party *party, driver_row_fn *fn, void *arg);
int party_forget_rows(struct party *party, const char *const uuids[], size_t n);

/* The same for many at once: what goes smoothly. are_prepared: all of them? 1, 0,
 * negative. */
void party_look_at_all(struct party *party, struct driver_looks *looks);
int party_are_prepared(struct party *party, const char *const gids[], size_t n);
void party_end_all(struct party *party, struct driver_ending endings[], size_t n);

/* Removes beside it what cut-off transactions have left and nobody needs. */
void party_tidy(struct party *party);

/* It is out of the pass, for the reason of this thread's latest error. */
void party_fail(struct party *party);

/* Can be believed about what is prepared: reachable and no standby (I6). */
bool party_is_primary(const struct party *party);

void party_release(struct party *party);

#endif
