/*
 * Which sessions live, so that a closed handle is told from a live one, and
 * which scope each belongs to. A scope is an engine and a key: the thread, or
 * what the engine's scope function says. Usually a scope has one session; a
 * second one comes when the first is joined to a transaction that is
 * suspended.
 */
#ifndef SESSION_SCOPE_H
#define SESSION_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

/* Out of memory: the element is not added, and has no table. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct engine;
struct scope;
struct sqla_session;
struct txn;

struct scope_key {
	const struct engine *engine;
	uintptr_t key;
	uintptr_t is_custom; /* of a scope function; a word, so that no byte is padding */
};

/* A session's part in the tables here. */
struct scope_membership {
	struct sqla_session *self; /* key of the table of live ones */
	struct scope *scope;	   /* or NULL */
	unsigned opens;
	UT_hash_handle hh;
	struct sqla_session *next, *prev; /* in the scope */
};

/* This thread's key of ENGINE. May call the application's function. */
void scope_key_of(struct engine *engine, struct scope_key *ret_key);

/*
 * The session of KEY that TXN (may be NULL) may use, counted once more: the
 * one that is joined to it, else one that is joined to nothing. Returns NULL if
 * there is none: then FRESH, given in a second call, becomes it, or one that
 * has come in between. NULL there: FRESH could not be entered (the error is set).
 */
struct sqla_session *scope_enter(const struct scope_key *key, struct txn *txn,
				 struct sqla_session *fresh);

/* Makes S, which no scope shares, live and open. */
int scope_enter_alone(struct sqla_session *s);

/* Whether S is a live session with an open handle. S may be any address. */
bool scope_is_open(const struct sqla_session *s);

/*
 * Takes one handle back, or ALL. True: S is to be freed by the caller; false:
 * others hold it, a transaction has joined it, or S is not a live session.
 */
bool scope_leave(struct sqla_session *s, bool all);

/* This scope's session for scope_leave, or NULL. */
struct sqla_session *scope_find(const struct scope_key *key, struct txn *txn);

/*
 * S is joined to TXN, or to none any more. True: it is to be freed, since
 * nobody holds a handle.
 */
bool scope_set_txn(struct sqla_session *s, struct txn *txn);

#endif
