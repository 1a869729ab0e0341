#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

/* ---- values and rows ---------------------------------------------------------- */

static struct driver_rows *must_echo(struct driver_conn *conn, const char *sql,
				     struct sqla_value value)
{
	struct driver_rows *rows = NULL;

	if (pg_driver.execute(conn, sql, &value, 1, &rows, NULL) < 0 || rows->ops->next(rows) != 1)
		must_fail("%s: %s", sql, sqla_error_last()->message);
	return rows;
}

Test(exec, returns_integers_of_64_bits)
{
	struct driver_conn *conn = must_open(new_database("ints"), NULL);
	static const int64_t numbers[] = { INT64_MIN, -1, 0, 1, INT64_MAX };

	for (size_t i = 0; i < 5; i++) {
		struct driver_rows *rows =
			must_echo(conn, "SELECT $1::bigint", sqla_int(numbers[i]));
		int64_t back = 7;

		cr_assert(eq(int, rows->ops->get_int(rows, 0, &back), 0));
		cr_assert(eq(i64, back, numbers[i]));
		rows->ops->free(rows);
	}
	pg_driver.close(conn);
}

Test(exec, returns_every_double_exactly)
{
	struct driver_conn *conn = must_open(new_database("reals"), NULL);
	static const double numbers[] = { 0.1,	     -0.0,     1.0 / 3,
					  1e308,     5e-324,   INFINITY,
					  -INFINITY, 123456.5, 2.2250738585072014e-308 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct driver_rows *rows =
			must_echo(conn, "SELECT $1::double precision", sqla_real(numbers[i]));
		double back = 7;

		cr_assert(eq(int, rows->ops->get_real(rows, 0, &back), 0));
		cr_assert(eq(int, memcmp(&back, &numbers[i], sizeof(back)), 0));
		rows->ops->free(rows);
	}
	pg_driver.close(conn);
}

Test(exec, returns_not_a_number)
{
	struct driver_conn *conn = must_open(new_database("nans"), NULL);
	struct driver_rows *rows = must_echo(conn, "SELECT $1::double precision", sqla_real(NAN));
	double back = 7;

	cr_assert(eq(int, rows->ops->get_real(rows, 0, &back), 0));
	cr_assert(isnan(back));
	rows->ops->free(rows);
	pg_driver.close(conn);
}

Test(exec, returns_text_as_it_was)
{
	struct driver_conn *conn = must_open(new_database("texts"), NULL);
	static const char *const texts[] = { "", "it's \"quoted\" \\ $1 %s", "\xc3\xa4\xe2\x82\xac",
					     "\xf0\x9f\x98\x80\n\t" };

	for (size_t i = 0; i < 4; i++) {
		struct driver_rows *rows = must_echo(conn, "SELECT $1::text", sqla_text(texts[i]));
		const char *back = NULL;

		cr_assert(eq(int, rows->ops->get_text(rows, 0, &back), 0));
		cr_assert(eq(str, (char *)back, (char *)texts[i]));
		rows->ops->free(rows);
	}
	pg_driver.close(conn);
}

