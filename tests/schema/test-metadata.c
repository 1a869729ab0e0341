/* What may be declared, the order of tables, and declarations as JSON. */
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#include "support/test.h"

struct row {
	int64_t id;
	char *text;
	int32_t number;
	bool has_number;
};

static struct sqla_metadata *m;

static void setup(void)
{
	cr_assert(eq(int, sqla_metadata_new(NULL, &m), 0));
}

static void teardown(void)
{
	sqla_metadata_free(m);
}

TestSuite(metadata, .init = setup, .fini = teardown);

static bool error_says(const char *text)
{
	return strstr(sqla_error_last()->message, text);
}

static int add(const struct sqla_table *table)
{
	return sqla_metadata_add(m, table);
}

/* Declares a table of one column, and expects to hear TEXT of it. */
static void expect_refused(struct sqla_column column, const char *text)
{
	struct sqla_table table = {
		.name = "t",
		.row_size = sizeof(struct row),
		.columns = &column,
		.n_columns = 1,
	};

	cr_expect(eq(int, add(&table), SQLA_EMISUSE), "%s", text);
	cr_expect(error_says(text), "%s, not %s", sqla_error_last()->message, text);
	cr_expect(eq(sz, sqla_metadata_tables(m, NULL, 0), 0));
}

Test(metadata, refuses_columns_that_make_no_sense)
{
	expect_refused((struct sqla_column){ .type = SQLA_COL_INT }, "no name");
	expect_refused((struct sqla_column){ .name = "", .type = SQLA_COL_INT }, "no name");
	expect_refused((struct sqla_column){ .name = "\xFF", .type = SQLA_COL_INT }, "no name");
	expect_refused((struct sqla_column){ .name = "c" }, "no type");
	expect_refused((struct sqla_column){ .name = "c", .type = (enum sqla_column_type)99 },
		       "no type");
	expect_refused((struct sqla_column)SQLA_COLUMN(struct row, number, SQLA_COL_INT),
		       "8 bytes, not 4");
	expect_refused((struct sqla_column){ .name = "c",
					     .type = SQLA_COL_INT,
					     .offset = sizeof(struct row),
					     .size = 8 },
		       "outside of row_size");
	expect_refused((struct sqla_column)SQLA_COLUMN(struct row, number, SQLA_COL_INT32,
						       .nullable = true),
		       "has_ member");
	expect_refused((struct sqla_column){ .name = "c", .type = SQLA_COL_TEXT, .length = -1 },
		       "length");
	expect_refused((struct sqla_column){ .name = "c", .type = SQLA_COL_INT, .length = 1 },
		       "length");
	expect_refused((struct sqla_column){ .name = "c",
					     .type = SQLA_COL_NUMERIC,
					     .length = 2,
					     .scale = 3 },
		       "scale");
	expect_refused((struct sqla_column){ .name = "c",
					     .type = SQLA_COL_TEXT,
					     .autoincrement = true },
		       "autoincrement");
	expect_refused((struct sqla_column){ .name = "c",
					     .type = SQLA_COL_INT,
					     .on_delete = (enum sqla_action)9 },
		       "action");
}

static const struct sqla_column two[] = {
	{ .name = "a", .type = SQLA_COL_INT, .primary_key = true },
	{ .name = "b", .type = SQLA_COL_INT, .primary_key = true },
};

static void expect_table_refused(struct sqla_table table, const char *text)
{
	table.name = table.name ? table.name : "t";
	cr_expect(eq(int, add(&table), SQLA_EMISUSE), "%s", text);
	cr_expect(error_says(text), "%s, not %s", sqla_error_last()->message, text);
}

