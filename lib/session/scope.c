#include "session/scope.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include <sqlassist/txn.h>

#include "base/error.h"
#include "base/fork.h"
#include "base/hash.h"
#include "base/log.h"
#include "session/session.h"

struct scope {
	struct scope_key key;
	struct sqla_session *sessions; /* oldest first */
	UT_hash_handle hh;
};

/* Guarded by scope_lock: */
static struct sqla_session *live;
static struct scope *scopes;
static unsigned generation;

/* One of each, which nobody asks for: a table is freed with its last element, and is
 * made anew with the next, which costs more than all else that is done here. */
static struct sqla_session nobody;
static struct scope nowhere;

static pthread_mutex_t scope_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static bool has_thread_key;

static uintptr_t threads; /* atomic: the latest number */
static _Thread_local uintptr_t this_thread;

/* ---- the tables, with the lock held ------------------------------------- */

static void scope_unlink(struct sqla_session *s)
{
	struct scope *scope = s->scope.scope;

	if (!scope)
		return;
	DL_DELETE2(scope->sessions, s, scope.prev, scope.next);
	s->scope.scope = NULL;
	if (!scope->sessions) {
		HASH_DEL(scopes, scope);
		free(scope);
	}
}

static struct scope *scope_of(const struct scope_key *key)
{
	struct scope *scope;

	HASH_FIND_BYHASHVALUE(hh, scopes, key, sizeof(*key), hash_words(key, sizeof(*key)), scope);
	return scope;
}

static bool scope_add(struct scope *scope)
{
	unsigned hash = hash_words(&scope->key, sizeof(scope->key));

	HASH_ADD_BYHASHVALUE(hh, scopes, key, sizeof(scope->key), hash, scope);
	return scope->hh.tbl;
}

static int scope_link(struct sqla_session *s, const struct scope_key *key)
{
	struct scope *scope = scope_of(key);

	if (!scope) {
		scope = malloc(sizeof(*scope));
		if (!scope)
			return error_nomem();
		*scope = (struct scope){ .key = *key };
		if (!scope_add(scope)) {
			free(scope);
			return error_nomem();
		}
	}
	DL_APPEND2(scope->sessions, s, scope.prev, scope.next);
	s->scope.scope = scope;
	return 0;
}

static int live_add(struct sqla_session *s)
{
	unsigned hash = hash_words(&s, sizeof(s));

	s->scope.self = s;
	HASH_ADD_BYHASHVALUE(scope.hh, live, scope.self, sizeof(s), hash, s);
	return s->scope.hh.tbl ? 0 : error_nomem();
}

static struct sqla_session *live_find(const struct sqla_session *s)
{
	struct sqla_session *found;

	HASH_FIND_BYHASHVALUE(scope.hh, live, &s, sizeof(s), hash_words(&s, sizeof(s)), found);
	return found;
}

static void forget(struct sqla_session *s)
{
	scope_unlink(s);
	HASH_DELETE(scope.hh, live, s);
}

/*
 * In a forked child the parent's sessions belong to no scope: they stay live,
 * so that their handles answer SQLA_EFORKED and can be closed.
 */
static void leave_parents_scopes(void)
{
	for (struct sqla_session *s = live; s; s = s->scope.hh.next)
		scope_unlink(s);
	generation = fork_generation();
}

static void end_of_thread(void *number);

static void init(void)
{
	(void)fork_guard(&scope_lock);
	generation = fork_generation();
	has_thread_key = pthread_key_create(&thread_key, end_of_thread) == 0;
	(void)scope_add(&nowhere);
	(void)live_add(&nobody);
}

static void lock_scopes(void)
{
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&scope_lock);
	if (fork_is_foreign(generation))
		leave_parents_scopes();
}

static void unlock_scopes(void)
{
	(void)pthread_mutex_unlock(&scope_lock);
}

/* ---- threads ------------------------------------------------------------- */

static uintptr_t thread_number(void)
{
	(void)pthread_once(&once, init);
	if (!this_thread)
		this_thread = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
	if (has_thread_key && !pthread_getspecific(thread_key))
		(void)pthread_setspecific(thread_key, (void *)this_thread);
	return this_thread;
}

static bool is_of_thread(const struct sqla_session *s, uintptr_t number)
{
	const struct scope *scope = s->scope.scope;

	return scope && !scope->key.is_custom && scope->key.key == number;
}

/*
 * Takes one session of an ending thread out of its scope. It is to be freed if
 * no transaction has joined it. The thread's own transaction is about to be
 * aborted, which frees it; one that was handed to another thread keeps it.
 */
