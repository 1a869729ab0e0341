#include "group/trio.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>

#include "support/files.h"
#include "support/must.h"
#include "support/scratch.h"
#include "sqlite/vfs.h"

const struct trio_modes trio_delete = { "delete", { "DELETE", "DELETE", "DELETE" } };
const struct trio_modes trio_truncate = { "truncate", { "TRUNCATE", "TRUNCATE", "TRUNCATE" } };
const struct trio_modes trio_persist = { "persist", { "PERSIST", "PERSIST", "PERSIST" } };
const struct trio_modes trio_mixed = { "mixed", { "DELETE", "TRUNCATE", "PERSIST" } };
const struct trio_modes trio_wal = { "wal", { "WAL", "WAL", "WAL" } };
const struct trio_modes trio_half_wal = { "half wal", { "WAL", "PERSIST", "WAL" } };

static const char *const engines[TRIO] = { "till", "ledger", "vault" };
static struct sqla_session *sessions[TRIO];
static const char *folder; /* a forked child's own is another */
static char *paths[TRIO], *urls[TRIO];
static struct sqla_engine_options options[TRIO] = {
	{ .wal_group = SQLA_YES },
	{ .wal_group = SQLA_YES },
	{ .wal_group = SQLA_YES },
};

#define ROWS 12
#define PATIENCE_MS 20000 /* of those who wait for a lock */

const char *trio_folder(void)
{
	return folder;
}

const char *trio_path(int which)
{
	return paths[which];
}

const char *trio_engine(int which)
{
	return engines[which];
}

void trio_options(int which, const struct sqla_engine_options *given)
{
	options[which] = *given;
}

void trio_through(int which, const char *url)
{
	free(urls[which]);
	urls[which] = must_printf("%s", url);
}

void trio_link(int which, const char *name)
{
	char *path = must_printf("%s/%s", folder, name);

	if (symlink(paths[which], path) < 0)
		must_fail("no link %s", path);
	free(path);
}

void trio_deepen(int which)
{
	char *deep = must_printf("%s", folder), *path;

	for (int i = 0; i < 2; i++) {
		char *deeper = must_printf("%s/%0211d", deep, i);

		if (mkdir(deeper, 0755) < 0)
			must_fail("no folder %s", deeper);
		free(deep);
		deep = deeper;
	}
	path = must_printf("%s/%s", deep, engines[which]);
	if (rename(paths[which], path) < 0)
		must_fail("cannot move to %s", path);
	free(deep);
	free(paths[which]);
	paths[which] = path;
}

void trio_rename(const char *from, const char *to)
{
	char *one = must_printf("%s/%s", folder, from), *other = must_printf("%s/%s", folder, to);

	if (rename(one, other) < 0)
		must_fail("cannot rename %s", one);
	free(one);
	free(other);
}

void trio_move_to_folder(int which, const char *name)
{
	char *new_folder = must_printf("%s/%s", folder, name);
	char *path = must_printf("%s/%s", new_folder, engines[which]);

	if (mkdir(new_folder, 0755) < 0 || rename(paths[which], path) < 0)
		must_fail("cannot move to %s", path);
	free(new_folder);
	free(paths[which]);
	paths[which] = path;
}

void trio_make(void)
{
	folder = scratch_dir();
	for (int i = 0; i < TRIO; i++) {
		paths[i] = scratch_path(engines[i]);
		must_exec_file(paths[i],
			       "PRAGMA page_size = 1024; BEGIN;"
			       "CREATE TABLE account(cents INTEGER NOT NULL);"
			       "INSERT INTO account VALUES (1000);"
			       "CREATE TABLE done(id INTEGER PRIMARY KEY);"
			       "CREATE TABLE row(id INTEGER PRIMARY KEY, t TEXT);"
			       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
			       " WHERE i < %d) INSERT INTO row SELECT i, hex(zeroblob(300)) FROM n;"
			       "COMMIT",
			       ROWS);
	}
}

sqlite3 *trio_native(int which)
{
	return sqla_session_sqlite(sessions[which]);
}

void trio_run(int which, const char *sql)
{
	if (sqla_exec(sessions[which], sql) < 0)
		must_fail("%s: %s: %s", engines[which], sql, sqla_error_last()->message);
}

static void register_one(int which)
{
	char *url = urls[which] ? must_printf("%s", urls[which]) :
				  must_printf("sqlite:///%s", paths[which]);

	if (sqla_engine_register(engines[which], url, &options[which]) < 0)
		must_fail("%s: %s", engines[which], sqla_error_last()->message);
	free(url);
}

void trio_register(void)
{
	for (int i = 0; i < TRIO; i++)
		register_one(i);
}

static void open_one(int which)
{
	register_one(which);
	if (sqla_session_open(engines[which], &sessions[which]) < 0)
		must_fail("%s: %s", engines[which], sqla_error_last()->message);
}

