/* A folder in which others write: what lies beside a database under SQLite's
 * names and ours, and who may read what we put there. */
#include "sqlite/guard.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "sqlite/super.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

#define DATABASE "x.db"
#define UUID "77777777-7777-4777-8777-777777777777"
#define SUPER DATABASE "-sqlassist-" UUID

/* Everything is relative to the folder. */
static void setup(void)
{
	struct driver_conn *conn;

	if (chdir(scratch_dir()) < 0)
		must_fail("no folder");
	conn = must_open(DATABASE, NULL);
	must_run(conn, "CREATE TABLE t(i)");
	must_run(conn, "INSERT INTO t VALUES (1)");
	lite_driver.close(conn);
}

TestSuite(guard, .init = setup, .timeout = 30);

static void must_write(const char *name, const void *bytes, size_t size)
{
	FILE *out = fopen(name, "w");

	if (!out || fwrite(bytes, 1, size, out) != size || fclose(out) != 0)
		must_fail("cannot write %s", name);
}

static void must_write_text(const char *name, const char *text)
{
	must_write(name, text, strlen(text));
}

/* What is there and of which kind: S_IFREG and so on; 0: nothing. */
static mode_t kind_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

static mode_t rights_of(const char *name)
{
	struct stat st;

	return stat(name, &st) < 0 ? 0 : st.st_mode & 0777;
}

/* Tells whether the database can be used. */
static bool is_usable(void)
{
	struct driver_conn *conn = must_open(DATABASE, NULL);
	bool is = must_int(conn, "SELECT count(*) FROM t") == 1;

	lite_driver.close(conn);
	return is;
}

static int try_it(void)
{
	char *url = scratch_sqlite_url(DATABASE);
	int status = try_open(url, NULL);

	free(url);
	return status;
}

/* ---- what is not opened -------------------------------------------------------- */

Test(guard, a_fifo_in_place_of_a_journal_is_an_error_and_not_waited_for)
{
	cr_assert(zero(int, mkfifo(DATABASE "-journal", 0600)));
	cr_expect(lt(int, try_it(), 0));
	cr_expect(eq(int, (int)kind_of(DATABASE "-journal"), S_IFIFO));
	cr_assert(zero(int, unlink(DATABASE "-journal")));
	cr_expect(is_usable());
}

Test(guard, a_symbolic_link_in_place_of_a_journal_is_not_followed)
{
	must_write_text("letter", "dear");
	cr_assert(zero(int, symlink("letter", DATABASE "-journal")));
	cr_expect(lt(int, try_it(), 0));
	cr_expect(eq(int, (int)kind_of("letter"), S_IFREG));
}

Test(guard, what_is_no_plain_file_is_no_database)
{
	char *url = scratch_sqlite_url("pipe");

	cr_assert(zero(int, mkfifo("pipe", 0600)));
	cr_expect(lt(int, try_open(url, NULL), 0));
	cr_expect(lt(int, try_open("sqlite:////dev/zero", NULL), 0));
	free(url);
}

Test(guard, a_link_to_a_database_is_followed)
{
	struct driver_conn *conn;

	cr_assert(zero(int, symlink(DATABASE, "link.db")));
	conn = must_open("link.db", NULL);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	lite_driver.close(conn);
}

/* ---- super-journals ---------------------------------------------------------------- */

Test(guard, names_of_super_journals_are_known)
{
	cr_expect(super_is_name("/var/" SUPER));
	cr_expect(super_is_name("x.db-mj0A1B2C9FF"));
	cr_expect(not(super_is_name("x.db-mj0A1B2C0FF")));
	cr_expect(not(super_is_name("-mj0A1B2C9FF")));
	cr_expect(not(super_is_name(SUPER "x")));
	cr_expect(not(super_is_name("-sqlassist-" UUID)));
	cr_expect(not(super_is_name("y.db-journal")));
	cr_expect(not(super_is_name("")));
}

Test(guard, a_fifo_or_a_link_under_the_name_of_a_super_journal_is_left_alone)
{
	cr_assert(zero(int, mkfifo(SUPER, 0600)));
	cr_expect(is_usable());
	cr_expect(eq(int, (int)kind_of(SUPER), S_IFIFO));
	cr_assert(zero(int, unlink(SUPER)));

	must_write_text("letter", "dear");
	cr_assert(zero(int, symlink("letter", SUPER)));
	cr_expect(is_usable());
	cr_expect(eq(int, (int)kind_of(SUPER), S_IFLNK));
	cr_expect(eq(int, (int)kind_of("letter"), S_IFREG));
}

