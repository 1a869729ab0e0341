/* Finding rows by one column, on both engines. */
#include "query/shelf.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "support/cluster.h"
#include "support/main.h"
#include "support/must.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

static struct sqla_rows *all_by_lower(struct sqla_session *s, const char *text)
{
	struct sqla_rows *rows = NULL;

	MUST(sqla_get_all_by_lower(s, &shelf, TITLE, text, &rows));
	return rows;
}

static struct sqla_rows *similar(struct sqla_session *s, const char *seed, enum sqla_compare how)
{
	struct sqla_rows *rows = NULL;

	MUST(sqla_get_similar(s, &shelf, TITLE, seed, how, &rows));
	return rows;
}

static struct sqla_rows *exact(struct sqla_session *s, const char *text)
{
	struct sqla_rows *rows = NULL;

	MUST(sqla_get_exact_then_ilike(s, &shelf, TITLE, text, &rows));
	return rows;
}

/* ---- by id ----------------------------------------------------------------- */

BOTH(an_id_finds_its_row)
{
	struct sqla_session *s = must_shelf();
	struct book row = { 0 };

	MUST_PUT(s, "one", "two");
	MUST(sqla_get_by_id(s, &shelf, NULL, sqla_int(2), &row));
	cr_expect(eq(str, row.title, "two"));
	sqla_table_row_clear(&shelf, &row);
}

BOTH(another_column_is_an_id_too)
{
	struct sqla_session *s = must_shelf();
	struct book row = { 0 };

	MUST_PUT(s, "one", "two");
	MUST(sqla_get_by_id(s, &shelf, TITLE, sqla_text("two"), &row));
	cr_expect(eq(i64, row.id, 2));
	sqla_table_row_clear(&shelf, &row);
}

BOTH(an_id_without_a_row_leaves_the_struct_as_it_was)
{
	struct sqla_session *s = must_shelf();
	struct book row = { .id = 42 };

	EXPECT_STATUS(sqla_get_by_id(s, &shelf, NULL, sqla_int(2), &row), SQLA_ENOTFOUND);
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, NULL, sqla_null(), &row), SQLA_ENOTFOUND);
	cr_expect(eq(i64, row.id, 42));
}

BOTH(several_rows_of_one_id_are_an_error)
{
	struct sqla_session *s = must_shelf();
	struct book row = { .id = 42 };

	MUST_PUT(s, "same", "same", "same");
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, TITLE, sqla_text("same"), &row), SQLA_EMANY);
	cr_expect(eq(i64, row.id, 42));
}

BOTH(an_id_of_another_type_is_refused_and_the_transaction_lives)
{
	static const char nul[] = { 'a', '\0', 'b' };
	struct sqla_session *s = must_shelf();
	struct book row;

	MUST_PUT(s, "one");
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, NULL, sqla_text("1 OR 1=1"), &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, "pages", sqla_int(INT64_MAX), &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, "isbn", sqla_text("no uuid"), &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, TITLE, sqla_text_n(nul, 3), &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_id(s, &shelf, "isbn",
				     sqla_text("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"), &row),
		      SQLA_EMISUSE);
	MUST(sqla_get_by_id(s, &shelf, NULL, sqla_int(1), &row));
	sqla_table_row_clear(&shelf, &row);
}

BOTH(an_unknown_column_is_told_with_those_there_are)
{
	struct sqla_session *s = must_shelf();
	struct book row;

	EXPECT_STATUS(sqla_get_by_id(s, &shelf, "id\" = 1 --", sqla_int(1), &row), SQLA_EMISUSE);
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, shelf.name), NULL));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "id\" = 1 --"), NULL));
	cr_expect(
		ne(ptr, strstr(sqla_error_last()->hint, "\"id\", \"" TITLE "\", \"pages\""), NULL));
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, NULL, "x", &row), SQLA_EMISUSE);
}

/* ---- by ids ---------------------------------------------------------------- */

BOTH(ids_come_in_their_order_each_once)
{
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;
	const struct sqla_value ids[] = { sqla_int(3), sqla_null(), sqla_int(1), sqla_int(3),
					  sqla_int(99) };

	MUST_PUT(s, "one", "two", "three");
	MUST(sqla_get_by_ids(s, &shelf, NULL, ids, 5, &rows));
	expect_titles(rows, "one|three");
}

