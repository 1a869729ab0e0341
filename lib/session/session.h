/*
 * A session, for the files of this folder:
 *
 *   scope.c	    which sessions live, and which scope each belongs to
 *   session.c	    open, close, and the connection it holds meanwhile
 *   work.c	    statements, native handles
 *   participant.c  its part in a transaction: the branch
 *   savepoint.c    that branch's savepoints
 *   finish.c	    connections whose commit nobody waits for
 *   rows.c, values.c, info.c
 *
 * Its connection:
 *
 *	       first use		 commit, rollback, released
 *   none ---------------> begun --------------------------------> none
 *    ^					   |  keep_session		 |
 *    |  broken, close			   v				 |
 *    +------------------------------- kept, idle --- first use --> begun
 *
 * A joined session is joined to its transaction (txn) from its first use on
 * until the transaction releases it, whether it has a connection or not.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <pthread.h>

#include <sqlassist/session.h>

#include "engine/engine.h"
#include "session/scope.h"

struct info;

enum session_step { STEP_OTHER, STEP_ASK, STEP_CLAIM };

struct sqla_session {
	unsigned generation;	       /* of base/fork.h */
	struct engine *engine;	       /* a reference and a use */
	struct engine_config *config;  /* the engine's */
	struct scope_membership scope; /* guarded by scope.c's lock */
	struct txn *txn;	       /* joined to it; written by scope_set_txn alone, so
				   that other threads may look */
	char sort_key[96];	       /* as a branch */

	/* conn is written with the lock held, so that the thread that cancels
	 * finds it whole. */
	pthread_mutex_t lock;
	struct driver_conn *conn;

	/* In the transaction, joined or own: */
	bool has_begun; /* begin was called on conn */
	bool is_marked; /* mark_changed */
	bool must_decide;
	bool has_written;	 /* a statement said so; for the state shown */
	bool may_retry;		 /* a failure that may pass */
	unsigned savepoints;	 /* the latest number */
	unsigned live_savepoint; /* none above it is known to the database */
	unsigned rollbacks;	 /* marks of before the latest one lead nowhere */
	enum session_step step;
	const struct txn_decision *decision; /* in STEP_CLAIM: to be claimed */
	int64_t claimed_ms;		     /* clock_boot_ms before the decision row was made */
	char (*claimed)[37];		     /* uuids that the claim forgets on its way, or NULL */
	size_t n_claimed;

	int64_t affected;
	struct sqla_rows *rows; /* open ones */
	struct info *info;
};

/* ---- session.c */

/*
 * Makes S ready for work: joined to the current transaction if it is to be,
 * connected, and begun. WHAT is the public function, for texts.
 */
int session_ready(struct sqla_session *s, const char *what);
/* The same of one that session_check has accepted. */
int session_make_ready(struct sqla_session *s, const char *what);

/* Refuses NULL, closed and inherited sessions. */
int session_check(struct sqla_session *s, const char *what);

/* Takes one handle back, or all of them; the last one ends S, unless its
 * transaction still has it. Keeps the error detail. */
void session_leave(struct sqla_session *s, bool all);

/* The transaction on the connection is over: keeps the connection if it may
 * be kept, else gives it back. */
void session_let_go(struct sqla_session *s);

/* Lets go of the connection, which has ended its transaction or soon will: it
 * is the caller's. */
struct driver_conn *session_detach(struct sqla_session *s);

/* Gives the connection back in any case; it is closed if it is not idle. */
void session_disconnect(struct sqla_session *s);

/* What is remembered of one transaction. */
void session_reset(struct sqla_session *s);

/* Whether a transaction is open on the connection. */
bool session_has_work(const struct sqla_session *s);

/* SQLA_ECONNECT: the work is gone with the connection. */
int session_lost(const struct sqla_session *s);

/* SQLA_EREADONLY, for a session that may only read. */
int session_has_written(const struct sqla_session *s);

/* Undoes the work of the transaction on the connection, which ends it. */
int session_undo(struct sqla_session *s);

/* A vote: if it is a refusal, remembers whether that may pass: 40001, or the
 * connection was lost, and another attempt gets another one. */
int session_voted(struct sqla_session *s, int status);

/* A statement failed: the same, and past the transaction's deadline STATUS
 * becomes SQLA_ETIMEOUT. */
int session_failed(struct sqla_session *s, int status);

/* Frees what no scope knows any more. */
void session_free(struct sqla_session *s);

bool session_is_joined(const struct sqla_session *s); /* its engine is */
bool session_is_of(const struct sqla_session *s, const char *driver);

/* ---- participant.c */

/* Joins S to TXN. */
int participant_join(struct sqla_session *s, struct txn *txn);

/* ENGINE's session that joined TXN first, whichever thread it is of; or NULL. */
struct sqla_session *participant_find(const struct txn *txn, const struct engine *engine);

/* ---- rows.c */

/* Rows outlive their session; afterwards they have none. */
void rows_detach_all(struct sqla_session *s);
int rows_new(struct sqla_session *s, struct driver_rows *from, struct sqla_rows **ret_rows);

/* The first failure of reading ROWS, told again; 0: there was none. */
int rows_failed(const struct sqla_rows *rows);

/* ---- values.c */

/* SQLA_EMISUSE for what no driver can send; names the placeholder. */
int values_check(const char *engine, const struct sqla_value values[], size_t n);

/* ---- info.c */
void info_clear(struct sqla_session *s);

#endif