Test(exec, returns_blobs_with_every_byte)
{
	struct driver_conn *conn = must_open(new_database("blobs"), NULL);
	struct driver_rows *rows;
	unsigned char bytes[256];
	const void *back = NULL;
	size_t size = 0;

	for (size_t i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	rows = must_echo(conn, "SELECT $1", sqla_blob(bytes, sizeof(bytes)));
	cr_assert(eq(int, rows->ops->get_blob(rows, 0, &back, &size), 0));
	cr_assert(eq(sz, size, sizeof(bytes)));
	cr_assert(eq(int, memcmp(back, bytes, size), 0));
	rows->ops->free(rows);
	rows = must_echo(conn, "SELECT $1", sqla_blob(NULL, 0));
	cr_assert(not(rows->ops->is_null(rows, 0)));
	cr_assert(eq(int, rows->ops->get_blob(rows, 0, &back, &size), 0));
	cr_assert(eq(sz, size, 0));
	rows->ops->free(rows);
	pg_driver.close(conn);
}

Test(exec, reads_booleans_as_numbers)
{
	struct driver_conn *conn = must_open(new_database("bools"), NULL);
	struct driver_rows *rows =
		must_echo(conn, "SELECT $1::bool, NOT $1::bool, NULL::bool", sqla_bool(true));
	int64_t back = 7;

	cr_assert(eq(int, rows->ops->get_int(rows, 0, &back), 0));
	cr_assert(eq(i64, back, 1));
	cr_assert(eq(int, rows->ops->get_int(rows, 1, &back), 0));
	cr_assert(eq(i64, back, 0));
	cr_assert(rows->ops->is_null(rows, 2));
	rows->ops->free(rows);
	pg_driver.close(conn);
}

Test(exec, tells_values_that_do_not_fit)
{
	struct driver_conn *conn = must_open(new_database("misfits"), NULL);
	struct driver_rows *rows = NULL;
	int64_t number = 7;
	double real = 7;

	cr_assert(
		eq(int,
		   pg_driver.execute(conn, "SELECT 9223372036854775808, 'x', 1.5, 42.000, '1e999'",
				     NULL, 0, &rows, NULL),
		   0));
	cr_assert(eq(int, rows->ops->next(rows), 1));
	for (int column = 0; column < 3; column++)
		cr_assert(eq(int, rows->ops->get_int(rows, column, &number), SQLA_EDATABASE));
	cr_assert(eq(i64, number, 7));
	cr_assert(eq(int, rows->ops->get_int(rows, 3, &number), 0));
	cr_assert(eq(i64, number, 42));
	cr_assert(eq(int, rows->ops->get_real(rows, 4, &real), SQLA_EDATABASE));
	rows->ops->free(rows);
	pg_driver.close(conn);
}

Test(exec, infers_the_types_of_placeholders)
{
	struct driver_conn *conn = must_open(new_database("infers"), NULL);
	const struct sqla_value values[] = { sqla_int(7), sqla_text("2001-02-03"), sqla_null(),
					     sqla_bool(false), sqla_real(0.5) };

	must_run(conn, "CREATE TABLE t (i smallint, d date, n text, b bool, r numeric)");
	cr_assert(eq(int, run_values(conn, "INSERT INTO t VALUES ($1, $2, $3, $4, $5)", values, 5),
		     0));
	cr_assert(eq(i64,
		     must_int(conn, "SELECT count(*) FROM t WHERE i = 7 AND n IS NULL AND "
				    "NOT b AND r = 0.5 AND d = '2001-02-03'"),
		     1));
	pg_driver.close(conn);
}

static void expect_length(struct driver_conn *conn, const char *placeholders,
			  const struct sqla_value values[], size_t n, size_t length)
{
	struct driver_rows *rows = NULL;
	int64_t found = 0;
	char sql[160];

	(void)snprintf(sql, sizeof(sql), "SELECT length(array_to_string(ARRAY[%s]::text[], ''))",
		       placeholders);
	cr_assert(eq(int, pg_driver.execute(conn, sql, values, n, &rows, NULL), 0));
	cr_assert(eq(int, rows->ops->next(rows), 1));
	cr_assert(eq(int, rows->ops->get_int(rows, 0, &found), 0));
	cr_expect(eq(i64, found, (int64_t)length));
	rows->ops->free(rows);
}

Test(exec, takes_many_values_and_long_ones)
{
	struct driver_conn *conn = must_open(new_database("many"), NULL);
	struct sqla_value values[9];
	char text[600];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < 9; i++)
		values[i] = i == 4 ? sqla_null() : sqla_int((int64_t)i);
	expect_length(conn, "$1, $2, $3, $4, $5, $6, $7, $8", values, 8, 7);
	expect_length(conn, "$1, $2, $3, $4, $5, $6, $7, $8, $9", values, 9, 8);
	values[0] = sqla_text_n(text, sizeof(text));
	expect_length(conn, "$1, $2", values, 2, sizeof(text) + 1);
	pg_driver.close(conn);
}

