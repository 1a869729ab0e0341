/* Several files in one transaction: what is committed together, what is refused,
 * and what is left behind. */
#include <sqlassist.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group/trio.h"
#include "support/disk.h"
#include "support/files.h"
#include "support/must.h"
#include "support/test.h"

static const struct trio_modes *const all_modes[] = {
	&trio_delete, &trio_truncate, &trio_persist, &trio_mixed, &trio_wal, &trio_half_wal
};

static void setup(void)
{
	trio_make();
}

static void teardown(void)
{
	trio_close();
}

TestSuite(group, .init = setup, .fini = teardown);

static bool says(const char *text)
{
	return strstr(sqla_error_last()->message, text) || strstr(sqla_error_last()->hint, text);
}

#define expect_refused(status, text)                                               \
	do {                                                                       \
		cr_expect(eq(int, trio_transfer(1), (status)));                    \
		cr_expect(says(text), "%s (%s)", sqla_error_last()->message,       \
			  sqla_error_last()->hint);                                \
		cr_expect(ne(str, (char *)sqla_error_last()->engine, (char *)"")); \
		cr_expect(zero(int, txn_abort()));                                 \
		cr_expect(zero(int, trio_has(1)));                                 \
		cr_expect(zero(int, trio_leftovers()));                            \
	} while (0)

static void expect_whole(void)
{
	char *violation = trio_violation();

	cr_expect(eq(ptr, violation, NULL), "%s", violation);
	free(violation);
}

/* ---- together -------------------------------------------------------------------- */

Test(group, commits_in_each_journal_mode)
{
	for (size_t i = 0; i < sizeof(all_modes) / sizeof(all_modes[0]); i++) {
		if (i > 0)
			trio_close();
		trio_open(all_modes[i]);
		for (int k = 1; k <= 3; k++) {
			int number = (int)i * 10 + k;

			cr_expect(zero(int, trio_transfer(number)), "%s",
				  sqla_error_last()->message);
			cr_expect(eq(int, trio_has(number), 1));
		}
		cr_expect(zero(int, trio_leftovers()));
	}
	expect_whole();
}

Test(group, carries_one_decision_row)
{
	int64_t rows = 0;

	trio_open(&trio_delete);
	cr_expect(zero(int, trio_transfer(1)));
	for (int i = 0; i < TRIO; i++)
		rows += must_query_int_file(trio_path(i), "SELECT count(*) FROM sqlassist_decision"
							  " WHERE verdict = 'committed'");
	cr_expect(eq(i64, rows, 1));
}

Test(group, is_led_by_the_one_that_may_decide)
{
	struct sqla_engine_options never = { .decide = SQLA_DECIDE_NEVER };

	trio_options(0, &never);
	trio_options(2, &never);
	trio_open(&trio_delete);
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	cr_expect(eq(i64,
		     must_query_int_file(trio_path(1), "SELECT count(*) FROM sqlassist_decision"
						       " WHERE verdict = 'committed'"),
		     1));
}

Test(group, without_one_that_may_decide_is_refused)
{
	struct sqla_engine_options never = { .decide = SQLA_DECIDE_NEVER };

	for (int i = 0; i < TRIO; i++)
		trio_options(i, &never);
	trio_open(&trio_delete);
	expect_refused(SQLA_EUNSAFE, "decide is never");
}

/* Pages that were spilled and written again have other checksums in the end. */
static void commit_large_ones(const struct trio_modes *modes)
{
	trio_open(modes);
	for (int i = 0; i < TRIO; i++) {
		trio_run(i, "PRAGMA main.cache_size = 5");
		trio_run(i,
			 "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n"
			 " WHERE i < 3000) INSERT INTO row SELECT i, hex(randomblob(400)) FROM n");
	}
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	for (int i = 0; i < TRIO; i++)
		trio_run(i, "DELETE FROM row WHERE id > 50");
	cr_expect(zero(int, trio_transfer(2)), "%s", sqla_error_last()->message);
	expect_whole();
	cr_expect(eq(int, trio_has(2), 1));
}

Test(group, commits_what_does_not_fit_into_the_cache)
{
	commit_large_ones(&trio_mixed);
}

Test(group, commits_what_does_not_fit_into_the_cache_with_wals)
{
	commit_large_ones(&trio_wal);
}

