#include "base/utf8.h"

#include <string.h>

#include "support/test.h"

Test(utf8, characters_of_every_length_are_found)
{
	cr_expect(eq(sz, utf8_character("a", 1), 1));
	cr_expect(eq(sz, utf8_character("\xC3\xA4x", 3), 2));
	cr_expect(eq(sz, utf8_character("\xE2\x82\xAC", 3), 3));
	cr_expect(eq(sz, utf8_character("\xF0\x9F\x8D\x90", 4), 4));
}

Test(utf8, what_is_no_character_is_refused)
{
	static const char *const bad[] = {
		"\x80",		    /* goes on, but from where */
		"\xC3",		    /* cut off */
		"\xC3(",	    /* does not go on */
		"\xC0\xAF",	    /* overlong */
		"\xE0\x80\x80",	    /* overlong */
		"\xED\xA0\x80",	    /* a surrogate */
		"\xF4\x90\x80\x80", /* above all */
		"\xFF",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(zero(sz, utf8_character(bad[i], strlen(bad[i]))), "%zu", i);
	cr_expect(zero(sz, utf8_character("", 0)));
}

Test(utf8, text_has_no_nul_byte)
{
	cr_expect(utf8_is_text("pear \xC3\xA4", 7));
	cr_expect(utf8_is_text(NULL, 0));
	cr_expect(not(utf8_is_text("a\0b", 3)));
	cr_expect(not(utf8_is_text("pear \xC3", 6)));
}