Test(exec, refuses_text_that_is_no_text)
{
	struct driver_conn *conn = must_open(new_database("notext"), NULL);
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = { { "a\0b", 3 },
		    { "\xff", 1 },
		    { "\xc0\xaf", 2 },
		    { "\xed\xa0\x80", 3 },
		    { "\xe2\x82", 2 },
		    { "\x80", 1 },
		    { "\xf4\x90\x80\x80", 4 },
		    { "\xf8\x88\x80\x80\x80", 5 } };

	must_begin(conn);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sqla_value value = sqla_text_n(bad[i].bytes, bad[i].size);

		cr_assert(eq(int, run_values(conn, "SELECT $1::text", &value, 1), SQLA_EMISUSE));
	}
	/* The transaction goes on as if nothing had been said. */
	cr_assert(eq(i64, must_int(conn, "SELECT 1"), 1));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	pg_driver.close(conn);
}

Test(exec, refuses_too_many_values)
{
	struct driver_conn *conn = must_open(new_database("many"), NULL);
	struct sqla_value *values = calloc(65536, sizeof(*values));

	cr_assert(eq(int, run_values(conn, "SELECT 1", values, 65536), SQLA_EMISUSE));
	free(values);
	pg_driver.close(conn);
}

Test(exec, counts_rows_that_changed_only)
{
	struct driver_conn *conn = must_open(new_database("counts"), NULL);
	int64_t affected = -1;

	must_run(conn, "CREATE TABLE t (i int)");
	(void)pg_driver.execute(conn, "INSERT INTO t SELECT generate_series(1, 5)", NULL, 0, NULL,
				&affected);
	cr_assert(eq(i64, affected, 5));
	(void)pg_driver.execute(conn, "SELECT * FROM t", NULL, 0, NULL, &affected);
	cr_assert(eq(i64, affected, 0));
	(void)pg_driver.execute(conn, "DELETE FROM t WHERE i > 3", NULL, 0, NULL, &affected);
	cr_assert(eq(i64, affected, 2));
	pg_driver.close(conn);
}

/* ---- statements --------------------------------------------------------------- */

Test(exec, refuses_two_statements_in_one)
{
	struct driver_conn *conn = must_open(new_database("two"), NULL);

	cr_assert(eq(int, run(conn, "SELECT 1; SELECT 2"), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "42601"));
	cr_assert(eq(int, run(conn, ""), 0));
	pg_driver.close(conn);
}

Test(exec, runs_outside_a_transaction_what_must)
{
	struct driver_conn *conn = must_open(new_database("vacuum"), NULL);

	cr_assert(eq(int, run(conn, "VACUUM"), 0));
	pg_driver.close(conn);
}

Test(exec, repeats_the_first_failure_of_a_transaction)
{
	struct driver_conn *conn = must_open(new_database("first"), NULL);

	must_begin(conn);
	cr_assert(eq(int, run(conn, "SELECT 1/0"), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "22012"));
	cr_assert(eq(int, run(conn, "SELECT 1"), SQLA_EFAILED));
	cr_assert(ne(ptr, strstr(sqla_error_last()->message, "division by zero"), NULL));
	cr_assert(eq(int, pg_driver.ask(conn), SQLA_EFAILED));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(pg_driver.is_idle(conn));
	pg_driver.close(conn);
}

Test(exec, tells_a_write_in_a_readonly_transaction)
{
	struct driver_conn *conn = must_open(new_database("readonly"), NULL);

	cr_assert(eq(int, pg_driver.begin(conn, true), 0));
	cr_assert(eq(int, run(conn, "CREATE TABLE t (i int)"), SQLA_EREADONLY));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	pg_driver.close(conn);
}

