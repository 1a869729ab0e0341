#include "txn/metadata.h"

#include <sqlassist/txn.h>

#include "support/alloc.h"
#include "support/test.h"

static void setup(void)
{
	(void)txn_begin();
}

static void teardown(void)
{
	(void)txn_abort();
}

TestSuite(metadata, .init = setup, .fini = teardown);

Test(metadata, notes_are_appended_with_a_newline)
{
	cr_expect(eq(str, (char *)txn_description(txn_current()), (char *)""));
	cr_assert(zero(int, txn_note(txn_current(), "one")));
	cr_assert(zero(int, txn_note(txn_current(), "two")));
	cr_expect(eq(str, (char *)txn_description(txn_current()), (char *)"one\ntwo"));
}

Test(metadata, the_user_is_replaced)
{
	cr_assert(zero(int, txn_set_user(txn_current(), "eve")));
	cr_assert(zero(int, txn_set_user(txn_current(), "adam")));
	cr_expect(eq(str, (char *)txn_user(txn_current()), (char *)"adam"));
}

Test(metadata, extensions_are_kept_by_key)
{
	struct txn *txn = txn_current();

	cr_expect(eq(ptr, (void *)txn_extension(txn, "k"), NULL));
	cr_assert(zero(int, txn_set_extension(txn, "k", "1")));
	cr_assert(zero(int, txn_set_extension(txn, "l", "2")));
	cr_assert(zero(int, txn_set_extension(txn, "k", "3")));
	cr_expect(eq(str, (char *)txn_extension(txn, "k"), (char *)"3"));
	cr_assert(zero(int, txn_set_extension(txn, "k", NULL)));
	cr_expect(eq(ptr, (void *)txn_extension(txn, "k"), NULL));
	cr_expect(eq(str, (char *)txn_extension(txn, "l"), (char *)"2"));
}

Test(metadata, data_are_kept_by_owner)
{
	static int owner, other, datum;
	struct txn *txn = txn_current();

	cr_assert(zero(int, txn_set_data(txn, &owner, &datum)));
	cr_expect(eq(ptr, txn_data(txn, &owner), &datum));
	cr_expect(eq(ptr, txn_data(txn, &other), NULL));
	cr_assert(zero(int, txn_set_data(txn, &owner, NULL)));
	cr_expect(eq(ptr, txn_data(txn, &owner), NULL));
}

Test(metadata, null_arguments_are_misuse)
{
	struct txn *txn = txn_current();

	cr_expect(eq(int, txn_note(NULL, "x"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_note(txn, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_set_user(txn, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_set_extension(txn, NULL, "x"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_set_data(txn, NULL, txn), SQLA_EMISUSE));
	cr_expect(eq(ptr, txn_data(NULL, txn), NULL));
	cr_expect(eq(str, (char *)txn_description(NULL), (char *)""));
}

Test(metadata, is_empty_where_nothing_was_said)
{
	static int owner, datum;
	struct txn *txn = txn_current();

	cr_assert(zero(int, txn_note(txn, "one")));
	cr_expect(eq(str, (char *)txn_user(txn), (char *)""));
	cr_expect(eq(str, (char *)txn_user(NULL), (char *)""));
	cr_expect(eq(ptr, (void *)txn_extension(NULL, "k"), NULL));
	cr_expect(eq(ptr, (void *)txn_extension(txn, NULL), NULL));
	cr_assert(zero(int, txn_set_data(txn, &owner, NULL)));
	cr_assert(zero(int, txn_set_data(txn, &owner, &datum)));
	cr_assert(zero(int, txn_set_data(txn, &owner, &owner)));
	cr_expect(eq(ptr, txn_data(txn, &owner), &owner));
}

/* ---- without memory ---------------------------------------------------------- */

static int note(struct txn *txn)
{
	return txn_note(txn, "text");
}

static int set_user(struct txn *txn)
{
	return txn_set_user(txn, "text");
}

static int set_extension(struct txn *txn)
{
	return txn_set_extension(txn, "key", "text");
}

static int set_data(struct txn *txn)
{
	return txn_set_data(txn, txn, txn);
}

/* Whatever allocation fails: it is told, and nothing is kept; or it was not needed, as
 * where asprintf would give back what it has too much. */
static void fail_each(int (*call)(struct txn *txn))
{
	unsigned at = 0, made;
	int status;

	do {
		struct txn *txn;

		(void)txn_abort();
		cr_assert(zero(int, txn_begin()));
		txn = txn_current();
		alloc_fail_at(++at, false);
		status = call(txn);
		made = alloc_stop();
		if (status == 0)
			continue;
		cr_expect(eq(int, status, SQLA_ENOMEM), "allocation %u", at);
		cr_expect(eq(str, (char *)txn_description(txn), (char *)""));
		cr_expect(eq(str, (char *)txn_user(txn), (char *)""));
		cr_expect(eq(ptr, (void *)txn_extension(txn, "key"), NULL));
		cr_expect(eq(ptr, txn_data(txn, txn), NULL));
	} while (made >= at);
	cr_expect(zero(int, status));
	cr_expect(gt(uint, at, 2));
}

Test(metadata, is_all_there_or_the_memory_is_told)
{
	fail_each(note);
	fail_each(set_user);
	fail_each(set_extension);
	fail_each(set_data);
}
