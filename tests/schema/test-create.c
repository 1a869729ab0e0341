/* Creating and dropping declared tables, on both engines. */
#include "schema/both.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/main.h"
#include "support/must.h"

TEST_MAIN({ .name = "one" })
BOTH_SUITES;

/* ---- a family ------------------------------------------------------------ */

static const struct sqla_column author_columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true, .autoincrement = true },
	{ .name = "name", .type = SQLA_COL_TEXT, .length = 40, .unique = true },
};
static const struct sqla_column book_columns[] = {
	{ .name = "shelf", .type = SQLA_COL_INT32, .primary_key = true },
	{ .name = "place", .type = SQLA_COL_TEXT, .primary_key = true },
	{ .name = "author",
	  .type = SQLA_COL_INT,
	  .nullable = true,
	  .index = true,
	  .references_table = "author",
	  .on_delete = SQLA_SET_NULL },
};
static const struct sqla_column loan_columns[] = {
	{ .name = "id", .type = SQLA_COL_UUID, .primary_key = true },
	{ .name = "shelf", .type = SQLA_COL_INT32 },
	{ .name = "place", .type = SQLA_COL_TEXT },
};
static const struct sqla_foreign_key loan_keys[] = {
	{ .columns = { "shelf", "place" }, .table = "book", .on_delete = SQLA_CASCADE },
};
static const struct sqla_table author = { .name = "author", SQLA_LIST(columns, author_columns) };
static const struct sqla_table book = { .name = "book", SQLA_LIST(columns, book_columns) };
static const struct sqla_table loan = { .name = "loan",
					SQLA_LIST(columns, loan_columns),
					SQLA_LIST(foreign_keys, loan_keys) };
static const struct sqla_table *const family[] = { &loan, &book, &author, NULL };

static int differences(const struct sqla_metadata *m)
{
	return sqla_metadata_check(m, "e", NULL, NULL);
}

BOTH(creates_what_is_missing_and_then_nothing)
{
	struct sqla_metadata *m = must_metadata(family);

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 3);
	EXPECT_STATUS(differences(m), 0);
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 0);
	EXPECT_STATUS(sqla_metadata_create_all(m, NULL), 0);
	sqla_metadata_free(m);
}

BOTH(leaves_tables_alone_that_exist)
{
	struct sqla_metadata *m = must_metadata(family);
	struct sqla_metadata *only =
		must_metadata((const struct sqla_table *const[]){ &author, NULL });

	EXPECT_STATUS(sqla_metadata_create_all(only, "e"), 1);
	both_exec("INSERT INTO author (name) VALUES ('Ann')");
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 2);
	both_exec("INSERT INTO book VALUES (1, 'left', 1)");
	EXPECT_STATUS(differences(m), 0);
	EXPECT_STATUS(differences(only), 2);
	sqla_metadata_free(only);
	sqla_metadata_free(m);
}

BOTH(drops_what_exists_and_then_nothing)
{
	struct sqla_metadata *m = must_metadata(family);

	EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), 0);
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 3);
	both_exec("DROP TABLE loan");
	EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), 2);
	EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), 0);
	EXPECT_STATUS(differences(m), 3);
	sqla_metadata_free(m);
}

/* ---- all or nothing -------------------------------------------------------- */

/* Not in the way of the names that are declared, but of an index. */
static const struct sqla_index author_indexes[] = { { .name = "taken", .columns = { "name" } } };
static const struct sqla_table indexed_author = {
	.name = "author",
	SQLA_LIST(columns, author_columns),
	SQLA_LIST(indexes, author_indexes),
};

BOTH(leaves_nothing_behind_when_it_fails_in_the_middle)
{
	struct sqla_metadata *m = must_metadata(
		(const struct sqla_table *const[]){ &book, &loan, &indexed_author, NULL });

	both_exec("CREATE TABLE other (i int)");
	both_exec("CREATE INDEX taken ON other (i)");
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), SQLA_EDATABASE);
	both_exec("DROP TABLE other");
	EXPECT_STATUS(differences(m), 3);
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 3);
	sqla_metadata_free(m);
}

BOTH(keeps_all_tables_when_one_cannot_be_dropped)
{
	struct sqla_metadata *m = must_metadata(family);

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 3);
	if (both_is_sqlite())
		both_exec("DROP TABLE author; CREATE VIEW author AS SELECT 1 AS id");
	else
		both_exec("CREATE VIEW v AS SELECT * FROM author");
	if (both_is_sqlite()) {
		/* A view is no table: it is none of ours. */
		EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), 2);
	} else {
		EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), SQLA_EDATABASE);
		EXPECT_STATUS(differences(m), 0);
	}
	sqla_metadata_free(m);
}

