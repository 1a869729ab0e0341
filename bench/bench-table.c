/*
 * bench-table - what bench-commit --json wrote, as a Markdown table, as
 * columns for gnuplot (--plot), or as a sentence on the machine (--machine). Of
 * what bench-scale wrote: --recovery, --decisions, --memory.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which cells stand together in a row. */
static bool is_same_row(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "shape", "threads", "delay_ms" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
			return false;
	return true;
}

/* The cell of WAY in the row of FIRST, or NULL. */
static const json_t *find(const json_t *cells, const json_t *first, const char *way)
{
	size_t i;
	json_t *cell;

	json_array_foreach(cells, i, cell)
	{
		if (is_same_row(cell, first) &&
		    strcmp(json_string_value(json_object_get(cell, "way")), way) == 0)
			return cell;
	}
	return NULL;
}

static const char *text(const json_t *cell, const char *key)
{
	return json_string_value(json_object_get(cell, key));
}

static double number(const json_t *cell, const char *key)
{
	return json_number_value(json_object_get(cell, key));
}

/* ---- Markdown ---------------------------------------------------------------- */

static void put_ratio(const json_t *cell)
{
	if (cell)
		printf(" %.2f |", number(cell, "ratio"));
	else
		printf(" |");
}

static void put_pair(const json_t *a, const json_t *b, const char *key, double unit, int digits)
{
	printf(" %.*f / %.*f |", digits, number(a, key) / unit, digits, number(b, key) / unit);
}

/* In milliseconds; with a third where there is one. */
static void put_times(const json_t *a, const json_t *b, const json_t *c, const char *key)
{
	printf(" %.2f / %.2f", number(a, key) / 1000, number(b, key) / 1000);
	if (c)
		printf(" / %.2f", number(c, key) / 1000);
	printf(" |");
}

static void put_row(const json_t *cells, const json_t *baseline, bool is_slow)
{
	const json_t *library = find(cells, baseline, "library");
	const json_t *deferred = find(cells, baseline, "deferred");
	double there_and_back = number(baseline, "delay_ms") * 2000;

	if (!library)
		return;
	printf("| %s | %d | %.0f |", text(baseline, "title"), (int)number(baseline, "threads"),
	       number(baseline, "rate"));
	put_ratio(find(cells, baseline, "plain"));
	put_ratio(find(cells, baseline, "pipelined"));
	put_ratio(library);
	put_ratio(find(cells, baseline, "pipelined-deferred"));
	put_ratio(deferred);
	put_times(baseline, library, deferred, "commit_p50_us");
	put_times(baseline, library, deferred, "commit_p99_us");
	put_pair(baseline, library, "decided_p50_us", 1000, 2);
	put_pair(baseline, library, "commit_rounds", 1, 0);
	put_pair(baseline, library, "wal_syncs", 1, 1);
	if (is_slow) {
		put_pair(baseline, library, "commit_p50_us", there_and_back, 1);
		put_pair(baseline, library, "decided_p50_us", there_and_back, 1);
	}
	putchar('\n');
}

static void put_table(const json_t *cells)
{
	bool is_slow = number(json_array_get(cells, 0), "delay_ms") > 0;
	json_t *cell;
	size_t i;

	printf("| databases | threads | baseline tx/s | plain | pipelined | library | "
	       "pipelined-deferred | deferred | commit p50 ms | commit p99 ms | decided p50 ms | "
	       "round trips | WAL syncs |%s\n",
	       is_slow ? " commit p50 / network | decided p50 / network |" : "");
	printf("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|%s\n",
	       is_slow ? "--:|--:|" : "");
	json_array_foreach(cells, i, cell)
	{
		if (json_is_true(json_object_get(cell, "is_baseline")))
			put_row(cells, cell, is_slow);
	}
}

/* ---- the rest ------------------------------------------------------------------ */

/* Gnuplot leaves a bar out for a question mark. */
static void put_bar(const json_t *cell)
{
	if (cell)
		printf(" %.3f", number(cell, "ratio"));
	else
		printf(" ?");
}

