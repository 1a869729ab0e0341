/*
 * A request, for the files of this folder:
 *
 *   request.c	life: begin, end, free, and the finished callbacks
 *   touch.c	the sessions it has touched
 *   bound.c	its transaction
 *
 *		 begin		   end			 the last step of end
 *   (nothing) ---------> live ---------> ending (is live) --------------------> over
 */
#ifndef REQUEST_REQUEST_H
#define REQUEST_REQUEST_H

#include <stdbool.h>

#include <sqlassist/request.h>
#include <sqlassist/txn.h>

struct finished;
struct touched;

struct sqla_request {
	unsigned generation; /* of base/fork.h */
	void *app;
	bool is_ending;
	bool is_over;
	bool is_unwanted;	   /* freed by a callback */
	struct touched *touched;   /* in order of touching */
	struct finished *finished; /* those that have not run */

	/* The thread's transaction before the request began, or "", and how many
	 * resources had ever joined it: theirs is what is left over. */
	struct {
		char uuid[37];
		unsigned joined;
	} before;

	/* Its own transaction. */
	bool is_bound;
	char uuid[37];
	struct txn_manager *manager; /* of the thread it began on; for comparing */
	sqla_veto_fn *veto;
	void *veto_arg;
};

/* SQLA_EMISUSE for NULL and for what is over, SQLA_EFORKED in a child. WHAT is
 * the public function, for texts. */
int request_check(const struct sqla_request *rq, const char *what);

/* ---- touch.c */

/* Remembers what is left over on this thread. */
void touch_begin(struct sqla_request *rq);
bool touch_has(const struct sqla_request *rq, const char *engine);
/* Removes every touched session; in a forked child, the handles. */
void touch_end(struct sqla_request *rq);

/* ---- bound.c */

int bound_begin(struct sqla_request *rq, const struct sqla_request_options *options);
/* Whether this thread may end it. */
int bound_check(const struct sqla_request *rq);
/* Commits or aborts; the status of sqla_request_end, with the error detail. */
int bound_end(struct sqla_request *rq, int outcome);
/* Aborts what is current although the request is over. */
void bound_sweep(const struct sqla_request *rq);

#endif