/* ---- cycles -------------------------------------------------------------- */

static const struct sqla_column hen_columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "egg", .type = SQLA_COL_INT, .nullable = true, .references_table = "egg" },
	{ .name = "mother", .type = SQLA_COL_INT, .nullable = true, .references_table = "hen" },
};
static const struct sqla_column egg_columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "hen", .type = SQLA_COL_INT, .references_table = "hen" },
};
static const struct sqla_table hen = { .name = "hen", SQLA_LIST(columns, hen_columns) };
static const struct sqla_table egg = { .name = "egg", SQLA_LIST(columns, egg_columns) };
static const struct sqla_table *const cycle[] = { &hen, &egg, NULL };

#define FOREIGN_KEYS_ON (both_is_sqlite() ? "PRAGMA foreign_keys = ON; " : "")

static void both_exec_checked(const char *sql)
{
	char *all = must_printf("%s%s", FOREIGN_KEYS_ON, sql);

	both_exec(all);
	free(all);
}

BOTH(tables_that_refer_to_each_other_come_and_go_with_their_rows)
{
	struct sqla_metadata *m = must_metadata(cycle);

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 2);
	EXPECT_STATUS(differences(m), 0);
	both_exec_checked("INSERT INTO hen VALUES (1, NULL, NULL); "
			  "INSERT INTO egg VALUES (2, 1); "
			  "UPDATE hen SET egg = 2, mother = 1 WHERE id = 1");
	EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), 2);
	EXPECT_STATUS(differences(m), 2);
	sqla_metadata_free(m);
}

/* The foreign keys of a cycle are enforced, the one that came later too. */
BOTH(a_cycle_is_enforced_both_ways)
{
	struct sqla_metadata *m = must_metadata(cycle);
	struct sqla_session *s = NULL;

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 2);
	MUST(sqla_session_open("e", &s));
	EXPECT_STATUS(sqla_exec(s, "INSERT INTO egg VALUES (1, 99)"), SQLA_EDATABASE);
	MUST(txn_abort());
	EXPECT_STATUS(sqla_exec(s, "INSERT INTO hen VALUES (1, 99, NULL)"), SQLA_EDATABASE);
	MUST(txn_abort());
	sqla_session_close(s);
	sqla_metadata_free(m);
}

/* ---- names --------------------------------------------------------------- */

#define LONG_20 "nnnnnnnnnnnnnnnnnnnn"
#define LONG_200 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20

static const struct sqla_column hostile_columns[] = {
	{ .name = "select", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "a \"quoted\" one", .type = SQLA_COL_TEXT, .unique = true, .index = true },
	{ .name = "'); DROP TABLE \"order\"; --", .type = SQLA_COL_TEXT, .index = true },
	{ .name = "gr\xC3\xB6\xC3\x9F"
		  "e \xE2\x82\xAC",
	  .type = SQLA_COL_REAL,
	  .nullable = true },
	{ .name = "$1 %s \\", .type = SQLA_COL_INT, .nullable = true },
	{ .name = LONG_200 "1", .type = SQLA_COL_INT, .unique = true, .index = true },
	{ .name = LONG_200 "2", .type = SQLA_COL_INT, .unique = true, .index = true },
};
static const struct sqla_table order = { .name = "order", SQLA_LIST(columns, hostile_columns) };
static const struct sqla_column long_columns[] = {
	{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "other",
	  .type = SQLA_COL_INT,
	  .references_table = "order",
	  .references_column = LONG_200 "2" },
};
static const struct sqla_table long_1 = { .name = LONG_200 "1", SQLA_LIST(columns, long_columns) };
static const struct sqla_table long_2 = { .name = LONG_200 "2", SQLA_LIST(columns, long_columns) };
static const struct sqla_table quoted = { .name = "\"", SQLA_LIST(columns, long_columns) };
static const struct sqla_table *const hostile[] = { &order, &long_1, &long_2, &quoted, NULL };

BOTH(hostile_names_are_names)
{
	struct sqla_metadata *m = must_metadata(hostile);

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 4);
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 0);
	EXPECT_STATUS(differences(m), 0);
	EXPECT_STATUS(sqla_metadata_drop_all(m, "e"), 4);
	sqla_metadata_free(m);
}

