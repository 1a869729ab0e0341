/* A text that is printed is whole, or its end says that it is not. */
#include <stdlib.h>
#include <string.h>

#include "base/stream.h"
#include "support/alloc.h"
#include "support/must.h"
#include "support/test.h"

enum { LINES = 2000 };

/* New text, or NULL: not all went in. */
static char *print(int lines)
{
	char *text;
	size_t size;
	FILE *out = stream_open(&text, &size);

	if (!out)
		return NULL;
	for (int i = 0; i < lines; i++)
		(void)fprintf(out, "line %d\n", i % 10);
	if (fclose(out) == 0) {
		if (strlen(text) != size || size != (size_t)lines * strlen("line 0\n"))
			must_fail("%zu bytes of %d lines", size, lines);
		return text;
	}
	free(text);
	return NULL;
}

Test(stream, holds_all_that_was_printed)
{
	char *text = print(LINES);

	cr_assert(ne(ptr, text, NULL));
	cr_expect(eq(sz, strlen(text), LINES * strlen("line 0\n")));
	free(text);
}

Test(stream, that_nothing_was_printed_to_is_an_empty_text)
{
	char *text = print(0);

	cr_assert(eq(str, text, (char *)""));
	free(text);
}

/* How many of them made it fail. */
static unsigned each_allocation(bool forever)
{
	unsigned at = 0, failed = 0;
	char *text;

	do {
		alloc_fail_at(++at, forever);
		text = print(LINES);
		failed += text == NULL;
		free(text);
	} while (alloc_stop() >= at);
	return failed;
}

Test(stream, that_runs_out_of_memory_says_so)
{
	long before = alloc_blocks(), after;
	unsigned once = each_allocation(false), forever = each_allocation(true);

	after = alloc_blocks();
	cr_expect(eq(long, after, before));
	cr_expect(gt(uint, once, 3));
	cr_expect(gt(uint, forever, 3));
}
