/* Rows column by column, on both engines. */
#include "query/types.h"

#include "support/main.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

BOTH(fields_tell_their_names_types_and_values)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows = must_first(s, &all);
	struct sqla_field field;
	int at = 0, status;

	while ((status = sqla_rows_field(rows, &all, at, &field)) > 0) {
		cr_expect(eq(ptr, (void *)field.column, (void *)&all.columns[at]));
		cr_expect(eq(str, (char *)field.name, (char *)all.columns[at].name));
		at++;
	}
	cr_expect(eq(int, status, 0));
	cr_expect(eq(int, at, (int)all.n_columns));
	MUST(sqla_rows_field(rows, &all, 5, &field));
	cr_expect(eq(int, field.value.type, SQLA_BLOB));
	cr_expect(eq(sz, field.value.size, 2));
	MUST(sqla_rows_field(rows, &all, 6, &field));
	cr_expect(eq(ptr, (void *)field.value.as.p, (void *)field.text));
	MUST(sqla_rows_close(rows));
}

BOTH(a_field_of_no_row_is_an_error_and_leaves_the_output)
{
	struct sqla_session *s = must_row();
	struct sqla_rows *rows = NULL;
	struct sqla_field field = { .name = "untouched" };

	MUST(sqla_get_range(s, &all, 0, 1, NULL, &rows));
	EXPECT_STATUS(sqla_rows_field(rows, &all, 0, &field), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_rows_field(rows, &all, -1, &field), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_rows_field(rows, &all, 0, NULL), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_rows_field(NULL, &all, 0, &field), SQLA_EMISUSE);
	cr_expect(eq(str, (char *)field.name, "untouched"));
	(void)sqla_rows_close(rows);
}
