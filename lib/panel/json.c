#include "panel/panel.h"

#include "base/error.h"

#ifndef SQLA_WITH_JANSSON

char *sqla_panel_json(const struct sqla_panel *panel)
{
	(void)panel;
	(void)error_set(SQLA_ECONFIG, NULL, "Build libsqlassist with jansson.",
			"sqla_panel_json: this libsqlassist was built without jansson");
	return NULL;
}

#else

#include <stdlib.h>

#include <jansson.h>
#include <utlist.h>

#include "engine/options.h"
#include "panel/text.h"
#include "panel/words.h"

/*
 * Every function here returns a new value, or NULL when there is no memory;
 * jansson takes NULL for a failure, so that it goes through to the top.
 */

static json_t *text(const char *from)
{
	char *clean = text_clean(from);
	json_t *value = clean ? json_string(clean) : NULL;

	free(clean);
	return value;
}

/* "" is null. */
static json_t *text_or_null(const char *from)
{
	return *from ? text(from) : json_null();
}

static json_t *when(int64_t unix_ms)
{
	char words[TEXT_TIME];

	text_time(unix_ms, words);
	return json_string(words);
}

/* What was never measured is null. */
static json_t *ms(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000);
}

/* ---- request and transaction ------------------------------------------------ */

static json_t *request_engine(const struct panel_engine *engine)
{
	struct word word = word_of_request_state(engine->state);

	return json_pack("{s:o, s:s, s:s, s:o}", "engine", text(engine->config->name), "status",
			 word.name, "meaning", word.meaning, "connection",
			 text_or_null(engine->connection));
}

static json_t *request_engines(const struct sqla_panel *panel)
{
	json_t *engines = json_array();
	const struct panel_engine *engine;

	DL_FOREACH(panel->engines, engine)
		if (json_array_append_new(engines, request_engine(engine)) < 0) {
			json_decref(engines);
			return NULL;
		}
	return engines;
}

static json_t *request(const struct sqla_panel *panel)
{
	const struct panel_request *r = panel->request;

	if (!r)
		return json_null();
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:o, s:s, s:o}", "over", r->is_over,
			 "inherited", r->is_foreign, "bound", r->is_bound, "veto", r->has_veto,
			 "has_app", r->has_app, "transaction", text_or_null(r->uuid), "info_key",
			 "request", "engines", request_engines(panel));
}

static json_t *branches(const struct panel_transaction *t)
{
	json_t *array = json_array();
	const struct panel_branch *b;

	DL_FOREACH(t->branches, b) {
		struct word word = word_of_phase(b->phase);
		json_t *one = json_pack("{s:o, s:s, s:s, s:o}", "name", text(b->name), "phase",
					word.name, "meaning", word.meaning, "gid",
					text_or_null(b->gid));

		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *transaction(const struct panel_transaction *t)
{
	struct word word;

	if (!t)
		return json_null();
	word = word_of_txn_state(t->state);
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "uuid", t->uuid, "state",
			 word.name, "meaning", word.meaning, "age_ms", ms(t->age_us), "left_ms",
			 t->left_ms < 0 ? json_null() : json_integer(t->left_ms), "description",
			 text(t->description), "user", text_or_null(t->user), "branches",
			 branches(t));
}

/* ---- engines ---------------------------------------------------------------- */

static void add_option(void *arg, const char *name, const char *value, bool is_default)
{
	json_t **options = arg;

	if (*options && json_object_set_new(*options, name,
					    json_pack("{s:o, s:b}", "value", text(value),
						      "is_default", is_default)) < 0) {
		json_decref(*options);
		*options = NULL;
	}
}

static json_t *options(const struct panel_engine *engine)
{
	json_t *object = json_object();

	options_each(&engine->config->options, add_option, &object);
	return object;
}

static json_t *connections(const struct sqla_panel *panel, const struct panel_engine *engine)
{
	json_t *array = json_array();

	for (size_t i = 0; i < engine->n_connections; i++) {
		const struct roll_entry *c = &engine->connections[i];
		json_t *one = json_pack("{s:o, s:I, s:i, s:b, s:b}", "id", text(c->id), "age_ms",
					(json_int_t)(panel->taken_ms - c->opened_ms), "opened_by",
					(int)c->opener, "in_use", c->is_used, "inherited",
					c->opener != panel->pid);

		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *pool(const struct panel_engine *engine)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i}", "idle", engine->pool.idle, "open",
			 engine->pool.open, "waiting", engine->pool.waiting, "size",
			 engine->config->options.pool_size, "overflow",
			 engine->config->options.pool_overflow);
}

