/* Rows of declared tables as C structs, on both engines. */
#include "schema/both.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/main.h"
#include "support/must.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

/* Every type, with and without NULL. */
struct thing {
	int64_t id;
	int64_t wide;
	int32_t narrow;
	double real;
	bool truth;
	char *text;
	struct sqla_bytes blob;
	int64_t moment;
	int32_t day;
	char *digits;
	char uuid[SQLA_UUID_SIZE];
	char *json;
	bool has_wide, has_narrow, has_real, has_truth, has_moment, has_day;
};

static const struct sqla_column thing_columns[] = {
	SQLA_COLUMN(struct thing, id, SQLA_COL_INT, .primary_key = true, .autoincrement = true),
	SQLA_COLUMN_HAS(struct thing, wide, has_wide, SQLA_COL_INT, .nullable = true),
	SQLA_COLUMN_HAS(struct thing, narrow, has_narrow, SQLA_COL_INT32, .nullable = true),
	SQLA_COLUMN_HAS(struct thing, real, has_real, SQLA_COL_REAL, .nullable = true),
	SQLA_COLUMN_HAS(struct thing, truth, has_truth, SQLA_COL_BOOL, .nullable = true),
	SQLA_COLUMN(struct thing, text, SQLA_COL_TEXT, .nullable = true),
	SQLA_COLUMN(struct thing, blob, SQLA_COL_BLOB, .nullable = true),
	SQLA_COLUMN_HAS(struct thing, moment, has_moment, SQLA_COL_TIMESTAMP, .nullable = true),
	SQLA_COLUMN_HAS(struct thing, day, has_day, SQLA_COL_DATE, .nullable = true),
	SQLA_COLUMN(struct thing, digits, SQLA_COL_NUMERIC, .nullable = true),
	SQLA_COLUMN(struct thing, uuid, SQLA_COL_UUID, .nullable = true),
	SQLA_COLUMN(struct thing, json, SQLA_COL_JSON, .nullable = true),
};
static const struct sqla_table thing = {
	.name = "thing",
	.row_size = sizeof(struct thing),
	SQLA_LIST(columns, thing_columns),
};

static struct sqla_session *s;

static void must_have(const struct sqla_table *table)
{
	struct sqla_metadata *m = must_metadata((const struct sqla_table *const[]){ table, NULL });

	MUST(sqla_metadata_create_all(m, "e"));
	sqla_metadata_free(m);
	MUST(sqla_session_open("e", &s));
}

/* Inserts ROW, and reads it again from the database after a commit. */
static struct thing there_and_back(struct thing row)
{
	struct thing back;

	MUST(sqla_table_insert(s, &thing, &row));
	MUST(txn_commit());
	MUST(sqla_table_fetch(s, &thing, &back, sqla_int(row.id)));
	return back;
}

/* ---- round trips ----------------------------------------------------------- */

BOTH(null_comes_back_as_null_in_every_type)
{
	struct thing back, empty = { 0 };

	must_have(&thing);
	back = there_and_back(empty);
	cr_expect(ne(i64, back.id, 0));
	back.id = 0;
	cr_expect(eq(int, memcmp(&back, &empty, offsetof(struct thing, has_wide)), 0));
	cr_expect(eq(int, back.has_wide + back.has_narrow + back.has_real, 0));
	cr_expect(eq(int, back.has_truth + back.has_moment + back.has_day, 0));
}

BOTH(the_least_of_every_type_comes_back)
{
	static char empty[] = "";
	struct thing back;

	must_have(&thing);
	back = there_and_back((struct thing){
		.wide = INT64_MIN,
		.narrow = INT32_MIN,
		.real = -1.7976931348623157e308,
		.truth = false,
		.text = empty,
		.blob = { empty, 0 },
		.moment = INT64_C(-62135596800000000),
		.day = -719162,
		.digits = (char[]){ "-0.000000000000000000000000000000000001" },
		.uuid = "00000000-0000-0000-0000-000000000000",
		.json = (char[]){ "0" },
		.has_wide = true,
		.has_narrow = true,
		.has_real = true,
		.has_truth = true,
		.has_moment = true,
		.has_day = true,
	});
	cr_expect(eq(i64, back.wide, INT64_MIN));
	cr_expect(eq(i32, back.narrow, INT32_MIN));
	cr_expect(ieee_ulp_eq(dbl, back.real, -1.7976931348623157e308, 0));
	cr_expect(back.has_truth);
	cr_expect(not(back.truth));
	cr_expect(eq(str, back.text, empty));
	cr_expect(ne(ptr, back.blob.data, NULL));
	cr_expect(eq(sz, back.blob.size, 0));
	cr_expect(eq(i64, back.moment, INT64_C(-62135596800000000)));
	cr_expect(eq(i32, back.day, -719162));
	cr_expect(eq(str, back.digits, "-0.000000000000000000000000000000000001"));
	cr_expect(eq(str, back.uuid, "00000000-0000-0000-0000-000000000000"));
	cr_expect(eq(str, back.json, "0"));
	sqla_table_row_clear(&thing, &back);
}

