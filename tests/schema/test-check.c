/* Every difference between a database and a declaration is found, and nothing
 * else is told. */
#include "schema/both.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/main.h"
#include "support/must.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

static const struct sqla_column author_columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true, .autoincrement = true },
};
static const struct sqla_column book_columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "title", .type = SQLA_COL_TEXT, .default_sql = "'none'", .unique = true },
	{ .name = "pages", .type = SQLA_COL_INT32, .nullable = true, .check = "pages > 0" },
	{ .name = "author", .type = SQLA_COL_INT, .index = true, .references_table = "author" },
};
static const struct sqla_table author = { .name = "author", SQLA_LIST(columns, author_columns) };
static const struct sqla_table book = { .name = "book", SQLA_LIST(columns, book_columns) };
static const struct sqla_table *const tables[] = { &book, &author, NULL };

/* The differences that were told, one a line. */
static char told[4096];

static void note(const struct sqla_difference *d, void *arg)
{
	static const char *const kinds[] = { "missing", "extra", "different" };
	size_t length = strlen(told);

	(void)arg;
	(void)snprintf(told + length, sizeof(told) - length, "%s %s %s %s\n", kinds[d->kind],
		       d->table, d->aspect, d->name);
}

/* A book made by hand: BODY stands in place of what is declared. */
static void make_book(const char *body)
{
	char *sql = must_printf("%s;%s", "DROP TABLE book", body);

	both_exec(sql);
	free(sql);
}

static void expect_told(struct sqla_metadata *m, const char *wanted)
{
	int n;

	*told = '\0';
	n = sqla_metadata_check(m, "e", note, NULL);
	cr_assert(ge(int, n, 0), "%s", sqla_error_last()->message);
	cr_expect(eq(str, told, (char *)wanted));
	for (const char *at = wanted; *at; at++)
		n -= *at == '\n';
	cr_expect(eq(int, n, 0));
}

static struct sqla_metadata *must_create(void)
{
	struct sqla_metadata *m = must_metadata(tables);

	MUST(sqla_metadata_create_all(m, "e"));
	return m;
}

/* Replaces OLD in the SQL of the declared table by NEW, and makes it so. */
static void make_book_with(struct sqla_metadata *m, const char *old, const char *new)
{
	char *sql = sqla_metadata_sql(m, both_is_sqlite() ? "sqlite" : "postgresql");
	char *from = strstr(sql, "CREATE TABLE \"book\"");
	char *at = strstr(from, old), *body;

	if (!at)
		must_fail("there is no %s in %s", old, sql);
	body = must_printf("%.*s%s%s", (int)(at - from), from, new, at + strlen(old));
	make_book(body);
	free(body);
	free(sql);
}

BOTH(tells_nothing_where_nothing_differs)
{
	struct sqla_metadata *m = must_create();

	expect_told(m, "");
	cr_expect(eq(int, sqla_metadata_check(m, "e", NULL, NULL), 0));
	sqla_metadata_free(m);
}

BOTH(tells_of_missing_and_extra_tables_once)
{
	struct sqla_metadata *m = must_create();

	both_exec("DROP TABLE book; CREATE TABLE stranger (id int PRIMARY KEY)");
	expect_told(m, "missing book table \nextra stranger table \n");
	sqla_metadata_free(m);
}