Test(metadata, refuses_tables_that_make_no_sense)
{
	static const struct sqla_column twice[] = {
		{ .name = "a", .type = SQLA_COL_INT },
		{ .name = "A", .type = SQLA_COL_INT },
	};
	static const struct sqla_unique strange[] = { { .columns = { "x" } } };
	static const struct sqla_unique empty[] = { { .name = "x" } };
	static const struct sqla_index repeated[] = { { .columns = { "a", "a" } } };
	static const struct sqla_check no_condition[] = { { .name = "x" } };
	static const struct sqla_foreign_key nowhere[] = { { .columns = { "a" } } };

	expect_table_refused((struct sqla_table){ .name = "t" }, "no columns");
	expect_table_refused((struct sqla_table){ .name = "" }, "no name");
	expect_table_refused((struct sqla_table){ .name = "SQLASSIST_decision",
						  SQLA_LIST(columns, two) },
			     "belongs to the library");
	expect_table_refused((struct sqla_table){ SQLA_LIST(columns, twice) }, "another one");
	expect_table_refused((struct sqla_table){ SQLA_LIST(columns, two),
						  SQLA_LIST(uniques, strange) },
			     "no such column");
	expect_table_refused((struct sqla_table){ SQLA_LIST(columns, two),
						  SQLA_LIST(uniques, empty) },
			     "no columns");
	expect_table_refused((struct sqla_table){ SQLA_LIST(columns, two),
						  SQLA_LIST(indexes, repeated) },
			     "twice");
	expect_table_refused((struct sqla_table){ SQLA_LIST(columns, two),
						  SQLA_LIST(checks, no_condition) },
			     "condition");
	expect_table_refused((struct sqla_table){ SQLA_LIST(columns, two),
						  SQLA_LIST(foreign_keys, nowhere) },
			     "no table");
}

Test(metadata, knows_its_tables_in_the_order_of_their_addition)
{
	static const struct sqla_table b = { .name = "b", SQLA_LIST(columns, two) };
	static const struct sqla_table a = { .name = "a", SQLA_LIST(columns, two) };
	static const struct sqla_table b_again = { .name = "B", SQLA_LIST(columns, two) };
	const struct sqla_table *tables[3] = { NULL };

	cr_expect(eq(int, add(&b), 0));
	cr_expect(eq(int, add(&a), 0));
	cr_expect(eq(int, add(&b_again), SQLA_EALREADY));
	cr_expect(eq(sz, sqla_metadata_tables(m, tables, 3), 2));
	cr_expect(eq(ptr, (void *)tables[0], (void *)&b));
	cr_expect(eq(ptr, (void *)tables[1], (void *)&a));
	cr_expect(eq(ptr, (void *)sqla_metadata_table(m, "a"), (void *)&a));
	cr_expect(eq(ptr, (void *)sqla_metadata_table(m, "A"), NULL));
}

