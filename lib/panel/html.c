#include "panel/panel.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/error.h"
#include "base/stream.h"
#include "engine/options.h"
#include "panel/style.h"
#include "panel/text.h"
#include "panel/words.h"

/* ---- pieces ------------------------------------------------------------------ */

#define DASH "\xE2\x80\x93" /* nothing there */

/* FORMAT and numbers are ours; strangers' texts go through put. */
__attribute__((format(printf, 2, 3))) static void html(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(out, format, args);
	va_end(args);
}

static void put(FILE *out, const char *text)
{
	text_put(out, TEXT_HTML, text);
}

/* <td><code>TEXT</code></td>, or a dash. */
static void cell(FILE *out, const char *text)
{
	html(out, "<td><code>");
	put(out, *text ? text : DASH);
	html(out, "</code></td>");
}

static void put_duration(FILE *out, int64_t us)
{
	if (us < 0)
		html(out, DASH);
	else if (us < 10000)
		html(out, "%.2f ms", (double)us / 1000);
	else if (us < 10000000)
		html(out, "%.0f ms", (double)us / 1000);
	else
		html(out, "%.1f s", (double)us / 1e6);
}

static void put_age(FILE *out, int64_t ms)
{
	if (ms < 120 * INT64_C(1000))
		html(out, "%.1f s", (double)ms / 1000);
	else if (ms < 7200 * INT64_C(1000))
		html(out, "%lld min", (long long)(ms / 60000));
	else
		html(out, "%lld h", (long long)(ms / 3600000));
}

/* TITLE and LABEL are ours; a table that is wider than a phone scrolls. */
static void open_table(FILE *out, const char *label, const char *head)
{
	html(out,
	     "<div class=\"sqla-scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
	     "<table><thead><tr>%s</tr></thead><tbody>\n",
	     label, head);
}

static void close_table(FILE *out)
{
	html(out, "</tbody></table></div>\n");
}

static void tag(FILE *out, const char *class, const char *text, const char *meaning)
{
	html(out, "<span class=\"sqla-tag%s\" title=\"%s\">%s</span>", class, meaning, text);
}

/* ---- the head ---------------------------------------------------------------- */

static void put_health(FILE *out, const struct sqla_panel *panel)
{
	const struct latest_pass *pass = &panel->pass;
	const struct latest_unreachable *u;

	if (panel->pass_age_ms < 0) {
		html(out,
		     "<p class=\"sqla-note sqla-warn\">No recovery pass has run in this process yet: "
		     "what is in doubt is not known.</p>\n");
		return;
	}
	html(out, "<p class=\"sqla-note%s\" role=\"status\">",
	     pass->n_branches || pass->report.unreachable ? " sqla-bad" : " sqla-ok");
	if (pass->n_branches)
		html(out, "<strong>%u in doubt</strong>", pass->n_branches);
	else
		html(out, "Nothing is in doubt");
	html(out, "; recovery looked ");
	put_age(out, panel->pass_age_ms);
	html(out, " ago.");
	if (pass->n_young)
		html(out, " %u so young that they are most likely at work.", pass->n_young);
	if (pass->report.mixed)
		html(out, " %d ended by hand against the decision.", pass->report.mixed);
	DL_FOREACH(panel->pass.unreachable, u) {
		html(out, "<br>Could not ask <code>");
		put(out, u->engine);
		html(out, "</code>: ");
		put(out, u->reason);
	}
	html(out, "</p>\n");
}

static void tile(FILE *out, const char *name, uint64_t n)
{
	html(out, "<div class=\"sqla-tile\"><dt>%s</dt><dd>%llu</dd></div>", name,
	     (unsigned long long)n);
}

static void put_totals(FILE *out, const struct sqla_panel *panel)
{
	html(out, "<dl class=\"sqla-tiles\">");
	for (unsigned i = 0; i < OBSERVE_OUTCOMES; i++) {
		const uint64_t *n = panel->totals.outcomes[i];

		tile(out, word_of_outcome(i).name, n[0] + n[1] + n[2]);
	}
	tile(out, "late failures",
	     panel->totals.late[OBSERVE_PENDING] + panel->totals.late[OBSERVE_MIXED]);
	tile(out, "recovered",
	     (uint64_t)panel->passes.committed + (uint64_t)panel->passes.rolled_back);
	html(out, "</dl>\n");
}