BOTH(the_greatest_of_every_type_comes_back)
{
	enum { LENGTH = 1024 * 1024 };
	char *text = malloc(LENGTH + 1);
	struct thing back;

	memset(text, 'x', LENGTH);
	memcpy(text, "\xF0\x9F\x90\x98 \"'\\", 8);
	text[LENGTH] = '\0';
	must_have(&thing);
	back = there_and_back((struct thing){
		.wide = INT64_MAX,
		.narrow = INT32_MAX,
		.real = 0.1,
		.truth = true,
		.text = text,
		.blob = { (char[]){ "\0\xFF\0'\\" }, 6 },
		.moment = INT64_C(253402300799999999),
		.day = 2932896,
		.digits = (char[]){ "123456789012345678901234567890123456789.5" },
		.uuid = "FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF",
		.json = (char[]){ "{\"a\":  [1, \"\xE2\x82\xAC\", null]}" },
		.has_wide = true,
		.has_narrow = true,
		.has_real = true,
		.has_truth = true,
		.has_moment = true,
		.has_day = true,
	});
	cr_expect(eq(i64, back.wide, INT64_MAX));
	cr_expect(eq(i32, back.narrow, INT32_MAX));
	cr_expect(ieee_ulp_eq(dbl, back.real, 0.1, 0));
	cr_expect(back.truth);
	cr_expect(eq(int, strcmp(back.text, text), 0));
	cr_expect(eq(sz, back.blob.size, 6));
	cr_expect(eq(int, memcmp(back.blob.data, "\0\xFF\0'\\", 6), 0));
	cr_expect(eq(i64, back.moment, INT64_C(253402300799999999)));
	cr_expect(eq(i32, back.day, 2932896));
	cr_expect(eq(str, back.digits, "123456789012345678901234567890123456789.5"));
	cr_expect(eq(str, back.uuid, "ffffffff-ffff-4fff-8fff-ffffffffffff"));
	cr_expect(eq(str, back.json, "{\"a\":  [1, \"\xE2\x82\xAC\", null]}"));
	sqla_table_row_clear(&thing, &back);
	free(text);
}

BOTH(infinity_comes_back_and_nan_where_there_is_one)
{
	struct thing row = { .real = INFINITY, .has_real = true };
	struct thing back;

	must_have(&thing);
	back = there_and_back(row);
	cr_expect(eq(dbl, back.real, INFINITY));
	row.real = NAN;
	if (both_is_sqlite()) {
		EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
	} else {
		back = there_and_back(row);
		cr_expect(back.has_real);
		cr_expect(ne(int, isnan(back.real), 0));
	}
}

/* Other settings of the server's session change no value. */
BOTH(time_zones_and_styles_do_not_matter)
{
	struct thing back, row = { .moment = 1500000, .has_moment = true, .has_day = true };

	must_have(&thing);
	if (!both_is_sqlite())
		MUST(sqla_exec(s, "SET TimeZone = 'Asia/Kolkata'"));
	if (!both_is_sqlite())
		MUST(sqla_exec(s, "SET DateStyle = 'German'"));
	MUST(sqla_table_insert(s, &thing, &row));
	MUST(sqla_table_fetch(s, &thing, &back, sqla_int(row.id)));
	cr_expect(eq(i64, back.moment, 1500000));
	cr_expect(eq(i32, back.day, 0));
}

BOTH(values_that_the_type_cannot_hold_are_misuse)
{
	struct thing row = { .digits = (char[]){ "12,5" } };

	must_have(&thing);
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
	row = (struct thing){ .digits = (char[]){ "" } };
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
	row = (struct thing){ .uuid = "not-a-uuid" };
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
#ifdef SQLA_WITH_JANSSON
	row = (struct thing){ .json = (char[]){ "{" } };
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
#endif
	row = (struct thing){ .moment = INT64_MAX, .has_moment = true };
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
	row = (struct thing){ .day = INT32_MIN, .has_day = true };
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), SQLA_EMISUSE);
	/* None of them has harmed the transaction. */
	row = (struct thing){ 0 };
	EXPECT_STATUS(sqla_table_insert(s, &thing, &row), 0);
	MUST(txn_commit());
}

