#include "drill-report.h"

#include <inttypes.h>
#include <stdio.h>

#include "common.h"
#include "report.h"

static const struct {
	const char *key, *where, *then;
} fates[DRILL_FATES] = {
	[FATE_WORKING] = { "before_commit", "at work, before txn_commit",
			   "the databases rolled back" },
	[FATE_UNPREPARED] = { "unprepared", "in txn_commit, nothing prepared yet",
			      "the databases rolled back" },
	[FATE_UNDECIDED] = { "undecided", "in txn_commit, prepared, not decided",
			     "recovery rolled back" },
	[FATE_DECIDED] = { "decided", "in txn_commit, decided, not all told",
			   "recovery committed" },
	[FATE_DONE] = { "done", "in txn_commit, all had committed", "it is in all" },
};

static const struct {
	const char *key, *text;
} plans[DRILL_PLANS] = {
	[PLAN_POINT] = { "at_fault_point", "workers killed at a step of the protocol" },
	[PLAN_COMMIT] = { "during_commit", "workers killed during a commit" },
	[PLAN_RANDOM] = { "at_random", "workers killed at any moment" },
	[PLAN_FREEZE] = { "frozen", "workers frozen while recovery acted, and woken" },
};

/* ---- counting ------------------------------------------------------------------ */

static enum drill_fate fate_of(const struct drill_transfer *transfer)
{
	if (atomic_load(&transfer->step) == STEP_WORKING)
		return FATE_WORKING;
	if (atomic_load(&transfer->ending) == ENDED_ROLLED_BACK)
		return FATE_UNDECIDED;
	if (atomic_load(&transfer->ending) == ENDED_COMMITTED)
		return FATE_DECIDED;
	return transfer->found ? FATE_DONE : FATE_UNPREPARED;
}

static void count(struct drill_report *report, const struct drill_transfer *transfer)
{
	const int step = atomic_load(&transfer->step);

	if (step == STEP_NONE)
		return;
	report->transfers++;
	if (step != STEP_TOLD)
		report->fates[fate_of(transfer)]++;
	else if (transfer->status >= 0)
		report->committed++;
	else if (transfer->status == SQLA_EINDOUBT)
		report->in_doubt++;
	else
		report->refused++;
}

void drill_report_count(struct drill_report *report, int64_t first)
{
	const int64_t end = ledger_end(report->ledger);

	for (int64_t id = first; id < end; id++)
		count(report, &report->ledger->transfers[id]);
}

static int64_t interrupted(const struct drill_report *report)
{
	int64_t n = 0;

	for (int i = 0; i < DRILL_FATES; i++)
		n += report->fates[i];
	return n;
}

bool drill_report_is_good(const struct drill_report *report)
{
	return atomic_load(&report->ledger->n_violations) == 0 && report->trouble.status == 0 &&
	       report->checks > 0 && report->crew->kills > 0;
}

static const char *verdict(const struct drill_report *report)
{
	if (atomic_load(&report->ledger->n_violations) > 0)
		return "violated";
	return drill_report_is_good(report) ? "held" : "unfinished";
}

/* ---- text ----------------------------------------------------------------------- */

static void print_count(const char *what, int64_t n, const char *then)
{
	printf("  %-52s %8" PRId64 "%s%s\n", what, n, then[0] ? "   " : "", then);
}

static void print_engines(const struct drill_report *report)
{
	puts("\nEngines");
	for (int i = 0; i < report->ledger->n_engines; i++) {
		const struct drill_engine *engine = &report->ledger->engines[i];

		printf("  ");
		report_put(engine->name);
		printf(": %s ", engine->kind);
		report_put(engine->version);
		printf("\n    ");
		report_put(engine->settings);
		putchar('\n');
	}
}

static void print_points(const struct drill_crew *crew)
{
	if (crew->n_points == 0) {
		puts("  (this build has no fault points: no step of the protocol can be aimed at)");
		return;
	}
	puts("\nKills at steps of the protocol (fault points)");
	for (int i = 0; i < crew->n_points; i++)
		print_count(crew->points[i].name, crew->points[i].kills, "");
}

static void print_tried(const struct drill_report *report)
{
	const struct drill_crew *crew = report->crew;

	puts("\nWhat was tried");
	print_count("transfers begun", report->transfers, "");
	print_count("workers killed (SIGKILL)", crew->kills, "");
	for (int i = 0; i < DRILL_PLANS; i++)
		print_count(plans[i].text, crew->by_plan[i], "");
	print_count("recoveries", report->recoveries, "");
	print_count("recoveries killed in the middle", report->recoverers_killed, "");
	print_points(crew);
	puts("\nTransfers that a kill interrupted, and what became of them");
	for (int i = 0; i < DRILL_FATES; i++)
		print_count(fates[i].where, report->fates[i], fates[i].then);
}

static void print_found(const struct drill_report *report)
{
	const struct drill_ledger *ledger = report->ledger;
	const int n = atomic_load(&ledger->n_violations);

	puts("\nWhat was found");
	print_count("transfers told to be committed", report->committed, "");
	print_count("transfers told not to be", report->refused, "");
	print_count("transfers told to be in doubt", report->in_doubt, "");
	print_count("branches that recovery committed", ledger->recovered_committed, "");
	print_count("branches that recovery rolled back", ledger->recovered_rolled_back, "");
	print_count("complete comparisons of all engines", report->checks, "");
	if (report->checks > 0)
		printf("  from everybody dead to nothing in doubt: %.0f ms on average, %.0f ms at "
		       "most\n",
		       (double)report->settle_sum_us / report->checks / 1000,
		       (double)report->settle_max_us / 1000);
	print_count("violations", n, "");
	for (int i = 0; i < n && i < DRILL_VIOLATIONS; i++) {
		printf("    ");
		report_put(ledger->violations[i]);
		putchar('\n');
	}
}