Test(group, commits_files_that_shrink_by_themselves)
{
	for (int i = 0; i < TRIO; i++)
		must_exec_file(trio_path(i), "PRAGMA auto_vacuum = FULL; VACUUM");
	trio_open(&trio_mixed);
	for (int i = 0; i < TRIO; i++)
		trio_run(i, "INSERT INTO row VALUES (100, hex(randomblob(40000)))");
	cr_expect(zero(int, trio_transfer(1)));
	for (int i = 0; i < TRIO; i++)
		trio_run(i, "DELETE FROM row WHERE id = 100");
	cr_expect(zero(int, trio_transfer(2)), "%s", sqla_error_last()->message);
	expect_whole();
}

Test(group, commits_files_that_are_shrunk_in_its_transaction)
{
	for (int i = 0; i < TRIO; i++)
		must_exec_file(trio_path(i), "PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
	trio_open(&trio_mixed);
	for (int i = 0; i < TRIO; i++)
		trio_run(i, "INSERT INTO row VALUES (100, hex(randomblob(40000)))");
	cr_expect(zero(int, trio_transfer(1)));
	for (int i = 0; i < TRIO; i++) {
		trio_run(i, "DELETE FROM row WHERE id = 100");
		trio_run(i, "PRAGMA main.incremental_vacuum(50)");
	}
	cr_expect(zero(int, trio_transfer(2)), "%s", sqla_error_last()->message);
	expect_whole();
	cr_expect(eq(int, trio_has(2), 1));
}

/* A GiB of one file's changes is in the file before COMMIT comes. */
Test(group, commits_a_gigabyte)
{
	if (!getenv("SQLA_TEST_LONG"))
		cr_skip("make check-long");
	trio_open(&trio_mixed);
	trio_run(1, "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n"
		    " WHERE i < 1124) INSERT INTO row SELECT i, zeroblob(1048576) FROM n");
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	trio_run(1, "UPDATE row SET t = randomblob(1048576) WHERE id >= 100");
	cr_expect(zero(int, trio_transfer(2)), "%s", sqla_error_last()->message);
	trio_run(1, "DELETE FROM row WHERE id >= 100");
	cr_assert(zero(int, trio_try(3)));
	cr_assert(zero(int, txn_abort()));
	expect_whole();
	cr_expect(eq(int, trio_has(2), 1));
	cr_expect(zero(int, trio_has(3)));
}

/* Such a connection keeps its journal open, and cuts it or empties its header. */
Test(group, commits_in_exclusive_locking_mode)
{
	for (size_t i = 0; i < sizeof(all_modes) / sizeof(all_modes[0]); i++) {
		trio_open(all_modes[i]);
		for (int k = 0; k < TRIO; k++)
			trio_run(k, "PRAGMA main.locking_mode = EXCLUSIVE");
		for (int k = 1; k <= 3; k++)
			cr_expect(zero(int, trio_transfer((int)i * 10 + k)), "%s",
				  sqla_error_last()->message);
		trio_close();
		cr_expect(zero(int, trio_leftovers()));
		expect_whole();
	}
	trio_open(&trio_delete);
}

Test(group, commits_when_the_program_has_gone_to_another_folder)
{
	cr_assert(zero(int, chdir(trio_folder())));
	trio_link(0, "link");
	trio_through(0, "sqlite:///link");
	trio_through(1, "sqlite:///ledger");
	trio_open(&trio_delete);
	cr_assert(zero(int, chdir("/")));
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	cr_expect(eq(int, trio_has(1), 1));
}

Test(group, commits_files_of_two_folders_also_through_a_link_to_one)
{
	char *link = must_printf("%s/link", trio_folder()),
	     *url = must_printf("sqlite:///%s/till", link);

	trio_move_to_folder(0, "folder");
	cr_assert(zero(int, symlink("folder", link)));
	trio_through(0, url);
	trio_open(&trio_mixed);
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	cr_expect(eq(int, trio_has(1), 1));
	cr_expect(zero(int, trio_leftovers()));
	expect_whole();
	free(link);
	free(url);
}

/* Its connections do not share it. */
Test(group, commits_in_a_program_that_shares_caches)
{
	cr_assert(zero(int, sqlite3_enable_shared_cache(1)));
	trio_open(&trio_mixed);
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	cr_expect(eq(int, trio_has(1), 1));
	cr_assert(zero(int, sqlite3_enable_shared_cache(0)));
}

Test(group, rolls_back_to_savepoints_and_aborts)
{
	struct txn_savepoint *sp = NULL;

	trio_open(&trio_mixed);
	cr_assert(zero(int, trio_try(1)));
	cr_assert(zero(int, txn_savepoint(0, &sp)), "%s", sqla_error_last()->message);
	cr_assert(zero(int, trio_try(2)));
	cr_assert(zero(int, txn_savepoint_rollback(sp)));
	cr_expect(zero(int, txn_commit()), "%s", sqla_error_last()->message);
	cr_expect(eq(int, trio_has(1), 1));
	cr_expect(zero(int, trio_has(2)));
	cr_assert(zero(int, trio_try(3)));
	cr_assert(zero(int, txn_abort()));
	cr_expect(zero(int, trio_has(3)));
	expect_whole();
}

/* ---- refused ------------------------------------------------------------------------ */

/* They see what was there before, and hold nobody up. */
Test(group, with_wals_does_not_wait_for_readers)
{
	struct sqlite3 *reader;

	trio_open(&trio_wal);
	reader = trio_reader(1);
	cr_expect(zero(int, trio_transfer(1)), "%s", sqla_error_last()->message);
	trio_end_reader(reader);
	cr_expect(eq(int, trio_has(1), 1));
	expect_whole();
}

Test(group, waits_for_a_reader_and_then_is_to_be_tried_again)
{
	struct sqla_engine_options hasty = { .busy_timeout_ms = 100 };
	struct sqlite3 *reader;

	trio_options(1, &hasty);
	trio_open(&trio_mixed);
	reader = trio_reader(1);
	expect_refused(SQLA_ERETRY, trio_path(1));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"ledger"));
	trio_end_reader(reader);
	cr_expect(zero(int, trio_transfer(2)), "%s", sqla_error_last()->message);
	expect_whole();
}

