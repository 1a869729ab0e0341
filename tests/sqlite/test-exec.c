#include "sqlite/exec.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static struct driver_conn *open_with_table(void)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	must_run(conn, "CREATE TABLE t(a, b)");
	return conn;
}

Test(exec, sends_begin_with_the_first_statement)
{
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	cr_expect(ne(int, sqlite3_get_autocommit(lite_driver.native(conn)), 0));
	must_run(conn, "SELECT 1");
	cr_expect(eq(int, sqlite3_get_autocommit(lite_driver.native(conn)), 0));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	must_begin(conn);
	cr_expect(eq(int, lite_driver.begin_now(conn), 0));
	cr_expect(eq(int, sqlite3_get_autocommit(lite_driver.native(conn)), 0));
	lite_driver.close(conn);
}

Test(exec, begins_as_the_isolation_says)
{
	struct sqla_engine_options options = { .isolation = "immediate" };
	struct driver_conn *conn = must_open("x.db", &options);

	must_begin(conn);
	must_run(conn, "SELECT 1");
	cr_expect(eq(int, sqlite3_txn_state(lite_driver.native(conn), "main"), SQLITE_TXN_WRITE));
	lite_driver.close(conn);
}

Test(exec, refuses_a_second_begin)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	must_begin(conn);
	cr_expect(eq(int, lite_driver.begin(conn, false), SQLA_EALREADY));
	lite_driver.close(conn);
}

Test(exec, binds_placeholders_by_number)
{
	struct driver_conn *conn = open_with_table();
	struct sqla_value values[] = { sqla_int(1), sqla_text("it's \xc3\xa4 \"q\"") };

	cr_expect(eq(int, run_values(conn, "INSERT INTO t VALUES ($2, $1)", values, 2), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT b FROM t"), 1));
	cr_expect(eq(int, run_values(conn, "INSERT INTO t VALUES ($1, $1)", values, 1), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT a + b FROM t WHERE b = a"), 2));
	lite_driver.close(conn);
}

Test(exec, keeps_every_type)
{
	struct driver_conn *conn = open_with_table();
	struct sqla_value values[] = { sqla_int(INT64_MIN),  sqla_real(0.1),
				       sqla_bool(true),	     sqla_null(),
				       sqla_blob("a\0b", 3), sqla_blob(NULL, 0),
				       sqla_text("") };

	cr_expect(eq(i64, must_int(conn, "SELECT 1"), 1));
	must_run(conn, "CREATE TABLE v(a, b, c, d, e, f, g)");
	cr_expect(
		eq(int,
		   run_values(conn, "INSERT INTO v VALUES ($1, $2, $3, $4, $5, $6, $7)", values, 7),
		   0));
	cr_expect(eq(i64,
		     must_int(conn, "SELECT a = -9223372036854775808 AND b = 0.1 AND c = 1 AND "
				    "d IS NULL AND e = x'610062' AND f = x'' AND g = '' AND "
				    "typeof(f) = 'blob' AND typeof(g) = 'text' FROM v"),
		     1));
	lite_driver.close(conn);
}

Test(exec, wants_as_many_values_as_placeholders)
{
	struct driver_conn *conn = open_with_table();
	struct sqla_value values[] = { sqla_int(1), sqla_int(2), sqla_int(3) };

	cr_expect(eq(int, run_values(conn, "INSERT INTO t VALUES ($1, $2)", values, 1),
		     SQLA_EMISUSE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "$2"), NULL));
	cr_expect(eq(int, run_values(conn, "INSERT INTO t VALUES ($1, $2)", values, 3),
		     SQLA_EMISUSE));
	cr_expect(eq(int, run_values(conn, "SELECT 1", values, 1), SQLA_EMISUSE));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	lite_driver.close(conn);
}

Test(exec, refuses_placeholders_of_other_kinds)
{
	struct driver_conn *conn = open_with_table();
	struct sqla_value value = sqla_int(1);

	cr_expect(eq(int, run_values(conn, "SELECT ?", &value, 1), SQLA_EMISUSE));
	cr_expect(eq(int, run_values(conn, "SELECT :a", &value, 1), SQLA_EMISUSE));
	cr_expect(eq(int, run_values(conn, "SELECT $1::text", &value, 1), SQLA_EMISUSE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "CAST"), NULL));
	lite_driver.close(conn);
}

Test(exec, refuses_values_that_sqlite_would_change)
{
	struct driver_conn *conn = open_with_table();
	struct sqla_value not_a_number = sqla_real(NAN), text = sqla_text_n("a\0b", 3);

	cr_expect(eq(int, run_values(conn, "SELECT $1", &not_a_number, 1), SQLA_EMISUSE));
	cr_expect(eq(int, run_values(conn, "SELECT $1", &text, 1), SQLA_EMISUSE));
	lite_driver.close(conn);
}

Test(exec, takes_one_statement_at_a_time)
{
	struct driver_conn *conn = open_with_table();

	cr_expect(eq(int, run(conn, "INSERT INTO t VALUES (1, 2); SELECT 1"), SQLA_EMISUSE));
	cr_expect(eq(int, run(conn, "SELECT 1; nonsense"), SQLA_EMISUSE));
	cr_expect(eq(int, run(conn, "SELECT 1; PRAGMA foreign_keys = OFF"), SQLA_EMISUSE));
	cr_expect(eq(int, run(conn, "SELECT ';' ; -- a comment; more\n ;/* SELECT 1; */ "), 0));
	cr_expect(eq(int, run(conn, " -- nothing"), SQLA_EMISUSE));
	cr_expect(eq(int, run(conn, ""), SQLA_EMISUSE));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(i64, must_int(conn, "PRAGMA foreign_keys"), 1));
	lite_driver.close(conn);
}

Test(exec, counts_what_the_statement_changed)
{
	struct driver_conn *conn = open_with_table();
	int64_t n = -1;

	must_run(conn, "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
	cr_expect(eq(int,
		     lite_driver.execute(conn, "UPDATE t SET b = 0 WHERE a < 3", NULL, 0, NULL, &n),
		     0));
	cr_expect(eq(i64, n, 2));
	cr_expect(eq(int, lite_driver.execute(conn, "SELECT 1", NULL, 0, NULL, &n), 0));
	cr_expect(eq(i64, n, 0));
	cr_expect(eq(int, lite_driver.execute(conn, "CREATE TABLE u(x)", NULL, 0, NULL, &n), 0));
	cr_expect(eq(i64, n, 0));
	cr_expect(eq(int, lite_driver.execute(conn, "DELETE FROM t", NULL, 0, NULL, &n), 0));
	cr_expect(eq(i64, n, 3));
	lite_driver.close(conn);
}

Test(exec, goes_on_after_a_refused_statement)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	must_run(conn, "CREATE TABLE t(a UNIQUE)");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(int, run(conn, "INSERT INTO t VALUES (1)"), SQLA_EDATABASE));
	cr_expect(eq(int, sqla_error_last()->sqlite_code, SQLITE_CONSTRAINT_UNIQUE));
	cr_expect(eq(int, run(conn, "SELEC"), SQLA_EDATABASE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "syntax error"), NULL));
	cr_expect(not(lite_driver.is_transient(conn)));
	must_run(conn, "INSERT INTO t VALUES (2)");
	cr_expect(eq(int, lite_driver.ask(conn), TXN_CHANGED));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 2));
	lite_driver.close(conn);
}

