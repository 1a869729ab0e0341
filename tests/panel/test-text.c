#include "panel/text.h"

#include <stdlib.h>

#include "support/must.h"
#include "support/test.h"

static void expect(enum text_escape escape, const char *text, const char *wanted)
{
	char *written = NULL;
	size_t size;
	FILE *out = open_memstream(&written, &size);

	if (!out)
		must_fail("out of memory");
	text_put(out, escape, text);
	(void)fclose(out);
	cr_expect(eq(str, written, (char *)(uintptr_t)wanted));
	free(written);
}

Test(text, html_cannot_leave_its_element_or_its_attribute)
{
	expect(TEXT_HTML, "<a href=\"x\" title='y'>&amp;",
	       "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;");
}

Test(text, a_label_cannot_leave_its_quotes_or_its_line)
{
	expect(TEXT_LABEL, "a\"b\\c\nd", "a\\\"b\\\\c\\nd");
}

Test(text, what_is_no_utf8_is_replaced_and_hides_nothing_behind_it)
{
	expect(TEXT_HTML, "a\xC3<b>", "a\xEF\xBF\xBD&lt;b&gt;");
	expect(TEXT_LABEL, "\xF0\x9F\"", "\xEF\xBF\xBD\xEF\xBF\xBD\\\"");
	expect(TEXT_PLAIN, "\xC3\xA4\xFF", "\xC3\xA4\xEF\xBF\xBD");
}

Test(text, times_are_told_in_utc)
{
	char text[TEXT_TIME];

	text_time(INT64_C(1700000000999), text);
	cr_expect(eq(str, text, (char *)"2023-11-14T22:13:20Z"));
}