Test(exec, begins_with_the_isolation_of_the_engine)
{
	const struct sqla_engine_options options = { .isolation = "serializable" };
	struct driver_conn *conn = must_open(new_database("isolation"), &options);

	must_begin(conn);
	cr_assert(eq(i64,
		     must_int(conn, "SELECT (current_setting('transaction_isolation') = "
				    "'serializable')::int"),
		     1));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(exec, tells_what_may_pass_in_a_new_transaction)
{
	const char *url = new_database("transient");
	const struct sqla_engine_options options = { .isolation = "repeatable read" };
	struct driver_conn *one = must_open(url, &options), *two = must_open(url, &options);

	must_run(one, "CREATE TABLE t AS SELECT 1 AS i");
	must_begin(one);
	must_begin(two);
	(void)must_int(two, "SELECT i FROM t");
	must_run(one, "UPDATE t SET i = 2");
	cr_assert(eq(int, vote(one, pg_driver.commit(one)), 0));
	cr_assert(eq(int, run(two, "UPDATE t SET i = 3"), SQLA_ERETRY));
	cr_assert(pg_driver.is_transient(two));
	(void)pg_driver.rollback(two);
	pg_driver.close(one);
	pg_driver.close(two);
}

/* Copying would wait for ever; the transaction cannot be saved. */
Test(exec, refuses_to_copy_and_can_still_abort)
{
	const char *url = new_database("copy");

	for (int i = 0; i < 4; i++) {
		struct driver_conn *conn = must_open(url, NULL);

		must_run(conn, "CREATE TABLE IF NOT EXISTS t (i int)");
		if (i & 1)
			must_begin(conn);
		cr_assert(eq(int, run(conn, i & 2 ? "COPY t FROM STDIN" : "COPY t TO STDOUT"),
			     SQLA_EDATABASE));
		cr_assert(eq(int, pg_driver.rollback(conn), 0));
		cr_assert(not(pg_driver.is_idle(conn)));
		pg_driver.close(conn);
	}
}

/* ---- ended by hand ------------------------------------------------------------- */

static void check_ended_by(const char *name, const char *sql)
{
	struct driver_conn *conn = must_open(new_database(name), NULL);

	must_run(conn, "CREATE TABLE t (i int)");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, run(conn, sql), SQLA_EMANAGED), "%s", sql);
	cr_assert(eq(int, run(conn, "INSERT INTO t VALUES (2)"), SQLA_EMANAGED), "%s", sql);
	cr_assert(eq(int, pg_driver.ask(conn), SQLA_EMANAGED), "%s", sql);
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(pg_driver.is_idle(conn));
	cr_assert(eq(i64, must_int(conn, "SELECT count(*) FROM t WHERE i = 2"), 0));
	pg_driver.close(conn);
}

Test(exec, notices_a_commit_in_sql)
{
	check_ended_by("byhand1", "COMMIT");
}

Test(exec, notices_a_commit_and_chain_in_sql)
{
	check_ended_by("byhand2", "COMMIT AND CHAIN");
}

Test(exec, notices_a_rollback_in_sql)
{
	check_ended_by("byhand3", "ROLLBACK");
}

Test(exec, notices_a_rollback_and_chain_in_sql)
{
	check_ended_by("byhand4", "ROLLBACK AND CHAIN");
}

Test(exec, notices_a_prepare_in_sql)
{
	check_ended_by("byhand5", "PREPARE TRANSACTION 'by hand'");
	must_exec_at(url_on("main", "byhand5"), "ROLLBACK PREPARED 'by hand'");
}

Test(exec, allows_savepoints_in_sql)
{
	struct driver_conn *conn = must_open(new_database("sqlsavepoints"), NULL);

	must_run(conn, "CREATE TABLE t (i int)");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	must_run(conn, "SAVEPOINT mine");
	must_run(conn, "INSERT INTO t VALUES (2)");
	must_run(conn, "ROLLBACK TO mine");
	cr_assert(eq(int, pg_driver.ask(conn), TXN_CHANGED));
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT sum(i) FROM t"), 1));
	pg_driver.close(conn);
}

