#include <sqlassist.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

static struct sqla_session *s;
static struct sqla_rows *rows;

static void setup(void)
{
	struct sqla_engine_options options = { .joined = SQLA_NO };

	cr_assert(eq(int, sqla_engine_register("mem", "sqlite://", &options), 0));
	s = must_open("mem");
	must_run(s, "CREATE TABLE t(a, b)");
}

static void teardown(void)
{
	sqla_session_close(s);
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0));
}

TestSuite(rows, .init = setup, .fini = teardown);

/* Queries, and goes to the first row. */
#define MUST_QUERY(...)                                                                 \
	do {                                                                            \
		if (sqla_query(s, &rows, __VA_ARGS__) < 0 || sqla_rows_next(rows) != 1) \
			must_fail("%s", sqla_error_last()->message);                    \
	} while (0)

Test(rows, every_type_comes_back_as_it_was_sent)
{
	const char text[] = "it's \"quoted\" \xC3\xBC\xE2\x82\xAC\n";
	const unsigned char bytes[] = { 0, 1, 0, 255 };
	const void *blob;
	size_t size;

	MUST_QUERY("SELECT $1, $2, $3, $4, $5, $6, $7", sqla_int(INT64_MIN), sqla_int(INT64_MAX),
		   sqla_real(0.1), sqla_text(text), sqla_blob(bytes, sizeof(bytes)),
		   sqla_bool(true), sqla_null());
	cr_expect(eq(i64, sqla_rows_int(rows, 0), INT64_MIN));
	cr_expect(eq(i64, sqla_rows_int(rows, 1), INT64_MAX));
	cr_expect(eq(dbl, sqla_rows_real(rows, 2), 0.1));
	cr_expect(eq(str, (char *)sqla_rows_text(rows, 3), (char *)text));
	blob = sqla_rows_blob(rows, 4, &size);
	cr_assert(eq(sz, size, sizeof(bytes)));
	cr_expect(eq(int, memcmp(blob, bytes, size), 0));
	cr_expect(sqla_rows_bool(rows, 5));
	cr_expect(sqla_rows_is_null(rows, 6));
	cr_expect(not(sqla_rows_is_null(rows, 5)));
	cr_expect(eq(int, sqla_rows_next(rows), 0));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
}

Test(rows, null_reads_as_nothing_and_is_no_failure)
{
	size_t size = 7;

	MUST_QUERY("SELECT NULL");
	cr_expect(eq(i64, sqla_rows_int(rows, 0), 0));
	cr_expect(eq(dbl, sqla_rows_real(rows, 0), 0.0));
	cr_expect(not(sqla_rows_bool(rows, 0)));
	cr_expect(eq(ptr, (void *)sqla_rows_text(rows, 0), NULL));
	cr_expect(eq(ptr, (void *)sqla_rows_blob(rows, 0, &size), NULL));
	cr_expect(eq(sz, size, 0));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
}

Test(rows, an_empty_text_and_an_empty_blob_are_not_null)
{
	MUST_QUERY("SELECT $1, $2, $3", sqla_text(""), sqla_blob(NULL, 0), sqla_text(NULL));
	cr_expect(not(sqla_rows_is_null(rows, 0)));
	cr_expect(eq(str, (char *)sqla_rows_text(rows, 0), ""));
	cr_expect(not(sqla_rows_is_null(rows, 1)));
	cr_expect(sqla_rows_is_null(rows, 2));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
}

Test(rows, what_does_not_fit_is_nothing_and_is_remembered)
{
	MUST_QUERY("SELECT 'abc', 1.5, 7");
	cr_expect(eq(i64, sqla_rows_int(rows, 0), 0));
	cr_expect(eq(i64, sqla_rows_int(rows, 2), 7));
	cr_expect(lt(int, sqla_rows_close(rows), 0));
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "mem"));
}

Test(rows, a_column_that_is_not_there_is_remembered)
{
	MUST_QUERY("SELECT 1");
	cr_expect(eq(i64, sqla_rows_int(rows, 1), 0));
	cr_expect(eq(ptr, (void *)sqla_rows_text(rows, -1), NULL));
	cr_expect(eq(int, sqla_rows_close(rows), SQLA_ENOTFOUND));
	cr_expect(error_says("column 1"));
}