Test(group, with_a_file_in_wal_mode_is_refused_unless_its_engine_says_otherwise)
{
	struct sqla_engine_options none = { .wal_group = SQLA_NO };

	trio_options(1, &none);
	must_exec_file(trio_path(1), "PRAGMA journal_mode = WAL");
	trio_open(&(struct trio_modes){ "wal", { "DELETE", "WAL", "DELETE" } });
	expect_refused(SQLA_EUNSAFE, "journal_mode is wal");
	cr_expect(says("wal_group = yes"));
	cr_expect(says("\"ledger\""));
}

/* The file control that opening with psow=0 makes. */
Test(group, with_a_wal_on_a_disk_that_tears_is_refused)
{
	int psow = 0;

	trio_open(&trio_half_wal);
	cr_assert(zero(int, sqlite3_file_control(trio_native(2), "main",
						 SQLITE_FCNTL_POWERSAFE_OVERWRITE, &psow)));
	expect_refused(SQLA_EUNSAFE, "psow=0");
	cr_expect(says("\"vault\""));
}

Test(group, with_a_journal_in_memory_is_refused)
{
	trio_open(&(struct trio_modes){ "memory", { "DELETE", "DELETE", "MEMORY" } });
	expect_refused(SQLA_EUNSAFE, "journal_mode is memory");
}

/* SQLite ignores that pragma on the library's connections, until it is told not to. */
Test(group, without_a_journal_is_refused)
{
	trio_open(&(struct trio_modes){ "off", { "DELETE", "DELETE", "OFF" } });
	cr_expect(zero(int, trio_transfer(2)), "%s", sqla_error_last()->message);
	cr_assert(zero(int, sqlite3_db_config(trio_native(2), SQLITE_DBCONFIG_DEFENSIVE, 0, NULL)));
	trio_run(2, "PRAGMA main.journal_mode = OFF");
	expect_refused(SQLA_EUNSAFE, "journal_mode is off");
}

Test(group, with_a_journal_that_goes_to_memory_in_the_transaction_is_refused)
{
	trio_open(&trio_delete);
	trio_run(1, "SELECT count(*) FROM row");
	trio_run(1, "PRAGMA main.journal_mode = MEMORY");
	expect_refused(SQLA_EUNSAFE, "journal_mode is memory");
	cr_expect(says("\"ledger\"") || strcmp(sqla_error_last()->engine, "ledger") == 0);
}

