#include "base/copy.h"

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