Test(metadata, null_arguments_are_misuse_and_never_a_crash)
{
	cr_expect(eq(int, sqla_metadata_new(NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_metadata_add(NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_metadata_add(m, NULL), SQLA_EMISUSE));
	cr_expect(eq(ptr, (void *)sqla_metadata_table(NULL, "x"), NULL));
	cr_expect(eq(ptr, (void *)sqla_metadata_table(m, NULL), NULL));
	cr_expect(eq(sz, sqla_metadata_tables(NULL, NULL, 0), 0));
	cr_expect(eq(int, sqla_metadata_create_all(NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_metadata_drop_all(NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_metadata_check(NULL, NULL, NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(ptr, sqla_metadata_sql(NULL, "sqlite"), NULL));
	cr_expect(eq(ptr, sqla_metadata_sql(m, NULL), NULL));
	cr_expect(eq(ptr, sqla_metadata_sql(m, "oracle"), NULL));
	cr_expect(eq(ptr, sqla_metadata_json(NULL), NULL));
	cr_expect(lt(int, sqla_metadata_parse(NULL, NULL), 0));
	sqla_metadata_free(NULL);
	sqla_table_row_clear(NULL, NULL);
}

/* ---- foreign keys and names ------------------------------------------------ */

static void expect_sql_refused(const char *text)
{
	char *sql = sqla_metadata_sql(m, "postgresql");

	cr_expect(eq(ptr, sql, NULL), "%s", sql);
	cr_expect(error_says(text), "%s, not %s", sqla_error_last()->message, text);
	free(sql);
}

static const struct sqla_column child[] = {
	{ .name = "a", .type = SQLA_COL_INT, .references_table = "t" },
};
static const struct sqla_table to_t = { .name = "child", SQLA_LIST(columns, child) };

Test(metadata, refuses_a_foreign_key_to_a_table_that_is_not_declared)
{
	cr_assert(eq(int, add(&to_t), 0));
	expect_sql_refused("there is no table \"t\"");
}

Test(metadata, refuses_a_foreign_key_to_a_part_of_a_key)
{
	static const struct sqla_table t = { .name = "t", SQLA_LIST(columns, two) };

	cr_assert(eq(int, add(&to_t), 0));
	cr_assert(eq(int, add(&t), 0));
	expect_sql_refused("as many columns");
}

Test(metadata, refuses_a_foreign_key_to_what_is_not_unique)
{
	static const struct sqla_column columns[] = {
		{ .name = "a", .type = SQLA_COL_INT },
	};
	static const struct sqla_column reference[] = {
		{ .name = "a",
		  .type = SQLA_COL_INT,
		  .references_table = "t",
		  .references_column = "a" },
	};
	static const struct sqla_table t = { .name = "t", SQLA_LIST(columns, columns) };
	static const struct sqla_table c = { .name = "c", SQLA_LIST(columns, reference) };

	cr_assert(eq(int, add(&c), 0));
	cr_assert(eq(int, add(&t), 0));
	expect_sql_refused("neither the primary key nor unique");
}

Test(metadata, refuses_two_things_of_one_name)
{
	static const struct sqla_index indexes[] = { { .name = "x", .columns = { "a" } },
						     { .name = "x", .columns = { "b" } } };
	static const struct sqla_table t = { .name = "t",
					     SQLA_LIST(columns, two),
					     SQLA_LIST(indexes, indexes) };

	cr_assert(eq(int, add(&t), 0));
	expect_sql_refused("\"x\"");
}

Test(metadata, refuses_a_check_without_a_name_where_the_convention_needs_one)
{
	static const struct sqla_check checks[] = { { .condition = "a > 0" } };
	static const struct sqla_table t = { .name = "t",
					     SQLA_LIST(columns, two),
					     SQLA_LIST(checks, checks) };

	cr_assert(eq(int, add(&t), 0));
	expect_sql_refused("constraint_name");
}

Test(metadata, takes_another_naming_convention)
{
	static const struct sqla_naming ours = { .pk = "%(table_name)s_%(column_0_N_name)s_pkey" };
	static const struct sqla_table t = { .name = "t", SQLA_LIST(columns, two) };
	struct sqla_metadata *other = NULL;
	char *sql;

	cr_assert(eq(int, sqla_metadata_new(&ours, &other), 0));
	cr_assert(eq(int, sqla_metadata_add(other, &t), 0));
	sql = sqla_metadata_sql(other, "postgresql");
	cr_expect(ne(ptr, strstr(sql, "CONSTRAINT \"t_a_b_pkey\" PRIMARY KEY (\"a\", \"b\")"),
		     NULL),
		  "%s", sql);
	free(sql);
	sqla_metadata_free(other);
}

Test(metadata, refuses_a_naming_convention_with_an_unknown_placeholder)
{
	static const struct sqla_naming wrong = { .ck = "%(chk)s" };
	struct sqla_metadata *other = NULL;

	cr_expect(eq(int, sqla_metadata_new(&wrong, &other), SQLA_EMISUSE));
	cr_expect(eq(ptr, other, NULL));
}

Test(metadata, makes_referred_tables_first_and_closes_cycles_at_the_end)
{
	static const struct sqla_column hen_columns[] = {
		{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
		{ .name = "egg",
		  .type = SQLA_COL_INT,
		  .nullable = true,
		  .references_table = "egg" },
	};
	static const struct sqla_column egg_columns[] = {
		{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
		{ .name = "hen", .type = SQLA_COL_INT, .references_table = "hen" },
	};
	static const struct sqla_table hen = { .name = "hen", SQLA_LIST(columns, hen_columns) };
	static const struct sqla_table egg = { .name = "egg", SQLA_LIST(columns, egg_columns) };
	static const struct sqla_table t = {
		.name = "t",
		.columns = egg_columns,
		.n_columns = 1,
	};
	char *sql, *first;

	cr_assert(eq(int, add(&to_t), 0));
	cr_assert(eq(int, add(&hen), 0));
	cr_assert(eq(int, add(&egg), 0));
	cr_assert(eq(int, add(&t), 0));
	sql = sqla_metadata_sql(m, "postgresql");
	first = strstr(sql, "CREATE TABLE \"t\"");
	cr_assert(ne(ptr, first, NULL));
	cr_expect(lt(ptr, (void *)first, (void *)strstr(sql, "CREATE TABLE \"child\"")));
	cr_expect(ne(ptr,
		     strstr(sql, "ALTER TABLE \"hen\" ADD CONSTRAINT \"fk_hen_egg_egg\" "
				 "FOREIGN KEY (\"egg\") REFERENCES \"egg\" (\"id\");"),
		     NULL),
		  "%s", sql);
	free(sql);
}

#ifdef SQLA_WITH_JANSSON
/* ---- JSON ------------------------------------------------------------------ */

Test(metadata, goes_through_json_and_back)
{
	static const struct sqla_column columns[] = {
		{ .name = "id", .type = SQLA_COL_INT, .primary_key = true, .autoincrement = true },
		{ .name = "a\"b \xE2\x82\xAC", .type = SQLA_COL_TEXT, .length = 9, .unique = true },
		{ .name = "n",
		  .type = SQLA_COL_NUMERIC,
		  .length = 9,
		  .scale = 2,
		  .nullable = true,
		  .default_sql = "1.50",
		  .check = "n <> '\"'" },
		{ .name = "up",
		  .type = SQLA_COL_INT,
		  .index = true,
		  .references_table = "t",
		  .references_column = "id",
		  .on_delete = SQLA_SET_NULL,
		  .on_update = SQLA_CASCADE },
	};
	static const struct sqla_unique uniques[] = { { .name = "u", .columns = { "n", "up" } } };
	static const struct sqla_check checks[] = { { .name = "c", .condition = "up > 0" } };
	static const struct sqla_foreign_key keys[] = {
		{ .name = "k", .columns = { "up" }, .table = "t", .deferred = true },
	};
	static const struct sqla_index indexes[] = {
		{ .columns = { "n" }, .unique = true, .where = "n IS NOT NULL" },
	};
	static const struct sqla_table t = {
		.name = "t",
		SQLA_LIST(columns, columns),
		SQLA_LIST(uniques, uniques),
		SQLA_LIST(checks, checks),
		SQLA_LIST(foreign_keys, keys),
		SQLA_LIST(indexes, indexes),
	};
	struct sqla_metadata *back = NULL;
	char *json, *again, *sql, *sql_again;

	cr_assert(eq(int, add(&t), 0), "%s", sqla_error_last()->message);
	json = sqla_metadata_json(m);
	cr_assert(eq(int, sqla_metadata_parse(json, &back), 0), "%s", sqla_error_last()->message);
	again = sqla_metadata_json(back);
	cr_expect(eq(str, again, json));
	sql = sqla_metadata_sql(m, "postgresql");
	sql_again = sqla_metadata_sql(back, "postgresql");
	cr_assert(ne(ptr, sql, NULL), "%s", sqla_error_last()->message);
	cr_expect(eq(str, sql_again, sql));
	sqla_metadata_free(back);
	free(json);
	free(again);
	free(sql);
	free(sql_again);
}

Test(metadata, refuses_json_that_is_no_declaration)
{
	static const struct {
		const char *json;
		int status;
	} wrong[] = {
		{ "", SQLA_ECONFIG },
		{ "{", SQLA_ECONFIG },
		{ "[]", SQLA_ECONFIG },
		{ "{}", SQLA_ECONFIG },
		{ "{\"tables\": 3}", SQLA_ECONFIG },
		{ "{\"tables\": [3]}", SQLA_ECONFIG },
		{ "{\"tables\": [], \"tabels\": []}", SQLA_ECONFIG },
		{ "{\"tables\": [{\"name\": \"t\"}]}", SQLA_ECONFIG },
		{ "{\"tables\": [{\"name\": \"t\", \"columns\": []}]}", SQLA_EMISUSE },
		{ "{\"tables\": [{\"name\": \"t\", \"columns\": [{\"name\": \"c\"}]}]}",
		  SQLA_ECONFIG },
		{ "{\"tables\": [{\"name\": \"t\", \"columns\": "
		  "[{\"name\": \"c\", \"type\": \"complex\"}]}]}",
		  SQLA_ECONFIG },
		{ "{\"tables\": [{\"name\": \"t\", \"columns\": "
		  "[{\"name\": \"c\", \"type\": \"int\", \"on_delete\": \"explode\"}]}]}",
		  SQLA_ECONFIG },
		{ "{\"tables\": [{\"name\": \"t\", \"columns\": "
		  "[{\"name\": \"c\", \"type\": \"int\", \"nul\\u0000lable\": true}]}]}",
		  SQLA_ECONFIG },
		{ "{\"tables\": [{\"name\": \"t\", \"columns\": "
		  "[{\"name\": \"c\", \"type\": \"int\"}], \"uniques\": [{\"columns\": [1]}]}]}",
		  SQLA_ECONFIG },
		{ "{\"naming\": {\"ix\": \"%(x)s\"}, \"tables\": []}", SQLA_EMISUSE },
	};
	struct sqla_metadata *back = NULL;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(eq(int, sqla_metadata_parse(wrong[i].json, &back), wrong[i].status), "%s",
			  wrong[i].json);
	cr_expect(eq(ptr, back, NULL));
}
#endif
