/* The allocator that fails on purpose does so for all, and only there. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/test.h"

/* Something that allocates, where the compiler cannot see it. */
static char *volatile kept;

static unsigned copies_that_work(unsigned fails_at, bool forever)
{
	unsigned worked = 0;

	alloc_fail_at(fails_at, forever);
	for (int i = 0; i < 5; i++) {
		kept = strdup("text");
		worked += kept != NULL;
		free(kept);
	}
	cr_assert(eq(uint, alloc_stop(), 5));
	return worked;
}

Test(alloc, fails_once_or_for_ever_or_not_at_all)
{
	cr_expect(eq(uint, copies_that_work(0, false), 5));
	cr_expect(eq(uint, copies_that_work(2, false), 4));
	cr_expect(eq(uint, copies_that_work(2, true), 1));
	cr_expect(eq(uint, copies_that_work(6, true), 5));
}

Test(alloc, fails_inside_of_the_c_library)
{
	char *text = NULL;
	int length;

	alloc_fail_at(1, true);
	length = asprintf(&text, "%d", 1);
	(void)alloc_stop();
	cr_expect(lt(int, length, 0));
}

Test(alloc, that_fails_leaves_what_was_to_grow)
{
	char *grown;

	kept = strdup("text");
	cr_assert(ne(ptr, kept, NULL));
	alloc_fail_at(1, false);
	grown = realloc(kept, 1000000);
	(void)alloc_stop();
	cr_assert(eq(ptr, grown, NULL));
	cr_expect(eq(str, kept, (char *)"text"));
	free(kept);
}

static void *copy(void *unused)
{
	(void)unused;
	return strdup("text");
}

Test(alloc, does_not_fail_for_other_threads)
{
	pthread_t thread;
	void *text = NULL;

	cr_assert(eq(int, pthread_create(&thread, NULL, copy, NULL), 0));
	alloc_fail_at(1, true);
	(void)pthread_join(thread, &text);
	(void)alloc_stop();
	cr_expect(ne(ptr, text, NULL));
	free(text);
}

Test(alloc, counts_the_blocks_that_are_in_use)
{
	long before = alloc_blocks();

	kept = strdup("text");
	kept = realloc(kept, 100);
	cr_expect(eq(long, alloc_blocks(), before + 1));
	free(kept);
	cr_expect(eq(long, alloc_blocks(), before));
}

Test(alloc, knows_where_it_failed)
{
	char *place;

	alloc_fail_at(1, true);
	kept = strdup("text");
	(void)alloc_stop();
	place = alloc_place();
	/* The compiler may make a strndup of it. */
	cr_expect(ne(ptr, strstr(place, "dup"), NULL), "%s", place);
	free(place);
}
