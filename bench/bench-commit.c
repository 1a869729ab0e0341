/*
 * bench-commit - what an atomic commit costs, beside the textbook's and beside
 * plain COMMITs. It starts PostgreSQL servers of its own and ends them.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlassist.h>

#include "cell.h"
#include "report.h"
#include "support/must.h"
#include "support/scratch.h"

static const char usage[] =
	"usage: bench-commit [OPTION]...\n"
	"  --shape NAME,...    two-postgres, postgres-sqlite, three-postgres, one-postgres,\n"
	"                      one-sqlite, read-one: these; four-postgres, eight-postgres\n"
	"  --threads N,...     1,4,16; at most 64\n"
	"  --ways NAME,...     textbook, plain, pipelined, pipelined-deferred, library,\n"
	"                      deferred; all, and the baseline in any case\n"
	"  --alone NAME        this way without the baseline\n"
	"  --transactions N    one slice of so many for each thread\n"
	"  --seconds N         for each way, shape and number of threads; 5\n"
	"  --slice MS          how long one way runs until it is another's turn; 500\n"
	"  --delay MS          how far away the servers are, each way; 0\n"
	"  --keep N            keep_decisions of the library, in seconds; its default\n"
	"  --json FILE         the figures for programs\n"
	"  --folder DIR        where the databases are; $TMPDIR or /tmp. Use a real disk\n"
	"  --smoke             prove that it works, in a few transactions; no figures\n";

struct options {
	const char *shapes, *threads, *ways, *alone, *json, *folder;
	long transactions;
	double seconds;
	int slice_ms, delay_ms, keep_decisions;
	bool is_smoke;
};

static void leave_with_usage(void)
{
	(void)fputs(usage, stderr);
	exit(2);
}

/* Numbers of threads, with commas between. */
static bool are_threads(const char *list)
{
	char *end;

	do {
		long n = strtol(list, &end, 10);

		if (end == list || n < 1 || n > WORKERS_MAX)
			return false;
		list = end + 1;
	} while (*end == ',');
	return *end == '\0';
}

static struct options parse(int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "shape", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "ways", required_argument, NULL, 'w' },
		{ "alone", required_argument, NULL, 'a' },
		{ "transactions", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 'n' },
		{ "slice", required_argument, NULL, 'i' },
		{ "delay", required_argument, NULL, 'd' },
		{ "keep", required_argument, NULL, 'e' },
		{ "json", required_argument, NULL, 'j' },
		{ "folder", required_argument, NULL, 'f' },
		{ "smoke", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	const char *tmpdir = getenv("TMPDIR");
	struct options o = {
		.threads = "1,4,16",
		.folder = tmpdir && *tmpdir ? tmpdir : "/tmp",
		.seconds = 5,
		.slice_ms = 500,
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o.shapes = optarg;
			break;
		case 't':
			o.threads = optarg;
			break;
		case 'w':
			o.ways = optarg;
			break;
		case 'a':
			o.alone = optarg;
			break;
		case 'c':
			o.transactions = strtol(optarg, NULL, 10);
			break;
		case 'n':
			o.seconds = strtod(optarg, NULL);
			break;
		case 'i':
			o.slice_ms = atoi(optarg);
			break;
		case 'd':
			o.delay_ms = atoi(optarg);
			break;
		case 'e':
			o.keep_decisions = atoi(optarg);
			break;
		case 'j':
			o.json = optarg;
			break;
		case 'f':
			o.folder = optarg;
			break;
		case 'k':
			o.is_smoke = true;
			break;
		default:
			leave_with_usage();
		}
	}
	if (optind < argc || o.seconds <= 0 || o.slice_ms <= 0 || o.delay_ms < 0 ||
	    o.keep_decisions < 0 || !are_threads(o.threads))
		leave_with_usage();
	return o;
}