Test(exec, notices_an_end_through_the_native_handle)
{
	struct driver_conn *conn = must_open(new_database("nativeend"), NULL);

	must_begin(conn);
	cr_assert(eq(int, pg_driver.begin_now(conn), 0));
	must_exec(pg_driver.native(conn), "CREATE TABLE t (i int); COMMIT");
	cr_assert(eq(int, pg_driver.ask(conn), SQLA_EMANAGED));
	(void)pg_driver.rollback(conn);
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	must_exec(pg_driver.native(conn), "COMMIT; BEGIN; INSERT INTO t VALUES (2)");
	cr_assert(eq(int, vote(conn, pg_driver.ask(conn)), SQLA_EMANAGED));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	pg_driver.close(conn);
}

/* ---- the native handle ---------------------------------------------------------- */

Test(exec, notices_work_through_the_native_handle)
{
	struct driver_conn *conn = must_open(new_database("native"), NULL);

	must_begin(conn);
	cr_assert(eq(int, pg_driver.begin_now(conn), 0));
	must_exec(pg_driver.native(conn), "CREATE TABLE t (i int)");
	cr_assert(eq(int, vote(conn, pg_driver.ask(conn)), TXN_CHANGED));
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	pg_driver.close(conn);
}

Test(exec, refuses_while_the_native_handle_is_busy)
{
	struct driver_conn *conn = must_open(new_database("busy"), NULL);
	PGconn *native;

	must_begin(conn);
	cr_assert(eq(int, pg_driver.begin_now(conn), 0));
	native = pg_driver.native(conn);
	cr_assert(PQsendQuery(native, "SELECT 1"));
	cr_assert(eq(int, run(conn, "SELECT 2"), SQLA_EMISUSE));
	cr_assert(lt(int, vote(conn, pg_driver.ask(conn)), 0));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(not(pg_driver.is_idle(conn)));
	pg_driver.close(conn);
}

/* ---- savepoints ------------------------------------------------------------------ */

Test(exec, rolls_back_to_a_savepoint_after_a_failure)
{
	struct driver_conn *conn = must_open(new_database("savepoints"), NULL);

	must_run(conn, "CREATE TABLE t (i int)");
	must_begin(conn);
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 1), 0));
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 2), 0));
	cr_assert(eq(int, run(conn, "SELECT 1/0"), SQLA_EDATABASE));
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 2), 0));
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 2), 0));
	must_run(conn, "INSERT INTO t VALUES (10)");
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_RELEASE, 2), 0));
	cr_assert(eq(int, pg_driver.ask(conn), TXN_CHANGED));
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT sum(i) FROM t"), 11));
	pg_driver.close(conn);
}

/* ---- lost ------------------------------------------------------------------------- */

Test(exec, can_abort_on_a_lost_connection)
{
	const char *url = new_database("lost");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	terminate(url, conn);
	cr_assert(eq(int, run(conn, "SELECT 1"), SQLA_ECONNECT));
	cr_assert(conn->is_broken);
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(not(conn->is_in_transaction));
	pg_driver.close(conn);
}

static void *cancel_soon(void *conn)
{
	(void)poll(NULL, 0, 300);
	pg_driver.cancel(conn);
	return NULL;
}

Test(exec, cancels_a_statement_from_another_thread)
{
	struct driver_conn *conn = must_open(new_database("cancel"), NULL);
	pthread_t thread;

	must_begin(conn);
	must_run(conn, "SELECT 1");
	cr_assert(eq(int, pthread_create(&thread, NULL, cancel_soon, conn), 0));
	cr_assert(eq(int, run(conn, "SELECT pg_sleep(20)"), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "57014"));
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(not(pg_driver.is_idle(conn)));
	pg_driver.close(conn);
}