BOTH(tells_of_missing_and_extra_columns_once)
{
	struct sqla_metadata *m = must_create();

	both_exec("ALTER TABLE book ADD COLUMN sheets int");
	expect_told(m, "extra book column sheets\n");
	make_book_with(m, ",\n\t\"author\" ", ",\n\t\"more\" int,\n\t\"author\" ");
	expect_told(m, "extra book column more\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_another_type)
{
	struct sqla_metadata *m = must_create();

	if (both_is_sqlite())
		make_book_with(m, "\"author\" INTEGER", "\"author\" REAL");
	else
		make_book_with(m, "\"title\" text", "\"title\" varchar(9)");
	expect_told(m, both_is_sqlite() ?
			       "different book type author\n" :
			       "different book default title\ndifferent book type title\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_another_nullability)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, " NOT NULL DEFAULT", " DEFAULT");
	expect_told(m, "different book nullability title\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_another_default)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, " DEFAULT ('none')", " DEFAULT ('some')");
	expect_told(m, "different book default title\n");
	make_book_with(m, " DEFAULT ('none')", "");
	expect_told(m, "different book default title\n");
	sqla_metadata_free(m);
}

BOTH(a_default_in_other_words_is_the_same)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, " DEFAULT ('none')",
		       both_is_sqlite() ? " DEFAULT 'none'" : " DEFAULT 'none'::text");
	expect_told(m, "");
	sqla_metadata_free(m);
}

BOTH(tells_of_a_missing_primary_key)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, ",\n\tCONSTRAINT \"pk_book\" PRIMARY KEY (\"id\")", "");
	expect_told(m, both_is_sqlite() ? "missing book primary key \n" :
					  "missing book primary key pk_book\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_a_missing_unique_constraint)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, ",\n\tCONSTRAINT \"uq_book_title\" UNIQUE (\"title\")", "");
	expect_told(m, both_is_sqlite() ? "missing book unique \"title\"\n" :
					  "missing book unique uq_book_title\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_an_extra_unique_constraint)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, ",\n\tCONSTRAINT \"uq_book_title\"",
		       ",\n\tCONSTRAINT \"more\" UNIQUE (\"pages\")"
		       ",\n\tCONSTRAINT \"uq_book_title\"");
	expect_told(m, both_is_sqlite() ? "extra book unique \"pages\"\n" :
					  "extra book unique more\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_another_check)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, "CHECK (pages > 0)", "CHECK (pages > 1)");
	expect_told(m, both_is_sqlite() ? "missing book check CHECK (pages > 0)\n" :
					  "different book check ck_book_pages\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_another_foreign_key)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, "REFERENCES \"author\" (\"id\")",
		       "REFERENCES \"author\" (\"id\") ON DELETE CASCADE");
	expect_told(m, both_is_sqlite() ? "different book foreign key (\"author\")\n" :
					  "different book foreign key fk_book_author_author\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_missing_and_other_and_extra_indexes)
{
	struct sqla_metadata *m = must_create();

	both_exec("DROP INDEX ix_book_author");
	expect_told(m, "missing book index ix_book_author\n");
	both_exec("CREATE UNIQUE INDEX ix_book_author ON book (author)");
	expect_told(m, "different book index ix_book_author\n");
	both_exec("DROP INDEX ix_book_author; CREATE INDEX ix_book_author ON book (pages)");
	expect_told(m, "different book index ix_book_author\n");
	both_exec("DROP INDEX ix_book_author;"
		  "CREATE INDEX ix_book_author ON book (author) WHERE author > 1;"
		  "CREATE INDEX extra ON book (id)");
	expect_told(m, "different book index ix_book_author\nextra book index extra\n");
	sqla_metadata_free(m);
}

BOTH(tells_of_a_key_that_does_not_count)
{
	struct sqla_metadata *m = must_create();

	both_exec("DROP TABLE book; DROP TABLE author");
	if (both_is_sqlite())
		both_exec("CREATE TABLE author (id INTEGER NOT NULL PRIMARY KEY) STRICT");
	else
		both_exec("CREATE TABLE author (id bigint CONSTRAINT pk_author PRIMARY KEY)");
	expect_told(m, both_is_sqlite() ? "missing author generated id\nmissing book table \n" :
					  "different author generated id\nmissing book table \n");
	sqla_metadata_free(m);
}

/* ---- what only one engine has ---------------------------------------------- */

Test(sqlite, tells_of_a_table_that_is_not_strict)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, ") STRICT", ")");
	expect_told(m, "different book table \n");
	sqla_metadata_free(m);
}

Test(sqlite, tells_of_a_missing_guard)
{
	struct sqla_metadata *m = must_create();

	make_book_with(m, " CHECK (\"pages\" BETWEEN -2147483648 AND 2147483647)", "");
	expect_told(m, "missing book check pages\n");
	sqla_metadata_free(m);
}

Test(postgresql, tells_of_a_foreign_key_into_another_schema)
{
	struct sqla_metadata *m = must_create();

	both_exec("CREATE SCHEMA other; CREATE TABLE other.author (id bigint PRIMARY KEY)");
	make_book_with(m, "REFERENCES \"author\"", "REFERENCES other.author");
	expect_told(m, "different book foreign key fk_book_author_author\n");
	sqla_metadata_free(m);
}

Test(postgresql, looks_where_tables_would_be_made)
{
	struct sqla_metadata *m = must_create();
	char *url = must_printf("%s%coptions=-csearch_path%%3Dother,public", both_url(),
				strchr(both_url(), '?') ? '&' : '?');

	both_exec("CREATE SCHEMA other");
	MUST(sqla_engine_register("other", url, NULL));
	EXPECT_STATUS(sqla_metadata_check(m, "other", NULL, NULL), 2);
	EXPECT_STATUS(sqla_metadata_create_all(m, "other"), 2);
	EXPECT_STATUS(sqla_metadata_check(m, "other", NULL, NULL), 0);
	EXPECT_STATUS(sqla_metadata_drop_all(m, "other"), 2);
	EXPECT_STATUS(sqla_metadata_check(m, "e", NULL, NULL), 0);
	free(url);
	sqla_metadata_free(m);
}

BOTH(leaves_nothing_behind)
{
	struct sqla_metadata *m = must_create();

	MUST(sqla_metadata_drop_all(m, "e"));
	EXPECT_STATUS(sqla_metadata_check(m, "e", NULL, NULL), 2);
	EXPECT_STATUS(sqla_metadata_check(m, "e", NULL, NULL), 2);
	sqla_metadata_free(m);
}

Test(sqlite, does_not_make_a_file_that_is_not_there)
{
	struct sqla_metadata *m = must_metadata(tables);

	cr_expect(lt(int, sqla_metadata_check(m, "e", NULL, NULL), 0));
	cr_expect(eq(int, access(both_url() + strlen("sqlite:///"), F_OK), -1));
	sqla_metadata_free(m);
}
