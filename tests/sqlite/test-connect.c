#include "sqlite/connect.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static int check(const char *url, const char *isolation)
{
	char copy[128];
	char name[] = "till";
	struct engine_config config = {
		.driver = &lite_driver,
		.name = name,
		.url = copy,
		.redacted_url = copy,
		.options = { .isolation = isolation },
	};

	(void)snprintf(copy, sizeof(copy), "%s", url);
	return lite_driver.check(&config);
}

static char *text_of(struct driver_conn *conn, const char *sql)
{
	static char text[64];
	struct driver_rows *rows = NULL;
	const char *found = "";

	cr_assert(eq(int, lite_driver.execute(conn, sql, NULL, 0, &rows, NULL), 0));
	cr_assert(eq(int, rows->ops->next(rows), 1));
	cr_assert(eq(int, rows->ops->get_text(rows, 0, &found), 0));
	(void)snprintf(text, sizeof(text), "%s", found);
	rows->ops->free(rows);
	return text;
}

Test(connect, takes_the_three_forms_of_urls)
{
	cr_expect(eq(int, check("sqlite://", NULL), 0));
	cr_expect(eq(int, check("sqlite:///relative.db", NULL), 0));
	cr_expect(eq(int, check("sqlite:////absolute.db", NULL), 0));
	cr_expect(lite_driver.claims_url("sqlite:///x"));
	cr_expect(not(lite_driver.claims_url("postgresql:///x")));
	cr_expect(not(lite_driver.claims_url("sqlite")));
}

Test(connect, refuses_urls_with_host_parameters_or_no_file)
{
	cr_expect(eq(int, check("sqlite://host/x.db", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, check("sqlite:///", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, check("sqlite:///x.db?mode=ro", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, check("sqlite:///x.db#part", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, check("sqlite:///x%00.db", NULL), SQLA_ECONFIG));
	cr_expect(ne(int, sqla_error_last()->hint[0], 0));
}

Test(connect, refuses_an_isolation_of_another_database)
{
	cr_expect(eq(int, check("sqlite:///x", "immediate"), 0));
	cr_expect(eq(int, check("sqlite:///x", "serializable"), SQLA_ECONFIG));
}

Test(connect, undoes_percent_escapes_as_sqlite_does)
{
	struct driver_conn *conn = must_open("a%20b%3F.db", NULL);
	char *path = scratch_path("a b?.db");

	cr_expect(eq(int, access(path, F_OK), 0));
	lite_driver.close(conn);
	free(path);
}

Test(connect, opens_a_path_with_two_leading_slashes)
{
	char url[256];

	(void)snprintf(url, sizeof(url), "sqlite:////%s/x.db", scratch_dir());
	cr_expect(eq(int, try_open(url, NULL), 0));
}

Test(connect, tells_of_a_missing_directory)
{
	cr_expect(eq(int, try_open("sqlite:////nowhere/at/all.db", NULL), SQLA_ECONNECT));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)"till"));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "/nowhere/at/all.db"), NULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "No such file"), NULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "directory"), NULL));
	cr_expect(eq(int, sqla_error_last()->sqlite_code & 0xff, SQLITE_CANTOPEN));
}

Test(connect, tells_of_a_directory_in_place_of_a_file)
{
	char url[256];

	(void)snprintf(url, sizeof(url), "sqlite:///%s", scratch_dir());
	cr_expect(eq(int, try_open(url, NULL), SQLA_ECONNECT));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "directory"), NULL));
}

Test(connect, tells_of_a_file_that_is_no_database)
{
	char *path = scratch_path("letter.db");
	char *url = scratch_sqlite_url("letter.db");
	FILE *file = fopen(path, "w");

	for (int i = 0; i < 200; i++)
		(void)fprintf(file, "Dear Sir or Madam, ");
	(void)fclose(file);
	cr_expect(eq(int, try_open(url, NULL), SQLA_ECONNECT));
	cr_expect(eq(int, sqla_error_last()->sqlite_code, SQLITE_NOTADB));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "not an SQLite database"), NULL));
	free(path);
	free(url);
}

Test(connect, tells_of_missing_rights)
{
	char *path = scratch_path("secret.db");
	char *url = scratch_sqlite_url("secret.db");

	must_exec_file(path, "CREATE TABLE t(x)");
	cr_assert(eq(int, chmod(path, 0), 0));
	if (geteuid() == 0)
		cr_assert(eq(int, seteuid(65534), 0));
	cr_expect(eq(int, try_open(url, NULL), SQLA_ECONNECT));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "Permission denied"), NULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "right to read and write"), NULL));
	if (getuid() == 0)
		cr_assert(eq(int, seteuid(0), 0));
	free(path);
	free(url);
}