static void put_head(FILE *out, const struct sqla_panel *panel)
{
	char time[TEXT_TIME];

	text_time(panel->taken_unix_ms, time);
	html(out,
	     "<header><h2>SQLAssist</h2><span class=\"sqla-dim\">process %d, "
	     "<time datetime=\"%s\">%s</time></span></header>\n",
	     (int)panel->pid, time, time);
	put_health(out, panel);
	put_totals(out, panel);
}

/* ---- the request ------------------------------------------------------------- */

static void put_container(FILE *out, const struct panel_request *r)
{
	html(out, "<p>Registered as <code>request</code> in each session&rsquo;s info%s; ",
	     r->has_app ? ", with the application&rsquo;s own request" : "");
	if (r->is_foreign)
		html(out, "it belongs to the parent process.");
	else if (r->is_over)
		html(out, "it is over.");
	else if (r->is_bound)
		html(out, "bound: it commits transaction <code>%s</code> when it ends well%s.",
		     r->uuid, r->has_veto ? ", unless the application&rsquo;s veto says no" : "");
	else
		html(out, "not bound: somebody else commits.");
	html(out, "</p>\n");
}

static void put_request(FILE *out, const struct sqla_panel *panel)
{
	const struct panel_engine *e;

	if (!panel->request)
		return;
	html(out, "<section class=\"sqla-card\"><h3>This request</h3>\n");
	put_container(out, panel->request);
	open_table(out, "Engines of this request", "<th>Engine<th>Status<th>Meaning<th>Connection");
	DL_FOREACH(panel->engines, e) {
		struct word word = word_of_request_state(e->state);

		html(out, "<tr>");
		cell(out, e->config->name);
		html(out, "<td>");
		tag(out, e->state == SQLA_REQUEST_START ? " sqla-ok" : "", word.name, word.meaning);
		html(out, "</td><td class=\"sqla-dim\">%s</td>", word.meaning);
		cell(out, e->connection);
		html(out, "</tr>\n");
	}
	close_table(out);
	html(out, "</section>\n");
}

/* ---- this thread's transaction ------------------------------------------------ */

static void put_branches(FILE *out, const struct panel_transaction *t)
{
	const struct panel_branch *b;

	open_table(out, "Branches", "<th>Branch<th>Phase<th>Meaning<th>Gid");
	DL_FOREACH(t->branches, b) {
		struct word word = word_of_phase(b->phase);

		html(out, "<tr>");
		cell(out, b->name);
		html(out, "<td>%s</td><td class=\"sqla-dim\">%s</td>", word.name, word.meaning);
		cell(out, b->gid);
		html(out, "</tr>\n");
	}
	close_table(out);
}

static void put_transaction(FILE *out, const struct panel_transaction *t)
{
	struct word word;

	if (!t)
		return;
	word = word_of_txn_state(t->state);
	html(out, "<section class=\"sqla-card\"><h3>Current transaction</h3>\n<p><code>%s</code> ",
	     t->uuid);
	tag(out, t->state == TXN_ACTIVE ? " sqla-ok" : " sqla-warn", word.name, word.meaning);
	html(out, " <span class=\"sqla-dim\">since ");
	put_duration(out, t->age_us);
	if (t->left_ms >= 0)
		html(out, ", %d ms left", t->left_ms);
	if (*t->user) {
		html(out, ", for ");
		put(out, t->user);
	}
	html(out, "</span><br>");
	put(out, t->description);
	html(out, "</p>\n");
	if (t->branches)
		put_branches(out, t);
	else
		html(out, "<p class=\"sqla-dim\">Nothing has joined it.</p>\n");
	html(out, "</section>\n");
}

/* ---- in doubt ------------------------------------------------------------------ */

