#include "query/fold.h"

#include <stdlib.h>
#include <string.h>

#include <sqlassist/error.h>

#include "support/test.h"

enum { ALL = 0x110000 };

static bool is_letter_of_text(uint32_t c)
{
	return c < 0xD800 || c > 0xDFFF;
}

Test(fold, leaves_no_letter_that_folds_further)
{
	for (uint32_t c = 1; c < ALL; c++)
		if (is_letter_of_text(c))
			cr_assert(eq(u32, fold_letter(fold_letter(c)), fold_letter(c)), "U+%04X",
				  c);
}

Test(fold, takes_ascii_for_ascii_alone)
{
	for (uint32_t c = 0x80; c < ALL; c++)
		if (is_letter_of_text(c))
			cr_assert(ge(u32, fold_letter(c), 0x80), "U+%04X", c);
	for (uint32_t c = 1; c < 0x80; c++)
		cr_expect(eq(u32, fold_letter(c), c >= 'A' && c <= 'Z' ? c + 32 : c));
}

Test(fold, tells_of_every_other_letter)
{
	size_t differing = 0, told = 0;

	for (uint32_t c = 0x80; c < ALL; c++) {
		uint32_t others[FOLD_OTHERS_MAX];
		size_t n = is_letter_of_text(c) ? fold_others(c, others) : 0;

		differing += is_letter_of_text(c) && fold_letter(c) != c;
		told += n;
		cr_assert(lt(sz, n, FOLD_OTHERS_MAX));
		for (size_t i = 0; i < n; i++)
			cr_assert(eq(u32, fold_letter(others[i]), c));
	}
	cr_expect(eq(sz, differing, told));
	cr_expect(gt(sz, told, 1000));
}

Test(fold, knows_letters_of_many_scripts)
{
	char *folded = NULL;

	cr_assert(eq(int, fold_text("ÄÖÜẞ ΣΊΣΥΦΟΣ Москва ĳĲ K\u212A \u212B İI", &folded), 0));
	cr_expect(eq(str, folded, "äöüß σίσυφοσ москва ĳĳ k\u212A å İi"));
	free(folded);
}

Test(fold, refuses_what_is_not_utf8)
{
	static const char *const wrong[] = { "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80",
					     "\xf4\x90\x80\x80" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *folded = NULL;

		cr_expect(eq(int, fold_text(wrong[i], &folded), SQLA_EMISUSE));
		cr_expect(eq(ptr, folded, NULL));
	}
}