static void print_end(const struct drill_report *report)
{
	const struct drill_trouble *trouble = &report->trouble;

	if (trouble->status != 0) {
		printf("\nIt ended early: engine \"");
		report_put(trouble->engine);
		printf("\": ");
		report_put(trouble->message);
		printf("\n  ");
		report_put(trouble->hint);
		putchar('\n');
	} else if (report->is_stopped) {
		puts("\nIt was stopped before its time.");
	}
	puts(report->is_clean ? "\nThe scratch tables are dropped." :
				"\nThe scratch tables could not be dropped: run sqlassist drill "
				"--clean with the same engines.");
	if (atomic_load(&report->ledger->n_violations) > 0)
		puts("Verdict: VIOLATED: the databases have disagreed.");
	else if (drill_report_is_good(report))
		printf("Verdict: held: every transfer is in all its databases or in none, in spite "
		       "of %d kills.\n",
		       report->crew->kills);
	else
		puts("Verdict: none: the drill did not come to its end.");
}

void drill_report_print(const struct drill_report *report)
{
	char when[64] = "";
	struct tm tm;

	if (gmtime_r(&report->started, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf("SQLAssist drill: is a commit over these databases all or nothing, whatever is "
	       "killed?\n\n"
	       "  sqlassist %s, begun %s, %.1f seconds, seed %u,\n"
	       "  %d workers with %d threads each\n",
	       PACKAGE_VERSION, when, report->seconds, report->seed, DRILL_WORKERS,
	       report->crew->threads);
	print_engines(report);
	print_tried(report);
	print_found(report);
	print_end(report);
}

/* ---- JSON ------------------------------------------------------------------------ */

static json_t *engines_json(const struct drill_report *report)
{
	json_t *array = json_array();

	for (int i = 0; i < report->ledger->n_engines; i++) {
		const struct drill_engine *engine = &report->ledger->engines[i];

		(void)json_array_append_new(array,
					    json_pack("{s:o, s:s, s:o, s:o}", "name",
						      report_text(engine->name), "kind",
						      engine->kind, "version",
						      report_text(engine->version), "settings",
						      report_text(engine->settings)));
	}
	return array;
}

static json_t *kills_json(const struct drill_crew *crew)
{
	json_t *kills = json_pack("{s:i}", "all", crew->kills), *points = json_object();

	for (int i = 0; i < DRILL_PLANS; i++)
		(void)json_object_set_new(kills, plans[i].key, json_integer(crew->by_plan[i]));
	for (int i = 0; i < crew->n_points; i++)
		(void)json_object_set_new(points, crew->points[i].name,
					  json_integer(crew->points[i].kills));
	(void)json_object_set_new(kills, "points", points);
	return kills;
}

static json_t *transfers_json(const struct drill_report *report)
{
	json_t *fate = json_object();

	for (int i = 0; i < DRILL_FATES; i++)
		(void)json_object_set_new(fate, fates[i].key, json_integer(report->fates[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "begun", (json_int_t)report->transfers,
			 "committed", (json_int_t)report->committed, "refused",
			 (json_int_t)report->refused, "in_doubt", (json_int_t)report->in_doubt,
			 "interrupted", (json_int_t)interrupted(report), "fates", fate);
}

static json_t *recovery_json(const struct drill_report *report)
{
	const int64_t average = report->checks ? report->settle_sum_us / report->checks : 0;

	return json_pack("{s:i, s:i, s:i, s:i, s:f, s:f}", "passes", report->recoveries, "killed",
			 report->recoverers_killed, "committed",
			 atomic_load(&report->ledger->recovered_committed), "rolled_back",
			 atomic_load(&report->ledger->recovered_rolled_back), "average_ms",
			 (double)average / 1000, "longest_ms",
			 (double)report->settle_max_us / 1000);
}

static json_t *violations_json(const struct drill_ledger *ledger)
{
	const int n = atomic_load(&ledger->n_violations);
	json_t *array = json_array();

	for (int i = 0; i < n && i < DRILL_VIOLATIONS; i++)
		(void)json_array_append_new(array, report_text(ledger->violations[i]));
	return array;
}

int drill_report_json(const struct drill_report *report)
{
	const struct drill_trouble *trouble = &report->trouble;
	json_t *document = json_pack(
		"{s:s, s:s, s:I, s:f, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:b, s:b, "
		"s:o}",
		"verdict", verdict(report), "sqlassist", PACKAGE_VERSION, "begun_unix",
		(json_int_t)report->started, "seconds", report->seconds, "seed", (int)report->seed,
		"workers", DRILL_WORKERS, "threads", report->crew->threads, "engines",
		engines_json(report), "kills", kills_json(report->crew), "transfers",
		transfers_json(report), "recovery", recovery_json(report), "comparisons",
		report->checks, "violations", atomic_load(&report->ledger->n_violations), "found",
		violations_json(report->ledger), "stopped", report->is_stopped, "clean",
		report->is_clean, "trouble",
		trouble->status != 0 ? report_text(trouble->message) : json_null());

	return report_json(document, false);
}