static void put_doubts(FILE *out, const struct latest_pass *pass)
{
	const struct latest_branch *b;

	if (!pass->branches)
		return;
	html(out, "<section class=\"sqla-card\"><h3>In doubt</h3>\n");
	open_table(
		out, "Branches in doubt",
		"<th>Engine<th>Transaction<th class=\"sqla-n\">Age<th>Verdict<th>Evidence, remedy");
	DL_FOREACH(pass->branches, b) {
		struct word word = word_of_verdict(b->verdict);

		html(out, "<tr>");
		cell(out, b->engine);
		cell(out, b->uuid);
		html(out, "<td class=\"sqla-n\">");
		put_age(out, b->age_s * 1000);
		html(out, "</td><td>");
		tag(out, " sqla-warn", word.name, word.meaning);
		html(out, "</td><td>");
		put(out, b->evidence);
		html(out, "<br><span class=\"sqla-dim\">");
		put(out, b->remedy);
		html(out, "</span></td></tr>\n");
	}
	close_table(out);
	if (pass->n_branches > LATEST_MOST)
		html(out, "<p class=\"sqla-dim\">and %u more</p>\n",
		     pass->n_branches - LATEST_MOST);
	html(out, "</section>\n");
}

/* ---- transactions that have ended ---------------------------------------------- */

static const char *class_of(enum observe_outcome outcome)
{
	switch (outcome) {
	case OBSERVE_COMMITTED:
		return " sqla-ok";
	case OBSERVE_ROLLED_BACK:
		return "";
	case OBSERVE_PENDING:
	case OBSERVE_REFUSED:
		return " sqla-warn";
	default:
		return " sqla-bad";
	}
}

/* Each step as wide as it took. */
static void put_bar(FILE *out, const struct observe_entry *e)
{
	html(out, "<div class=\"sqla-bar\" aria-hidden=\"true\">");
	for (size_t i = 0; i < OBSERVE_STEPS; i++)
		if (e->step_us[i] > 0)
			html(out, "<i class=\"sqla-s%zu\" style=\"flex:%lld\"></i>", i,
			     (long long)e->step_us[i]);
	html(out, "</div>");
}

static void put_what(FILE *out, const struct observe_entry *e)
{
	html(out, "<td>");
	if (*e->description) {
		put(out, e->description);
		html(out, "<br>");
	}
	/* It begins with the time, which neighbours share: its last group tells them apart. */
	html(out, "<code class=\"sqla-dim\" title=\"%s\">%s</code>", e->uuid, e->uuid + 24);
	if (*e->reason) {
		html(out, "<br>");
		put(out, e->reason);
	}
	html(out, "</td>");
}

static void put_entry(FILE *out, const struct observe_entry *e)
{
	struct word word = word_of_outcome(e->outcome);
	char time[TEXT_TIME];

	text_time(e->ended_unix_ms, time);
	html(out, "<tr><td class=\"sqla-wide sqla-dim\"><time datetime=\"%s\">%.8s</time></td><td>",
	     time, time + sizeof("2026-11-22T") - 1);
	tag(out, class_of(e->outcome), word.name, word.meaning);
	html(out, "</td>");
	put_what(out, e);
	html(out, "<td class=\"sqla-n sqla-wide\">%u</td>", e->n_branches);
	html(out, "<td class=\"sqla-wide\"><code>");
	put(out, *e->decider ? e->decider : DASH);
	html(out, "</code></td>");
	html(out, "<td class=\"sqla-n\">");
	put_duration(out, e->commit_us);
	if (e->commit_us != OBSERVE_NEVER)
		put_bar(out, e);
	html(out, "</td>");
	for (size_t i = 0; i < OBSERVE_STEPS; i++) {
		html(out, "<td class=\"sqla-n sqla-wide\">");
		put_duration(out, e->step_us[i]);
		html(out, "</td>");
	}
	html(out, "</tr>\n");
}

static void put_recent(FILE *out, const struct sqla_panel *panel)
{
	html(out, "<section class=\"sqla-card\"><h3>Recent transactions</h3>\n");
	if (panel->n_recent == 0) {
		html(out, "<p class=\"sqla-dim\">None yet.</p></section>\n");
		return;
	}
	html(out, "<p class=\"sqla-dim sqla-key\"><span><i class=\"sqla-s0\"></i>ask</span> "
		  "<span><i class=\"sqla-s1\"></i>claim and prepare</span> "
		  "<span><i class=\"sqla-s2\"></i>decide</span> "
		  "<span><i class=\"sqla-s3\"></i>finish</span></p>\n");
	open_table(
		out, "Recent transactions",
		"<th class=\"sqla-wide\">Ended<th>Outcome<th>Transaction"
		"<th class=\"sqla-n sqla-wide\">Branches<th class=\"sqla-wide\">Decider<th class=\"sqla-n\">Commit"
		"<th class=\"sqla-n sqla-wide\">ask<th class=\"sqla-n sqla-wide\">prepare"
		"<th class=\"sqla-n sqla-wide\">decide<th class=\"sqla-n sqla-wide\">finish");
	for (size_t i = 0; i < panel->n_recent; i++)
		put_entry(out, &panel->recent[i]);
	close_table(out);
	html(out, "</section>\n");
}

