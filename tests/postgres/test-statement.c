/* Statements are prepared when they come again, and nobody notices. */
#include <stdlib.h>

#include "postgres/driver.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

/* Those of the application: all on the table t. */
static int64_t count_prepared(struct driver_conn *conn)
{
	return must_int(conn, "SELECT count(*) FROM pg_prepared_statements "
			      "WHERE statement LIKE 'SELECT % FROM t'");
}

static struct driver_conn *must_open_with_table(const char *name, int statement_cache)
{
	const struct sqla_engine_options options = { .statement_cache = statement_cache };
	struct driver_conn *conn = must_open(new_database(name), &options);

	must_run(conn, "CREATE TABLE t (i int, j int)");
	must_run(conn, "INSERT INTO t VALUES (1, 2)");
	return conn;
}

/* ---- when ------------------------------------------------------------------- */

Test(statement, is_prepared_when_it_comes_again)
{
	struct driver_conn *conn = must_open_with_table("again", 0);

	must_run(conn, "SELECT i FROM t");
	cr_expect(eq(i64, count_prepared(conn), 0));
	must_run(conn, "SELECT i FROM t");
	must_run(conn, "SELECT i FROM t");
	cr_expect(eq(i64, count_prepared(conn), 1));
	pg_driver.close(conn);
}

Test(statement, is_not_prepared_where_the_options_say_so)
{
	struct driver_conn *conn = must_open_with_table("never", SQLA_ZERO);

	for (int i = 0; i < 4; i++) {
		must_begin(conn);
		must_run(conn, "UPDATE t SET i = i");
		must_run(conn, "SELECT i FROM t");
		cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	}
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM pg_prepared_statements"), 0));
	pg_driver.close(conn);
}

