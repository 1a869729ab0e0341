#include "query/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "support/must.h"

static const struct sqla_column columns[] = {
	SQLA_COLUMN(struct book, id, SQLA_COL_INT, .primary_key = true, .autoincrement = true),
	SQLA_COLUMN_NAMED(TITLE, struct book, title, SQLA_COL_TEXT, .nullable = true),
	SQLA_COLUMN_HAS(struct book, pages, has_pages, SQLA_COL_INT32, .nullable = true),
	SQLA_COLUMN(struct book, isbn, SQLA_COL_UUID, .nullable = true),
};
const struct sqla_table shelf = {
	.name = "shelf's %s \\ \"; --",
	.row_size = sizeof(struct book),
	SQLA_LIST(columns, columns),
};

struct sqla_session *must_shelf(void)
{
	struct sqla_metadata *m = must_metadata((const struct sqla_table *const[]){ &shelf, NULL });
	struct sqla_session *s = NULL;

	MUST(sqla_metadata_create_all(m, "e"));
	sqla_metadata_free(m);
	MUST(sqla_session_open("e", &s));
	return s;
}

void must_put(struct sqla_session *s, const char *title, int32_t pages)
{
	char *copy = title ? must_printf("%s", title) : NULL;
	struct book row = { .title = copy, .pages = pages, .has_pages = pages != 0 };

	MUST(sqla_table_insert(s, &shelf, &row));
	free(copy);
}

void must_put_all(struct sqla_session *s, const char *const titles[])
{
	for (; *titles; titles++)
		must_put(s, *titles, 0);
}

void expect_titles(struct sqla_rows *rows, const char *expected)
{
	struct book row = { 0 };
	char *all = must_printf("%s", "");
	const char *between = "";

	while (sqla_table_next(rows, &shelf, &row) > 0) {
		char *longer = must_printf("%s%s%s", all, between, row.title ? row.title : "NULL");

		free(all);
		all = longer;
		between = "|";
	}
	MUST(sqla_rows_close(rows));
	cr_expect(eq(str, all, (char *)expected));
	sqla_table_row_clear(&shelf, &row);
	free(all);
}

char *must_repeat(const char *c, size_t n)
{
	size_t size = strlen(c);
	char *text = malloc(n * size + 1);

	if (!text)
		must_fail("out of memory");
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * size, c, size);
	text[n * size] = '\0';
	return text;
}
