/*
 * The wire is cut in the middle of a message: behind the bytes of its header,
 * before its last, and behind some in between; in a long run behind every byte of
 * every message, of every shape.
 */
#include <stdlib.h>

#include "support/main.h"
#include "support/test.h"
#include "wire/shapes.h"
#include "wire/strikes.h"

TEST_MAIN({ .name = "one" }, { .name = "two" })

enum { SOME = 2 };

static void truncate_all(const struct shape *shape, size_t some)
{
	struct strikes sweep;

	strikes_start(&sweep, shape);
	strikes_truncate_all(&sweep, some);
	strikes_end(&sweep);
}

#define TRUNCATE(shape, ...)                                             \
	Test(truncated_anywhere, shape)                                  \
	{                                                                \
		if (getenv("SQLA_TEST_LONG"))                            \
			truncate_all(WIRE_SHAPE(shape, __VA_ARGS__), 0); \
	}

WIRE_SHAPES(TRUNCATE)

Test(truncated, one_server)
{
	truncate_all(WIRE_SHAPE(one_server, "p"), 0);
}

Test(truncated, two_servers)
{
	truncate_all(WIRE_SHAPE(two_servers, "pq"), SOME);
}
