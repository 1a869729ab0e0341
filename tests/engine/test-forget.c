#include "engine/forget.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "support/test.h"

static void later(struct forget_queue *queue, int number)
{
	char uuid[37];

	(void)snprintf(uuid, sizeof(uuid), "00000000-0000-0000-0000-%012d", number);
	forget_later(queue, uuid);
}

Test(forget, nothing_is_due_before_it_is_old_enough)
{
	struct forget_queue *queue = forget_new(3600);
	char uuids[4][37];

	later(queue, 1);
	cr_expect(not(forget_is_due(queue, 1)));
	cr_expect(eq(sz, forget_due(queue, uuids, 4), 0));
	forget_free(queue);
}

Test(forget, the_oldest_are_given_out_first)
{
	struct forget_queue *queue = forget_new(0);
	char uuids[4][37];

	for (int i = 1; i <= 6; i++)
		later(queue, i);
	cr_expect(forget_is_due(queue, 6));
	cr_expect(not(forget_is_due(queue, 7)));
	cr_assert(eq(sz, forget_due(queue, uuids, 4), 4));
	cr_expect(eq(chr, uuids[0][35], '1'));
	cr_expect(eq(chr, uuids[3][35], '4'));
	cr_assert(eq(sz, forget_due(queue, uuids, 4), 2));
	cr_expect(eq(chr, uuids[1][35], '6'));
	forget_free(queue);
}

Test(forget, what_is_put_back_is_due_again_in_its_order)
{
	struct forget_queue *queue = forget_new(0);
	char uuids[3][37];

	for (int i = 1; i <= 3; i++)
		later(queue, i);
	cr_assert(eq(sz, forget_due(queue, uuids, 2), 2));
	forget_again(queue, uuids, 2);
	memset(uuids, 0, sizeof(uuids));
	cr_assert(eq(sz, forget_due(queue, uuids, 3), 3));
	cr_expect(eq(chr, uuids[0][35], '1'));
	cr_expect(eq(chr, uuids[2][35], '3'));
	forget_free(queue);
}

Test(forget, what_is_put_back_is_due_and_what_came_meanwhile_is_not)
{
	struct forget_queue *queue = forget_new(3600);
	char uuids[2][37] = { "00000000-0000-0000-0000-000000000009" };

	later(queue, 1);
	forget_again(queue, uuids, 1);
	cr_expect(forget_is_due(queue, 1));
	cr_expect(not(forget_is_due(queue, 2)));
	cr_assert(eq(sz, forget_due(queue, uuids, 2), 1));
	cr_expect(eq(chr, uuids[0][35], '9'));
	cr_expect(not(forget_is_due(queue, 1)));
	forget_free(queue);
}

Test(forget, what_comes_behind_a_look_is_due_too)
{
	struct forget_queue *queue = forget_new(0);
	char uuids[4][37];

	for (int i = 1; i <= 4; i++) {
		later(queue, i);
		cr_expect(forget_is_due(queue, (size_t)i));
		cr_expect(not(forget_is_due(queue, (size_t)i + 1)));
	}
	cr_assert(eq(sz, forget_due(queue, uuids, 4), 4));
	later(queue, 5);
	cr_expect(forget_is_due(queue, 1));
	cr_assert(eq(sz, forget_due(queue, uuids, 4), 1));
	cr_expect(eq(chr, uuids[0][35], '5'));
	forget_free(queue);
}

Test(forget, kept_for_ever_nothing_is_queued)
{
	struct forget_queue *queue = forget_new(INT_MAX);

	later(queue, 1);
	cr_expect(not(forget_is_due(queue, 1)));
	forget_free(queue);
	forget_free(NULL);
}