static bool is_wal(int which)
{
	FILE *file = fopen(paths[which], "r");
	unsigned char header[20] = { 0 };

	if (!file || fread(header, 1, sizeof(header), file) != sizeof(header) || fclose(file) != 0)
		must_fail("cannot read %s", paths[which]);
	return header[18] == 2;
}

/* It cannot be changed in a transaction; and who has the mode already, need not be
 * opened by stock SQLite for it. */
static void set_wal(int which, const char *mode)
{
	if (is_wal(which) != (strcmp(mode, "WAL") == 0))
		must_exec_file(paths[which], "PRAGMA journal_mode = %s", mode);
}

void trio_open(const struct trio_modes *modes)
{
	for (int i = 0; i < TRIO; i++) {
		char *pragma = must_printf("PRAGMA main.journal_mode = %s", modes->of[i]);

		set_wal(i, modes->of[i]);
		open_one(i);
		trio_run(i, pragma);
		free(pragma);
	}
	/* Checkpoints, and a WAL that begins anew, come by too. */
	trio_run(TRIO - 1, "PRAGMA wal_autocheckpoint = 8");
	if (txn_commit() < 0)
		must_fail("%s", sqla_error_last()->message);
}

void trio_close(void)
{
	(void)txn_abort();
	for (int i = 0; i < TRIO; i++)
		sqla_session_close(sessions[i]);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
}

int trio_try(int number)
{
	static const int change[TRIO] = { -7, 3, 4 };
	int status = 0;

	for (int i = 0; i < TRIO; i++) {
		char *sql[] = {
			must_printf("UPDATE account SET cents = cents + %d", change[i]),
			must_printf("INSERT INTO done VALUES (%d)", number),
			must_printf("UPDATE row SET t = hex(randomblob(300)) WHERE id %% 3 = %d",
				    number % 3),
		};

		for (size_t k = 0; k < sizeof(sql) / sizeof(sql[0]); k++) {
			if (status == 0)
				status = sqla_exec(sessions[i], sql[k]);
			free(sql[k]);
		}
	}
	return status < 0 ? status : 0;
}

int trio_transfer(int number)
{
	if (trio_try(number) < 0)
		must_fail("transfer %d: %s", number, sqla_error_last()->message);
	return txn_commit();
}

int trio_write_alone(int which, int number)
{
	char *sql = must_printf("INSERT INTO done VALUES (%d)", number);

	trio_run(which, sql);
	free(sql);
	trio_run(which, "UPDATE row SET t = hex(randomblob(300)) WHERE id = 5");
	return txn_commit();
}

/* ---- as others see it ------------------------------------------------------------- */

static int read_done(int which, const char *vfs)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(paths[which], &db, SQLITE_OPEN_READWRITE, vfs);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, PATIENCE_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "SELECT count(*) FROM done", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return rc;
}

/* Of a WAL that is nothing but its header SQLite does not read that: a power failure
 * took what was behind it, and nothing of it had been sealed. */
static bool is_guarded(int which)
{
	char *path = must_printf("%s-wal", paths[which]);
	FILE *file = fopen(path, "r");
	unsigned char start[32 + 1] = { 0 };
	bool is = file && fread(start, 1, sizeof(start), file) == sizeof(start) &&
		  start[4] >> 4 == 0xa;

	if (file)
		(void)fclose(file);
	free(path);
	return is;
}

int trio_guarded(void)
{
	int n = 0;

	for (int i = 0; i < TRIO; i++)
		n += is_guarded(i);
	return n;
}

/* Whether it can be read is for trio_violation to say; but for a guarded one. */
static void visit(int which, bool with_library)
{
	bool is = is_guarded(which);
	int rc = with_library ? SQLITE_OK : read_done(which, NULL);

	if (!with_library && rc != SQLITE_CANTOPEN && is)
		must_fail("%s is guarded, and opening it answered: %s", paths[which],
			  sqlite3_errstr(rc));
	if (with_library || is)
		(void)read_done(which, vfs_ready());
}

void trio_visit(int first)
{
	for (int i = 0; i < TRIO; i++)
		visit((first + i) % TRIO, first % 2);
}

static int run_shell(int which)
{
	char *argv[] = { (char *)"sqlite3",
			 (char *)"-bail",
			 (char *)"-cmd",
			 (char *)".timeout 20000",
			 paths[which],
			 (char *)"CREATE TEMP TABLE x AS SELECT * FROM done",
			 NULL };

	return files_run(argv);
}

void trio_visit_one_with_shell(int which)
{
	if (run_shell(which) != 0)
		must_fail("sqlite3 %s failed", paths[which]);
}

void trio_visit_with_shell(int first)
{
	for (int i = 0; i < TRIO; i++) {
		int which = (first + i) % TRIO;
		bool is = is_guarded(which);

		if ((run_shell(which) == 0) == is)
			must_fail("sqlite3 %s %s", paths[which], is ? "succeeded" : "failed");
	}
}

