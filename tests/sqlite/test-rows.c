#include "sqlite/rows.h"

#include <stdio.h>
#include <string.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/test.h"

static struct driver_conn *conn;

static void set_up(void)
{
	conn = must_open("x.db", NULL);
}

static void tear_down(void)
{
	lite_driver.close(conn);
}

TestSuite(rows, .init = set_up, .fini = tear_down);

static struct driver_rows *query(const char *sql)
{
	struct driver_rows *rows = NULL;

	cr_assert(eq(int, lite_driver.execute(conn, sql, NULL, 0, &rows, NULL), 0), "%s",
		  sqla_error_last()->message);
	return rows;
}

static struct driver_rows *first(const char *sql)
{
	struct driver_rows *rows = query(sql);

	cr_assert(eq(int, rows->ops->next(rows), 1));
	return rows;
}

static int as_int(const char *expression, int64_t *ret)
{
	char sql[128];
	struct driver_rows *rows;
	int status;

	(void)snprintf(sql, sizeof(sql), "SELECT %s", expression);
	rows = first(sql);
	status = rows->ops->get_int(rows, 0, ret);
	rows->ops->free(rows);
	return status;
}

static int as_real(const char *expression, double *ret)
{
	char sql[128];
	struct driver_rows *rows;
	int status;

	(void)snprintf(sql, sizeof(sql), "SELECT %s", expression);
	rows = first(sql);
	status = rows->ops->get_real(rows, 0, ret);
	rows->ops->free(rows);
	return status;
}

Test(rows, come_one_after_the_other)
{
	struct driver_rows *rows = query("VALUES (1), (2)");

	cr_expect(eq(int, rows->ops->next(rows), 1));
	cr_expect(eq(int, rows->ops->next(rows), 1));
	cr_expect(eq(int, rows->ops->next(rows), 0));
	cr_expect(eq(int, rows->ops->next(rows), 0));
	rows->ops->free(rows);
}

Test(rows, may_be_none)
{
	struct driver_rows *rows = query("SELECT 1 WHERE 0");

	cr_expect(eq(int, rows->ops->next(rows), 0));
	cr_expect(eq(int, rows->ops->columns(rows), 1));
	rows->ops->free(rows);
}

Test(rows, have_names)
{
	struct driver_rows *rows = first("SELECT 1 AS one, 2 AS two");

	cr_expect(eq(int, rows->ops->columns(rows), 2));
	cr_expect(eq(str, (char *)rows->ops->name(rows, 1), (char *)"two"));
	cr_expect(eq(ptr, (void *)rows->ops->name(rows, 2), NULL));
	rows->ops->free(rows);
}

Test(rows, tell_null)
{
	struct driver_rows *rows = first("SELECT NULL, 0");

	cr_expect(rows->ops->is_null(rows, 0));
	cr_expect(not(rows->ops->is_null(rows, 1)));
	rows->ops->free(rows);
}

Test(rows, give_integers_that_are_exact)
{
	int64_t value = 0;

	cr_expect(eq(int, as_int("9223372036854775807", &value), 0));
	cr_expect(eq(i64, value, INT64_MAX));
	cr_expect(eq(int, as_int("'-12'", &value), 0));
	cr_expect(eq(i64, value, -12));
	cr_expect(eq(int, as_int("3.0", &value), 0));
	cr_expect(eq(i64, value, 3));
	cr_expect(eq(int, as_int("-9223372036854775808.0", &value), 0));
	cr_expect(eq(i64, value, INT64_MIN));
}

Test(rows, refuse_what_is_no_integer)
{
	static const char *const expressions[] = {
		"'12x'", "''",	  "1.5",     "'9223372036854775808'", "9223372036854775808.0",
		"1e300", "x'31'", "'twelve'"
	};
	int64_t value = 7;

	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		cr_expect(eq(int, as_int(expressions[i], &value), SQLA_EMISUSE), "%s",
			  expressions[i]);
	cr_expect(eq(i64, value, 7));
}

Test(rows, give_reals)
{
	double value = 0;

	cr_expect(eq(int, as_real("0.1", &value), 0));
	cr_expect(eq(dbl, value, 0.1));
	cr_expect(eq(int, as_real("'1e3'", &value), 0));
	cr_expect(eq(dbl, value, 1000));
	cr_expect(eq(int, as_real("7", &value), 0));
	cr_expect(eq(dbl, value, 7));
	cr_expect(eq(int, as_real("'x'", &value), SQLA_EMISUSE));
}

Test(rows, give_texts)
{
	struct driver_rows *rows = first("SELECT 'it''s', 42, 0.5, x'61', 'a' || char(0) || 'b'");
	const char *text = NULL;
	int64_t value = 0;

	cr_expect(eq(int, rows->ops->get_text(rows, 0, &text), 0));
	cr_expect(eq(str, (char *)text, (char *)"it's"));
	cr_expect(eq(int, rows->ops->get_text(rows, 1, &text), 0));
	cr_expect(eq(str, (char *)text, (char *)"42"));
	cr_expect(eq(int, rows->ops->get_int(rows, 1, &value), 0));
	cr_expect(eq(i64, value, 42));
	cr_expect(eq(int, rows->ops->get_text(rows, 2, &text), 0));
	cr_expect(eq(str, (char *)text, (char *)"0.5"));
	cr_expect(eq(int, rows->ops->get_text(rows, 3, &text), SQLA_EMISUSE));
	cr_expect(eq(int, rows->ops->get_text(rows, 4, &text), SQLA_EMISUSE));
	rows->ops->free(rows);
}