static void put_plot(const json_t *cells)
{
	static const char *const ways[] = { "plain", "pipelined", "library", "pipelined-deferred",
					    "deferred" };
	json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell)
	{
		if (!json_is_true(json_object_get(cell, "is_baseline")) ||
		    !find(cells, cell, "library"))
			continue;
		printf("\"%s, %d\"", text(cell, "shape"), (int)number(cell, "threads"));
		for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++)
			put_bar(find(cells, cell, ways[j]));
		putchar('\n');
	}
}

static void put_machine(const json_t *machine)
{
	int libpq = (int)number(machine, "libpq");
	double load = number(machine, "load"), processors = number(machine, "processors");

	printf("%.0f x %s, %s of memory, Linux %s; libpq %d.%d, SQLite %s. A forced append to a "
	       "file takes %.0f us at best. Each way ran %g seconds in each cell; the load "
	       "average was %.1f when it began.",
	       processors, text(machine, "processor"), text(machine, "memory"),
	       text(machine, "kernel"), libpq / 10000, libpq % 10000, text(machine, "sqlite"),
	       number(machine, "fdatasync_us"), number(machine, "seconds"), load);
	if (load > processors / 2)
		printf(" **The machine was busy with other things: these figures are rough.**");
	if (json_is_true(json_object_get(machine, "fault_points")))
		printf(" The build had fault points in it.");
	if (!json_is_true(json_object_get(machine, "optimized")))
		printf(" The build was not optimized.");
	putchar('\n');
}

/* ---- scale ------------------------------------------------------------------ */

static void put_recovery(const json_t *rows)
{
	json_t *row;
	size_t i;

	printf("| in doubt | look ms | recover ms |\n|--:|--:|--:|\n");
	json_array_foreach(rows, i, row) printf("| %.0f | %.0f | %.0f |\n", number(row, "branches"),
						number(row, "look_ms"), number(row, "recover_ms"));
}

static void put_decisions(const json_t *rows)
{
	json_t *row;
	size_t i;

	printf("| transactions | tx/s | rows | table and index kB |\n|--:|--:|--:|--:|\n");
	json_array_foreach(rows, i, row)
		printf("| %.0f | %.0f | %.0f | %.0f |\n", number(row, "transactions"),
		       number(row, "rate"), number(row, "rows"), number(row, "bytes") / 1024);
}

static void put_memory(const json_t *memory)
{
	printf("| bytes of the heap for | |\n|---|--:|\n");
	printf("| an open transaction with two changed sessions | %.0f |\n",
	       number(memory, "transaction"));
	printf("| a pooled PostgreSQL connection | %.0f |\n", number(memory, "connection"));
	printf("| of these libpq's own | %.0f |\n", number(memory, "bare_connection"));
}

/* What can be asked for, and where it stands in the file. */
static const struct mode {
	const char *option, *key;
	void (*put)(const json_t *value);
} modes[] = {
	{ "--table", "cells", put_table },
	{ "--plot", "cells", put_plot },
	{ "--machine", "machine", put_machine },
	{ "--recovery", "recovery", put_recovery },
	{ "--decisions", "decisions", put_decisions },
	{ "--memory", "memory", put_memory },
};

static const struct mode *find_mode(const char *option)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(option, modes[i].option) == 0)
			return &modes[i];
	return NULL;
}

int main(int argc, char *argv[])
{
	const struct mode *mode = find_mode(argc == 3 ? argv[1] : "--table");
	json_error_t error;
	json_t *document;

	if (!mode || (argc != 2 && argc != 3))
		return fputs("usage: bench-table [--table|--plot|--machine|--recovery|--decisions|"
			     "--memory] FILE\n",
			     stderr),
		       2;
	document = json_load_file(argv[argc - 1], 0, &error);
	if (!document)
		return fprintf(stderr, "%s:%d: %s\n", argv[argc - 1], error.line, error.text), 1;
	mode->put(json_object_get(document, mode->key));
	json_decref(document);
	return fclose(stdout) == 0 ? 0 : 1;
}
