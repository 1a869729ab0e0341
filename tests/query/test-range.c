/* Pages of a table, on both engines. */
#include "query/shelf.h"

#include <string.h>

#include "support/main.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

static void expect_page(struct sqla_session *s, int64_t offset, int64_t limit,
			const struct sqla_range *range, const char *titles)
{
	struct sqla_rows *rows = NULL;

	MUST(sqla_get_range(s, &shelf, offset, limit, range, &rows));
	expect_titles(rows, titles);
}

static struct sqla_session *must_five(void)
{
	struct sqla_session *s = must_shelf();

	must_put(s, "b", 30);
	must_put(s, "A", 10);
	must_put(s, "a", 0);
	must_put(s, "B", 20);
	must_put(s, "Ä", 10);
	return s;
}

BOTH(a_page_is_cut_from_the_order_of_the_key)
{
	struct sqla_session *s = must_five();

	expect_page(s, 0, SQLA_NO_LIMIT, NULL, "b|A|a|B|Ä");
	expect_page(s, 1, 2, NULL, "A|a");
	expect_page(s, 3, SQLA_NO_LIMIT, NULL, "B|Ä");
	expect_page(s, 4, 99, NULL, "Ä");
	expect_page(s, 5, 1, NULL, "");
	expect_page(s, INT64_MAX, INT64_MAX, NULL, "");
}

BOTH(a_limit_of_0_is_no_row)
{
	expect_page(must_five(), 0, 0, NULL, "");
}

BOTH(an_empty_table_has_empty_pages)
{
	expect_page(must_shelf(), 0, SQLA_NO_LIMIT, NULL, "");
}

BOTH(negative_numbers_are_refused)
{
	struct sqla_session *s = must_five();
	struct sqla_rows *rows = NULL;

	EXPECT_STATUS(sqla_get_range(s, &shelf, -1, 1, NULL, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_range(s, &shelf, 0, -2, NULL, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_range(s, &shelf, INT64_MIN, INT64_MIN, NULL, &rows), SQLA_EMISUSE);
	cr_expect(eq(ptr, rows, NULL));
}

BOTH(nulls_are_last_and_first_in_descending_order)
{
	static const struct sqla_order up[] = { { .column = "pages" } };
	static const struct sqla_order down[] = { { .column = "pages", .descending = true } };
	struct sqla_session *s = must_five();

	expect_page(s, 0, SQLA_NO_LIMIT, &(struct sqla_range){ SQLA_LIST(orders, up) },
		    "A|Ä|B|b|a");
	expect_page(s, 0, SQLA_NO_LIMIT, &(struct sqla_range){ SQLA_LIST(orders, down) },
		    "a|b|B|A|Ä");
}

BOTH(several_columns_order_and_the_key_decides_at_last)
{
	static const struct sqla_order orders[] = {
		{ .column = TITLE, .ignore_case = true, .descending = true },
		{ .column = "pages" },
	};
	struct sqla_session *s = must_five();

	expect_page(s, 0, SQLA_NO_LIMIT, &(struct sqla_range){ SQLA_LIST(orders, orders) },
		    "Ä|B|b|A|a");
	expect_page(s, 0, SQLA_NO_LIMIT, &(struct sqla_range){ .orders = orders, .n_orders = 1 },
		    "Ä|b|B|A|a");
}

BOTH(all_filters_hold)
{
	const struct sqla_filter filters[] = {
		{ "pages", SQLA_LESS_EQUAL, sqla_int(20) },
		{ "pages", SQLA_NOT_EQUAL, sqla_int(20) },
		{ TITLE, SQLA_EQUAL_LOWER, sqla_text_n("aaa", 1) },
		{ "isbn", SQLA_IS_NULL, sqla_null() },
	};

	expect_page(must_five(), 0, SQLA_NO_LIMIT,
		    &(struct sqla_range){ SQLA_LIST(filters, filters) }, "A");
}

BOTH(every_comparison_compares)
{
	static const struct {
		enum sqla_compare compare;
		const char *titles;
	} cases[] = {
		{ SQLA_EQUAL, "B" },   { SQLA_NOT_EQUAL, "b|A|Ä" },
		{ SQLA_LESS, "A|Ä" },  { SQLA_LESS_EQUAL, "A|B|Ä" },
		{ SQLA_GREATER, "b" }, { SQLA_GREATER_EQUAL, "b|B" },
		{ SQLA_IS_NULL, "a" }, { SQLA_IS_NOT_NULL, "b|A|B|Ä" },
	};
	struct sqla_session *s = must_five();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sqla_filter filter = { "pages", cases[i].compare, sqla_int(20) };

		expect_page(s, 0, SQLA_NO_LIMIT,
			    &(struct sqla_range){ .filters = &filter, .n_filters = 1 },
			    cases[i].titles);
	}
}

BOTH(similar_texts_are_filters_too)
{
	struct sqla_session *s = must_five();
	struct sqla_filter filter = { TITLE, SQLA_PREFIX, sqla_text("ä") };
	struct sqla_range range = { .filters = &filter, .n_filters = 1 };

	expect_page(s, 0, SQLA_NO_LIMIT, &range, "Ä");
	filter.compare = SQLA_CONTAINS;
	filter.value = sqla_text("B");
	expect_page(s, 0, 1, &range, "b");
	expect_page(s, 1, 1, &range, "B");
	filter.compare = SQLA_EQUAL;
	filter.value = sqla_null();
	expect_page(s, 0, 1, &range, "");
}

BOTH(orders_and_filters_are_names_and_nothing_else)
{
	static const char *const hostile[] = { "id; DROP TABLE x", "1",	 "id DESC", "\"id\"",
					       "(SELECT 1)",	   "ID", "",	    NULL };
	struct sqla_session *s = must_five();
	struct sqla_rows *rows = NULL;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct sqla_order order = { .column = hostile[i] };
		struct sqla_filter filter = { hostile[i], SQLA_EQUAL, sqla_int(1) };
		struct sqla_range ordered = { .orders = &order, .n_orders = 1 };
		struct sqla_range filtered = { .filters = &filter, .n_filters = 1 };

		EXPECT_STATUS(sqla_get_range(s, &shelf, 0, 1, &ordered, &rows), SQLA_EMISUSE);
		EXPECT_STATUS(sqla_get_range(s, &shelf, 0, 1, &filtered, &rows), SQLA_EMISUSE);
	}
	cr_expect(eq(ptr, rows, NULL));
	expect_page(s, 0, 1, NULL, "b");
}

BOTH(what_has_no_case_or_no_comparison_is_refused)
{
	static const struct sqla_order order = { .column = "pages", .ignore_case = true };
	struct sqla_filter filter = { "pages", (enum sqla_compare)99, sqla_int(1) };
	struct sqla_range range = { .orders = &order, .n_orders = 1 };
	struct sqla_session *s = must_five();
	struct sqla_rows *rows = NULL;

	EXPECT_STATUS(sqla_get_range(s, &shelf, 0, 1, &range, &rows), SQLA_EMISUSE);
	range = (struct sqla_range){ .filters = &filter, .n_filters = 1 };
	EXPECT_STATUS(sqla_get_range(s, &shelf, 0, 1, &range, &rows), SQLA_EMISUSE);
	range = (struct sqla_range){ .n_orders = 1 };
	EXPECT_STATUS(sqla_get_range(s, &shelf, 0, 1, &range, &rows), SQLA_EMISUSE);
	range = (struct sqla_range){ .reserved = { 1 } };
	EXPECT_STATUS(sqla_get_range(s, &shelf, 0, 1, &range, &rows), SQLA_EMISUSE);
}