Test(exec, notices_that_sqlite_rolled_back_by_itself)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	must_run(conn, "CREATE TABLE t(a UNIQUE)");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(int, run(conn, "INSERT OR ROLLBACK INTO t VALUES (1)"), SQLA_EDATABASE));
	cr_expect(eq(int, run(conn, "INSERT INTO t VALUES (2)"), SQLA_EFAILED));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "UNIQUE"), NULL));
	cr_expect(eq(int, lite_driver.ask(conn), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.commit(conn), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 1), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	cr_expect(lite_driver.is_idle(conn));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	lite_driver.close(conn);
}

Test(exec, notices_a_full_disk)
{
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	must_run(conn, "PRAGMA max_page_count = 8");
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	cr_expect(
		eq(int, run(conn, "INSERT INTO t VALUES (1, zeroblob(1000000))"), SQLA_EDATABASE));
	cr_expect(eq(int, sqla_error_last()->sqlite_code, SQLITE_FULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "room"), NULL));
	if (sqlite3_get_autocommit(lite_driver.native(conn)))
		cr_expect(eq(int, lite_driver.ask(conn), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	lite_driver.close(conn);
}

Test(exec, refuses_a_typed_commit_and_keeps_the_work)
{
	static const char *const verbs[] = { "COMMIT", "END", "ROLLBACK", "BEGIN" };
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	for (size_t i = 0; i < 4; i++)
		cr_expect(eq(int, run(conn, verbs[i]), SQLA_EMANAGED), "%s", verbs[i]);
	cr_expect(eq(int, sqlite3_exec(lite_driver.native(conn), "COMMIT", NULL, NULL, NULL),
		     SQLITE_AUTH));
	must_run(conn, "SAVEPOINT mine");
	must_run(conn, "RELEASE mine");
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	lite_driver.close(conn);
}

Test(exec, notices_a_commit_that_a_native_handle_forced)
{
	struct driver_conn *conn = open_with_table();
	sqlite3 *db = lite_driver.native(conn);

	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	(void)sqlite3_set_authorizer(db, NULL, NULL);
	cr_expect(eq(int, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK));
	cr_expect(eq(int, lite_driver.ask(conn), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.commit(conn), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	lite_driver.close(conn);
}

Test(exec, lets_autocommit_sessions_begin_by_hand)
{
	struct driver_conn *conn = open_with_table();

	must_run(conn, "BEGIN");
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	cr_expect(not(lite_driver.is_idle(conn)));
	must_run(conn, "COMMIT");
	cr_expect(lite_driver.is_idle(conn));
	lite_driver.close(conn);
}

Test(exec, has_savepoints)
{
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 1), 0));
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 2), 0));
	must_run(conn, "INSERT INTO t VALUES (2, 2)");
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 2), 0));
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 2), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 1), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	must_run(conn, "INSERT INTO t VALUES (3, 3)");
	cr_expect(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_RELEASE, 1), 0));
	cr_expect(
		eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 1), SQLA_EDATABASE));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	lite_driver.close(conn);
}