/* ---- who else is there ----------------------------------------------------- */

enum { PROCESSES = 4 };

/* Answers how many tables it created. */
static int create_in_child(const char *url)
{
	struct sqla_metadata *m = must_metadata(family);
	int n;

	MUST(sqla_engine_register("mine", url, NULL));
	n = sqla_metadata_create_all(m, "mine");
	if (n < 0)
		(void)fprintf(stderr, "%s\n", sqla_error_last()->message);
	sqla_metadata_free(m);
	(void)sqla_engine_unregister("mine");
	return n;
}

BOTH(of_many_processes_one_creates)
{
	pid_t children[PROCESSES];
	struct sqla_metadata *m = must_metadata(family);
	int pipes[2], sum = 0;

	cr_assert(eq(int, pipe(pipes), 0));
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		cr_assert(ge(int, children[i], 0));
		if (children[i] == 0) {
			char go;

			/* All start when the last is there. */
			(void)close(pipes[1]);
			if (read(pipes[0], &go, 1) != 0)
				_exit(99);
			_exit(create_in_child(both_url()));
		}
	}
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	for (int i = 0; i < PROCESSES; i++) {
		int status = 0;

		cr_assert(eq(int, waitpid(children[i], &status, 0), children[i]));
		cr_expect(ne(int, WIFEXITED(status), 0));
		sum += WEXITSTATUS(status);
	}
	cr_expect(eq(int, sum, 3));
	EXPECT_STATUS(differences(m), 0);
	sqla_metadata_free(m);
}

BOTH(has_nothing_to_do_with_the_current_transaction)
{
	struct sqla_metadata *m = must_metadata(family);
	struct sqla_session *s = NULL;
	struct sqla_rows *rows = NULL;

	MUST(sqla_session_open("e", &s));
	MUST(txn_begin());
	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 3);
	MUST(txn_abort());
	EXPECT_STATUS(differences(m), 0);
	MUST(sqla_query(s, &rows, "SELECT count(*) FROM author"));
	MUST(sqla_rows_close(rows));
	MUST(txn_abort());
	sqla_session_close(s);
	sqla_metadata_free(m);
}

/* ---- refusals -------------------------------------------------------------- */

BOTH(a_readonly_engine_is_compared_and_not_changed)
{
	static const struct sqla_engine_options options = { .readonly = SQLA_YES };
	struct sqla_metadata *m = must_metadata(family);

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), 3);
	MUST(sqla_engine_register("reader", both_url(), &options));
	EXPECT_STATUS(sqla_metadata_create_all(m, "reader"), SQLA_EREADONLY);
	EXPECT_STATUS(sqla_metadata_drop_all(m, "reader"), SQLA_EREADONLY);
	EXPECT_STATUS(sqla_metadata_check(m, "reader", NULL, NULL), 0);
	MUST(sqla_engine_unregister("reader"));
	sqla_metadata_free(m);
}

BOTH(an_unknown_engine_is_not_found)
{
	struct sqla_metadata *m = must_metadata(family);

	EXPECT_STATUS(sqla_metadata_create_all(m, "nobody"), SQLA_ENOTFOUND);
	EXPECT_STATUS(sqla_metadata_check(m, "nobody", NULL, NULL), SQLA_ENOTFOUND);
	sqla_metadata_free(m);
}

BOTH(a_bad_condition_is_told_in_the_engines_words)
{
	static const struct sqla_check checks[] = { { .name = "bad", .condition = "nonsense(" } };
	static const struct sqla_table t = { .name = "t",
					     SQLA_LIST(columns, author_columns),
					     SQLA_LIST(checks, checks) };
	struct sqla_metadata *m = must_metadata((const struct sqla_table *const[]){ &t, NULL });

	EXPECT_STATUS(sqla_metadata_create_all(m, "e"), SQLA_EDATABASE);
	EXPECT_STATUS(sqla_metadata_check(m, "e", NULL, NULL), SQLA_EDATABASE);
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "syntax error"), NULL), "%s",
		  sqla_error_last()->message);
	sqla_metadata_free(m);
}

Test(create, a_database_in_memory_is_misuse)
{
	struct sqla_metadata *m = must_metadata(family);

	MUST(sqla_engine_register("memory", "sqlite://", NULL));
	EXPECT_STATUS(sqla_metadata_create_all(m, "memory"), SQLA_EMISUSE);
	MUST(sqla_engine_unregister(NULL));
	sqla_metadata_free(m);
}
