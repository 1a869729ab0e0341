/*
 * bench-group - three SQLite files in one transaction: by this library, by one
 * connection that has them attached, and as three commits, which are not
 * atomic; nor is what is attached, in WAL mode. By turns, in slices; a table in Markdown.
 */
#include <getopt.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlassist.h>

#include "support/files.h"
#include "support/must.h"

#define FILES 3
#define SLICE_MS 250
#define ROUNDS_MAX 400

static const char usage[] =
	"usage: bench-group [OPTION]...\n"
	"  --seconds N   for each way and journal mode; 5\n"
	"  --folder DIR  where the files are; $TMPDIR or /tmp. Use a real disk\n"
	"  --smoke       one transaction in each slice; no figures\n";

static char *paths[FILES];
static bool is_smoke;

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- by hand ---------------------------------------------------------------- */

static sqlite3 *hands[FILES]; /* one for each file */
static sqlite3 *attached;     /* all in one */

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		must_fail("%s: %s", sql, sqlite3_errmsg(db));
}

/* As durable as the library's. */
static sqlite3 *open_by_hand(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		must_fail("%s: %s", path, sqlite3_errmsg(db));
	return db;
}

static void set_mode(sqlite3 *db, const char *schema, const char *mode)
{
	char *sql = must_printf("PRAGMA %s.journal_mode = %s; PRAGMA %s.synchronous = EXTRA",
				schema, mode, schema);

	run(db, sql);
	free(sql);
}

static void commit_separately(void)
{
	for (int i = 0; i < FILES; i++) {
		run(hands[i], "BEGIN");
		run(hands[i], "UPDATE account SET cents = cents + 1");
	}
	for (int i = 0; i < FILES; i++)
		run(hands[i], "COMMIT");
}

static void commit_attached(void)
{
	run(attached, "BEGIN; UPDATE main.account SET cents = cents + 1;"
		      "UPDATE f1.account SET cents = cents + 1;"
		      "UPDATE f2.account SET cents = cents + 1; COMMIT");
}

static void open_hands(const char *mode)
{
	attached = open_by_hand(paths[0]);
	for (int i = 0; i < FILES; i++) {
		char *schema = i ? must_printf("f%d", i) : must_printf("main");
		char *sql = must_printf("ATTACH '%s' AS %s", paths[i], schema);

		hands[i] = open_by_hand(paths[i]);
		set_mode(hands[i], "main", mode);
		if (i)
			run(attached, sql);
		set_mode(attached, schema, mode);
		free(sql);
		free(schema);
	}
}

static void close_hands(void)
{
	(void)sqlite3_close(attached);
	for (int i = 0; i < FILES; i++)
		(void)sqlite3_close(hands[i]);
}

/* ---- the library ---------------------------------------------------------------- */

static struct sqla_session *sessions[FILES];

static void must_exec_in(struct sqla_session *s, const char *sql)
{
	if (sqla_exec(s, sql) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
}

static void commit_group(void)
{
	for (int i = 0; i < FILES; i++)
		must_exec_in(sessions[i], "UPDATE account SET cents = cents + 1");
	if (txn_commit() != 0)
		must_fail("%s", sqla_error_last()->message);
}

static void open_sessions(const char *mode)
{
	struct sqla_engine_options options = { .wal_group = SQLA_YES };

	for (int i = 0; i < FILES; i++) {
		char *name = must_printf("file%d", i);
		char *url = must_printf("sqlite:///%s", paths[i]);
		char *pragma = must_printf("PRAGMA main.journal_mode = %s", mode);

		if (sqla_engine_register(name, url, &options) < 0 ||
		    sqla_session_open(name, &sessions[i]) < 0)
			must_fail("%s", sqla_error_last()->message);
		must_exec_in(sessions[i], pragma);
		free(pragma);
		free(url);
		free(name);
	}
	if (txn_commit() < 0)
		must_fail("%s", sqla_error_last()->message);
}

static void close_sessions(void)
{
	for (int i = 0; i < FILES; i++)
		sqla_session_close(sessions[i]);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
}

/* ---- by turns -------------------------------------------------------------------- */

static void (*const ways[])(void) = { commit_separately, commit_attached, commit_group };

enum { SEPARATE, ATTACHED, GROUP, WAYS };

static double rate_of(void (*way)(void))
{
	int64_t start = now_ns(), until = start + SLICE_MS * INT64_C(1000000);
	int n = 0;

	do {
		way();
		n++;
	} while (!is_smoke && now_ns() < until);
	return n * 1e9 / (double)(now_ns() - start);
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static double median(double of[], int n)
{
	qsort(of, (size_t)n, sizeof(of[0]), compare);
	return of[n / 2];
}

static void measure(const char *mode, int rounds)
{
	static double rates[WAYS][ROUNDS_MAX], ratios[ROUNDS_MAX];

	open_hands(mode);
	open_sessions(mode);
	for (int i = 0; i < WAYS; i++)
		ways[i]();
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < WAYS; i++)
			rates[i][round] = rate_of(ways[i]);
		ratios[round] = rates[GROUP][round] / rates[ATTACHED][round];
	}
	if (!is_smoke)
		printf("| %s | %.0f | %.0f | %.0f | %.2f |\n", mode,
		       median(rates[SEPARATE], rounds), median(rates[ATTACHED], rounds),
		       median(rates[GROUP], rounds), median(ratios, rounds));
	close_sessions();
	close_hands();
}

static void make_files(const char *folder)
{
	for (int i = 0; i < FILES; i++) {
		paths[i] = must_printf("%s/file%d.db", folder, i);
		must_exec_file(paths[i], "CREATE TABLE account(cents INTEGER NOT NULL);"
					 "INSERT INTO account VALUES (0)");
	}
}

static char *make_folder(const char *parent)
{
	char *folder = must_printf("%s/sqlassist-group-XXXXXX", parent);

	if (!mkdtemp(folder))
		must_fail("no folder %s", folder);
	return folder;
}

int main(int argc, char *argv[])
{
	static const char *const modes[] = { "DELETE", "TRUNCATE", "PERSIST", "WAL" };
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 'n' },
		{ "folder", required_argument, NULL, 'f' },
		{ "smoke", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	const char *tmpdir = getenv("TMPDIR");
	const char *parent = tmpdir && *tmpdir ? tmpdir : "/tmp";
	double seconds = 5;
	char *folder;
	int c, rounds;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'n')
			seconds = strtod(optarg, NULL);
		else if (c == 'f')
			parent = optarg;
		else if (c == 'k')
			is_smoke = true;
		if (c == '?' || !(seconds > 0)) {
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	rounds = is_smoke ? 1 : (int)(seconds * 1000 / SLICE_MS) + 1;
	folder = make_folder(parent);
	make_files(folder);
	printf("| journal_mode | three commits tx/s | ATTACH tx/s | group tx/s | group to ATTACH |\n"
	       "|---|--:|--:|--:|--:|\n");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		measure(modes[i], rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX);
	for (int i = 0; i < FILES; i++)
		free(paths[i]);
	if (files_remove_tree(folder) < 0)
		must_fail("cannot remove %s", folder);
	free(folder);
	return 0;
}
