/* What our tests rely on in Criterion, where it was found to be otherwise. */
#include "support/test.h"

Test(criterion, does_not_take_equal_numbers_for_greater)
{
	cr_assert(not(gt(int, 1, 1)));
	cr_assert(gt(int, 2, 1));
}
