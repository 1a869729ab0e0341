#include "panel/panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "request/request.h"
#include "session/session.h"

#define ROOM 8 /* connections beyond those counted, opened meanwhile */

/* ---- engines --------------------------------------------------------------- */

/* The connection that RQ's session holds. It was touched: this opens nothing. */
static void show_session(struct sqla_request *rq, struct panel_engine *one)
{
	struct sqla_session *s;
	struct sqla_error before;

	one->state = sqla_request_state(rq, one->config->name);
	if (one->state != SQLA_REQUEST_START)
		return;
	error_save(&before);
	s = sqla_request_session(rq, one->config->name);
	if (s && s->conn)
		memcpy(one->connection, s->conn->roll.id, sizeof(one->connection));
	(void)error_restore(&before);
}

static int call_roll(struct panel_engine *one)
{
	size_t room = roll_call(one->config, NULL, 0) + ROOM;
	size_t n;

	one->connections = calloc(room, sizeof(*one->connections));
	if (!one->connections)
		return error_nomem();
	n = roll_call(one->config, one->connections, room);
	one->n_connections = n < room ? n : room;
	return 0;
}

struct taking {
	struct sqla_panel *panel;
	struct sqla_request *rq;
	const char *default_name;
};

static int add_engine(struct engine *engine, void *arg)
{
	const struct taking *taking = arg;
	struct panel_engine *one = calloc(1, sizeof(*one));

	if (!one)
		return error_nomem();
	one->config = config_ref(engine_config(engine));
	DL_APPEND(taking->panel->engines, one);
	one->is_default = taking->default_name &&
			  strcmp(taking->default_name, one->config->name) == 0;
	/* Before the count, which lets go of what a forked child has inherited. */
	if (call_roll(one) < 0)
		return SQLA_ENOMEM;
	engine_count(engine, &one->pool);
	if (taking->rq)
		show_session(taking->rq, one);
	return 0;
}

static int take_engines(struct sqla_panel *panel, struct sqla_request *rq)
{
	struct taking taking = { .panel = panel, .rq = rq };
	struct sqla_error before;
	struct engine *engine;
	int status;

	error_save(&before);
	if (engine_get(NULL, &engine) < 0) {
		(void)error_restore(&before);
		return 0;
	}
	taking.default_name = engine_name(engine);
	status = engine_each(add_engine, &taking);
	engine_unref(engine);
	return status;
}

/* ---- the request and the transaction --------------------------------------- */

static int take_request(struct sqla_panel *panel, const struct sqla_request *rq)
{
	struct panel_request *request;

	if (!rq)
		return 0;
	request = calloc(1, sizeof(*request));
	if (!request)
		return error_nomem();
	panel->request = request;
	request->is_over = rq->is_over;
	request->is_foreign = fork_is_foreign(rq->generation);
	request->is_bound = rq->is_bound;
	request->has_veto = rq->veto != NULL;
	request->has_app = rq->app != NULL;
	memcpy(request->uuid, rq->uuid, sizeof(request->uuid));
	return 0;
}

static int add_branch(struct panel_transaction *to, const struct branch *branch)
{
	struct panel_branch *one = calloc(1, sizeof(*one));

	if (!one)
		return error_nomem();
	(void)snprintf(one->name, sizeof(one->name), "%s", branch_name(branch));
	memcpy(one->gid, branch->gid, sizeof(one->gid));
	one->phase = branch->phase;
	DL_APPEND(to->branches, one);
	return 0;
}

static int take_transaction(struct sqla_panel *panel)
{
	const struct txn *txn = txn_current();
	struct panel_transaction *to;
	struct branch *branch;

	if (!txn || fork_is_foreign(txn->generation))
		return 0;
	to = calloc(1, sizeof(*to));
	if (!to)
		return error_nomem();
	panel->transaction = to;
	memcpy(to->uuid, txn->uuid, sizeof(to->uuid));
	to->state = txn_status(txn);
	to->age_us = clock_us() - txn->began_us;
	to->left_ms = clock_left(txn->deadline);
	to->description = strdup(txn_description(txn));
	to->user = strdup(txn_user(txn));
	if (!to->description || !to->user)
		return error_nomem();
	DL_FOREACH(txn->branches, branch)
		if (add_branch(to, branch) < 0)
			return SQLA_ENOMEM;
	return 0;
}

/* ---- life ------------------------------------------------------------------ */

static void take_history(struct sqla_panel *panel)
{
	observe_totals(&panel->totals);
	panel->n_recent = observe_recent(panel->recent, OBSERVE_RECENT);
	latest_copy(&panel->pass, &panel->passes);
	panel->pass_age_ms = panel->pass.ended_ms ? clock_boot_ms() - panel->pass.ended_ms : -1;
}

int sqla_panel_take(struct sqla_request *rq, struct sqla_panel **ret_panel)
{
	struct sqla_panel *panel;
	int status;

	if (!ret_panel)
		return error_set(SQLA_EMISUSE, NULL, NULL, "sqla_panel_take: no place for it");
	panel = calloc(1, sizeof(*panel));
	if (!panel)
		return error_nomem();
	panel->taken_unix_ms = clock_unix_ms();
	panel->taken_ms = clock_ms();
	panel->pid = getpid();
	take_history(panel);
	status = take_engines(panel, rq);
	if (status == 0)
		status = take_request(panel, rq);
	if (status == 0)
		status = take_transaction(panel);
	if (status < 0) {
		sqla_panel_free(panel);
		return status;
	}
	*ret_panel = panel;
	return 0;
}

static void free_engines(struct panel_engine *engines)
{
	struct panel_engine *one, *next;

	DL_FOREACH_SAFE(engines, one, next) {
		config_unref(one->config);
		free(one->connections);
		free(one);
	}
}

static void free_transaction(struct panel_transaction *transaction)
{
	struct panel_branch *one, *next;

	if (!transaction)
		return;
	DL_FOREACH_SAFE(transaction->branches, one, next)
		free(one);
	free(transaction->description);
	free(transaction->user);
	free(transaction);
}

void sqla_panel_free(struct sqla_panel *panel)
{
	if (!panel)
		return;
	free_engines(panel->engines);
	free_transaction(panel->transaction);
	free(panel->request);
	latest_clear(&panel->pass);
	free(panel);
}
