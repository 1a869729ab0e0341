/*
 * One thing happens to one message between the start of a commit and its end:
 * each message, in both directions, of the real traffic of each shape. What is
 * answered is true, and what is left behind recovery ends.
 */
#include <stdlib.h>
#include <string.h>

#include "support/main.h"
#include "support/test.h"
#include "wire/shapes.h"
#include "wire/strikes.h"

TEST_MAIN({ .name = "one" }, { .name = "two" })

/* In a short run the larger shapes, in which the same messages come again, meet the
 * first two kinds. */
static size_t how_many(const struct shape *shape, size_t n)
{
	bool is_large = shape->is_deferred || strlen(shape->parties) > 2;

	return is_large && !getenv("SQLA_TEST_LONG") ? 2 : n;
}

static void strike_all(const struct shape *shape, const struct strike strikes[], size_t n)
{
	struct strikes sweep;

	strikes_start(&sweep, shape);
	for (size_t i = 0; i < how_many(shape, n); i++)
		strikes_at_all(&sweep, strikes[i]);
	strikes_end(&sweep);
}

static void break_wire(const struct shape *shape)
{
	static const struct strike strikes[] = {
		{ .kind = STRIKE_CUT },
		{ .kind = STRIKE_ORPHAN },
		{ .kind = STRIKE_RESET },
		{ .kind = STRIKE_DELAY },
	};

	strike_all(shape, strikes, sizeof(strikes) / sizeof(strikes[0]));
}

static void send_errors(const struct shape *shape)
{
	static const struct strike strikes[] = {
		{ .kind = STRIKE_FATAL, .sqlstate = "57P01" },
		{ .kind = STRIKE_REFUSE, .sqlstate = "57P01" },
		{ .kind = STRIKE_REFUSE, .sqlstate = "40001" },
		{ .kind = STRIKE_REFUSE, .sqlstate = "53300" },
		{ .kind = STRIKE_REFUSE, .sqlstate = "53100" },
		{ .kind = STRIKE_REFUSE, .sqlstate = "25P02" },
	};

	strike_all(shape, strikes, sizeof(strikes) / sizeof(strikes[0]));
}

#define TESTS(shape, ...)                                    \
	Test(broken_wire, shape)                             \
	{                                                    \
		break_wire(WIRE_SHAPE(shape, __VA_ARGS__));  \
	}                                                    \
	Test(error_instead_of_an_answer, shape)              \
	{                                                    \
		send_errors(WIRE_SHAPE(shape, __VA_ARGS__)); \
	}

WIRE_SHAPES(TESTS)