static json_t *engines(const struct sqla_panel *panel)
{
	json_t *array = json_array();
	const struct panel_engine *e;

	DL_FOREACH(panel->engines, e) {
		json_t *one = json_pack("{s:o, s:s, s:o, s:b, s:o, s:o, s:o}", "name",
					text(e->config->name), "kind", e->config->driver->name,
					"url", text(e->config->redacted_url), "is_default",
					e->is_default, "options", options(e), "pool", pool(e),
					"connections", connections(panel, e));

		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* ---- transactions that have ended ------------------------------------------- */

static json_t *steps(const int64_t step_us[OBSERVE_STEPS])
{
	json_t *object = json_object();

	for (unsigned i = 0; i < OBSERVE_STEPS; i++)
		if (json_object_set_new(object, observe_step_name(i), ms(step_us[i])) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static json_t *recent(const struct sqla_panel *panel)
{
	json_t *array = json_array();

	for (size_t i = 0; i < panel->n_recent; i++) {
		const struct observe_entry *e = &panel->recent[i];
		json_t *one =
			json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o}",
				  "uuid", e->uuid, "outcome", observe_outcome_name(e->outcome),
				  "status", e->status, "reason", text_or_null(e->reason),
				  "description", text(e->description), "ended_at",
				  when(e->ended_unix_ms), "branches", (int)e->n_branches, "phases",
				  (int)e->phases, "decider", text_or_null(e->decider), "work_ms",
				  ms(e->work_us), "commit_ms", ms(e->commit_us), "steps_ms",
				  steps(e->step_us));

		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *totals(const struct sqla_panel *panel)
{
	const uint64_t *late = panel->totals.late;
	json_t *object = json_pack("{s:I, s:I}", "late_pending", (json_int_t)late[OBSERVE_PENDING],
				   "late_mixed", (json_int_t)late[OBSERVE_MIXED]);

	for (unsigned i = 0; i < OBSERVE_OUTCOMES; i++) {
		const uint64_t *n = panel->totals.outcomes[i];
		json_int_t sum = 0;

		for (size_t j = 0; j < OBSERVE_PHASES; j++)
			sum += (json_int_t)n[j];
		if (json_object_set_new(object, observe_outcome_name(i), json_integer(sum)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* ---- in doubt ---------------------------------------------------------------- */

static json_t *doubts(const struct latest_pass *pass)
{
	json_t *array = json_array();
	const struct latest_branch *b;

	DL_FOREACH(pass->branches, b) {
		json_t *one = json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:s, s:o, s:o, s:o}",
					"engine", text(b->engine), "gid", text(b->gid),
					"transaction", b->uuid, "owner", text(b->owner), "database",
					text(b->database), "age_s", (json_int_t)b->age_s, "decider",
					text_or_null(b->decider), "verdict",
					word_of_verdict(b->verdict).name, "evidence",
					text(b->evidence), "remedy", text(b->remedy), "blocked",
					b->blocked < 0 ? json_null() : json_integer(b->blocked));

		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *unreachable(const struct latest_pass *pass)
{
	json_t *array = json_array();
	const struct latest_unreachable *u;

	DL_FOREACH(pass->unreachable, u) {
		json_t *one = json_pack("{s:o, s:o}", "engine", text(u->engine), "reason",
					text(u->reason));

		if (json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *in_doubt(const struct sqla_panel *panel)
{
	if (panel->pass_age_ms < 0)
		return json_null();
	return json_pack("{s:I, s:i, s:i, s:i, s:o, s:o, s:{s:i, s:i, s:i}}", "age_ms",
			 (json_int_t)panel->pass_age_ms, "count", (int)panel->pass.n_branches,
			 "young", (int)panel->pass.n_young, "foreign", (int)panel->pass.n_foreign,
			 "branches", doubts(&panel->pass), "unreachable", unreachable(&panel->pass),
			 "all_passes", "committed", panel->passes.committed, "rolled_back",
			 panel->passes.rolled_back, "mixed", panel->passes.mixed);
}

char *sqla_panel_json(const struct sqla_panel *panel)
{
	json_t *document = NULL;
	char *written = NULL;

	if (!panel) {
		(void)error_set(SQLA_EMISUSE, NULL, NULL, "sqla_panel_json: the panel is NULL");
		return NULL;
	}
	document = json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "taken_at",
			     when(panel->taken_unix_ms), "pid", (int)panel->pid, "request",
			     request(panel), "transaction", transaction(panel->transaction),
			     "engines", engines(panel), "in_doubt", in_doubt(panel), "totals",
			     totals(panel), "recent", recent(panel));
	if (document)
		written = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	if (!written)
		(void)error_nomem();
	return written;
}

#endif
