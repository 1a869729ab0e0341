/*
 * Tests that say the same of both engines: BOTH(name) { ... } is a test of the
 * suites postgresql and sqlite, with an engine "e" on a new, empty database.
 * The program starts its server with TEST_MAIN({ .name = "one" }).
 */
#ifndef TESTS_SCHEMA_BOTH_H
#define TESTS_SCHEMA_BOTH_H

#include <stdbool.h>

#include <sqlassist.h>

#include "support/test.h"

void both_setup_postgres(void);
void both_setup_sqlite(void);
void both_teardown(void);

bool both_is_sqlite(void);

/* The URL of engine "e"'s database. */
const char *both_url(void);

/* Runs SQL there, from outside of any session. */
void both_exec(const char *sql);

/* New metadata with all of TABLES, which end with NULL. */
struct sqla_metadata *must_metadata(const struct sqla_table *const tables[]);

#define BOTH_SUITES                                                                \
	TestSuite(postgresql, .init = both_setup_postgres, .fini = both_teardown); \
	TestSuite(sqlite, .init = both_setup_sqlite, .fini = both_teardown)

#define BOTH(name)                \
	static void name(void);   \
	Test(postgresql, name##_) \
	{                         \
		name();           \
	}                         \
	Test(sqlite, name##_)     \
	{                         \
		name();           \
	}                         \
	static void name(void)

#define EXPECT_STATUS(call, status) \
	cr_expect(eq(int, (call), (status)), "%s", sqla_error_last()->message)
#define MUST(call) cr_assert(ge(int, (call), 0), "%s", sqla_error_last()->message)

#endif