Test(group, with_a_database_in_memory_is_refused)
{
	struct sqla_session *s;

	trio_open(&trio_delete);
	cr_assert(zero(int, sqla_engine_register("memory", "sqlite://", NULL)));
	cr_assert(zero(int, sqla_session_open("memory", &s)));
	cr_assert(ge(int, sqla_exec(s, "CREATE TABLE t(x)"), 0));
	expect_refused(SQLA_EUNSAFE, "it is in memory");
	cr_expect(says("\"memory\"") || strcmp(sqla_error_last()->engine, "memory") == 0);
	sqla_session_close(s);
}

/* New text: a folder on another file system than the trio's; NULL: there is none. */
static char *folder_elsewhere(void)
{
	static const char *const parents[] = { "/dev/shm", "/tmp", "/var/tmp", "." };
	struct stat here, there;

	if (stat(trio_folder(), &here) < 0)
		must_fail("%s", trio_folder());
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		char *folder = must_printf("%s/sqla-XXXXXX", parents[i]);

		if (stat(parents[i], &there) == 0 && there.st_dev != here.st_dev && mkdtemp(folder))
			return folder;
		free(folder);
	}
	return NULL;
}

Test(group, of_files_on_different_file_systems_is_refused)
{
	char *folder = folder_elsewhere(), *path, *url, *real;
	struct sqla_session *s;

	if (!folder)
		cr_skip("there is one file system only");
	real = realpath(folder, NULL);
	path = must_printf("%s/other", real);
	url = must_printf("sqlite:///%s", path);
	must_exec_file(path, "CREATE TABLE t(x)");
	trio_open(&trio_delete);
	cr_assert(zero(int, sqla_engine_register("other", url, NULL)));
	cr_assert(zero(int, sqla_session_open("other", &s)));
	cr_assert(ge(int, sqla_exec(s, "INSERT INTO t VALUES (1)"), 0));
	expect_refused(SQLA_EUNSAFE, "different file systems");
	cr_expect(says("\"other\"") || strcmp(sqla_error_last()->engine, "other") == 0);
	sqla_session_close(s);
	cr_expect(zero(int, files_remove_tree(real)));
	free(real);
	free(folder);
	free(path);
	free(url);
}

Test(group, with_a_written_attached_database_is_refused)
{
	char *sql = must_printf("ATTACH '%s/other' AS other", trio_folder());

	trio_open(&trio_delete);
	trio_run(2, sql);
	cr_assert(zero(int, txn_commit()));
	trio_run(2, "CREATE TABLE other.t(a)");
	expect_refused(SQLA_EUNSAFE, "other");
	free(sql);
}

/* Changes N files, and returns what committing them answers. */
static int commit_many(int n, const char *mode)
{
	struct sqla_engine_options options = { .wal_group = SQLA_YES };
	struct sqla_session *sessions[20];
	int status;

	for (int i = 0; i < n; i++) {
		char *name = must_printf("many%d", i);
		char *path = must_printf("%s/%s", trio_folder(), name);
		char *url = must_printf("sqlite:///%s", path);

		must_exec_file(path, "PRAGMA journal_mode = %s; CREATE TABLE IF NOT EXISTS t(a)",
			       i % 2 ? mode : "DELETE");
		if (sqla_engine_register(name, url, &options) < 0 ||
		    sqla_session_open(name, &sessions[i]) < 0 ||
		    sqla_exec(sessions[i], "INSERT INTO t VALUES (1)") < 0)
			must_fail("%s: %s", name, sqla_error_last()->message);
		free(url);
		free(path);
		free(name);
	}
	status = txn_commit();
	cr_expect(says(status < 0 ? "more than 16 files" : ""), "%s", sqla_error_last()->message);
	(void)txn_abort();
	for (int i = 0; i < n; i++)
		sqla_session_close(sessions[i]);
	return status;
}

static void expect_many(int n, int rows)
{
	for (int i = 0; i < n; i++) {
		char *path = must_printf("%s/many%d", trio_folder(), i);

		cr_expect(eq(i64, must_query_int_file(path, "SELECT count(*) FROM t"), rows));
		free(path);
	}
	cr_expect(zero(int, trio_leftovers()));
}