/* Waits for a forked child, and expects it to end well. */
static void await(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		must_fail("the visitor failed: %d", status);
}

void trio_visit_with_library(const struct trio_modes *modes)
{
	pid_t pid = fork();

	if (pid == 0) {
		trio_open(modes);
		_exit(0);
	}
	await(pid);
}

void trio_visit_one_with_library(int which)
{
	pid_t pid = fork();

	if (pid == 0) {
		open_one(which);
		trio_run(which, "SELECT 1");
		_exit(0);
	}
	await(pid);
}

sqlite3 *trio_reader(int which)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(paths[which], &db) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN; SELECT * FROM done", NULL, NULL, NULL) != SQLITE_OK)
		must_fail("no reader of %s", paths[which]);
	return db;
}

void trio_end_reader(sqlite3 *reader)
{
	(void)sqlite3_close(reader);
}

int trio_has(int number)
{
	int64_t n = 0;

	for (int i = 0; i < TRIO; i++)
		n += must_query_int_file(paths[i], "SELECT count(*) FROM done WHERE id = %d",
					 number);
	return n == TRIO ? 1 : n == 0 ? 0 : -1;
}

bool trio_has_alone(int which, int number)
{
	return must_query_int_file(paths[which], "SELECT count(*) FROM done WHERE id = %d",
				   number) == 1;
}

/* What a file holds: equal ones of all files are as good as the transfers. */
struct view {
	bool is_whole;
	int64_t cents, n, hash;
};

static int take_row(void *arg, int n, char *values[], char *names[])
{
	struct view *view = arg;

	(void)n;
	(void)names;
	view->is_whole = values[0] && values[1] && strcmp(values[0], "ok") == 0;
	if (!view->is_whole)
		return 0;
	view->cents = atoll(values[1]);
	view->n = atoll(values[2]);
	view->hash = atoll(values[3]);
	return 0;
}

static struct view inspect(int which)
{
	struct view view = { .is_whole = false };
	sqlite3 *db = NULL;

	if (sqlite3_open(paths[which], &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, PATIENCE_MS) != SQLITE_OK ||
	    sqlite3_exec(db,
			 "SELECT (SELECT group_concat(integrity_check) FROM"
			 " pragma_integrity_check), cents, count(id),"
			 " coalesce(sum(id * 2654435761 % 1000003), 0)"
			 " FROM account LEFT JOIN done ON id < 1000000",
			 take_row, &view, NULL) != SQLITE_OK)
		view.is_whole = false;
	(void)sqlite3_close(db);
	return view;
}

char *trio_violation(void)
{
	struct view views[TRIO];
	int64_t cents = 0;

	for (int i = 0; i < TRIO; i++) {
		views[i] = inspect(i);
		cents += views[i].cents;
		if (!views[i].is_whole)
			return must_printf("%s is not whole", engines[i]);
		if (views[i].n != views[0].n || views[i].hash != views[0].hash)
			return must_printf("%s has %lld transfers, %s has %lld", engines[i],
					   (long long)views[i].n, engines[0],
					   (long long)views[0].n);
	}
	if (cents != 1000 * TRIO)
		return must_printf("there are %lld cents", (long long)cents);
	return NULL;
}

static int each_leftover(int (*fn)(const char *path))
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	int n = 0;

	while (directory && (entry = readdir(directory))) {
		char *path = must_printf("%s/%s", folder, entry->d_name);

		if (strstr(entry->d_name, "-sqlassist-")) {
			n++;
			if (fn && fn(path) < 0)
				must_fail("%s", path);
		}
		free(path);
	}
	if (!directory || closedir(directory) != 0)
		must_fail("cannot list %s", folder);
	return n;
}

static char *found_super;

static int keep_super(const char *path)
{
	free(found_super);
	found_super = must_printf("%s", path);
	return 0;
}

char *trio_super(void)
{
	if (each_leftover(keep_super) == 0)
		must_fail("there is no super-journal");
	return must_printf("%s", found_super);
}

int trio_leftovers(void)
{
	return each_leftover(NULL);
}

void trio_remove_leftovers(void)
{
	(void)each_leftover(unlink);
}

static bool is_sealed(int which)
{
	static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	char *path = must_printf("%s-journal", paths[which]);
	FILE *file = fopen(path, "r");
	unsigned char tail[8] = { 0 };
	bool is = file && fseek(file, -8, SEEK_END) == 0 && ftell(file) > 512 &&
		  fread(tail, 1, 8, file) == 8 && memcmp(tail, magic, 8) == 0;

	if (file)
		(void)fclose(file);
	free(path);
	return is;
}

int trio_sealed(void)
{
	int n = 0;

	for (int i = 0; i < TRIO; i++)
		n += is_sealed(i);
	return n;
}