Test(rows, a_value_without_a_current_row_is_misuse)
{
	cr_assert(eq(int, sqla_query(s, &rows, "SELECT 1"), 0));
	cr_expect(eq(i64, sqla_rows_int(rows, 0), 0));
	cr_expect(eq(int, sqla_rows_close(rows), SQLA_EMISUSE));
	MUST_QUERY("SELECT 1");
	cr_assert(eq(int, sqla_rows_next(rows), 0));
	cr_expect(eq(int, sqla_rows_next(rows), 0));
	cr_expect(eq(ptr, (void *)sqla_rows_text(rows, 0), NULL));
	cr_expect(eq(int, sqla_rows_close(rows), SQLA_EMISUSE));
}

Test(rows, columns_are_found_by_name)
{
	MUST_QUERY("SELECT 1 AS one, 2 AS two");
	cr_expect(eq(int, sqla_rows_columns(rows), 2));
	cr_expect(eq(str, (char *)sqla_rows_name(rows, 1), "two"));
	cr_expect(eq(ptr, (void *)sqla_rows_name(rows, 2), NULL));
	cr_expect(eq(int, sqla_rows_column(rows, "two"), 1));
	cr_expect(eq(int, sqla_rows_column(rows, "three"), SQLA_ENOTFOUND));
	cr_expect(eq(int, sqla_rows_column(rows, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
}

Test(rows, a_statement_without_rows_has_none)
{
	cr_assert(eq(int, sqla_query(s, &rows, "INSERT INTO t VALUES (1, 2)"), 0));
	cr_expect(eq(int, sqla_rows_next(rows), 0));
	cr_expect(eq(int, sqla_rows_columns(rows), 0));
	cr_expect(eq(i64, sqla_rows_affected(rows), 1));
	cr_expect(eq(int, sqla_rows_close(rows), 0));
}

Test(rows, they_know_their_session_until_it_is_closed)
{
	struct sqla_session *other;
	struct sqla_engine_options options = { .joined = SQLA_NO, .scoped = SQLA_NO };

	cr_assert(eq(int, sqla_engine_register("other", "sqlite://", &options), 0));
	other = must_open("other");
	cr_assert(eq(int, sqla_query(other, &rows, "SELECT 1"), 0));
	cr_expect(eq(ptr, sqla_rows_session(rows), other));
	sqla_session_close(other);
	cr_expect(eq(ptr, sqla_rows_session(rows), NULL));
	cr_expect(lt(int, sqla_rows_next(rows), 0));
	cr_expect(lt(int, sqla_rows_close(rows), 0));
}

Test(rows, those_of_sqlite_end_with_the_transaction)
{
	MUST_QUERY("SELECT 1 UNION SELECT 2");
	cr_assert(eq(int, sqla_session_commit(s), 0), "%s", sqla_error_last()->message);
	cr_expect(lt(int, sqla_rows_next(rows), 0));
	cr_expect(lt(int, sqla_rows_close(rows), 0));
}

Test(rows, null_handles_are_misuse_and_never_a_crash)
{
	cr_expect(eq(int, sqla_rows_next(NULL), SQLA_EMISUSE));
	cr_expect(eq(i64, sqla_rows_int(NULL, 0), 0));
	cr_expect(eq(dbl, sqla_rows_real(NULL, 0), 0.0));
	cr_expect(eq(ptr, (void *)sqla_rows_text(NULL, 0), NULL));
	cr_expect(eq(ptr, (void *)sqla_rows_blob(NULL, 0, NULL), NULL));
	cr_expect(sqla_rows_is_null(NULL, 0));
	cr_expect(eq(int, sqla_rows_columns(NULL), 0));
	cr_expect(eq(ptr, (void *)sqla_rows_name(NULL, 0), NULL));
	cr_expect(eq(int, sqla_rows_column(NULL, "x"), SQLA_EMISUSE));
	cr_expect(eq(i64, sqla_rows_affected(NULL), 0));
	cr_expect(eq(ptr, sqla_rows_session(NULL), NULL));
	cr_expect(eq(int, sqla_rows_close(NULL), 0));
}