Test(group, has_up_to_sixteen_files)
{
	cr_expect(zero(int, commit_many(16, "PERSIST")), "%s", sqla_error_last()->message);
	expect_many(16, 1);
}

Test(group, has_up_to_sixteen_files_in_wal_mode_and_others)
{
	cr_expect(zero(int, commit_many(16, "WAL")), "%s", sqla_error_last()->message);
	expect_many(16, 1);
}

Test(group, of_seventeen_files_is_refused)
{
	cr_expect(eq(int, commit_many(17, "WAL"), SQLA_EUNSAFE));
	expect_many(17, 0);
}

/* Its second session has written nothing, or SQLite would have refused it. */
Test(group, of_one_file_under_two_names_is_refused)
{
	struct sqla_engine_options changed = { .initial_state = SQLA_INITIAL_CHANGED };
	struct sqla_session *again;
	char *url;

	trio_open(&trio_delete);
	trio_link(0, "again");
	url = must_printf("sqlite:///%s/again", trio_folder());
	cr_assert(zero(int, sqla_engine_register("again", url, &changed)));
	cr_assert(zero(int, sqla_session_open("again", &again)));
	cr_assert(ge(int, sqla_exec(again, "SELECT 1"), 0));
	expect_refused(SQLA_EUNSAFE, "has the same file");
	sqla_session_close(again);
	free(url);
}

Test(group, of_a_path_that_no_journal_can_carry_is_refused)
{
	trio_deepen(1);
	trio_open(&trio_delete);
	expect_refused(SQLA_EUNSAFE, "its path has more than");
}

/* ---- left behind ----------------------------------------------------------------------- */

static char *leave(const char *journal)
{
	char *path = must_printf("%s-sqlassist-0b5a1f6c-9f0e-4b55-8c62-6f0d0c1e2a3b", trio_path(0));
	FILE *file = fopen(path, "w");

	if (!file || fwrite(journal, 1, strlen(journal) + 1, file) != strlen(journal) + 1 ||
	    fclose(file) != 0)
		must_fail("%s", path);
	return path;
}

Test(group, removes_a_super_journal_that_nobody_needs)
{
	char *journal = must_printf("%s-journal", trio_path(1));
	char *path = leave(journal);

	cr_expect(eq(int, trio_leftovers(), 1));
	trio_open(&trio_delete);
	cr_expect(zero(int, trio_leftovers()));
	free(path);
	free(journal);
}

Test(group, leaves_a_super_journal_whose_maker_lives)
{
	char *journal = must_printf("%s-journal", trio_path(1));
	char *path = leave(journal);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	cr_assert(zero(int, flock(fd, LOCK_EX)));
	trio_open(&trio_delete);
	cr_expect(eq(int, trio_leftovers(), 1));
	(void)close(fd);
	free(path);
	free(journal);
}

/* Whether a stock client finds it locked. A forked child would ask the locks that
 * SQLite remembers of this process. */
static bool is_locked(int which)
{
	char *argv[] = { (char *)"sqlite3", (char *)"-bail", (char *)(uintptr_t)trio_path(which),
			 (char *)"BEGIN IMMEDIATE", NULL };

	return files_run(argv) != 0;
}

/* POSIX locks end with the first descriptor of a file that the process closes: looking
 * at what lies beside a database must open none of its own. */
Test(group, keeps_its_locks_while_its_process_recovers_and_asks_the_doctor)
{
	for (size_t i = 0; i < sizeof(all_modes) / sizeof(all_modes[0]); i++) {
		char *journal = must_printf("%s-journal", trio_path(1)), *path = leave(journal);

		if (i > 0)
			trio_close();
		trio_open(all_modes[i]);
		cr_assert(zero(int, trio_try((int)i + 1)), "%s", sqla_error_last()->message);
		free(leave(journal));
		cr_assert(ge(int, sqla_recover(NULL, NULL, NULL, NULL), 0));
		cr_assert(ge(int, sqla_doctor(NULL, NULL, NULL), 0));
		for (int k = 0; k < TRIO; k++)
			cr_expect(is_locked(k), "%s: %s", all_modes[i]->name, trio_path(k));
		cr_expect(zero(int, txn_commit()), "%s", sqla_error_last()->message);
		cr_expect(zero(int, trio_leftovers()));
		free(path);
		free(journal);
	}
	expect_whole();
}

