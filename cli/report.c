#include "report.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static const char *const verdicts[] = {
	[SQLA_VERDICT_COMMIT] = "commit", [SQLA_VERDICT_ROLLBACK] = "rollback",
	[SQLA_VERDICT_OPEN] = "open",	  [SQLA_VERDICT_UNKNOWN] = "unknown",
	[SQLA_VERDICT_YOUNG] = "young",	  [SQLA_VERDICT_FOREIGN] = "foreign",
};

/* The verdicts in words that need no manual. */
static const char *const meanings[] = {
	[SQLA_VERDICT_COMMIT] = "commit: the decision is there",
	[SQLA_VERDICT_ROLLBACK] = "rollback: it can never commit",
	[SQLA_VERDICT_OPEN] = "open: its coordinator may be alive",
	[SQLA_VERDICT_UNKNOWN] = "unknown: it cannot be said now",
	[SQLA_VERDICT_YOUNG] = "young: its coordinator is probably at work",
	[SQLA_VERDICT_FOREIGN] = "foreign: not ours to end",
};

static const char *result(const struct sqla_in_doubt *branch)
{
	switch (branch->status) {
	case SQLA_OK:
		return "ended";
	case SQLA_PENDING:
		return "left";
	case SQLA_EMIXED:
		return "mixed";
	default:
		return "failed";
	}
}

static const char *const kinds[] = {
	[SQLA_LEFTOVER_JOURNAL] = "journal",
	[SQLA_LEFTOVER_SUPER] = "super-journal",
	[SQLA_LEFTOVER_WAL] = "wal",
};

static const char *const effects[] = {
	[SQLA_EFFECT_NONE] = "none",	   [SQLA_EFFECT_ROLLBACK] = "rollback",
	[SQLA_EFFECT_COMMIT] = "commit",   [SQLA_EFFECT_UNKNOWN] = "unknown",
	[SQLA_EFFECT_REFUSED] = "refused",
};

/* ---- JSON -------------------------------------------------------------- */

json_t *report_text(const char *text)
{
	json_t *value = json_string(text);
	char *clean;

	if (value)
		return value;
	clean = strdup(text);
	if (!clean)
		return NULL;
	for (char *c = clean; *c; c++)
		if (!isascii((unsigned char)*c))
			*c = '?';
	value = json_string(clean);
	free(clean);
	return value;
}

int report_json(json_t *value, bool is_compact)
{
	size_t flags = is_compact ? JSON_COMPACT : JSON_INDENT(2);
	int status = value ? json_dumpf(value, stdout, flags) : -1;

	json_decref(value);
	if (!value)
		return usage_error("out of memory");
	putchar('\n');
	return status < 0 ? EXIT_USAGE : EXIT_GO_ON;
}

static json_t *branch_json(const struct sqla_in_doubt *b)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:i}",
			 "engine", report_text(b->engine), "gid", report_text(b->gid),
			 "transaction", report_text(b->uuid), "owner", report_text(b->owner),
			 "database", report_text(b->database), "age_s", (json_int_t)b->age_s,
			 "decider", report_text(b->decider), "decider_site",
			 report_text(b->decider_site), "verdict", verdicts[b->verdict], "evidence",
			 report_text(b->evidence), "remedy", report_text(b->remedy), "blocked",
			 b->blocked < 0 ? json_null() : json_integer(b->blocked), "result",
			 result(b), "status", b->status);
}

static json_t *leftover_json(const struct sqla_leftover *l)
{
	json_t *databases = json_array();

	for (size_t i = 0; i < l->n_databases; i++)
		(void)json_array_append_new(databases, report_text(l->databases[i]));
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s}", "engine",
			 report_text(l->engine), "kind", kinds[l->kind], "file",
			 report_text(l->file), "transaction", report_text(l->uuid), "databases",
			 databases, "effect", effects[l->effect], "evidence",
			 report_text(l->evidence), "effect_text", report_text(l->stock), "remedy",
			 report_text(l->remedy), "result", l->status == SQLA_OK ? "ended" : "left");
}

static int print_json(struct report *report, const struct sqla_recover_report *totals,
		      bool is_compact)
{
	json_t *document = json_pack("{s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:b}", "branches",
				     report->branches, "unreachable", report->unreachable,
				     "leftovers", report->leftovers, "committed", totals->committed,
				     "rolled_back", totals->rolled_back, "left", totals->left,
				     "mixed", totals->mixed, "forgotten", totals->forgotten,
				     "dry_run", report->is_dry);

	report->branches = NULL;
	report->unreachable = NULL;
	report->leftovers = NULL;
	return report_json(document, is_compact);
}

/* ---- people ------------------------------------------------------------ */

void report_put(const char *text)
{
	for (; *text; text++)
		putchar(iscntrl((unsigned char)*text) ? '?' : *text);
}

static void put_field(const char *label, const char *text)
{
	printf("  %-12s ", label);
	report_put(text);
	putchar('\n');
}