Test(connect, reads_a_file_that_cannot_be_written_and_says_so_at_the_write)
{
	char *path = scratch_path("locked.db");
	struct driver_conn *conn;

	must_exec_file(path, "CREATE TABLE t(x)");
	cr_assert(eq(int, chmod(path, 0444), 0));
	if (geteuid() == 0)
		cr_assert(eq(int, seteuid(65534), 0));
	conn = must_open("locked.db", NULL);
	must_begin(conn);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, run(conn, "INSERT INTO t VALUES (1)"), SQLA_EREADONLY));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "right to write"), NULL));
	cr_expect(eq(int, (int)lite_driver.abilities(conn), 0));
	cr_expect(ne(ptr, strstr(lite_driver.why_not(conn, TXN_DECIDES), "only be read"), NULL));
	lite_driver.close(conn);
	if (getuid() == 0)
		cr_assert(eq(int, seteuid(0), 0));
	free(path);
}

Test(connect, creates_a_file_for_a_session_and_none_for_recovery)
{
	char *url = scratch_sqlite_url("fresh.db");
	struct engine_config *config = lite_config_of(url, NULL);
	char *path = scratch_path("fresh.db");
	struct driver_conn *conn = NULL;

	cr_expect(eq(int, lite_driver.open(config, DRIVER_RECOVERY, &conn), SQLA_ECONNECT));
	cr_expect(eq(ptr, conn, NULL));
	cr_expect(ne(int, access(path, F_OK), 0));
	cr_expect(eq(int, lite_driver.open(config, DRIVER_SESSION, &conn), 0));
	cr_expect(eq(int, access(path, F_OK), 0));
	lite_driver.close(conn);
	config_unref(config);
	free(path);
	free(url);
}

Test(connect, makes_no_file_for_a_readonly_engine)
{
	struct sqla_engine_options options = { .readonly = SQLA_YES };
	char *url = scratch_sqlite_url("none.db");

	cr_expect(eq(int, try_open(url, &options), SQLA_ECONNECT));
	free(url);
}

Test(connect, sets_what_safety_needs)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	cr_expect(eq(i64, must_int(conn, "PRAGMA synchronous"), 3));
	cr_expect(eq(i64, must_int(conn, "PRAGMA foreign_keys"), 1));
	cr_expect(eq(i64, must_int(conn, "PRAGMA trusted_schema"), 0));
	lite_driver.close(conn);
}

Test(connect, refuses_writes_of_a_readonly_engine)
{
	struct sqla_engine_options options = { .readonly = SQLA_YES };
	struct driver_conn *conn;

	lite_driver.close(must_open("x.db", NULL));
	conn = must_open("x.db", &options);
	cr_expect(eq(int, run(conn, "CREATE TABLE t(x)"), SQLA_EREADONLY));
	must_begin(conn);
	cr_expect(eq(int, run(conn, "CREATE TABLE t(x)"), SQLA_EREADONLY));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	cr_expect(eq(int, (int)lite_driver.abilities(conn), 0));
	lite_driver.close(conn);
}

Test(connect, keeps_memory_databases_apart)
{
	struct engine_config *config = lite_config_of("sqlite://", NULL);
	struct driver_conn *one = NULL, *two = NULL;

	cr_assert(eq(int, lite_driver.open(config, DRIVER_SESSION, &one), 0));
	cr_assert(eq(int, lite_driver.open(config, DRIVER_SESSION, &two), 0));
	must_run(one, "CREATE TABLE t(x)");
	cr_expect(eq(int, run(two, "SELECT * FROM t"), SQLA_EDATABASE));
	cr_expect(eq(int, (int)lite_driver.abilities(one), 0));
	cr_expect(ne(ptr, strstr(lite_driver.why_not(one, TXN_DECIDES), "memory"), NULL));
	lite_driver.close(one);
	lite_driver.close(two);
	config_unref(config);
}

