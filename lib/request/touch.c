#include "request/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "base/log.h"
#include "session/session.h"
#include "txn/txn.h"

/* The handle is kept apart from what the application sees: it may put
 * anything there. */
#define INFO_APP "request"
#define INFO_HANDLE "sqla_request"

struct touched {
	char engine[64];
	struct sqla_session *session;
	struct touched *next, *prev;
};

void touch_begin(struct sqla_request *rq)
{
	const struct txn *txn = txn_current();

	if (!txn)
		return;
	(void)snprintf(rq->before.uuid, sizeof(rq->before.uuid), "%s", txn_uuid(txn));
	rq->before.joined = txn->n_joined;
}

static struct touched *find(const struct sqla_request *rq, const char *engine)
{
	struct touched *touched;

	DL_FOREACH(rq->touched, touched)
		if (strcmp(touched->engine, engine) == 0)
			return touched;
	return NULL;
}

bool touch_has(const struct sqla_request *rq, const char *engine)
{
	if (!engine)
		engine = sqla_engine_default();
	return engine && find(rq, engine);
}

struct sqla_request *sqla_request_of(const struct sqla_session *s)
{
	return sqla_session_info(s, INFO_HANDLE);
}

/* ---- the first touch ----------------------------------------------------- */

static bool had_joined_before(const struct sqla_request *rq, const struct sqla_session *s)
{
	struct branch *branch;

	if (strcmp(txn_uuid(s->txn), rq->before.uuid) != 0)
		return false;
	DL_FOREACH(s->txn->branches, branch)
		if (branch->self == s)
			return branch->number <= rq->before.joined;
	return false;
}

/* What cannot be rolled back is closed by that, which rolls it back. */
static void roll_back_left_over(const struct sqla_request *rq, struct sqla_session *s)
{
	if (strcmp(s->config->name, "logger") == 0)
		return;
	if (s->txn && !had_joined_before(rq, s))
		return;
	if (session_has_work(s))
		log_warning("the session of engine \"%s\" had work left over from before the "
			    "request: rolled back",
			    s->config->name);
	(void)sqla_session_rollback(s);
}

static int check_owner(const struct sqla_session *s)
{
	if (!sqla_request_of(s))
		return 0;
	return error_set(SQLA_EALREADY, s->config->name,
			 "End that request first, or give each a scope of its own with "
			 "sqla_engine_set_scope.",
			 "the session of engine \"%s\" belongs to another request, which has not "
			 "ended",
			 s->config->name);
}

static void disown(const struct sqla_request *rq, struct sqla_session *s)
{
	if (sqla_session_info(s, INFO_APP) == rq->app)
		(void)sqla_session_set_info(s, INFO_APP, NULL);
	(void)sqla_session_set_info(s, INFO_HANDLE, NULL);
}

static int own(struct sqla_request *rq, struct sqla_session *s)
{
	int status = check_owner(s);

	if (status < 0)
		return status;
	status = sqla_session_set_info(s, INFO_HANDLE, rq);
	if (status == 0)
		status = sqla_session_set_info(s, INFO_APP, rq->app);
	if (status < 0)
		disown(rq, s);
	return status;
}

/* Returns a new entry for a session that is opened and owned, or NULL. */
static struct touched *touch(struct sqla_request *rq, const char *engine)
{
	struct touched *touched = calloc(1, sizeof(*touched));
	struct sqla_session *s = NULL;

	if (!touched) {
		(void)error_nomem();
		return NULL;
	}
	if (sqla_session_open(engine, &s) < 0 || own(rq, s) < 0)
		goto out;
	roll_back_left_over(rq, s);
	(void)snprintf(touched->engine, sizeof(touched->engine), "%s", s->config->name);
	touched->session = s;
	return touched;
out:
	sqla_session_close(s);
	free(touched);
	return NULL;
}

/* ---- the end ------------------------------------------------------------- */

/* The application may have removed it: its address may be another's now. */
static bool is_ours(const struct sqla_request *rq, const struct touched *touched)
{
	return sqla_request_of(touched->session) == rq;
}

void touch_end(struct sqla_request *rq)
{
	struct touched *touched, *next;

	DL_FOREACH_SAFE(rq->touched, touched, next) {
		DL_DELETE(rq->touched, touched);
		if (is_ours(rq, touched)) {
			disown(rq, touched->session);
			session_leave(touched->session, true);
		}
		free(touched);
	}
}

/* ---- by name ------------------------------------------------------------- */

/* The name is the registry's, and stays while a session is open. */
static struct sqla_session *known(struct sqla_request *rq, const char *engine)
{
	struct touched *touched = engine ? find(rq, engine) : NULL;

	if (touched && !is_ours(rq, touched)) {
		DL_DELETE(rq->touched, touched);
		free(touched);
		return NULL;
	}
	return touched ? touched->session : NULL;
}

struct sqla_session *sqla_request_session(struct sqla_request *rq, const char *engine)
{
	struct touched *touched;
	struct sqla_session *s;

	if (request_check(rq, "sqla_request_session") < 0)
		return NULL;
	s = known(rq, engine ? engine : sqla_engine_default());
	if (s)
		return s;
	touched = touch(rq, engine);
	if (!touched)
		return NULL;
	DL_APPEND(rq->touched, touched);
	return touched->session;
}

struct sqla_session *sqla_request_reader(struct sqla_request *rq)
{
	return sqla_request_session(rq, "reader");
}

struct sqla_session *sqla_request_writer(struct sqla_request *rq)
{
	return sqla_request_session(rq, "writer");
}

struct sqla_session *sqla_request_logger(struct sqla_request *rq)
{
	return sqla_request_session(rq, "logger");
}

struct sqla_session *sqla_request_any(struct sqla_request *rq)
{
	struct sqla_session *s;

	if (request_check(rq, "sqla_request_any") < 0)
		return NULL;
	if (!find(rq, "reader") && find(rq, "writer"))
		return sqla_request_writer(rq);
	s = sqla_request_reader(rq);
	if (s || sqla_error_last()->status != SQLA_ENOTFOUND)
		return s;
	return sqla_request_writer(rq);
}
