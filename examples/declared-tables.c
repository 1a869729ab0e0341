/*
 * declared-tables.c - a lending library: its tables are declared in C, created
 * where they are missing, compared with the database, and used as structs.
 *
 *	declared-tables sqlite:///library.db
 *	declared-tables postgresql:///library
 *	declared-tables sqlite:///library.db tables.json   writes the declaration,
 *		for: sqlassist doctor --engine e=sqlite:///library.db --tables tables.json
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlassist.h>

struct author {
	int64_t id;
	const char *name;
};

struct book {
	int64_t id;
	const char *title;
	int64_t author;
	int32_t pages;
	bool has_pages;
	int64_t bought; /* microseconds since 1970 */
	bool has_bought;
};

static const struct sqla_column author_columns[] = {
	SQLA_COLUMN(struct author, id, SQLA_COL_INT, .primary_key = true, .autoincrement = true),
	SQLA_COLUMN(struct author, name, SQLA_COL_TEXT, .length = 80, .unique = true),
};

static const struct sqla_table author = {
	.name = "author",
	.row_size = sizeof(struct author),
	SQLA_LIST(columns, author_columns),
};

static const struct sqla_column book_columns[] = {
	SQLA_COLUMN(struct book, id, SQLA_COL_INT, .primary_key = true, .autoincrement = true),
	SQLA_COLUMN(struct book, title, SQLA_COL_TEXT, .index = true),
	SQLA_COLUMN(struct book, author, SQLA_COL_INT, .references_table = "author",
		    .on_delete = SQLA_CASCADE),
	SQLA_COLUMN_HAS(struct book, pages, has_pages, SQLA_COL_INT32, .nullable = true,
			.check = "pages > 0"),
	SQLA_COLUMN_HAS(struct book, bought, has_bought, SQLA_COL_TIMESTAMP,
			.default_sql = "CURRENT_TIMESTAMP"),
};

static const struct sqla_table book = {
	.name = "book",
	.row_size = sizeof(struct book),
	SQLA_LIST(columns, book_columns),
};

static void print_difference(const struct sqla_difference *d, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s, %s %s: declared \"%s\", found \"%s\"\n", d->table, d->aspect, d->name,
		d->declared, d->found);
}

static int print_books(struct sqla_session *s)
{
	struct sqla_rows *rows;
	struct book row = { 0 };
	int r = sqla_table_select(s, &book, "ORDER BY title, id", NULL, 0, &rows);

	if (r < 0)
		return r;
	while ((r = sqla_table_next(rows, &book, &row)) > 0) {
		char bought[SQLA_TIMESTAMP_SIZE];

		if (sqla_timestamp_format(row.bought, bought) == 0)
			printf("%" PRId64 " %s, bought %s\n", row.id, row.title, bought);
	}
	sqla_table_row_clear(&book, &row);
	sqla_rows_close(rows);
	return r;
}

/* txn_run calls it in a transaction. */
static int buy(void *arg)
{
	struct author ada = { .name = "Ada Lovelace" };
	struct book notes = { .title = "Notes", .pages = 66, .has_pages = true };
	struct sqla_session *s = NULL;
	int r = sqla_session_open(NULL, &s);

	(void)arg;
	if (r >= 0) /* a new library: sweep out what an earlier run bought */
		r = sqla_exec(s, "DELETE FROM author");
	if (r >= 0)
		r = sqla_table_insert(s, &author, &ada); /* ada.id is known now */
	notes.author = ada.id;
	if (r >= 0)
		r = sqla_table_insert(s, &book, &notes);
	notes.pages = 67;
	if (r >= 0)
		r = sqla_table_update(s, &book, &notes);
	if (r >= 0)
		r = print_books(s);
	sqla_session_close(s);
	return r;
}

static int write_declaration(const struct sqla_metadata *metadata, const char *path)
{
	char *json = sqla_metadata_json(metadata);
	FILE *out = json ? fopen(path, "w") : NULL;
	int r = out && fputs(json, out) >= 0 ? 0 : -1;

	if (out && fclose(out) != 0)
		r = -1;
	free(json);
	return r;
}

int main(int argc, char **argv)
{
	struct sqla_metadata *metadata = NULL;
	int r;

	if (argc < 2)
		return fprintf(stderr, "usage: declared-tables URL [FILE]\n"), 2;
	r = sqla_engine_register("library", argv[1], NULL);
	if (r >= 0)
		r = sqla_metadata_new(NULL, &metadata);
	if (r >= 0)
		r = sqla_metadata_add(metadata, &author);
	if (r >= 0)
		r = sqla_metadata_add(metadata, &book);
	if (r >= 0)
		r = sqla_metadata_create_all(metadata, NULL);
	if (r >= 0)
		r = sqla_metadata_check(metadata, NULL, print_difference, NULL);
	if (r >= 0)
		r = txn_run(3, buy, NULL);
	if (r < 0)
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
			sqla_error_last()->hint);
	if (r >= 0 && argc > 2 && (r = write_declaration(metadata, argv[2])) < 0)
		perror(argv[2]);
	sqla_metadata_free(metadata);
	sqla_engine_unregister(NULL);
	return r < 0;
}