/* Whether NAME is in LIST; NULL lists everything. */
static bool is_listed(const char *list, const char *name)
{
	size_t size = strlen(name);

	if (!list)
		return true;
	for (const char *at = list; (at = strstr(at, name)); at += size)
		if ((at == list || at[-1] == ',') && (at[size] == '\0' || at[size] == ','))
			return true;
	return false;
}

/* Where one database changes these have nothing to say: there is no second phase. */
static bool needs_two_changed(const struct way *way)
{
	return way == &way_textbook || way == &way_pipelined || way == &way_pipelined_deferred ||
	       way == &way_deferred;
}

static void choose_ways(struct cell_plan *plan, const struct shape *shape, const struct options *o)
{
	static const struct way *const ways[] = WAYS;
	const struct way *baseline = way_baseline(shape);

	if (!o->alone)
		plan->ways[plan->n_ways++] = baseline;
	for (size_t i = 0; i < N_WAYS; i++) {
		if (o->alone && strcmp(o->alone, ways[i]->name) == 0)
			plan->ways[plan->n_ways++] = ways[i];
		if (o->alone || ways[i] == baseline || !is_listed(o->ways, ways[i]->name))
			continue;
		if (needs_two_changed(ways[i]) && shape_changed(shape) == 1)
			continue;
		plan->ways[plan->n_ways++] = ways[i];
	}
}

static void set_length(struct cell_plan *plan, const struct options *o)
{
	plan->n_rounds = (int)(o->seconds * 1000 / o->slice_ms + 0.5);
	plan->limit.ns = (int64_t)o->slice_ms * 1000000;
	if (plan->n_rounds < 1)
		plan->n_rounds = 1;
	if (o->transactions > 0) {
		plan->n_rounds = 1;
		plan->limit = (struct slice_limit){ .transactions = o->transactions };
	}
	if (o->is_smoke) {
		plan->n_rounds = 2;
		plan->limit = (struct slice_limit){ .transactions = 5 };
	}
}

static void run_cell(const struct places *places, int n_threads, const struct options *o,
		     json_t *cells)
{
	const struct shape *shape = places_shape(places);
	struct cell_plan plan = { .places = places,
				  .n_threads = n_threads,
				  .keep_decisions = o->keep_decisions };
	struct figures figures[N_WAYS];

	choose_ways(&plan, shape, o);
	if (plan.n_ways == 0)
		leave_with_usage();
	set_length(&plan, o);
	report_header(places, n_threads);
	cell_run(&plan, figures);
	for (int i = 0; i < plan.n_ways; i++) {
		report_line(&figures[i]);
		(void)json_array_append_new(cells, report_figures(places, n_threads, &figures[i]));
	}
}

static void run_shape(const struct shape *shape, const struct options *o, json_t *cells)
{
	struct places *places = places_new(shape, o->delay_ms);
	char *at = (char *)o->threads;

	for (; *at; at += *at == ',')
		run_cell(places, (int)strtol(at, &at, 10), o, cells);
	places_free(places);
}

static void write_json(const char *path, json_t *document)
{
	if (json_dump_file(document, path, JSON_INDENT(1) | JSON_REAL_PRECISION(7)) < 0)
		must_fail("%s cannot be written", path);
}

int main(int argc, char *argv[])
{
	struct options o = parse(argc, argv);
	json_t *cells = json_array(), *document, *machine;

	/* Tests keep their databases in memory; what is forced here is to be forced. */
	if (!o.is_smoke && setenv("SQLASSIST_TEST_FOLDER", o.folder, 1) < 0)
		must_fail("out of memory");
	machine = report_machine(scratch_dir(), o.seconds);
	for (const struct shape *shape = shapes; shape->name; shape++)
		if (o.shapes ? is_listed(o.shapes, shape->name) : !shape->is_extra)
			run_shape(shape, &o, cells);
	document = json_pack("{s:o, s:o}", "machine", machine, "cells", cells);
	if (o.json)
		write_json(o.json, document);
	json_decref(document);
	places_end_servers();
	return 0;
}