/* The thread sanitizer itself ends a forked child that makes a thread. */
#ifndef __SANITIZE_THREAD__
/* In a child, which tells when it has come so far, and stays. */
static void freeze(int told)
{
	struct sqla_session *s = NULL;

	disk_record(trio_folder());
	trio_open(&trio_mixed);
	disk_fail_decision();
	if (trio_transfer(1) != SQLA_EINDOUBT)
		must_fail("it is not in doubt: %s", sqla_error_last()->message);
	(void)txn_abort();
	for (int i = 0; i < TRIO; i++)
		if (sqla_session_open(trio_engine(i), &s) != SQLA_EINDOUBT &&
		    sqla_exec(s, "SELECT 1") != SQLA_EINDOUBT)
			must_fail("%s: %s", trio_engine(i), sqla_error_last()->message);
	if (write(told, "!", 1) == 1)
		(void)pause();
	_exit(1);
}

Test(group, whose_decision_could_not_be_made_durable_is_locked_until_its_process_ends)
{
	int told[2], status = 0;
	char word = '?';
	pid_t pid;

	cr_assert(zero(int, pipe(told)));
	pid = fork();
	if (pid == 0)
		freeze(told[1]);
	(void)close(told[1]);
	cr_assert(eq(i64, read(told[0], &word, 1), 1));
	for (int i = 0; i < TRIO; i++)
		cr_expect(is_locked(i));
	cr_expect(eq(int, trio_sealed(), TRIO));
	cr_assert(zero(int, kill(pid, SIGKILL)));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	trio_visit(0);
	expect_whole();
	cr_expect(eq(int, trio_has(1), 1));
	(void)close(told[0]);
	trio_open(&trio_mixed);
}
#endif

static void kill_transfer(const struct trio_modes *modes, unsigned at)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		disk_watch(trio_folder());
		trio_open(modes);
		disk_count(at);
		_exit(trio_transfer((int)at) == 0 ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		must_fail("no child");
}

/* Killed when all is sealed: each is rolled back by whoever opens it, and the
 * super-journal stays as long as a journal names it. */
Test(group, keeps_a_super_journal_that_a_journal_names)
{
	unsigned at = 0;

	do {
		trio_visit(0);
		trio_remove_leftovers();
		kill_transfer(&trio_delete, ++at);
	} while (trio_sealed() < TRIO && at < 500);
	cr_assert(eq(int, trio_sealed(), TRIO));
	trio_visit_one_with_library(0);
	cr_expect(eq(int, trio_leftovers(), 1));
	trio_visit(1);
	cr_expect(zero(int, trio_has((int)at)));
	expect_whole();
	trio_open(&trio_delete);
	cr_expect(zero(int, trio_leftovers()));
}

/* Killed when all is guarded: a readonly engine leaves that to others, and so does
 * whoever cannot see whether the super-journal is there. */
Test(group, leaves_a_guarded_wal_to_an_engine_that_may_write)
{
	struct sqla_engine_options readonly = { .readonly = SQLA_YES };
	struct sqla_session *session;
	unsigned at = 0;
	char *url = must_printf("sqlite:///%s", trio_path(0));

	do {
		trio_visit(1);
		kill_transfer(&trio_wal, ++at);
	} while (trio_guarded() < TRIO && at < 500);
	cr_assert(eq(int, trio_guarded(), TRIO));
	cr_assert(zero(int, sqla_engine_register("readonly", url, &readonly)));
	cr_assert(zero(int, sqla_session_open("readonly", &session)));
	cr_expect(lt(int, sqla_exec(session, "SELECT * FROM done"), 0));
	cr_expect(says("unable to open database file"));
	cr_expect(says("sqlassist doctor"), "%s (%s)", sqla_error_last()->message,
		  sqla_error_last()->hint);
	cr_expect(eq(int, trio_guarded(), TRIO));
	(void)txn_abort();
	sqla_session_close(session);
	trio_visit_one_with_library(0);
	cr_expect(eq(int, trio_guarded(), TRIO - 1));
	trio_visit(1);
	cr_expect(zero(int, trio_guarded()));
	cr_expect(zero(int, trio_has((int)at)));
	expect_whole();
	trio_open(&trio_wal);
	free(url);
}
