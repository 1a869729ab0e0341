/* The naming convention, names cut to an engine's limit, and quoting. */
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#include "schema/name.h"
#include "schema/sql.h"
#include "support/test.h"

static const char *const columns[SQLA_KEY_COLUMNS] = { "shop", "number" };
static const char *const referred[SQLA_KEY_COLUMNS] = { "a", "b" };

static const struct name_parts parts = {
	.table = "sale",
	.columns = columns,
	.referred_table = "till",
	.referred_columns = referred,
	.constraint = "given",
};

static void expect_name(const char *convention, const char *wanted)
{
	char *name = NULL;

	cr_assert(eq(int, name_check_convention(convention), 0), "%s", sqla_error_last()->message);
	cr_assert(eq(int, name_make(convention, &parts, &name), 0), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(str, name, (char *)wanted));
	free(name);
}

Test(name, every_placeholder_of_the_model_is_known)
{
	expect_name("ix_%(column_0_label)s", "ix_sale_shop");
	expect_name("uq_%(table_name)s_%(column_0_name)s", "uq_sale_shop");
	expect_name("fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
		    "fk_sale_shop_till");
	expect_name("%(constraint_name)s", "given");
	expect_name("%(column_1_key)s", "number");
	expect_name("%(column_0N_name)s", "shopnumber");
	expect_name("%(column_0_N_name)s", "shop_number");
	expect_name("%(column_0_N_label)s", "sale_shop_sale_number");
	expect_name("%(column_0N_key)s", "shopnumber");
	expect_name("%(referred_column_0_name)s", "a");
	expect_name("%(referred_column_0_N_name)s", "a_b");
	expect_name("100%%(%%", "100%(%");
}

Test(name, an_unknown_placeholder_is_misuse)
{
	static const char *const wrong[] = {
		"%",
		"%(",
		"%(table_name)",
		"%(table_name)d",
		"%(nonsense)s",
		"%()s",
		"%(column_name)s",
		"%(column_0_names)s",
		"%(column_0)s",
		"%(referred_table_name_)s",
		"%s",
		"%(column_0_N_)s",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(eq(int, name_check_convention(wrong[i]), SQLA_EMISUSE), "%s", wrong[i]);
}

Test(name, a_part_that_is_not_there_is_misuse_and_never_an_empty_name)
{
	struct name_parts none = { .table = "sale", .columns = columns };
	char *name = NULL;

	cr_expect(eq(int, name_make("%(constraint_name)s", &none, &name), SQLA_EMISUSE));
	cr_expect(eq(int, name_make("%(referred_table_name)s", &none, &name), SQLA_EMISUSE));
	cr_expect(eq(int, name_make("%(column_2_name)s", &none, &name), SQLA_EMISUSE));
	cr_expect(eq(ptr, name, NULL));
}

/* ---- cutting ------------------------------------------------------------- */

Test(name, is_cut_to_the_limit_and_no_further)
{
	char cut[NAME_CUT_SIZE], name[70];

	memset(name, 'x', sizeof(name));
	name[63] = '\0';
	cr_expect(eq(ptr, (void *)name_cut(name, 63, cut), name));
	name[63] = 'x';
	name[64] = '\0';
	cr_expect(eq(sz, strlen(name_cut(name, 63, cut)), 63));
	cr_expect(eq(ptr, (void *)name_cut(name, 0, cut), name));
}

Test(name, keeps_its_hash_for_ever)
{
	char cut[NAME_CUT_SIZE];

	/* These names stand in databases. */
	cr_expect(eq(str,
		     (char *)name_cut("a_name_of_a_table_that_is_much_longer_than_any_engine_"
				      "would_ever_want_it_to_be",
				      63, cut),
		     "a_name_of_a_table_that_is_much_longer_than_any_eng_3b789818ee70"));
}

Test(name, that_differs_behind_the_limit_differs_when_cut)
{
	char a[201], b[201], cut_a[NAME_CUT_SIZE], cut_b[NAME_CUT_SIZE];

	memset(a, 'x', 200);
	a[200] = '\0';
	memcpy(b, a, sizeof(b));
	b[199] = 'y';
	cr_expect(ne(str, (char *)name_cut(a, 63, cut_a), (char *)name_cut(b, 63, cut_b)));
}

Test(name, is_cut_between_characters)
{
	char name[200] = "";
	char cut[NAME_CUT_SIZE];

	strcpy(name, "x");
	for (int i = 0; i < 40; i++)
		strcat(name, "\xE2\x82\xAC");
	(void)name_cut(name, 63, cut);
	cr_expect(le(sz, strlen(cut), 63));
	/* x and 16 whole characters, then the hash */
	cr_expect(eq(chr, cut[1 + 3 * 16], '_'));
	cr_expect(eq(int, strncmp(cut, name, 1 + 3 * 16), 0));
}

Test(name, is_quoted_with_its_quotes_doubled)
{
	struct sql sql;

	cr_assert(eq(int, sql_begin(&sql), 0));
	name_put(sql.out, "a\"b; --", 63);
	cr_assert(eq(int, sql_end(&sql), 0));
	cr_expect(eq(str, sql.text, "\"a\"\"b; --\""));
	free(sql.text);
}
