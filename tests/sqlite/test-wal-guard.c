/* A WAL whose COMMIT was sealed by a process that died: who may open it, and what
 * becomes of it. */
#include "sqlite/wal-guard.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite/vfs.h"
#include "support/files.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

#define UUID "-sqlassist-0b5a1f6c-9f0e-4b55-8c62-6f0d0c1e2a3b"

static char *db_path, *wal_path, *super;

static void setup(void)
{
	db_path = scratch_path("file");
	wal_path = must_printf("%s-wal", db_path);
	super = must_printf("%s" UUID, db_path);
	must_exec_file(db_path, "PRAGMA journal_mode = WAL; CREATE TABLE t(a);"
				"INSERT INTO t VALUES (1)");
}

static void teardown(void)
{
	free(super);
	free(wal_path);
	free(db_path);
}

TestSuite(wal_guard, .init = setup, .fini = teardown);

static sqlite3 *open_with(const char *vfs)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(db_path, &db, SQLITE_OPEN_READWRITE, vfs) != SQLITE_OK)
		must_fail("cannot open %s", db_path);
	return db;
}

static void make_super(void)
{
	int fd = open(super, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 || close(fd) < 0)
		must_fail("cannot create %s", super);
}

static int seal_and_die(void *file)
{
	_exit(vfs_seal(file, super) == SQLITE_OK ? 0 : 1);
}

/* In a process that dies then: row 2 is prepared, and would be the second. */
static void prepare(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		sqlite3 *db = open_with(vfs_ready());

		if (sqlite3_exec(db, "BEGIN; INSERT INTO t VALUES (2)", NULL, NULL, NULL))
			_exit(2);
		vfs_arm(vfs_file_of(db), seal_and_die, vfs_file_of(db));
		(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		_exit(3);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		must_fail("it was not prepared: %d", status);
}

/* How many rows there are, or SQLite's code, negative. */
static int rows_with(const char *vfs)
{
	sqlite3 *db = open_with(vfs);
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &stmt, NULL);
	int n;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	n = rc == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : -(rc & 0xff);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return n;
}

