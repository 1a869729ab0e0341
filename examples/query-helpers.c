/*
 * query-helpers.c - the catalogue of a library: finds books without SQL, and
 * writes each as a line of JSON.
 *
 *	query-helpers sqlite:///library.db [TEXT]
 *	query-helpers postgresql:///library [TEXT]
 *
 * TEXT, as somebody types it, is looked for in the titles.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include <sqlassist.h>

struct book {
	int64_t id;
	const char *title;
	const char *language;
	int32_t year;
	bool has_year;
};

static const struct sqla_column columns[] = {
	SQLA_COLUMN(struct book, id, SQLA_COL_INT, .primary_key = true),
	SQLA_COLUMN(struct book, title, SQLA_COL_TEXT),
	SQLA_COLUMN(struct book, language, SQLA_COL_TEXT),
	SQLA_COLUMN_HAS(struct book, year, has_year, SQLA_COL_INT32, .nullable = true),
};

static const struct sqla_table book = {
	.name = "catalogue",
	.row_size = sizeof(struct book),
	SQLA_LIST(columns, columns),
};

/* Writes rows as JSON, and closes them. */
static int print(const char *what, struct sqla_rows *rows)
{
	int r;

	printf("%s:\n", what);
	while ((r = sqla_rows_next(rows)) > 0) {
		json_t *row = sqla_row_columns_as_dict(rows, &book);

		if (!row) {
			r = sqla_error_last()->status;
			break;
		}
		printf("  ");
		json_dumpf(row, stdout, JSON_COMPACT);
		printf("\n");
		json_decref(row);
	}
	sqla_rows_close(rows);
	return r;
}

static int find(struct sqla_session *s, const char *text)
{
	struct sqla_rows *rows;
	int r = sqla_get_exact_then_ilike(s, &book, "title", text, &rows);

	if (r >= 0)
		r = print("this title", rows);
	if (r >= 0)
		r = sqla_get_similar(s, &book, "title", text, SQLA_CONTAINS, &rows);
	if (r >= 0)
		r = print("titles with it", rows);
	return r;
}

/* The two latest that are not English. Books without a year would come first
 * when years descend: they are left out. */
static int latest(struct sqla_session *s)
{
	static const struct sqla_order orders[] = {
		{ .column = "year", .descending = true },
		{ .column = "title", .ignore_case = true },
	};
	const struct sqla_filter filters[] = {
		{ "language", SQLA_NOT_EQUAL, sqla_text("en") },
		{ "year", SQLA_IS_NOT_NULL, sqla_null() },
	};
	const struct sqla_range range = {
		SQLA_LIST(orders, orders),
		SQLA_LIST(filters, filters),
	};
	struct sqla_rows *rows;
	int r = sqla_get_range(s, &book, 0, 2, &range, &rows);

	return r < 0 ? r : print("the latest that are not English", rows);
}

/* Rows as an array of structs. */
static int some(struct sqla_session *s)
{
	const struct sqla_value ids[] = { sqla_int(5), sqla_int(1), sqla_int(77) };
	struct sqla_rows *rows;
	void *array = NULL;
	size_t n = 0;
	int r = sqla_get_by_ids(s, &book, NULL, ids, 3, &rows);

	if (r >= 0)
		r = sqla_rows_collect(rows, &book, &array, &n);
	for (size_t i = 0; i < n; i++) {
		const struct book *one = &((struct book *)array)[i];

		printf("%" PRId64 " is %s\n", one->id, one->title);
	}
	sqla_table_array_free(&book, array, n);
	return r;
}

static int fill(struct sqla_session *s)
{
	struct book books[] = {
		{ 1, "Moby-Dick", "en", 1851, true },	  { 2, "100% Wolf", "en", 2008, true },
		{ 3, "Ίλιάς", "el", 0, false },		  { 4, "Ζορμπάς", "el", 1946, true },
		{ 5, "Война и мир", "ru", 1869, true },	  { 6, "WAR AND PEACE", "en", 1886, true },
		{ 7, "War and Peace", "en", 2007, true }, { 8, "Мы", "ru", 1920, true },
	};
	int r = sqla_exec(s, "DELETE FROM catalogue");

	for (size_t i = 0; r >= 0 && i < sizeof(books) / sizeof(books[0]); i++)
		r = sqla_table_insert(s, &book, &books[i]);
	return r;
}

/* txn_run calls it in a transaction. */
static int work(void *arg)
{
	struct sqla_session *s = NULL;
	int r = sqla_session_open(NULL, &s);

	if (r >= 0)
		r = fill(s);
	if (r >= 0)
		r = find(s, arg);
	if (r >= 0)
		r = latest(s);
	if (r >= 0)
		r = some(s);
	sqla_session_close(s);
	return r;
}

int main(int argc, char **argv)
{
	struct sqla_metadata *metadata = NULL;
	char any[] = "war and peace";
	int r;

	if (argc < 2)
		return fprintf(stderr, "usage: query-helpers URL [TEXT]\n"), 2;
	r = sqla_engine_register("library", argv[1], NULL);
	if (r >= 0)
		r = sqla_metadata_new(NULL, &metadata);
	if (r >= 0)
		r = sqla_metadata_add(metadata, &book);
	if (r >= 0)
		r = sqla_metadata_create_all(metadata, NULL);
	if (r >= 0)
		r = txn_run(3, work, argc > 2 ? argv[2] : any);
	if (r < 0)
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
			sqla_error_last()->hint);
	sqla_metadata_free(metadata);
	sqla_engine_unregister(NULL);
	return r < 0;
}
