#include "query/types.h"

#include "support/test.h"

static const struct sqla_column columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "narrow", .type = SQLA_COL_INT32, .nullable = true },
	{ .name = "real", .type = SQLA_COL_REAL, .nullable = true },
	{ .name = "truth", .type = SQLA_COL_BOOL, .nullable = true },
	{ .name = "text", .type = SQLA_COL_TEXT, .nullable = true },
	{ .name = "blob", .type = SQLA_COL_BLOB, .nullable = true },
	{ .name = "moment", .type = SQLA_COL_TIMESTAMP, .nullable = true },
	{ .name = "day", .type = SQLA_COL_DATE, .nullable = true },
	{ .name = "digits", .type = SQLA_COL_NUMERIC, .nullable = true },
	{ .name = "uuid", .type = SQLA_COL_UUID, .nullable = true },
	{ .name = "json", .type = SQLA_COL_JSON, .nullable = true },
	{ .name = "a name that is longer than sixty-three bytes, \"quoted\", and so cut by one",
	  .type = SQLA_COL_BOOL,
	  .nullable = true },
};
const struct sqla_table all = { .name = "all", SQLA_LIST(columns, columns) };

struct sqla_session *must_row(void)
{
	struct sqla_metadata *m = must_metadata((const struct sqla_table *const[]){ &all, NULL });
	struct sqla_session *s = NULL;

	MUST(sqla_metadata_create_all(m, "e"));
	sqla_metadata_free(m);
	MUST(sqla_session_open("e", &s));
	MUST(sqla_exec(s,
		       "INSERT INTO \"all\" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
		       "$11, $12)",
		       sqla_int(INT64_MIN), sqla_int(-7), sqla_real(0.1), sqla_bool(true),
		       sqla_text("<\"Ä\">"), sqla_blob("\0\xff", 2),
		       sqla_text("2026-11-22T10:54:21.000001Z"), sqla_text("1969-12-31"),
		       sqla_text("1.50"), sqla_text("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
		       sqla_text("{\"a\": [1, null, 1e2]}"), sqla_bool(false)));
	return s;
}

struct sqla_rows *must_first(struct sqla_session *s, const struct sqla_table *table)
{
	struct sqla_rows *rows = NULL;

	MUST(sqla_get_range(s, table, 0, 1, NULL, &rows));
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	return rows;
}