BOTH(a_value_that_does_not_fit_its_member_is_an_error_and_changes_no_row)
{
	struct thing row = { .id = 7 };

	must_have(&thing);
	both_exec(both_is_sqlite() ? "PRAGMA ignore_check_constraints = ON;"
				     "INSERT INTO thing (id, narrow) VALUES (7, 3000000000)" :
				     "ALTER TABLE thing ALTER narrow TYPE bigint;"
				     "INSERT INTO thing (id, narrow) VALUES (7, 3000000000)");
	row.narrow = 42;
	EXPECT_STATUS(sqla_table_fetch(s, &thing, &row, sqla_int(7)), SQLA_EDATABASE);
	cr_expect(eq(i32, row.narrow, 42));
	MUST(txn_abort());
	both_exec(both_is_sqlite() ? "PRAGMA ignore_check_constraints = ON;"
				     "UPDATE thing SET narrow = 1, moment = 'soon'" :
				     "UPDATE thing SET narrow = 1, moment = 'infinity'");
	EXPECT_STATUS(sqla_table_fetch(s, &thing, &row, sqla_int(7)), SQLA_EDATABASE);
	cr_expect(eq(i32, row.narrow, 42));
}

/* ---- keys and defaults ------------------------------------------------------- */

struct order {
	char *shop;
	int32_t number;
	char *note;
	int64_t made;
	bool has_made;
	int32_t state;
	bool has_state;
};

static const struct sqla_column order_columns[] = {
	SQLA_COLUMN(struct order, shop, SQLA_COL_TEXT, .primary_key = true),
	SQLA_COLUMN(struct order, number, SQLA_COL_INT32, .primary_key = true),
	SQLA_COLUMN_NAMED("the \"note\"", struct order, note, SQLA_COL_TEXT,
			  .default_sql = "'none'"),
	SQLA_COLUMN_HAS(struct order, made, has_made, SQLA_COL_TIMESTAMP,
			.default_sql = "CURRENT_TIMESTAMP"),
	SQLA_COLUMN_HAS(struct order, state, has_state, SQLA_COL_INT32, .default_sql = "3"),
	{ .name = "unseen", .type = SQLA_COL_DATE, .default_sql = "CURRENT_DATE" },
};
static const struct sqla_table order = {
	.name = "order",
	.row_size = sizeof(struct order),
	SQLA_LIST(columns, order_columns),
};

static char shop[] = "Paris", other_shop[] = "Rome", a_note[] = "soon";

BOTH(defaults_are_left_to_the_database_and_written_back)
{
	struct order row = { .shop = shop, .number = 1 };
	struct order back;

	must_have(&order);
	MUST(sqla_table_insert(s, &order, &row));
	cr_expect(row.has_made);
	cr_expect(row.has_state);
	cr_expect(eq(i32, row.state, 3));
	/* 2020 to 2100 */
	cr_expect(ge(i64, row.made, INT64_C(1577836800000000)));
	cr_expect(lt(i64, row.made, INT64_C(4102444800000000)));
	/* Nothing is allocated in a row that was given. */
	cr_expect(eq(ptr, row.note, NULL));
	MUST(sqla_table_fetch(s, &order, &back, sqla_text("Paris"), sqla_int(1)));
	cr_expect(eq(str, back.note, "none"));
	cr_expect(eq(i64, back.made, row.made));
	sqla_table_row_clear(&order, &back);
}

BOTH(values_that_are_given_win_over_defaults)
{
	struct order row = { .shop = shop,
			     .number = 1,
			     .note = a_note,
			     .made = 5,
			     .has_made = true,
			     .state = 0,
			     .has_state = true };
	struct order back;

	must_have(&order);
	MUST(sqla_table_insert(s, &order, &row));
	MUST(sqla_table_fetch(s, &order, &back, sqla_text("Paris"), sqla_int(1)));
	cr_expect(eq(str, back.note, a_note));
	cr_expect(eq(i64, back.made, 5));
	cr_expect(eq(i32, back.state, 0));
	sqla_table_row_clear(&order, &back);
}

BOTH(an_autoincrement_key_is_new_or_as_given)
{
	struct thing first = { 0 }, given = { .id = 100 }, second = { 0 };

	must_have(&thing);
	MUST(sqla_table_insert(s, &thing, &first));
	MUST(sqla_table_insert(s, &thing, &second));
	MUST(sqla_table_insert(s, &thing, &given));
	cr_expect(eq(i64, first.id, 1));
	cr_expect(eq(i64, second.id, 2));
	cr_expect(eq(i64, given.id, 100));
	EXPECT_STATUS(sqla_table_insert(s, &thing, &given), SQLA_EDATABASE);
}