BOTH(rows_of_one_id_are_ordered_by_the_key)
{
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;
	const struct sqla_value ids[] = { sqla_text("b"), sqla_text("a") };

	MUST_PUT(s, "b", "a", "c", "b");
	MUST(sqla_get_by_ids(s, &shelf, TITLE, ids, 2, &rows));
	expect_titles(rows, "a|b|b");
}

BOTH(no_ids_and_null_ids_find_nothing)
{
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;
	const struct sqla_value null = sqla_null();

	must_put(s, NULL, 0);
	MUST(sqla_get_by_ids(s, &shelf, NULL, NULL, 0, &rows));
	expect_titles(rows, "");
	MUST(sqla_get_by_ids(s, &shelf, TITLE, &null, 1, &rows));
	expect_titles(rows, "");
}

BOTH(as_many_ids_as_possible_are_asked_for_and_no_more)
{
	enum { TOO_MANY = 100000 };
	struct sqla_value *ids = calloc(TOO_MANY, sizeof(*ids));
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;

	cr_assert(ne(ptr, ids, NULL));
	for (int i = 0; i < TOO_MANY; i++)
		ids[i] = sqla_int(i);
	MUST_PUT(s, "one", "two");
	MUST(sqla_get_by_ids(s, &shelf, NULL, ids, SQLA_IDS_MAX, &rows));
	expect_titles(rows, "one|two");
	EXPECT_STATUS(sqla_get_by_ids(s, &shelf, NULL, ids, SQLA_IDS_MAX + 1, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_ids(s, &shelf, NULL, ids, TOO_MANY, &rows), SQLA_EMISUSE);
	MUST(txn_commit());
	free(ids);
}

/* ---- without case ---------------------------------------------------------- */

BOTH(a_text_is_found_whatever_its_case)
{
	struct sqla_session *s = must_shelf();
	struct book row = { 0 };

	MUST_PUT(s, "Moby Dick", "Móby Dick");
	MUST(sqla_get_by_lower(s, &shelf, TITLE, "mOBY dICK", &row));
	cr_expect(eq(str, row.title, "Moby Dick"));
	sqla_table_row_clear(&shelf, &row);
	MUST(sqla_get_by_lower(s, &shelf, TITLE, "MÓBY DICK", &row));
	cr_expect(eq(str, row.title, "Móby Dick"));
	sqla_table_row_clear(&shelf, &row);
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, TITLE, "Moby", &row), SQLA_ENOTFOUND);
}

BOTH(one_text_with_several_rows_is_an_error_and_all_can_be_had)
{
	struct sqla_session *s = must_shelf();
	struct book row = { 0 };

	MUST_PUT(s, "ILIAD", "Odyssey", "Iliad", "Iliads");
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, TITLE, "iliad", &row), SQLA_EMANY);
	expect_titles(all_by_lower(s, "iliad"), "ILIAD|Iliad");
}

/* Also where the database's locale knows no letters beyond ASCII. */
static void expect_letters_of_all_scripts(struct sqla_session *s)
{
	MUST_PUT(s, "Ärger", "ärger", "ÄRGER", "Σίσυφος", "ΣΊΣΥΦΟΣ", "Москва", "МОСКВА", "ẞ", "ß",
		 "K", "k", "\u212A", "İ", "i", "ı");
	expect_titles(all_by_lower(s, "äRGER"), "Ärger|ärger|ÄRGER");
	expect_titles(all_by_lower(s, "σίσυφοσ"), "Σίσυφος|ΣΊΣΥΦΟΣ");
	expect_titles(all_by_lower(s, "мОсКвА"), "Москва|МОСКВА");
	expect_titles(all_by_lower(s, "ß"), "ẞ|ß");
	expect_titles(all_by_lower(s, "K"), "K|k");
	expect_titles(all_by_lower(s, "\u212A"), "\u212A");
	expect_titles(all_by_lower(s, "I"), "i");
	expect_titles(all_by_lower(s, "İ"), "İ");
	expect_titles(similar(s, "ΣΊ", SQLA_PREFIX), "Σίσυφος|ΣΊΣΥΦΟΣ");
	expect_titles(similar(s, "УФ", SQLA_CONTAINS), "");
	expect_titles(similar(s, "СКВ", SQLA_CONTAINS), "Москва|МОСКВА");
	expect_titles(exact(s, "ÄRGER"), "ÄRGER");
	expect_titles(exact(s, "äRGER"), "Ärger|ärger|ÄRGER");
}

