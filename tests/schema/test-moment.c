/* Timestamps and dates as text, and back. */
#include <sqlassist.h>

#include "schema/moment.h"
#include "support/test.h"

static void expect_timestamp(int64_t microseconds, const char *wanted)
{
	char text[SQLA_TIMESTAMP_SIZE];
	int64_t back = 0;

	cr_assert(eq(int, sqla_timestamp_format(microseconds, text), 0));
	cr_expect(eq(str, text, (char *)wanted));
	cr_expect(moment_parse(text, SQLA_COL_TIMESTAMP, &back));
	cr_expect(eq(i64, back, microseconds));
}

static void expect_date(int32_t days, const char *wanted)
{
	char text[SQLA_DATE_SIZE];
	int64_t back = 0;

	cr_assert(eq(int, sqla_date_format(days, text), 0));
	cr_expect(eq(str, text, (char *)wanted));
	cr_expect(moment_parse(text, SQLA_COL_DATE, &back));
	cr_expect(eq(i64, back, days));
}

Test(moment, timestamps_go_to_text_and_back)
{
	expect_timestamp(0, "1970-01-01T00:00:00.000000Z");
	expect_timestamp(-1, "1969-12-31T23:59:59.999999Z");
	expect_timestamp(INT64_C(1795346537178001), "2026-11-22T11:22:17.178001Z");
	expect_timestamp(INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z");
	expect_timestamp(INT64_C(-62135596800000000), "0001-01-01T00:00:00.000000Z");
	expect_timestamp(INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z");
}

Test(moment, dates_go_to_text_and_back)
{
	expect_date(0, "1970-01-01");
	expect_date(-1, "1969-12-31");
	expect_date(11016, "2000-02-29");
	expect_date(-719162, "0001-01-01");
	expect_date(2932896, "9999-12-31");
}

Test(moment, outside_of_the_years_1_to_9999_is_misuse)
{
	char text[SQLA_TIMESTAMP_SIZE] = "before", day[SQLA_DATE_SIZE] = "before";

	cr_expect(eq(int, sqla_timestamp_format(INT64_C(-62135596800000001), text), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_timestamp_format(INT64_C(253402300800000000), text), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_timestamp_format(INT64_MIN, text), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_timestamp_format(INT64_MAX, text), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_date_format(-719163, day), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_date_format(2932897, day), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_date_format(INT32_MIN, day), SQLA_EMISUSE));
	cr_expect(eq(str, text, "before"));
	cr_expect(eq(str, day, "before"));
}

Test(moment, what_sqlite_writes_is_read)
{
	int64_t back = 0;

	cr_expect(moment_parse("1970-01-01 00:00:01", SQLA_COL_TIMESTAMP, &back));
	cr_expect(eq(i64, back, 1000000));
	cr_expect(moment_parse("1970-01-01T00:00:01.5", SQLA_COL_TIMESTAMP, &back));
	cr_expect(eq(i64, back, 1500000));
	cr_expect(moment_parse("1970-01-01T00:00:00.123456789Z", SQLA_COL_TIMESTAMP, &back));
	cr_expect(eq(i64, back, 123456));
}

Test(moment, what_is_none_is_refused)
{
	static const char *const wrong[] = {
		"",
		"soon",
		"1970-01-01",
		"1970-02-31T00:00:00Z",
		"1970-13-01T00:00:00Z",
		"1970-01-01T25:00:00Z",
		"1970-01-01T00:00:00+01",
		"1970-01-01T00:00:00.5Zx",
		"1970-01-01x00:00:00",
		"0000-01-01T00:00:00Z",
	};
	int64_t back = 7;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(not(moment_parse(wrong[i], SQLA_COL_TIMESTAMP, &back)), "%s", wrong[i]);
	cr_expect(not(moment_parse("1970-01-01T00:00:00Z", SQLA_COL_DATE, &back)));
	cr_expect(not(moment_parse("2001-02-29", SQLA_COL_DATE, &back)));
	cr_expect(eq(i64, back, 7));
}