Test(statement, is_dropped_when_others_are_used_more)
{
	enum { LIMIT = 3, MANY = 9 };
	struct driver_conn *conn = must_open_with_table("bounded", LIMIT);

	must_begin(conn);
	for (int i = 0; i < MANY; i++) {
		char *sql = must_printf("SELECT %d FROM t", i);

		must_run(conn, sql);
		must_run(conn, sql);
		must_run(conn, "SELECT j FROM t");
		free(sql);
	}
	/* One is given up with every statement that follows. */
	cr_expect(le(i64, count_prepared(conn), LIMIT));
	cr_expect(eq(i64,
		     must_int(conn, "SELECT count(*) FROM pg_prepared_statements "
				    "WHERE statement = 'SELECT j FROM t'"),
		     1));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(statement, seen_once_does_not_drive_out_what_is_used)
{
	enum { LIMIT = 3, MANY = 20 };
	struct driver_conn *conn = must_open_with_table("once", LIMIT);

	must_run(conn, "SELECT i FROM t");
	must_run(conn, "SELECT i FROM t");
	for (int i = 0; i < MANY; i++) {
		char *sql = must_printf("SELECT %d FROM t", i);

		must_run(conn, sql);
		free(sql);
	}
	cr_expect(eq(i64, count_prepared(conn), 1));
	pg_driver.close(conn);
}

/* NULL's type is inferred, a blob's is told: two statements of one text. */
Test(statement, is_another_one_with_other_types)
{
	struct driver_conn *conn = must_open_with_table("types", 0);
	const struct sqla_value null = sqla_null(), blob = sqla_blob("\0x", 2);

	for (int i = 0; i < 3; i++) {
		cr_assert(eq(int, run_values(conn, "SELECT $1 FROM t", &null, 1), 0));
		cr_assert(eq(int, run_values(conn, "SELECT $1 FROM t", &blob, 1), 0));
	}
	cr_expect(eq(i64, count_prepared(conn), 2));
	pg_driver.close(conn);
}

/* ---- the server has it no more ------------------------------------------------ */

static void must_use_often(struct driver_conn *conn)
{
	for (int i = 0; i < 3; i++) {
		must_begin(conn);
		must_run(conn, "UPDATE t SET i = i");
		must_run(conn, "SELECT * FROM t");
		cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	}
}

Test(statement, is_prepared_anew_after_deallocate_all)
{
	struct driver_conn *conn = must_open_with_table("deallocate", 0);

	must_use_often(conn);
	must_begin(conn);
	must_run(conn, "SELECT * FROM t");
	must_run(conn, "DEALLOCATE ALL");
	must_run(conn, "SELECT * FROM t");
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	must_use_often(conn);
	must_run(conn, "DISCARD ALL");
	must_use_often(conn);
	pg_driver.close(conn);
}

Test(statement, that_is_gone_loses_nothing_where_nothing_was_done)
{
	struct driver_conn *conn = must_open_with_table("gonefirst", 0);

	must_use_often(conn);
	must_exec(pg_driver.native(conn), "DEALLOCATE ALL");
	must_use_often(conn);
	must_exec(pg_driver.native(conn), "DEALLOCATE ALL");
	must_run(conn, "SELECT * FROM t"); /* outside a transaction */
	must_use_often(conn);
	pg_driver.close(conn);
}

Test(statement, that_is_gone_in_the_middle_asks_for_another_attempt)
{
	struct driver_conn *conn = must_open_with_table("gonemiddle", 0);

	must_use_often(conn);
	must_begin(conn);
	must_run(conn, "UPDATE t SET j = 3");
	must_exec(pg_driver.native(conn), "DEALLOCATE ALL");
	cr_expect(eq(int, run(conn, "SELECT * FROM t"), SQLA_ERETRY));
	cr_expect(pg_driver.is_transient(conn));
	(void)pg_driver.rollback(conn);
	cr_expect(eq(i64, must_int(conn, "SELECT j FROM t"), 2));
	must_use_often(conn);
	pg_driver.close(conn);
}

/* The library's own are prepared as well. */
Test(statement, that_is_gone_before_the_claim_votes_no_and_asks_for_another_attempt)
{
	struct driver_conn *conn = must_open(new_database("goneclaim"), NULL);

	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	must_change(conn);
	must_exec(pg_driver.native(conn), "DEALLOCATE ALL");
	cr_expect(eq(int, claim(conn, UUID_TWO), SQLA_ERETRY));
	cr_expect(pg_driver.is_transient(conn));
	(void)pg_driver.rollback(conn);
	must_claim(conn, UUID_TWO);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	pg_driver.close(conn);
}

Test(statement, that_cannot_be_given_up_asks_for_another_attempt_once)
{
	struct driver_conn *conn = must_open_with_table("giveup", 1);

	must_begin(conn);
	must_run(conn, "SELECT i FROM t");
	must_run(conn, "SELECT i FROM t");
	must_run(conn, "SELECT j FROM t");
	must_run(conn, "SELECT j FROM t"); /* drops the other */
	must_exec(pg_driver.native(conn), "DEALLOCATE ALL");
	cr_expect(eq(int, run(conn, "VALUES (1)"), SQLA_ERETRY));
	(void)pg_driver.rollback(conn);
	must_use_often(conn);
	pg_driver.close(conn);
}

/* ---- the tables have changed ---------------------------------------------------- */

Test(statement, whose_result_has_changed_loses_nothing_where_nothing_was_done)
{
	struct driver_conn *conn = must_open_with_table("altered", 0);
	const char *url = url_on("main", "altered");
	struct driver_rows *rows = NULL;

	must_use_often(conn);
	must_exec_at(url, "ALTER TABLE t ADD k int");
	must_begin(conn);
	cr_assert(eq(int, pg_driver.execute(conn, "SELECT * FROM t", NULL, 0, &rows, NULL), 0));
	cr_expect(eq(int, rows->ops->columns(rows), 3));
	rows->ops->free(rows);
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	pg_driver.close(conn);
}

Test(statement, whose_result_has_changed_asks_for_another_attempt)
{
	struct driver_conn *conn = must_open_with_table("alteredlater", 0);
	const char *url = url_on("main", "alteredlater");

	must_use_often(conn);
	must_begin(conn);
	must_run(conn, "SELECT 1");
	must_exec_at(url, "ALTER TABLE t ADD k int");
	cr_expect(eq(int, run(conn, "SELECT * FROM t"), SQLA_ERETRY));
	(void)pg_driver.rollback(conn);
	must_use_often(conn);
	pg_driver.close(conn);
}

Test(statement, whose_result_the_transaction_itself_changes_just_works)
{
	struct driver_conn *conn = must_open_with_table("migration", 0);

	must_use_often(conn);
	must_begin(conn);
	must_run(conn, "SELECT * FROM t");
	must_run(conn, "ALTER TABLE t ADD k int");
	must_run(conn, "SELECT * FROM t");
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	must_use_often(conn);
	pg_driver.close(conn);
}

/* The server keeps the types that it once inferred for the values. */
Test(statement, is_prepared_anew_after_a_value_did_not_fit)
{
	struct driver_conn *conn = must_open_with_table("wider", 0);
	const char *url = url_on("main", "wider");
	const struct sqla_value big = sqla_int(3000000000), small = sqla_int(3);

	for (int i = 0; i < 3; i++)
		cr_assert(eq(int, run_values(conn, "UPDATE t SET i = $1", &small, 1), 0));
	must_exec_at(url, "ALTER TABLE t ALTER i TYPE bigint");
	(void)run_values(conn, "UPDATE t SET i = $1", &big, 1);
	cr_expect(eq(int, run_values(conn, "UPDATE t SET i = $1", &big, 1), 0));
	pg_driver.close(conn);
}