BOTH(a_row_is_updated_and_deleted_by_its_whole_key)
{
	struct order one = { .shop = shop, .number = 1 };
	struct order two = { .shop = other_shop, .number = 1 };
	struct order back;

	must_have(&order);
	MUST(sqla_table_insert(s, &order, &one));
	MUST(sqla_table_insert(s, &order, &two));
	one.state = 9;
	one.note = a_note;
	MUST(sqla_table_update(s, &order, &one));
	MUST(sqla_table_fetch(s, &order, &back, sqla_text("Rome"), sqla_int(1)));
	cr_expect(eq(i32, back.state, 3));
	sqla_table_row_clear(&order, &back);
	MUST(sqla_table_fetch(s, &order, &back, sqla_text("Paris"), sqla_int(1)));
	cr_expect(eq(i32, back.state, 9));
	sqla_table_row_clear(&order, &back);
	MUST(sqla_table_delete(s, &order, &one));
	EXPECT_STATUS(sqla_table_delete(s, &order, &one), SQLA_ENOTFOUND);
	EXPECT_STATUS(sqla_table_update(s, &order, &one), SQLA_ENOTFOUND);
	EXPECT_STATUS(sqla_table_fetch(s, &order, &back, sqla_text("Paris"), sqla_int(1)),
		      SQLA_ENOTFOUND);
	MUST(sqla_table_fetch(s, &order, &back, sqla_text("Rome"), sqla_int(1)));
	sqla_table_row_clear(&order, &back);
}

BOTH(a_key_has_as_many_values_as_columns)
{
	struct order back;

	must_have(&order);
	EXPECT_STATUS(sqla_table_fetch(s, &order, &back, sqla_text("Paris")), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_fetch_array(s, &order, &back, NULL, 0), SQLA_EMISUSE);
}

/* ---- lists ------------------------------------------------------------------- */

static void must_insert_orders(int n)
{
	must_have(&order);
	for (int i = n; i > 0; i--) {
		struct order row = { .shop = shop, .number = i, .note = a_note };

		MUST(sqla_table_insert(s, &order, &row));
	}
}

BOTH(all_rows_come_in_the_order_of_the_key)
{
	struct order row = { 0 };
	struct sqla_rows *rows = NULL;
	int status, n = 0;

	must_insert_orders(12);
	MUST(sqla_table_select(s, &order, NULL, NULL, 0, &rows));
	while ((status = sqla_table_next(rows, &order, &row)) > 0) {
		cr_expect(eq(i32, row.number, ++n));
		cr_expect(eq(str, row.note, a_note));
	}
	cr_expect(eq(int, status, 0));
	cr_expect(eq(int, n, 12));
	sqla_table_row_clear(&order, &row);
	MUST(sqla_rows_close(rows));
}

BOTH(a_tail_chooses_rows)
{
	struct order row = { 0 };
	struct sqla_rows *rows = NULL;
	struct sqla_value values[] = { sqla_int(3), sqla_text("Paris") };

	must_insert_orders(5);
	MUST(sqla_table_select(s, &order, "WHERE number > $1 AND shop = $2 ORDER BY number DESC",
			       values, 2, &rows));
	cr_expect(eq(int, sqla_table_next(rows, &order, &row), 1));
	cr_expect(eq(i32, row.number, 5));
	cr_expect(eq(int, sqla_table_next(rows, &order, &row), 1));
	cr_expect(eq(i32, row.number, 4));
	cr_expect(eq(int, sqla_table_next(rows, &order, &row), 0));
	sqla_table_row_clear(&order, &row);
	MUST(sqla_rows_close(rows));
}

BOTH(rows_of_another_table_are_misuse)
{
	struct order row = { 0 };
	struct sqla_rows *rows = NULL;

	must_insert_orders(1);
	MUST(sqla_query(s, &rows, "SELECT 1"));
	EXPECT_STATUS(sqla_table_next(rows, &order, &row), SQLA_EMISUSE);
	(void)sqla_rows_close(rows);
}

/* ---- misuse ------------------------------------------------------------------ */

BOTH(what_cannot_be_is_misuse_and_never_a_crash)
{
	static const struct sqla_column columns[] = { { .name = "c", .type = SQLA_COL_INT } };
	static const struct sqla_table bare = { .name = "bare", SQLA_LIST(columns, columns) };
	struct sqla_rows *rows = NULL;
	struct order row = { 0 };

	must_have(&order);
	EXPECT_STATUS(sqla_table_insert(NULL, &order, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_insert(s, NULL, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_insert(s, &order, NULL), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_insert(s, &bare, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_update(s, &bare, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_delete(s, NULL, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_select(s, &bare, NULL, NULL, 0, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_select(s, &order, NULL, NULL, 0, NULL), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_next(NULL, &order, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_table_fetch(s, &order, NULL, sqla_int(1), sqla_int(1)), SQLA_EMISUSE);
	sqla_table_row_clear(&order, &row);
}