BOTH(letters_of_all_scripts_have_their_cases)
{
	expect_letters_of_all_scripts(must_shelf());
}

static void expect_locale(const char *locale)
{
	struct cluster *c = cluster_get("one");
	char *url = cluster_url(c, "postgres"), *name = must_printf("query_%s", locale);
	char *other = cluster_url(c, name);

	MUST(sqla_engine_unregister("e"));
	must_exec_at(url, "DROP DATABASE IF EXISTS \"%s\"", name);
	must_exec_at(url,
		     "CREATE DATABASE \"%s\" TEMPLATE template0 ENCODING 'UTF8' "
		     "LC_COLLATE '%s' LC_CTYPE '%s'",
		     name, locale, locale);
	MUST(sqla_engine_register("e", other, NULL));
	expect_letters_of_all_scripts(must_shelf());
	free(other);
	free(name);
	free(url);
	cluster_free(c);
}

Test(postgresql, letters_have_their_cases_in_a_database_without_a_locale)
{
	expect_locale("C");
}

Test(postgresql, letters_have_the_same_cases_in_a_database_with_a_locale)
{
	expect_locale("C.UTF-8");
}

/* ---- what an index serves ---------------------------------------------------- */

#define SHELF "\"shelf's %s \\ \"\"; --\""
#define QUOTED "\"the \"\"title\"\"; DROP TABLE x --\""

Test(postgresql, an_index_serves_texts_of_ascii)
{
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;

	MUST(sqla_exec(s, "CREATE INDEX i ON " SHELF " (lower(" QUOTED " COLLATE \"C\"))"));
	MUST(sqla_exec(s, "SET LOCAL enable_seqscan = off"));
	MUST_PUT(s, "Emma");
	expect_titles(all_by_lower(s, "EMMA"), "Emma");
	MUST(sqla_query(s, &rows, "SELECT pg_stat_get_xact_numscans('i'::regclass)"));
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	cr_expect(eq(i64, sqla_rows_int(rows, 0), 1));
	MUST(sqla_rows_close(rows));
}

Test(sqlite, an_index_serves_texts_of_ascii)
{
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows;
	sqlite3_stmt *statement;

	MUST(sqla_exec(s, "CREATE INDEX i ON " SHELF " (lower(" QUOTED ") COLLATE BINARY)"));
	MUST_PUT(s, "Anna", "Emma");
	rows = all_by_lower(s, "EMMA");
	cr_assert(eq(int, sqla_rows_next(rows), 1));
	statement = sqlite3_next_stmt(sqla_session_sqlite(s), NULL);
	cr_expect(eq(int, sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), 0));
	MUST(sqla_rows_close(rows));
}

/* ---- hostile seeds --------------------------------------------------------- */

BOTH(no_character_of_a_seed_is_a_wildcard)
{
	static const char *const hostile[] = { "%",  "_",  "!",	   "\\",  "!%",	 "'",  "\"", "*",
					       "?",  "[",  "]",	   "[a]", "^",	 "-",  "$1", "';--",
					       "[!", "ä*", "ä[ä]", "ä%_", "ä!%", "\\%" };
	struct sqla_session *s = must_shelf();

	MUST_PUT(s, "a", "abc", "ä", "ääÄä", "");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		char *behind = must_printf("%s tail", hostile[i]);
		char *around = must_printf("head %s tail", hostile[i]);
		char *both = must_printf("%s|%s", behind, around);

		expect_titles(all_by_lower(s, hostile[i]), "");
		expect_titles(similar(s, hostile[i], SQLA_PREFIX), "");
		expect_titles(similar(s, hostile[i], SQLA_CONTAINS), "");
		MUST_PUT(s, behind, around);
		expect_titles(similar(s, hostile[i], SQLA_PREFIX), behind);
		expect_titles(similar(s, hostile[i], SQLA_CONTAINS), both);
		expect_titles(exact(s, around), around);
		MUST(sqla_exec(s, "DELETE FROM " SHELF " WHERE id > 5"));
		free(behind);
		free(around);
		free(both);
	}
}

