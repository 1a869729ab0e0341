#include "sqlite/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite/driver.h"
#include "sqlite/exec.h"
#include "sqlite/lite.h"
#include "sqlite/rows.h"
#include "support/must.h"
#include "support/test.h"

static struct driver_conn *open_with_table(const struct sqla_engine_options *options)
{
	struct driver_conn *conn = must_open("x.db", options);

	must_run(conn, "CREATE TABLE t(a)");
	return conn;
}

static sqlite3 *db_of(struct driver_conn *conn)
{
	return lite_driver.native(conn);
}

/* How many statements with that text are compiled on the connection. */
static int compiled(struct driver_conn *conn, const char *sql)
{
	int n = 0;

	for (sqlite3_stmt *stmt = sqlite3_next_stmt(db_of(conn), NULL); stmt;
	     stmt = sqlite3_next_stmt(db_of(conn), stmt))
		n += strcmp(sqlite3_sql(stmt), sql) == 0;
	return n;
}

static const char insert[] = "INSERT INTO t VALUES ($1)";

static int run_insert(struct driver_conn *conn, int64_t n)
{
	const struct sqla_value value = sqla_int(n);

	return run_values(conn, insert, &value, 1);
}

Test(statement, stays_compiled_and_takes_new_values)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	cr_assert(zero(int, run_insert(conn, 1)));
	cr_expect(eq(int, compiled(conn, insert), 1));
	cr_assert(zero(int, run_insert(conn, 2)));
	cr_expect(eq(int, compiled(conn, insert), 1));
	cr_assert(zero(int, lite_driver.commit(conn)));
	cr_expect(eq(i64, must_int(conn, "SELECT sum(a) FROM t"), 3));
	lite_driver.close(conn);
}