/* Whoever lists what cannot be asked is kept, as a journal would be that cannot be
 * read; and what is listed is only ever read. */
Test(guard, a_super_journal_that_lists_strangers_files_changes_none)
{
	static const char list[] = "pipe-journal\0letter-journal\0../letter-journal\0/dev/tty";

	must_write_text("letter", "dear");
	must_write_text("letter-journal", "dear");
	must_write_text("pipe", "");
	cr_assert(zero(int, mkfifo("pipe-journal", 0600)));
	must_write(SUPER, list, sizeof(list));
	cr_expect(is_usable());
	cr_expect(eq(int, (int)kind_of("letter"), S_IFREG));
	cr_expect(eq(int, (int)kind_of("letter-journal"), S_IFREG));
	cr_expect(eq(int, (int)kind_of("pipe-journal"), S_IFIFO));
	cr_expect(eq(int, (int)kind_of(SUPER), S_IFREG));
}

Test(guard, a_list_without_end_is_not_read)
{
	must_write_text(SUPER, "");
	cr_assert(zero(int, truncate(SUPER, (off_t)1 << 40)));
	cr_expect(is_usable());
	cr_expect(eq(int, (int)kind_of(SUPER), S_IFREG));
}

static void put32(unsigned char *to, unsigned value)
{
	to[0] = (unsigned char)(value >> 24);
	to[1] = (unsigned char)(value >> 16);
	to[2] = (unsigned char)(value >> 8);
	to[3] = (unsigned char)value;
}

/* A hot journal that rolls nothing back and names a super-journal. */
static void must_write_journal(const char *super)
{
	static const unsigned char magic[] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	unsigned char journal[2048] = { 0 }, *tail = journal + 512 + 4 + strlen(super);
	unsigned sum = 0;
	struct stat st;

	cr_assert(zero(int, stat(DATABASE, &st)));
	for (const char *c = super; *c; c++)
		sum += (unsigned char)*c;
	memcpy(journal, magic, sizeof(magic));
	put32(journal + 16, (unsigned)st.st_size / 4096);
	put32(journal + 20, 512);
	put32(journal + 24, 4096);
	put32(journal + 512, 0x40000000u / 4096 + 1);
	memcpy(journal + 516, super, strlen(super));
	put32(tail, (unsigned)strlen(super));
	put32(tail + 4, sum);
	memcpy(tail + 8, magic, sizeof(magic));
	must_write(DATABASE "-journal", journal, (size_t)(tail + 16 - journal));
}

/* That it does so with one that is, shows that the journals here are hot. */
Test(guard, a_journal_removes_no_file_but_a_super_journal)
{
	must_write(SUPER, DATABASE "-journal", sizeof(DATABASE "-journal"));
	must_write_journal(SUPER);
	cr_expect(is_usable());
	cr_expect(zero(int, (int)kind_of(SUPER)));

	must_write_text("letter", "dear");
	must_write_journal("letter");
	(void)try_it();
	cr_expect(is_usable());
	cr_expect(eq(int, (int)kind_of("letter"), S_IFREG));

	must_write_text("y.db-journal", "somebody else's");
	must_write_journal("y.db-journal");
	(void)try_it();
	cr_expect(is_usable());
	cr_expect(eq(int, (int)kind_of("y.db-journal"), S_IFREG));
}

/* ---- rights ---------------------------------------------------------------------------- */

Test(guard, what_is_made_has_no_wider_rights_than_the_database)
{
	static const mode_t modes[] = { 0600, 0640, 0644, 0660 };
	static const char *const journals[] = { DATABASE "-journal" };
	struct driver_conn *conn;

	(void)umask(0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct super *super = NULL;
		char *path = scratch_path(DATABASE);

		cr_assert(zero(int, chmod(DATABASE, modes[i])));
		conn = must_open(DATABASE, NULL);
		must_begin(conn);
		must_run(conn, "INSERT INTO t VALUES (2)");
		cr_expect(eq(int, (int)rights_of(DATABASE "-journal"), (int)modes[i]));
		lite_driver.close(conn);
		cr_assert(zero(int, super_create(path, UUID, journals, 1, &super)));
		cr_expect(eq(int, (int)rights_of(super_path(super)), (int)modes[i]));
		super_discard(super);
		super_free(super);
		free(path);
	}
}

Test(guard, a_new_database_is_written_by_its_owner_alone)
{
	struct driver_conn *conn;

	(void)umask(0);
	conn = must_open("new.db", NULL);
	cr_expect(eq(int, (int)rights_of("new.db"), 0644));
	lite_driver.close(conn);
}