Test(rows, give_blobs)
{
	struct driver_rows *rows = first("SELECT x'610062', x'', 'text', 42");
	const void *bytes = NULL;
	size_t size = 9;

	cr_expect(eq(int, rows->ops->get_blob(rows, 0, &bytes, &size), 0));
	cr_expect(eq(sz, size, 3));
	cr_expect(eq(int, memcmp(bytes, "a\0b", 3), 0));
	cr_expect(eq(int, rows->ops->get_blob(rows, 1, &bytes, &size), 0));
	cr_expect(eq(sz, size, 0));
	cr_expect(ne(ptr, (void *)bytes, NULL));
	cr_expect(eq(int, rows->ops->get_blob(rows, 2, &bytes, &size), 0));
	cr_expect(eq(sz, size, 4));
	cr_expect(eq(int, rows->ops->get_blob(rows, 3, &bytes, &size), SQLA_EMISUSE));
	rows->ops->free(rows);
}

Test(rows, end_with_the_transaction)
{
	struct driver_rows *rows;
	const char *text = NULL;

	must_begin(conn);
	rows = first("VALUES (1), (2)");
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(int, rows->ops->next(rows), SQLA_EMISUSE));
	cr_expect(not(rows->ops->is_null(rows, 0)));
	cr_expect(eq(int, rows->ops->get_text(rows, 0, &text), SQLA_EMISUSE));
	cr_expect(eq(int, rows->ops->columns(rows), 1));
	rows->ops->free(rows);
}

Test(rows, may_be_freed_after_their_connection)
{
	struct driver_conn *other = must_open("x.db", NULL);
	struct driver_rows *rows = NULL;

	cr_assert(eq(int, lite_driver.execute(other, "SELECT 1", NULL, 0, &rows, NULL), 0));
	lite_driver.close(other);
	cr_expect(eq(int, rows->ops->next(rows), SQLA_EMISUSE));
	rows->ops->free(rows);
}

Test(rows, of_returning_are_written_even_if_nobody_reads_them)
{
	struct driver_rows *rows;

	must_run(conn, "CREATE TABLE t(a)");
	rows = query("INSERT INTO t VALUES (1), (2) RETURNING a");
	cr_expect(eq(i64, rows->affected, 2));
	rows->ops->free(rows);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 2));
}

Test(rows, of_returning_are_read_like_others)
{
	struct driver_rows *rows;
	const char *text = NULL;
	const void *bytes = NULL;
	int64_t number = 0;
	double real = 0;
	size_t size = 0;

	must_run(conn, "CREATE TABLE t(a, b, c, d)");
	rows = query("INSERT INTO t VALUES (1, 'x', NULL, x'00'), (2, 'y', 0.5, x'') RETURNING *");
	cr_expect(eq(int, rows->ops->next(rows), 1));
	cr_expect(rows->ops->is_null(rows, 2));
	cr_expect(eq(int, rows->ops->next(rows), 1));
	cr_expect(eq(int, rows->ops->get_int(rows, 0, &number), 0));
	cr_expect(eq(i64, number, 2));
	cr_expect(eq(int, rows->ops->get_text(rows, 1, &text), 0));
	cr_expect(eq(str, (char *)text, (char *)"y"));
	cr_expect(eq(int, rows->ops->get_real(rows, 2, &real), 0));
	cr_expect(eq(dbl, real, 0.5));
	cr_expect(eq(int, rows->ops->get_blob(rows, 3, &bytes, &size), 0));
	cr_expect(eq(sz, size, 0));
	cr_expect(eq(str, (char *)rows->ops->name(rows, 3), (char *)"d"));
	cr_expect(eq(int, rows->ops->next(rows), 0));
	rows->ops->free(rows);
}

Test(rows, that_fail_in_the_middle_stay_failed)
{
	struct driver_rows *rows =
		first("SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))");

	cr_expect(eq(int, rows->ops->next(rows), SQLA_EDATABASE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "integer overflow"), NULL));
	cr_expect(eq(int, rows->ops->next(rows), SQLA_EDATABASE));
	rows->ops->free(rows);
}

Test(rows, let_go_of_the_file_when_they_are_all_read)
{
	struct driver_rows *rows;

	must_run(conn, "CREATE TABLE t(a)");
	rows = query("SELECT * FROM t");
	cr_expect(eq(int, rows->ops->next(rows), 0));
	cr_expect(eq(int, sqlite3_txn_state(lite_driver.native(conn), "main"), SQLITE_TXN_NONE));
	rows->ops->free(rows);
}