Test(exec, reads_only_in_a_readonly_transaction)
{
	struct driver_conn *conn = open_with_table();

	cr_expect(eq(int, lite_driver.begin(conn, true), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, run(conn, "INSERT INTO t VALUES (1, 1)"), SQLA_EREADONLY));
	cr_expect(eq(int, lite_driver.ask(conn), 0));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	lite_driver.close(conn);
}

static void *cancel_soon(void *arg)
{
	(void)usleep(100000);
	lite_driver.cancel(arg);
	return NULL;
}

static int run_and_cancel(struct driver_conn *conn, const char *sql)
{
	pthread_t thread;
	int status;

	cr_assert(eq(int, pthread_create(&thread, NULL, cancel_soon, conn), 0));
	status = run(conn, sql);
	(void)pthread_join(thread, NULL);
	return status;
}

Test(exec, is_cancelled_in_a_long_statement)
{
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	cr_expect(eq(int,
		     run_and_cancel(conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
					  "SELECT i + 1 FROM n) SELECT max(i) FROM n"),
		     SQLA_ETIMEOUT));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	must_begin(conn);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	lite_driver.close(conn);
}

Test(exec, fails_for_good_when_a_write_is_cancelled)
{
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	cr_expect(eq(int,
		     run_and_cancel(conn, "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 "
					  "UNION ALL SELECT i + 1 FROM n) SELECT i, i FROM n"),
		     SQLA_ETIMEOUT));
	cr_expect(eq(int, run(conn, "SELECT 1"), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.ask(conn), SQLA_EFAILED));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	lite_driver.close(conn);
}

/* SETTING is what the application does first; the lock is waited for no less. */
static void check_cancelled_waiting(const char *setting, bool by_hand)
{
	struct sqla_engine_options options = { .busy_timeout_ms = 20000 };
	struct driver_conn *writer = open_with_table();
	struct driver_conn *waiter = must_open("x.db", &options);
	int64_t start = clock_ms();

	must_begin(writer);
	must_run(writer, "INSERT INTO t VALUES (1, 1)");
	must_begin(waiter);
	if (by_hand)
		(void)sqlite3_exec(lite_driver.native(waiter), setting, NULL, NULL, NULL);
	else if (setting)
		must_run(waiter, setting);
	cr_expect(eq(int, run_and_cancel(waiter, "INSERT INTO t VALUES (2, 2)"), SQLA_ETIMEOUT));
	cr_expect(lt(i64, clock_ms() - start, 5000));
	lite_driver.close(waiter);
	lite_driver.close(writer);
}

Test(exec, is_cancelled_while_it_waits_for_a_lock)
{
	check_cancelled_waiting(NULL, false);
}

Test(exec, is_cancelled_while_it_waits_for_a_lock_though_sqlite_was_told_how)
{
	check_cancelled_waiting("PRAGMA busy_timeout = 20000", false);
}

Test(exec, is_cancelled_while_it_waits_for_a_lock_though_sqlite_was_told_how_by_hand)
{
	check_cancelled_waiting("PRAGMA busy_timeout = 20000", true);
}

Test(exec, answers_nothing_on_a_broken_connection)
{
	struct driver_conn *conn = open_with_table();

	must_begin(conn);
	lite_driver.give_up(conn);
	cr_expect(eq(int, run(conn, "SELECT 1"), SQLA_ECONNECT));
	cr_expect(eq(int, lite_driver.ask(conn), SQLA_ECONNECT));
	cr_expect(not(lite_driver.is_idle(conn)));
	lite_driver.close(conn);
}
