#include "base/copy.h"

#include <inttypes.h>
#include <stdio.h>

#include "support/test.h"

Test(copy, fills_no_more_than_its_place)
{
	char place[4] = "xxx";

	copy_text(place, sizeof(place), "ab");
	cr_expect(eq(str, place, (char *)"ab"));
	copy_text(place, sizeof(place), "abcdef");
	cr_expect(eq(str, place, (char *)"abc"));
	copy_text(place, sizeof(place), "");
	cr_expect(eq(str, place, (char *)""));
}

Test(copy, joins_texts_as_far_as_they_fit)
{
	char place[6] = "xxxxx";

	copy_joined(place, sizeof(place), "ab", "", "c", NULL);
	cr_expect(eq(str, place, (char *)"abc"));
	copy_joined(place, sizeof(place), "ab", "cd", "ef", "gh", NULL);
	cr_expect(eq(str, place, (char *)"abcde"));
}

Test(copy, writes_numbers_as_printf_does)
{
	static const int64_t numbers[] = { 0, 7, -7, 10, 4711, INT64_MAX, INT64_MIN };
	char place[COPY_NUMBER_SIZE], printed[COPY_NUMBER_SIZE];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		copy_number(place, numbers[i], 1);
		(void)snprintf(printed, sizeof(printed), "%" PRId64, numbers[i]);
		cr_expect(eq(str, place, printed));
	}
	copy_number(place, 4711, 10);
	cr_expect(eq(str, place, (char *)"0000004711"));
	copy_number(place, 4711, 3);
	cr_expect(eq(str, place, (char *)"4711"));
}
