/*
 * The transaction object, for the files of this folder.
 */
#ifndef TXN_TXN_H
#define TXN_TXN_H

#include <pthread.h>

#include "base/alarm.h"
#include "txn/branch.h"
#include "txn/hooks.h"
#include "txn/state.h"

struct txn_manager;
struct metadata;

struct txn {
	char uuid[37];
	unsigned generation;	     /* of base/fork.h */
	enum txn_state state;	     /* written by txn_move alone */
	struct txn_manager *manager; /* NULL while suspended */
	struct sqla_error failure;   /* the first failure; status 0: none */
	bool may_retry;		     /* a resource said so when it failed */
	bool is_ending;		     /* inside commit or abort: verbs are misuse */

	struct branch *branches;	  /* in order of joining */
	unsigned n_joined;		  /* ever */
	struct txn_savepoint *savepoints; /* oldest first */
	struct hooks hooks;
	struct metadata *metadata;

	int64_t began_us; /* clock_us */
	enum txn_finish finish;
	int64_t deadline;   /* clock_ms; 0: none */
	struct alarm alarm; /* at the deadline */
	/* Guards branches against the thread that cancels at the deadline. */
	pthread_mutex_t cancel_lock;
	bool is_cancellable; /* guarded by cancel_lock */
};

/* Returns a new transaction, or NULL with the error set. */
struct txn *txn_new(struct txn_manager *manager);

/* Frees memory only; what is still joined is told that it was aborted. */
void txn_free(struct txn *txn);

/* Frees memory and tells nobody: in a forked child. */
void txn_forget(struct txn *txn);

/*
 * Moves on EVENT, or says why not with the whole error detail. The one place
 * that writes the state.
 */
int txn_move(struct txn *txn, enum state_event event);

/* Whether EVENT would be accepted now; same statuses and detail. */
int txn_may(struct txn *txn, enum state_event event);

/* Remembers the current error detail as the first failure; EV_FAIL. */
void txn_fail(struct txn *txn);

/* SQLA_EFORKED for the parent's: in a child that was forked since it began, also in
 * a callback, nothing of it may be touched. */
int txn_check_process(const struct txn *txn, const char *what);

/* Misuse, or SQLA_EFORKED, for NULL, ending or inherited transactions. */
int txn_check(const struct txn *txn, const char *what);

/* Misuse, unless it is one of enum txn_finish. */
int txn_check_finish(enum txn_finish finish, const char *what);

/* Takes BRANCH out, tells it OUTCOME and frees it. */
void txn_release_branch(struct txn *txn, struct branch *branch, int outcome);

/* Whether any joined resource would like another attempt. */
bool txn_should_retry(const struct txn *txn);

#endif