static struct sqla_session *take_from_thread(uintptr_t number, const struct txn *current,
					     bool *ret_is_idle)
{
	struct sqla_session *s;

	lock_scopes();
	for (s = live; s && !is_of_thread(s, number); s = s->scope.hh.next)
		continue;
	if (s) {
		*ret_is_idle = !s->txn;
		if (!s->txn)
			forget(s);
		else
			scope_unlink(s);
		if (s->txn == current)
			s->scope.opens = 0;
	}
	unlock_scopes();
	return s;
}

static void end_of_thread(void *number)
{
	struct txn *current = txn_current();
	struct sqla_session *s;
	bool is_idle;

	while ((s = take_from_thread((uintptr_t)number, current, &is_idle))) {
		if (!is_idle)
			continue;
		log_warning("a thread ended with an open session of engine \"%s\": %s",
			    engine_name(s->engine), s->has_begun ? "rolled back" : "closed");
		session_free(s);
	}
}

/* ---- for session.c ------------------------------------------------------- */

void scope_key_of(struct engine *engine, struct scope_key *ret_key)
{
	sqla_scope_fn *fn = engine_scope(engine);

	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->engine = engine;
	ret_key->key = fn ? fn() : thread_number();
	ret_key->is_custom = fn != NULL;
}

/* A session that followed its transaction here from another thread. */
static struct sqla_session *follower(const struct scope_key *key, struct txn *txn)
{
	struct sqla_session *s;

	if (!txn || key->is_custom)
		return NULL;
	s = participant_find(txn, key->engine);
	return s && live_find(s) && s->txn == txn ? s : NULL;
}

static struct sqla_session *find(const struct scope_key *key, struct txn *txn)
{
	struct sqla_session *s = follower(key, txn);
	struct sqla_session *idle = NULL;
	struct scope *scope;

	if (s)
		return s;
	scope = scope_of(key);
	if (!scope)
		return NULL;
	DL_FOREACH2(scope->sessions, s, scope.next)
	{
		if (txn && s->txn == txn)
			return s;
		if (!s->txn && !idle)
			idle = s;
	}
	return idle;
}

/* Moves S to the scope that it was found for, if it can be. */
static void adopt(struct sqla_session *s, const struct scope_key *key)
{
	struct scope *scope = scope_of(key);

	if (s->scope.scope && s->scope.scope == scope)
		return;
	scope_unlink(s);
	(void)scope_link(s, key);
}

struct sqla_session *scope_enter(const struct scope_key *key, struct txn *txn,
				 struct sqla_session *fresh)
{
	struct sqla_session *s = NULL;

	lock_scopes();
	/* Nobody but its thread enters a thread's scope, which has just looked. */
	if (!fresh || key->is_custom)
		s = find(key, txn);
	if (s) {
		adopt(s, key);
		s->scope.opens++;
	} else if (fresh && scope_link(fresh, key) == 0) {
		s = fresh;
		s->scope.opens = 1;
		if (live_add(s) < 0) {
			scope_unlink(s);
			s = NULL;
		}
	}
	unlock_scopes();
	return s;
}

int scope_enter_alone(struct sqla_session *s)
{
	int status;

	lock_scopes();
	status = live_add(s);
	s->scope.opens = 1;
	unlock_scopes();
	return status;
}

bool scope_is_open(const struct sqla_session *s)
{
	struct sqla_session *found;
	bool is_open;

	lock_scopes();
	found = live_find(s);
	is_open = found && found->scope.opens > 0;
	unlock_scopes();
	return is_open;
}

struct sqla_session *scope_find(const struct scope_key *key, struct txn *txn)
{
	struct sqla_session *s;

	lock_scopes();
	s = find(key, txn);
	unlock_scopes();
	return s;
}

bool scope_leave(struct sqla_session *s, bool all)
{
	struct sqla_session *found;
	bool is_over = false;

	lock_scopes();
	found = live_find(s);
	if (found && found->scope.opens > 0) {
		s->scope.opens = all ? 0 : s->scope.opens - 1;
		/* The parent's transaction will never release it here. */
		is_over = s->scope.opens == 0 && (!s->txn || fork_is_foreign(s->generation));
	}
	if (is_over)
		forget(s);
	unlock_scopes();
	return is_over;
}

bool scope_set_txn(struct sqla_session *s, struct txn *txn)
{
	bool is_over;

	lock_scopes();
	s->txn = txn;
	is_over = !txn && s->scope.opens == 0;
	if (is_over)
		forget(s);
	unlock_scopes();
	return is_over;
}
