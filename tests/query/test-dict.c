/* Rows as JSON, on both engines. */
#include "query/types.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "support/main.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

/* The table of which C has two columns. */
struct part {
	int64_t id;
	char *text;
};
static const struct sqla_column part_columns[] = {
	SQLA_COLUMN(struct part, id, SQLA_COL_INT, .primary_key = true),
	{ .name = "narrow", .type = SQLA_COL_INT32, .nullable = true },
	SQLA_COLUMN(struct part, text, SQLA_COL_TEXT, .nullable = true),
};
static const struct sqla_table part = {
	.name = "all",
	.row_size = sizeof(struct part),
	SQLA_LIST(columns, part_columns),
};

/* VALUE is taken, ROWS are closed. */
static void expect_json(struct sqla_rows *rows, json_t *value, const char *expected)
{
	char *text;

	cr_assert(ne(ptr, value, NULL), "%s", sqla_error_last()->message);
	text = json_dumps(value, JSON_COMPACT);
	cr_expect(eq(str, text, (char *)expected));
	free(text);
	json_decref(value);
	MUST(sqla_rows_close(rows));
}

static const char whole[] =
	"{\"id\":-9223372036854775808,\"narrow\":-7,\"real\":0.10000000000000001,\"truth\":true,"
	"\"text\":\"<\\\"Ä\\\">\",\"blob\":\"00ff\",\"moment\":\"2026-11-22T10:54:21.000001Z\","
	"\"day\":\"1969-12-31\",\"digits\":\"1.50\","
	"\"uuid\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\",\"json\":{\"a\":[1,null,100.0]},"
	"\"a name that is longer than sixty-three bytes, \\\"quoted\\\", and so cut by one\":false}";

BOTH(a_row_is_the_same_json_on_every_engine)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows = must_first(s, &all);

	expect_json(rows, sqla_row_columns_as_dict(rows, &all), whole);
	rows = must_first(s, &all);
	expect_json(rows, sqla_row_loaded_as_dict(rows, &all), whole);
}

BOTH(null_is_null_in_every_type)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows;
	json_t *dict, *value;
	const char *name;

	MUST(sqla_exec(s, "DELETE FROM \"all\""));
	MUST(sqla_exec(s, "INSERT INTO \"all\" (id) VALUES (1)"));
	rows = must_first(s, &all);
	dict = sqla_row_columns_as_dict(rows, &all);
	cr_expect(eq(sz, json_object_size(dict), all.n_columns));
	json_object_foreach(dict, name, value)
		cr_expect(eq(int, json_is_null(value), strcmp(name, "id") != 0), "%s", name);
	json_decref(dict);
	MUST(sqla_rows_close(rows));
}

BOTH(columns_without_a_member_are_not_loaded)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows = must_first(s, &part);

	cr_expect(eq(ptr, sqla_row_columns_as_dict(rows, &part), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_ENOTFOUND));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "\"narrow\""), NULL));
	expect_json(rows, sqla_row_loaded_as_dict(rows, &part),
		    "{\"id\":-9223372036854775808,\"text\":\"<\\\"Ä\\\">\"}");
	rows = must_first(s, &part);
	expect_json(rows, sqla_row_loaded_as_list(rows, &part, false), "[\"id\",\"text\"]");
	rows = must_first(s, &part);
	expect_json(rows, sqla_row_loaded_as_list(rows, &part, true),
		    "[[\"id\",-9223372036854775808],[\"text\",\"<\\\"Ä\\\">\"]]");
}

BOTH(columns_that_no_table_declares_are_texts)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows = NULL;

	MUST(sqla_query(s, &rows, "SELECT id, 1 + 1 AS two, NULL AS none FROM \"all\""));
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	expect_json(rows, sqla_row_loaded_as_dict(rows, &all),
		    "{\"id\":-9223372036854775808,\"two\":\"2\",\"none\":null}");
	MUST(sqla_query(s, &rows, "SELECT narrow FROM \"all\""));
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	expect_json(rows, sqla_row_loaded_as_dict(rows, NULL), "{\"narrow\":\"-7\"}");
}

BOTH(no_row_is_no_json)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows = NULL;

	MUST(sqla_get_range(s, &all, 0, 1, NULL, &rows));
	cr_expect(eq(ptr, sqla_row_loaded_as_dict(rows, &all), NULL));
	cr_expect(eq(ptr, sqla_row_loaded_as_list(rows, &all, true), NULL));
	cr_expect(eq(ptr, sqla_row_columns_as_dict(rows, NULL), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
	(void)sqla_rows_close(rows);
}

BOTH(numbers_that_json_has_not_are_texts_or_reals)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows;
	json_t *dict;

	MUST(sqla_exec(s, "UPDATE \"all\" SET \"real\" = $1, \"json\" = $2", sqla_real(-INFINITY),
		       sqla_text("[18446744073709551616]")));
	rows = must_first(s, &all);
	dict = sqla_row_columns_as_dict(rows, &all);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(dict, "real")), "-Infinity"));
	cr_expect(eq(int, json_is_real(json_array_get(json_object_get(dict, "json"), 0)), 1));
	json_decref(dict);
	MUST(sqla_rows_close(rows));
}

Test(sqlite, json_that_is_none_is_told)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows;

	MUST(sqla_exec(s, "UPDATE \"all\" SET \"json\" = '{'"));
	rows = must_first(s, &all);
	cr_expect(eq(ptr, sqla_row_columns_as_dict(rows, &all), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EDATABASE));
	MUST(sqla_rows_close(rows));
}
