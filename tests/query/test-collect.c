/* Rows as arrays of structs, on both engines. */
#include "query/shelf.h"

#include "support/main.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

enum { MANY = 40 };

static void *collect(struct sqla_session *s, size_t *ret_n)
{
	struct sqla_rows *rows = NULL;
	void *array = NULL;

	MUST(sqla_get_range(s, &shelf, 0, SQLA_NO_LIMIT, NULL, &rows));
	MUST(sqla_rows_collect(rows, &shelf, &array, ret_n));
	return array;
}

BOTH(all_rows_are_in_the_array)
{
	struct sqla_session *s = must_shelf();
	struct book *books;
	size_t n = 0;

	for (int32_t i = 1; i <= MANY; i++)
		must_put(s, "title", i);
	books = collect(s, &n);
	cr_assert(eq(sz, n, MANY));
	for (int32_t i = 0; i < MANY; i++) {
		cr_expect(eq(i32, books[i].pages, i + 1));
		cr_expect(eq(str, books[i].title, "title"));
	}
	sqla_table_array_free(&shelf, books, n);
}

BOTH(no_rows_are_no_array)
{
	size_t n = 42;

	cr_expect(eq(ptr, collect(must_shelf(), &n), NULL));
	cr_expect(eq(sz, n, 0));
	sqla_table_array_free(&shelf, NULL, 0);
}

BOTH(a_failure_closes_the_rows_and_leaves_the_outputs)
{
	static const struct sqla_table structless = { .name = "x" };
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;
	void *array = s;
	size_t n = 42;

	MUST_PUT(s, "a");
	MUST(sqla_query(s, &rows, "SELECT 1"));
	EXPECT_STATUS(sqla_rows_collect(rows, &shelf, &array, &n), SQLA_EMISUSE);
	MUST(sqla_query(s, &rows, "SELECT 1"));
	EXPECT_STATUS(sqla_rows_collect(rows, &structless, &array, &n), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_rows_collect(NULL, &shelf, &array, &n), SQLA_EMISUSE);
	cr_expect(eq(ptr, array, s));
	cr_expect(eq(sz, n, 42));
}
