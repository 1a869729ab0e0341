/*
 * The text format of Prometheus, version 0.0.4: a HELP and a TYPE line, then
 * the samples of the family, in one piece. Times are in seconds, buckets are
 * cumulative, and the count of a histogram is its open bucket.
 */
#include "panel/panel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "base/stream.h"
#include "panel/text.h"

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	(void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* {engine="NAME",STATE} with STATE a constant, or "". */
static void put_engine(FILE *out, const char *name, const char *engine, const char *state)
{
	(void)fprintf(out, "%s{engine=\"", name);
	text_put(out, TEXT_LABEL, engine);
	(void)fprintf(out, "\"%s%s}", *state ? "," : "", state);
}

/* ---- transactions ------------------------------------------------------------ */

static void put_outcomes(FILE *out, const struct observe_totals *totals)
{
	static const char name[] = "sqlassist_transactions_total";

	family(out, name, "counter",
	       "Transactions that have ended, by outcome and by phases of their commit.");
	for (unsigned i = 0; i < OBSERVE_OUTCOMES; i++)
		for (size_t j = 0; j < OBSERVE_PHASES; j++)
			(void)fprintf(out, "%s{outcome=\"%s\",phases=\"%zu\"} %" PRIu64 "\n", name,
				      observe_outcome_name(i), j, totals->outcomes[i][j]);
}

static void put_late(FILE *out, const struct observe_totals *totals)
{
	static const enum observe_outcome outcomes[] = { OBSERVE_PENDING, OBSERVE_MIXED };
	static const char name[] = "sqlassist_late_failures_total";

	family(out, name, "counter",
	       "Branches that did not end well after their commit had returned as committed.");
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		(void)fprintf(out, "%s{outcome=\"%s\"} %" PRIu64 "\n", name,
			      observe_outcome_name(outcomes[i]), totals->late[outcomes[i]]);
}

/* STEP is the value of a label, or NULL. */
static void put_sample(FILE *out, const char *name, const char *suffix, const char *step,
		       const char *bound)
{
	(void)fprintf(out, "%s%s", name, suffix);
	if (step && bound)
		(void)fprintf(out, "{step=\"%s\",le=\"%s\"} ", step, bound);
	else if (step)
		(void)fprintf(out, "{step=\"%s\"} ", step);
	else if (bound)
		(void)fprintf(out, "{le=\"%s\"} ", bound);
	else
		(void)fprintf(out, " ");
}

static void put_histogram(FILE *out, const char *name, const char *step,
			  const struct observe_histogram *histogram)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= OBSERVE_BOUNDS; i++) {
		char bound[32] = "+Inf";

		if (i < OBSERVE_BOUNDS)
			(void)snprintf(bound, sizeof(bound), "%g",
				       (double)observe_bounds_us[i] / 1e6);
		sum += histogram->buckets[i];
		put_sample(out, name, "_bucket", step, bound);
		(void)fprintf(out, "%" PRIu64 "\n", sum);
	}
	put_sample(out, name, "_sum", step, NULL);
	(void)fprintf(out, "%.6f\n", (double)histogram->sum_us / 1e6);
	put_sample(out, name, "_count", step, NULL);
	(void)fprintf(out, "%" PRIu64 "\n", sum);
}

static void put_durations(FILE *out, const struct observe_totals *totals)
{
	static const char commit[] = "sqlassist_commit_duration_seconds";
	static const char step[] = "sqlassist_commit_step_duration_seconds";

	family(out, commit, "histogram", "How long commits took, from the call to the outcome.");
	put_histogram(out, commit, NULL, &totals->commit);
	family(out, step, "histogram",
	       "How long the steps of commits took; prepare includes the claim.");
	for (unsigned i = 0; i < OBSERVE_STEPS; i++)
		put_histogram(out, step, observe_step_name(i), &totals->steps[i]);
}

/* ---- pools ------------------------------------------------------------------- */

static void put_pools(FILE *out, const struct sqla_panel *panel)
{
	static const char open[] = "sqlassist_pool_connections";
	static const char waiting[] = "sqlassist_pool_waiting";
	static const char most[] = "sqlassist_pool_connections_max";
	const struct panel_engine *e;

	family(out, open, "gauge", "Connections of an engine's pool, idle and in use.");
	DL_FOREACH(panel->engines, e) {
		put_engine(out, open, e->config->name, "state=\"idle\"");
		(void)fprintf(out, " %d\n", e->pool.idle);
		put_engine(out, open, e->config->name, "state=\"used\"");
		(void)fprintf(out, " %d\n", e->pool.open - e->pool.idle);
	}
	family(out, most, "gauge", "Connections that an engine's pool may have at most.");
	DL_FOREACH(panel->engines, e) {
		put_engine(out, most, e->config->name, "");
		(void)fprintf(out, " %ld\n",
			      (long)e->config->options.pool_size +
				      e->config->options.pool_overflow);
	}
	family(out, waiting, "gauge", "Threads that wait for a connection of an engine.");
	DL_FOREACH(panel->engines, e) {
		put_engine(out, waiting, e->config->name, "");
		(void)fprintf(out, " %d\n", e->pool.waiting);
	}
}

/* ---- recovery ------------------------------------------------------------------ */

static void put_in_doubt(FILE *out, const struct sqla_panel *panel)
{
	static const char doubt[] = "sqlassist_in_doubt_branches";
	static const char young[] = "sqlassist_young_branches";
	static const char age[] = "sqlassist_recovery_pass_age_seconds";
	static const char lost[] = "sqlassist_recovery_unreachable";

	family(out, doubt, "gauge", "Branches that the latest recovery pass left in doubt.");
	(void)fprintf(out, "%s %u\n", doubt, panel->pass.n_branches);
	family(out, young, "gauge", "Prepared branches that it found within the grace period.");
	(void)fprintf(out, "%s %u\n", young, panel->pass.n_young);
	family(out, lost, "gauge", "Engines that the latest recovery pass could not ask.");
	(void)fprintf(out, "%s %d\n", lost, panel->pass.report.unreachable);
	family(out, age, "gauge", "Age of the latest recovery pass.");
	(void)fprintf(out, "%s %.3f\n", age, (double)panel->pass_age_ms / 1000);
}

static void put_recovered(FILE *out, const struct sqla_recover_report *passes)
{
	static const char name[] = "sqlassist_recovered_branches_total";

	family(out, name, "counter", "Branches that recovery of this process has ended.");
	(void)fprintf(out, "%s{outcome=\"committed\"} %d\n", name, passes->committed);
	(void)fprintf(out, "%s{outcome=\"rolled_back\"} %d\n", name, passes->rolled_back);
	(void)fprintf(out, "%s{outcome=\"mixed\"} %d\n", name, passes->mixed);
}

char *sqla_panel_prometheus(const struct sqla_panel *panel)
{
	char *written = NULL;
	size_t size;
	FILE *out;

	if (!panel) {
		(void)error_set(SQLA_EMISUSE, NULL, NULL,
				"sqla_panel_prometheus: the panel is NULL");
		return NULL;
	}
	out = stream_open(&written, &size);
	if (!out)
		goto no_memory;
	put_outcomes(out, &panel->totals);
	put_late(out, &panel->totals);
	put_durations(out, &panel->totals);
	put_pools(out, panel);
	put_recovered(out, &panel->passes);
	/* Before the first pass nothing is known: no sample is better than 0. */
	if (panel->pass_age_ms >= 0)
		put_in_doubt(out, panel);
	if (fclose(out) == 0)
		return written;
	free(written);
no_memory:
	(void)error_nomem();
	return NULL;
}