static void put_number(const char *label, long long number, const char *unit)
{
	printf("  %-12s %lld %s\n", label, number, unit);
}

static void put_place(const struct sqla_in_doubt *b)
{
	printf("  %-12s ", "engine");
	report_put(b->engine);
	if (b->database[0]) {
		printf(", database ");
		report_put(b->database);
	}
	if (b->owner[0]) {
		printf(", prepared by ");
		report_put(b->owner);
	}
	putchar('\n');
}

static void print_branch(const struct sqla_in_doubt *b)
{
	printf("branch %s\n", b->gid);
	put_place(b);
	put_field("transaction", b->uuid);
	put_number("age", b->age_s, "s");
	if (b->decider[0])
		put_field("decider", b->decider);
	put_field("site", b->decider_site);
	put_field("verdict", meanings[b->verdict]);
	put_field("evidence", b->evidence);
	if (b->blocked >= 0)
		put_number("blocks", b->blocked, b->blocked == 1 ? "session" : "sessions");
	put_field("what next", b->remedy);
	putchar('\n');
}

static void print_leftover(const struct sqla_leftover *l)
{
	printf("%s ", kinds[l->kind]);
	report_put(l->file);
	putchar('\n');
	put_field("engine", l->engine);
	if (l->uuid[0])
		put_field("transaction", l->uuid);
	for (size_t i = 0; i < l->n_databases; i++)
		put_field(i == 0 ? "database" : "", l->databases[i]);
	put_field("evidence", l->evidence);
	put_field("any SQLite", l->stock);
	put_field("what next", l->status == SQLA_OK ? "Nothing: it was dealt with." : l->remedy);
	putchar('\n');
}

static void print_totals(const struct report *report, const struct sqla_recover_report *totals)
{
	if (!report->is_dry)
		printf("%d committed, %d rolled back, %d left in doubt, %d ended by hand against "
		       "the decision, %d decision rows cleaned\n",
		       totals->committed, totals->rolled_back, totals->left, totals->mixed,
		       totals->forgotten);
	else if (totals->left > 0)
		printf("%d in doubt\n", totals->left);
	else if (totals->unreachable == 0)
		puts("nothing is in doubt");
	if (totals->unreachable > 0)
		printf("%d could not be asked: what is in doubt there is not known\n",
		       totals->unreachable);
}

/* ---- a pass ------------------------------------------------------------ */

static void on_branch(const struct sqla_in_doubt *branch, void *arg)
{
	struct report *report = arg;

	report->n_branches++;
	if (report->is_json)
		(void)json_array_append_new(report->branches, branch_json(branch));
	else
		print_branch(branch);
}

static void on_unreachable(const char *engine, const char *reason, const char *remedy, void *arg)
{
	struct report *report = arg;

	if (report->is_json) {
		(void)json_array_append_new(report->unreachable,
					    json_pack("{s:o, s:o, s:o}", "engine",
						      report_text(engine), "reason",
						      report_text(reason), "remedy",
						      report_text(remedy)));
		return;
	}
	printf("engine ");
	report_put(engine);
	puts(" could not be asked");
	put_field("reason", reason);
	if (remedy[0])
		put_field("what next", remedy);
	putchar('\n');
}

static void on_leftover(const struct sqla_leftover *leftover, void *arg)
{
	struct report *report = arg;

	report->n_leftovers++;
	if (report->is_json)
		(void)json_array_append_new(report->leftovers, leftover_json(leftover));
	else
		print_leftover(leftover);
}

static int exit_status(const struct sqla_recover_report *totals)
{
	if (totals->mixed > 0)
		return EXIT_MIXED;
	if (totals->unreachable > 0)
		return EXIT_UNREACHABLE;
	return totals->left > 0 ? EXIT_TROUBLE : EXIT_WELL;
}

static bool is_empty(const struct report *report, const struct sqla_recover_report *totals)
{
	return report->n_branches == 0 && report->n_leftovers == 0 && totals->unreachable == 0 &&
	       totals->forgotten == 0;
}

int report_pass(struct sqla_recover_options *options, bool is_json, bool is_quiet)
{
	struct report report = { .is_json = is_json, .is_dry = options->dry_run };
	struct sqla_recover_report totals;
	int status;

	if (is_json) {
		report.branches = json_array();
		report.unreachable = json_array();
		report.leftovers = json_array();
	}
	options->unreachable = on_unreachable;
	options->unreachable_arg = &report;
	options->leftover = on_leftover;
	options->leftover_arg = &report;
	status = sqla_recover(options, on_branch, &report, &totals);
	if (status < 0 && status != SQLA_EMIXED) {
		status = library_error();
	} else {
		if (is_json)
			status = print_json(&report, &totals, is_quiet);
		else if (!is_quiet || !is_empty(&report, &totals))
			print_totals(&report, &totals);
		if (!is_json || status == EXIT_GO_ON)
			status = exit_status(&totals);
	}
	json_decref(report.branches);
	json_decref(report.unreachable);
	json_decref(report.leftovers);
	return status;
}