Test(connect, is_idle_only_without_transaction_and_rows)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	struct driver_rows *rows = NULL;

	cr_expect(lite_driver.is_idle(conn));
	must_begin(conn);
	cr_expect(not(lite_driver.is_idle(conn)));
	cr_expect(eq(int, lite_driver.reset(conn), 0));
	cr_expect(lite_driver.is_idle(conn));
	cr_assert(eq(int, lite_driver.execute(conn, "SELECT 1", NULL, 0, &rows, NULL), 0));
	cr_expect(not(lite_driver.is_idle(conn)));
	cr_expect(eq(int, lite_driver.reset(conn), 0));
	cr_expect(lite_driver.is_idle(conn));
	rows->ops->free(rows);
	lite_driver.close(conn);
}

Test(connect, is_not_idle_while_a_native_statement_reads)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	sqlite3 *db = lite_driver.native(conn);
	sqlite3_stmt *stmt = NULL;

	cr_assert(eq(int, sqlite3_prepare_v2(db, "SELECT 1", -1, &stmt, NULL), SQLITE_OK));
	cr_assert(eq(int, sqlite3_step(stmt), SQLITE_ROW));
	cr_expect(not(lite_driver.is_idle(conn)));
	cr_expect(eq(int, lite_driver.reset(conn), 0));
	cr_expect(lite_driver.is_idle(conn));
	(void)sqlite3_finalize(stmt);
	lite_driver.close(conn);
}

Test(connect, closes_while_a_native_statement_is_left)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	sqlite3_stmt *stmt = NULL;

	cr_assert(eq(int, sqlite3_prepare_v2(lite_driver.native(conn), "SELECT 1", -1, &stmt, NULL),
		     SQLITE_OK));
	lite_driver.close(conn);
	cr_expect(eq(int, sqlite3_finalize(stmt), SQLITE_OK));
}

Test(connect, notices_that_the_file_was_replaced)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	char *path = scratch_path("x.db");

	cr_expect(eq(int, lite_driver.ping(conn), 0));
	cr_assert(eq(int, unlink(path), 0));
	cr_expect(eq(int, lite_driver.ping(conn), SQLA_ECONNECT));
	cr_expect(conn->is_broken);
	lite_driver.close(conn);
	free(path);
}

Test(connect, waits_for_a_lock_no_longer_than_it_may)
{
	struct sqla_engine_options options = { .busy_timeout_ms = 100 };
	struct driver_conn *writer = must_open("x.db", NULL);
	struct driver_conn *waiter = must_open("x.db", &options);

	must_begin(writer);
	must_run(writer, "CREATE TABLE t(x)");
	must_begin(waiter);
	cr_expect(eq(int, run(waiter, "CREATE TABLE u(x)"), SQLA_ERETRY));
	cr_expect(lite_driver.is_transient(waiter));
	cr_expect(eq(int, sqla_error_last()->sqlite_code & 0xff, SQLITE_BUSY));
	cr_expect(eq(int, lite_driver.rollback(waiter), 0));
	lite_driver.close(writer);
	lite_driver.close(waiter);
}

/* Nobody else could have the file, nor recovery look at it, while a pool has this. */
Test(connect, is_not_idle_while_it_keeps_its_locks)
{
	struct sqla_engine_options options = { .busy_timeout_ms = 100 };
	struct driver_conn *conn = must_open("x.db", NULL);
	struct driver_conn *other;

	must_run(conn, "CREATE TABLE t(x)");
	other = must_open("x.db", &options);
	must_begin(conn);
	must_run(conn, "PRAGMA locking_mode = EXCLUSIVE");
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(int, run(other, "INSERT INTO t VALUES (2)"), SQLA_ERETRY));
	cr_expect(not(lite_driver.is_idle(conn)));
	lite_driver.close(conn);
	must_run(other, "INSERT INTO t VALUES (2)");
	cr_expect(lite_driver.is_idle(other));
	lite_driver.close(other);
}

Test(connect, is_idle_in_memory_whatever_locks_it_keeps)
{
	struct engine_config *config = lite_config_of("sqlite://", NULL);
	struct driver_conn *conn = NULL;

	cr_assert(eq(int, lite_driver.open(config, DRIVER_SESSION, &conn), 0));
	must_run(conn, "PRAGMA locking_mode = EXCLUSIVE");
	cr_expect(lite_driver.is_idle(conn));
	lite_driver.close(conn);
	config_unref(config);
}

Test(connect, keeps_the_journal_mode_that_the_file_has)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	cr_expect(eq(str, text_of(conn, "PRAGMA journal_mode = WAL"), (char *)"wal"));
	lite_driver.close(conn);
	conn = must_open("x.db", NULL);
	cr_expect(eq(str, text_of(conn, "PRAGMA journal_mode"), (char *)"wal"));
	lite_driver.close(conn);
}