static void change(off_t offset, int whence)
{
	int fd = open(wal_path, O_RDWR);
	off_t at = lseek(fd, offset, whence);
	unsigned char byte;

	if (pread(fd, &byte, 1, at) != 1)
		must_fail("cannot read %s", wal_path);
	byte ^= 1;
	if (pwrite(fd, &byte, 1, at) != 1 || close(fd) < 0)
		must_fail("cannot write %s", wal_path);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

Test(wal_guard, keeps_stock_sqlite_out_and_is_left_as_it_is)
{
	char *copy = must_printf("%s.copy", wal_path);
	char *cp[] = { (char *)"cp", wal_path, copy, NULL };
	char *cmp[] = { (char *)"cmp", wal_path, copy, NULL };

	make_super();
	prepare();
	cr_assert(zero(int, files_run(cp)));
	cr_expect(eq(int, rows_with(NULL), -SQLITE_CANTOPEN));
	cr_expect(zero(int, files_run(cmp)));
	free(copy);
}

Test(wal_guard, is_undone_while_the_super_journal_is_there)
{
	make_super();
	prepare();
	cr_expect(eq(int, rows_with(vfs_ready()), 1));
	cr_expect(eq(int, rows_with(NULL), 1));
}

Test(wal_guard, is_committed_when_the_super_journal_is_gone)
{
	make_super();
	prepare();
	cr_assert(zero(int, unlink(super)));
	cr_expect(eq(int, rows_with(vfs_ready()), 2));
	cr_expect(eq(int, rows_with(NULL), 2));
}

/* It may be on a disk that is not mounted now. */
Test(wal_guard, stays_while_the_folder_of_the_super_journal_cannot_be_seen)
{
	char *folder = must_printf("%s.folder", db_path);

	free(super);
	super = must_printf("%s/file" UUID, folder);
	prepare();
	cr_expect(eq(int, rows_with(vfs_ready()), -SQLITE_CANTOPEN));
	cr_assert(zero(int, mkdir(folder, 0700)));
	make_super();
	cr_expect(eq(int, rows_with(vfs_ready()), 1));
	free(folder);
}

/* The file's end is that of the record: its magic. */
Test(wal_guard, is_undone_without_a_whole_trailer)
{
	prepare();
	change(-1, SEEK_END);
	cr_expect(eq(int, rows_with(vfs_ready()), 1));
}

Test(wal_guard, is_undone_if_the_header_that_was_kept_is_damaged)
{
	off_t name = (off_t)strlen(super) + 16;

	prepare();
	change(-(name + 40), SEEK_END);
	cr_expect(eq(int, rows_with(vfs_ready()), 1));
}

static void copy_header(unsigned char header[WAL_HEADER], bool is_back)
{
	int fd = open(wal_path, O_RDWR);
	ssize_t n = is_back ? pwrite(fd, header, WAL_HEADER, 0) : pread(fd, header, WAL_HEADER, 0);

	if (n != WAL_HEADER || close(fd) < 0)
		must_fail("no header of %s", wal_path);
}

/* As if its own had been lost, and that of an earlier one were back. */
Test(wal_guard, is_undone_if_the_trailer_is_of_another_guard)
{
	unsigned char first[WAL_HEADER], second[WAL_HEADER];
	sqlite3 *db = open_with(NULL); /* keeps the WAL */

	cr_assert(zero(int, sqlite3_exec(db, "INSERT INTO t VALUES (3)", NULL, NULL, NULL)));
	make_super();
	prepare();
	copy_header(first, false);
	cr_assert(eq(int, rows_with(vfs_ready()), 2));
	prepare();
	copy_header(second, false);
	cr_expect(ne(int, memcmp(first + 4, second + 4, 4), 0));
	cr_expect(zero(int, memcmp(first + 8, second + 8, 16)));
	copy_header(first, true);
	cr_assert(zero(int, unlink(super)));
	cr_expect(eq(int, rows_with(vfs_ready()), 2));
	(void)sqlite3_close(db);
}

/* What an undoing has left that a power failure took back: the super-journal may
 * go, and the file is what it was. */
Test(wal_guard, loses_a_trailer_that_is_left_without_it)
{
	unsigned char plain[WAL_HEADER];
	sqlite3 *db = open_with(NULL);
	off_t size;

	cr_assert(zero(int, sqlite3_exec(db, "INSERT INTO t VALUES (3)", NULL, NULL, NULL)));
	copy_header(plain, false);
	prepare();
	size = size_of(wal_path);
	copy_header(plain, true);
	cr_expect(eq(int, rows_with(vfs_ready()), 2));
	cr_expect(lt(i64, size_of(wal_path), size));
	(void)sqlite3_close(db);
}

/* They have the index, and do not look at the WAL's header without a reason. */
Test(wal_guard, keeps_out_who_was_connected_before)
{
	sqlite3 *db = open_with(NULL);
	off_t size;

	cr_assert(zero(int, sqlite3_exec(db, "INSERT INTO t VALUES (3)", NULL, NULL, NULL)));
	make_super();
	prepare();
	cr_assert(zero(int, unlink(super)));
	size = size_of(wal_path);
	cr_expect(eq(int, sqlite3_exec(db, "INSERT INTO t VALUES (4)", NULL, NULL, NULL),
		     SQLITE_CANTOPEN));
	cr_expect(eq(i64, size_of(wal_path), size));
	cr_expect(eq(int, rows_with(vfs_ready()), 3));
	cr_expect(zero(int, sqlite3_exec(db, "INSERT INTO t VALUES (4)", NULL, NULL, NULL)));
	cr_expect(eq(int, rows_with(NULL), 4));
	(void)sqlite3_close(db);
}
