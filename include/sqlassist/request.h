/*
 * request.h - one unit of an application's work, and the sessions it touches.
 *
 * A request of a web server, a job of a queue: something that begins, uses
 * some of the engines, and ends, and behind which nothing may be left over.
 * Order: begin -> session, reader, writer... -> end -> free. An engine that
 * the request never touches costs nothing.
 *
 * End and free are two calls, so that code which still has the handle when
 * the request is over (a callback, a cache, a log line) gets an error instead
 * of freed memory. Between them a request knows its state and its app, and
 * refuses everything else with SQLA_EMISUSE. After free it is gone.
 *
 * Threads: one at a time, and its sessions go along only as session.h and
 * txn_suspend say. A bound request ends where its transaction is current. In
 * a forked child the parent's requests answer SQLA_EFORKED and can be freed.
 */
#ifndef SQLASSIST_REQUEST_H
#define SQLASSIST_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlassist/engine.h>
#include <sqlassist/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqla_request;

/* Says of work that has succeeded: true, abort it all the same. */
typedef bool sqla_veto_fn(void *app_request, void *arg);

/*
 * Called once when RQ ends; OUTCOME is what sqla_request_end is about to
 * return. A negative answer is logged and changes nothing.
 */
typedef int sqla_finished_fn(struct sqla_request *rq, int outcome, void *arg);

/* Zero is the default of every field. */
struct sqla_request_options {
	/* Yes: the request is a transaction of this thread; no. */
	enum sqla_choice bound;
	/* Bound: asked before the commit; nobody. */
	sqla_veto_fn *veto;
	void *veto_arg;
	/* Zero. */
	intptr_t reserved[8];
};

/* ---- life -------------------------------------------------------------- */

/*
 * Begins a request; end and free it. APP_REQUEST is whatever the application
 * calls its request; borrowed, may be NULL. OPTIONS may be NULL, and then it
 * is sqla_request_begin. A bound request begins a transaction (txn_begin):
 *   SQLA_EALREADY   bound: a transaction with work in it is under way
 *   SQLA_EDISABLED  bound, while SQLASSIST_DISABLE_TRANSACTION is set
 *   SQLA_EMISUSE    a veto without bound, or options that were not zeroed
 *   SQLA_ENOMEM
 */
int sqla_request_begin(void *app_request, struct sqla_request **ret_rq);
int sqla_request_begin_with(void *app_request, const struct sqla_request_options *options,
			    struct sqla_request **ret_rq);

/*
 * Ends RQ: OUTCOME is negative if the work has failed. In this order:
 * 1. Bound: the transaction is committed; it is aborted if OUTCOME is negative,
 *    if it is doomed, if the veto says so, or if the commit fails.
 * 2. Finished callbacks run, all of them; they may still use the sessions.
 * 3. Each touched session is removed, however often it was opened: what no
 *    transaction has joined is rolled back, and its handles are invalid.
 * 4. Bound: a transaction that a callback or the work left open is aborted.
 * Returns OUTCOME if that is negative; else, unbound, SQLA_OK, and bound, what
 * txn_commit says. SQLA_OK and SQLA_PENDING alone mean committed:
 *   SQLA_EDOOMED   it was doomed: aborted
 *   SQLA_EABORTED  the veto said so, or txn_commit did: aborted
 *   SQLA_ERETRY    aborted; a new request may succeed
 *   SQLA_ENOTXN    the transaction is not current any more: somebody else has
 *		    committed, aborted or suspended it. RQ has ended
 * and others as of txn_commit. These two leave RQ as it was:
 *   SQLA_EMISUSE   it has ended, is ending, or is another thread's
 *   SQLA_EFORKED
 */
int sqla_request_end(struct sqla_request *rq, int outcome);

/*
 * Frees RQ. One that has not ended ends first, as failed; in a callback of
 * its own it is freed when the end returns. NULL is allowed.
 */
void sqla_request_free(struct sqla_request *rq);

/* ---- its sessions ------------------------------------------------------ */

/*
 * The request's session of ENGINE (NULL: the default one); the same one each
 * time, until the request ends. Do not close it. NULL: sqla_error_last().
 *
 * The first time touches the engine. The session is opened, its info
 * "request" is APP_REQUEST, and what was left over in it is rolled back, except
 * in the engine called "logger". Left over is what an unjoined session has not
 * committed, and all that a joined one has done in a transaction that it had
 * joined before the request began (that transaction goes on without it). What
 * a session has done in a transaction it joined since is the request's own.
 *   SQLA_ENOTFOUND  no such engine; the text names those there are
 *   SQLA_EALREADY   the scope's session belongs to another request, which has
 *		     not ended
 *   SQLA_EMISUSE    the request has ended
 * and as of sqla_session_open.
 */
struct sqla_session *sqla_request_session(struct sqla_request *rq, const char *engine);

/* The same for the engine that has this name. */
struct sqla_session *sqla_request_reader(struct sqla_request *rq);
struct sqla_session *sqla_request_writer(struct sqla_request *rq);
struct sqla_session *sqla_request_logger(struct sqla_request *rq);

/* Reader or writer: what is touched, else what there is; reader first. */
struct sqla_session *sqla_request_any(struct sqla_request *rq);

/* The request that has touched S and has not ended, or NULL. For rows:
 * sqla_request_of(sqla_rows_session(rows)). */
struct sqla_request *sqla_request_of(const struct sqla_session *s);

/* ---- callbacks and inspection ------------------------------------------ */

/*
 * Calls FN when RQ ends, in order of registration, exactly once. Callbacks
 * may register more. SQLA_EMISUSE: RQ has ended, or FN is NULL.
 */
int sqla_request_on_finished(struct sqla_request *rq, sqla_finished_fn *fn, void *arg);

enum sqla_request_state {
	SQLA_REQUEST_INIT = 0,	/* never touched */
	SQLA_REQUEST_START = 1, /* touched */
	SQLA_REQUEST_END = 2,	/* over */
};

/* How far RQ is with ENGINE (NULL: the default one). When RQ has ended: END,
 * touched or not; so it is in a forked child, and for NULL. */
enum sqla_request_state sqla_request_state(const struct sqla_request *rq, const char *engine);

/* The APP_REQUEST it began with, also when it has ended. */
void *sqla_request_app(const struct sqla_request *rq);

#ifdef __cplusplus
}
#endif
#endif