Test(statement, keeps_no_values)
{
	struct driver_conn *conn = open_with_table(NULL);

	cr_assert(zero(int, run_insert(conn, 1)));
	cr_expect(lt(int, run_values(conn, insert, NULL, 0), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	lite_driver.close(conn);
}

Test(statement, can_run_while_its_rows_are_read)
{
	static const char select[] = "SELECT a FROM t ORDER BY a";
	struct driver_conn *conn = open_with_table(NULL);
	struct driver_rows *outer, *inner;
	int64_t a = 0, b = 0;

	cr_assert(zero(int, run_insert(conn, 1)));
	cr_assert(zero(int, run_insert(conn, 2)));
	must_begin(conn);
	cr_assert(zero(int, lite_driver.execute(conn, select, NULL, 0, &outer, NULL)));
	cr_assert(eq(int, outer->ops->next(outer), 1));
	cr_assert(zero(int, lite_driver.execute(conn, select, NULL, 0, &inner, NULL)));
	cr_assert(eq(int, inner->ops->next(inner), 1));
	cr_assert(eq(int, inner->ops->next(inner), 1));
	cr_assert(zero(int, outer->ops->get_int(outer, 0, &a)));
	cr_assert(zero(int, inner->ops->get_int(inner, 0, &b)));
	cr_expect(eq(i64, a, 1));
	cr_expect(eq(i64, b, 2));
	inner->ops->free(inner);
	outer->ops->free(outer);
	cr_expect(eq(int, compiled(conn, select), 1));
	lite_driver.close(conn);
}

Test(statement, stays_compiled_when_another_was_used_meanwhile)
{
	static const char select[] = "SELECT a FROM t";
	struct driver_conn *conn = open_with_table(NULL);
	struct driver_rows *rows;

	cr_assert(zero(int, run_insert(conn, 1)));
	for (int i = 0; i < 2; i++) {
		must_begin(conn);
		cr_assert(zero(int, lite_driver.execute(conn, select, NULL, 0, &rows, NULL)));
		cr_assert(zero(int, run_insert(conn, 2)));
		rows->ops->free(rows);
		cr_expect(eq(int, compiled(conn, select), 1));
		cr_expect(eq(int, compiled(conn, insert), 1));
		cr_assert(zero(int, lite_driver.commit(conn)));
	}
	lite_driver.close(conn);
}

/* SQLite compiles it again. */
Test(statement, sees_a_table_that_was_altered)
{
	static const char select[] = "SELECT * FROM t";
	struct driver_conn *conn = open_with_table(NULL);
	struct driver_conn *other = must_open("x.db", NULL);
	struct driver_rows *rows;

	cr_assert(zero(int, run_insert(conn, 1)));
	must_run(conn, select);
	must_run(other, "ALTER TABLE t ADD COLUMN b");
	cr_assert(zero(int, lite_driver.execute(conn, select, NULL, 0, &rows, NULL)));
	cr_expect(eq(int, rows->ops->columns(rows), 2));
	rows->ops->free(rows);
	lite_driver.close(other);
	lite_driver.close(conn);
}

/* It was allowed where it was compiled, and is not here. */
Test(statement, is_not_kept_when_it_does_more_than_read_and_write_rows)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_run(conn, "BEGIN");
	must_run(conn, "COMMIT");
	cr_expect(zero(int, compiled(conn, "BEGIN")));
	must_begin(conn);
	must_run(conn, "SELECT 1");
	cr_expect(eq(int, run(conn, "COMMIT"), SQLA_EMANAGED));
	lite_driver.close(conn);
}

Test(statement, with_a_tail_is_refused_each_time)
{
	struct driver_conn *conn = open_with_table(NULL);

	for (int i = 0; i < 2; i++)
		cr_expect(eq(int, run(conn, "SELECT 1; SELECT 2"), SQLA_EMISUSE));
	lite_driver.close(conn);
}

static int n_compiled(struct driver_conn *conn)
{
	int n = 0;

	for (int i = 0; i < 10; i++) {
		char sql[32];

		(void)snprintf(sql, sizeof(sql), "SELECT %d FROM t", i);
		n += compiled(conn, sql);
	}
	return n;
}

static void run_ten(struct driver_conn *conn)
{
	for (int i = 0; i < 10; i++) {
		char sql[32];

		(void)snprintf(sql, sizeof(sql), "SELECT %d FROM t", i);
		must_run(conn, sql);
		must_run(conn, "SELECT 0 FROM t");
	}
}

Test(statement, gives_way_when_it_was_used_least_recently)
{
	struct sqla_engine_options options = { .statement_cache = 3 };
	struct driver_conn *conn = open_with_table(&options);

	run_ten(conn);
	cr_expect(le(int, n_compiled(conn), 3));
	cr_expect(eq(int, compiled(conn, "SELECT 0 FROM t"), 1));
	cr_expect(eq(int, compiled(conn, "SELECT 9 FROM t"), 1));
	cr_expect(zero(int, compiled(conn, "SELECT 1 FROM t")));
	lite_driver.close(conn);
}

Test(statement, is_not_kept_where_the_option_says_so)
{
	struct sqla_engine_options options = { .statement_cache = SQLA_ZERO };
	struct driver_conn *conn = open_with_table(&options);

	run_ten(conn);
	cr_expect(zero(int, n_compiled(conn)));
	lite_driver.close(conn);
}

/* ---- what is not asked again -------------------------------------------------------- */

static bool may_decide(struct driver_conn *conn)
{
	bool may;

	must_begin(conn);
	must_run(conn, "UPDATE t SET a = a");
	may = lite_driver.abilities(conn) & TXN_DECIDES;
	cr_assert(zero(int, lite_driver.rollback(conn)));
	return may;
}

Test(statement, does_not_hide_a_trigger_that_came_behind_a_look)
{
	struct driver_conn *conn = open_with_table(NULL);
	struct driver_conn *other = must_open("x.db", NULL);

	cr_expect(may_decide(conn));
	must_run(other, "CREATE TRIGGER r AFTER INSERT ON sqlassist_decision BEGIN SELECT 1; END");
	cr_expect(not(may_decide(conn)));
	must_run(other, "DROP TRIGGER r");
	cr_expect(may_decide(conn));
	lite_driver.close(other);
	lite_driver.close(conn);
}

Test(statement, does_not_hide_a_trigger_of_temp)
{
	struct driver_conn *conn = open_with_table(NULL);

	cr_expect(may_decide(conn));
	must_run(conn, "CREATE TEMP TRIGGER r AFTER INSERT ON main.sqlassist_decision "
		       "BEGIN SELECT 1; END");
	cr_expect(not(may_decide(conn)));
	lite_driver.close(conn);
}

static bool may_follow(struct driver_conn *conn)
{
	bool may;

	must_begin(conn);
	must_run(conn, "UPDATE t SET a = a");
	may = lite_driver.abilities(conn) & TXN_FOLLOWS;
	cr_assert(zero(int, lite_driver.rollback(conn)));
	return may;
}

/* Files in WAL mode form no group unless they are told to. */
Test(statement, does_not_hide_a_journal_mode_that_another_has_set)
{
	struct driver_conn *conn = open_with_table(NULL);
	struct driver_conn *other = must_open("x.db", NULL);

	cr_expect(may_follow(conn));
	must_run(other, "PRAGMA journal_mode = WAL");
	cr_expect(not(may_follow(conn)));
	lite_driver.close(other);
	lite_driver.close(conn);
}

/* Compiled once, and run whenever the application wants. */
Test(statement, does_not_hide_a_pragma_of_the_native_handle)
{
	struct driver_conn *conn = open_with_table(NULL);
	sqlite3_stmt *stmt;

	cr_assert(zero(int, sqlite3_prepare_v2(db_of(conn), "PRAGMA synchronous = OFF", -1, &stmt,
					       NULL)));
	cr_expect(may_decide(conn));
	must_begin(conn);
	must_run(conn, "SELECT 1 FROM t");
	cr_assert(zero(int, lite_driver.rollback(conn)));
	cr_assert(eq(int, sqlite3_step(stmt), SQLITE_DONE));
	cr_assert(zero(int, sqlite3_finalize(stmt)));
	cr_expect(may_decide(conn));
	cr_expect(eq(i64, must_int(conn, "PRAGMA synchronous"), 3));
	lite_driver.close(conn);
}