/* ---- engines -------------------------------------------------------------------- */

static void put_option(void *arg, const char *name, const char *value, bool is_default)
{
	FILE *out = arg;

	html(out, "<li%s><code>%s = ", is_default ? " class=\"sqla-dim\"" : "", name);
	put(out, value);
	html(out, "</code></li>");
}

static void put_connections(FILE *out, const struct sqla_panel *panel, const struct panel_engine *e)
{
	if (e->n_connections == 0)
		return;
	open_table(out, "Connections",
		   "<th>Connection<th class=\"sqla-n\">Age<th>Now<th>Opened by");
	for (size_t i = 0; i < e->n_connections; i++) {
		const struct roll_entry *c = &e->connections[i];

		html(out, "<tr>");
		cell(out, c->id);
		html(out, "<td class=\"sqla-n\">");
		put_age(out, panel->taken_ms - c->opened_ms);
		html(out, "</td><td>%s</td><td>process %d ", c->is_used ? "in use" : "idle",
		     (int)c->opener);
		if (c->opener != panel->pid)
			tag(out, " sqla-warn", "inherited",
			    "the parent of this process; not used here");
		html(out, "</td></tr>\n");
	}
	close_table(out);
}

static void put_engine(FILE *out, const struct sqla_panel *panel, const struct panel_engine *e)
{
	const struct sqla_engine_options *o = &e->config->options;

	html(out, "<section class=\"sqla-card\"><h3>Engine <code>");
	put(out, e->config->name);
	html(out, "</code> ");
	if (e->is_default)
		tag(out, "", "default", "sessions of NULL use it");
	html(out, "</h3>\n<p><code>");
	put(out, e->config->redacted_url);
	html(out, "</code><br><span class=\"sqla-dim\">Pool: %d in use, %d idle",
	     e->pool.open - e->pool.idle, e->pool.idle);
	if (o->pool_size == INT_MAX || o->pool_overflow == INT_MAX)
		html(out, ", without bound");
	else
		html(out, ", at most %d", o->pool_size + o->pool_overflow);
	html(out, "</span>");
	if (e->pool.waiting)
		html(out, " <span class=\"sqla-tag sqla-warn\">%d waiting</span>", e->pool.waiting);
	html(out, "</p>\n");
	put_connections(out, panel, e);
	html(out, "<details><summary>Options</summary><ul class=\"sqla-options\">");
	options_each(o, put_option, out);
	html(out, "</ul></details></section>\n");
}

static void put_engines(FILE *out, const struct sqla_panel *panel)
{
	const struct panel_engine *e;

	DL_FOREACH(panel->engines, e)
		put_engine(out, panel, e);
}

/* ---- the whole ------------------------------------------------------------------ */

char *sqla_panel_html(const struct sqla_panel *panel)
{
	char *written = NULL;
	size_t size;
	FILE *out;

	if (!panel) {
		(void)error_set(SQLA_EMISUSE, NULL, NULL, "sqla_panel_html: the panel is NULL");
		return NULL;
	}
	out = stream_open(&written, &size);
	if (!out)
		goto no_memory;
	html(out, "<section class=\"sqla\" aria-label=\"SQLAssist\">\n<style>%s</style>\n",
	     panel_style);
	put_head(out, panel);
	put_doubts(out, &panel->pass);
	put_request(out, panel);
	put_transaction(out, panel->transaction);
	put_recent(out, panel);
	put_engines(out, panel);
	html(out, "</section>\n");
	if (fclose(out) == 0)
		return written;
	free(written);
no_memory:
	(void)error_nomem();
	return NULL;
}