BOTH(an_empty_seed_is_the_beginning_of_all_texts_and_not_of_null)
{
	struct sqla_session *s = must_shelf();

	must_put(s, NULL, 0);
	MUST_PUT(s, "a", "");
	expect_titles(similar(s, "", SQLA_PREFIX), "a|");
	expect_titles(similar(s, "", SQLA_CONTAINS), "a|");
	expect_titles(all_by_lower(s, ""), "");
}

BOTH(the_longest_seed_is_found)
{
	char *longest = must_repeat("\u1FBE", SQLA_SEED_MAX / 3); /* three others */
	char *ascii = must_repeat("%", SQLA_SEED_MAX);
	struct sqla_session *s = must_shelf();

	MUST_PUT(s, longest, ascii);
	expect_titles(similar(s, longest, SQLA_CONTAINS), longest);
	expect_titles(all_by_lower(s, longest), longest);
	expect_titles(similar(s, ascii, SQLA_CONTAINS), ascii);
	expect_titles(all_by_lower(s, ascii), ascii);
	free(longest);
	free(ascii);
	longest = must_repeat("ι", SQLA_SEED_MAX / 2);
	MUST_PUT(s, longest);
	expect_titles(similar(s, longest, SQLA_CONTAINS), longest);
	free(longest);
}

BOTH(what_cannot_be_looked_for_is_refused_and_the_transaction_lives)
{
	char *large = must_repeat("x", 1024 * 1024);
	struct sqla_session *s = must_shelf();
	struct sqla_rows *rows = NULL;
	struct book row;

	MUST_PUT(s, "a");
	EXPECT_STATUS(sqla_get_similar(s, &shelf, TITLE, large, SQLA_PREFIX, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, TITLE, large, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, TITLE, "\xff", &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, TITLE, NULL, &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_by_lower(s, &shelf, "pages", "1", &row), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_similar(s, &shelf, TITLE, "a", SQLA_EQUAL, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_similar(s, &shelf, TITLE, "a", SQLA_PREFIX, NULL), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_similar(s, NULL, TITLE, "a", SQLA_PREFIX, &rows), SQLA_EMISUSE);
	EXPECT_STATUS(sqla_get_similar(NULL, &shelf, TITLE, "a", SQLA_PREFIX, &rows), SQLA_EMISUSE);
	cr_expect(eq(ptr, rows, NULL));
	expect_titles(all_by_lower(s, "A"), "a");
	free(large);
}

BOTH(a_large_text_is_an_id)
{
	char *large = must_repeat("x'%\\", 256 * 1024);
	struct sqla_session *s = must_shelf();
	struct book row = { 0 };

	MUST_PUT(s, large);
	MUST(sqla_get_by_id(s, &shelf, TITLE, sqla_text(large), &row));
	cr_expect(eq(i64, row.id, 1));
	sqla_table_row_clear(&shelf, &row);
	free(large);
}

/* ---- exact, then without case ------------------------------------------------ */

BOTH(what_is_exactly_so_hides_what_is_so_without_case)
{
	struct sqla_session *s = must_shelf();

	MUST_PUT(s, "EMMA", "Emma", "emma", "Emma");
	expect_titles(exact(s, "Emma"), "Emma|Emma");
	expect_titles(exact(s, "eMMA"), "EMMA|Emma|emma|Emma");
	expect_titles(exact(s, "Anna"), "");
	expect_titles(exact(s, "Emm_"), "");
}

/* ---- the way back ------------------------------------------------------------ */

BOTH(rows_lead_to_their_request)
{
	struct sqla_rows *rows = NULL;
	struct sqla_request *rq = NULL;
	struct sqla_session *s;

	sqla_session_close(must_shelf());
	MUST(sqla_request_begin(NULL, &rq));
	s = sqla_request_session(rq, "e");
	MUST(sqla_get_range(s, &shelf, 0, SQLA_NO_LIMIT, NULL, &rows));
	cr_expect(eq(ptr, sqla_rows_session(rows), s));
	cr_expect(eq(ptr, sqla_request_of(sqla_rows_session(rows)), rq));
	MUST(sqla_rows_close(rows));
	MUST(sqla_request_end(rq, 0));
	sqla_request_free(rq);
}
