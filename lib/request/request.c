#include "request/request.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/error.h"
#include "base/fork.h"
#include "base/log.h"

struct finished {
	sqla_finished_fn *fn;
	void *arg;
	struct finished *next, *prev;
};

int request_check(const struct sqla_request *rq, const char *what)
{
	if (!rq)
		return error_set(SQLA_EMISUSE, NULL, NULL, "%s: the request is NULL", what);
	if (fork_is_foreign(rq->generation))
		return error_set(SQLA_EFORKED, NULL, "Begin a request in the child process.",
				 "%s: the request belongs to the parent process", what);
	if (rq->is_over)
		return error_set(SQLA_EMISUSE, NULL, "Begin a new one.",
				 "%s: the request has ended", what);
	return 0;
}

/* ---- begin --------------------------------------------------------------- */

static int check_options(const struct sqla_request_options *options)
{
	const char *what = NULL;

	if (options->bound < SQLA_DEFAULT || options->bound > SQLA_NO)
		what = "\"bound\" is neither yes nor no";
	else if (options->veto && options->bound != SQLA_YES)
		what = "a veto needs a bound request";
	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++)
		if (options->reserved[i])
			what = "a reserved option is not zero";
	if (!what)
		return 0;
	return error_set(SQLA_EMISUSE, NULL, "Zero the options before use.",
			 "sqla_request_begin_with: %s", what);
}

int sqla_request_begin_with(void *app_request, const struct sqla_request_options *options,
			    struct sqla_request **ret_rq)
{
	struct sqla_request *rq;
	int status;

	if (!ret_rq)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_request_begin: no place for the request");
	status = options ? check_options(options) : 0;
	if (status < 0)
		return status;
	rq = calloc(1, sizeof(*rq));
	if (!rq)
		return error_nomem();
	rq->generation = fork_generation();
	rq->app = app_request;
	touch_begin(rq);
	if (options && options->bound == SQLA_YES)
		status = bound_begin(rq, options);
	if (status < 0)
		free(rq);
	else
		*ret_rq = rq;
	return status;
}

int sqla_request_begin(void *app_request, struct sqla_request **ret_rq)
{
	return sqla_request_begin_with(app_request, NULL, ret_rq);
}

/* ---- finished callbacks -------------------------------------------------- */

int sqla_request_on_finished(struct sqla_request *rq, sqla_finished_fn *fn, void *arg)
{
	struct finished *finished;
	int status = request_check(rq, "sqla_request_on_finished");

	if (status < 0)
		return status;
	if (!fn)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_request_on_finished: the callback is NULL");
	finished = calloc(1, sizeof(*finished));
	if (!finished)
		return error_nomem();
	finished->fn = fn;
	finished->arg = arg;
	DL_APPEND(rq->finished, finished);
	return 0;
}

/* Takes the first callback off, so that a callback may add others. */
static bool take(struct sqla_request *rq, struct finished *ret_finished)
{
	struct finished *first = rq->finished;

	if (!first)
		return false;
	DL_DELETE(rq->finished, first);
	*ret_finished = *first;
	free(first);
	return true;
}

/* In a child that a callback has forked, the rest is the parent's to run. */
static void run_finished(struct sqla_request *rq, int outcome)
{
	struct finished finished;

	while (!fork_is_foreign(rq->generation) && take(rq, &finished)) {
		int status = finished.fn(rq, outcome, finished.arg);

		if (status < 0)
			log_error("a finished callback of a request failed: %s",
				  sqla_strerror(status));
	}
}

/* ---- the end ------------------------------------------------------------- */

static void request_free(struct sqla_request *rq)
{
	struct finished finished;

	while (take(rq, &finished))
		;
	touch_end(rq);
	free(rq);
}

/* The detail is that of the failure, if the application's code set one. */
static int explain(int outcome)
{
	if (outcome >= 0)
		return 0;
	if (sqla_error_last()->status != outcome)
		(void)error_set(outcome, NULL, NULL, "the work of the request failed");
	return outcome;
}

static int finish(struct sqla_request *rq, int outcome)
{
	struct sqla_error detail;
	int status;

	rq->is_ending = true;
	status = explain(outcome);
	if (rq->is_bound)
		status = bound_end(rq, status);
	error_save(&detail);
	run_finished(rq, status);
	touch_end(rq);
	bound_sweep(rq);
	rq->is_ending = false;
	rq->is_over = true;
	if (rq->is_unwanted)
		request_free(rq);
	if (status != 0)
		(void)error_restore(&detail);
	return status;
}

int sqla_request_end(struct sqla_request *rq, int outcome)
{
	int status = request_check(rq, "sqla_request_end");

	if (status == 0 && rq->is_ending)
		status = error_set(SQLA_EMISUSE, NULL, NULL,
				   "sqla_request_end: the request is ending already");
	if (status == 0)
		status = bound_check(rq);
	return status < 0 ? status : finish(rq, outcome);
}

/* On a thread that has not its transaction: that stays where it is. */
static void abandon(struct sqla_request *rq)
{
	if (bound_check(rq) < 0) {
		log_error("a request was freed on another thread than its transaction's, which "
			  "stays open");
		rq->is_bound = false;
	}
	(void)finish(rq, SQLA_EABORTED);
}

void sqla_request_free(struct sqla_request *rq)
{
	struct sqla_error before;

	if (!rq)
		return;
	if (rq->is_ending) {
		rq->is_unwanted = true;
		return;
	}
	error_save(&before);
	if (!rq->is_over && !fork_is_foreign(rq->generation))
		abandon(rq);
	request_free(rq);
	(void)error_restore(&before);
}

/* ---- inspection ---------------------------------------------------------- */

enum sqla_request_state sqla_request_state(const struct sqla_request *rq, const char *engine)
{
	if (!rq || rq->is_over || fork_is_foreign(rq->generation))
		return SQLA_REQUEST_END;
	return touch_has(rq, engine) ? SQLA_REQUEST_START : SQLA_REQUEST_INIT;
}

void *sqla_request_app(const struct sqla_request *rq)
{
	return rq ? rq->app : NULL;
}
