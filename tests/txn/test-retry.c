#include "txn/retry.h"

#include <string.h>

#include "support/test.h"
#include "txn/recorder.h"

struct work {
	struct recorder *r;
	int runs;
	int status;	  /* what the work returns */
	int failing_runs; /* so many times; then 0 */
	char uuids[4][37];
};

static int work(void *arg)
{
	struct work *w = arg;

	if (w->runs < 4)
		(void)strcpy(w->uuids[w->runs], txn_uuid(txn_current()));
	if (w->r)
		must_join(w->r);
	return w->runs++ < w->failing_runs ? w->status : 0;
}

Test(retry, a_transient_failure_is_tried_again_with_a_new_uuid)
{
	struct work w = { .status = SQLA_ERETRY, .failing_runs = 2 };

	cr_expect(zero(int, txn_run(3, work, &w)));
	cr_expect(eq(int, w.runs, 3));
	cr_expect(ne(str, w.uuids[0], w.uuids[1]), "I8");
}

Test(retry, the_last_attempts_status_is_returned)
{
	struct work w = { .status = SQLA_ERETRY, .failing_runs = 9 };

	cr_expect(eq(int, txn_run(3, work, &w), SQLA_ERETRY));
	cr_expect(eq(int, w.runs, 3));
	cr_expect(eq(ptr, txn_current(), NULL));
}

Test(retry, another_failure_is_not_tried_again)
{
	struct work w = { .status = SQLA_EDATABASE, .failing_runs = 9 };

	cr_expect(eq(int, txn_run(3, work, &w), SQLA_EDATABASE));
	cr_expect(eq(int, w.runs, 1));
}

Test(retry, a_joined_resource_is_asked_before_the_abort)
{
	struct recorder r;
	struct work w = { .r = &r, .status = SQLA_EDATABASE, .failing_runs = 1 };

	recorder_init(&r, "a");
	r.should_retry = true;
	cr_expect(zero(int, txn_run(3, work, &w)));
	cr_expect(eq(int, w.runs, 2));
	recorder_close(&r);
}

Test(retry, a_failed_commit_is_tried_again_if_a_resource_says_so)
{
	struct recorder r;
	struct work w = { .r = &r };

	recorder_init(&r, "a");
	r.ask = SQLA_EDATABASE;
	r.should_retry = true;
	cr_expect(eq(int, txn_run(2, work, &w), SQLA_EDATABASE));
	cr_expect(eq(int, w.runs, 2));
	recorder_close(&r);
}

Test(retry, an_outcome_in_doubt_is_never_tried_again)
{
	struct recorder r;
	struct work w = { .r = &r };

	recorder_init(&r, "a");
	r.commit = SQLA_EINDOUBT;
	r.outcome = SQLA_EINDOUBT;
	r.should_retry = true;
	cr_expect(eq(int, txn_run(3, work, &w), SQLA_EINDOUBT));
	cr_expect(eq(int, w.runs, 1));
	recorder_close(&r);
}

Test(retry, fewer_than_one_attempt_is_misuse)
{
	struct work w = { .runs = 0 };

	cr_expect(eq(int, txn_run(0, work, &w), SQLA_EMISUSE));
	cr_expect(eq(int, txn_run(-1, work, &w), SQLA_EMISUSE));
	cr_expect(eq(int, txn_run(1, NULL, &w), SQLA_EMISUSE));
	cr_expect(zero(int, w.runs));
}

Test(retry, work_that_only_answers_a_status_has_no_stale_detail)
{
	struct work w = { .status = SQLA_EDATABASE, .failing_runs = 1 };

	cr_assert(eq(int, txn_set_timeout(NULL, 1), SQLA_EMISUSE));
	cr_expect(eq(int, txn_run(1, work, &w), SQLA_EDATABASE));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EDATABASE));
	cr_expect(eq(ptr, strstr(sqla_error_last()->message, "txn_set_timeout"), NULL));
}
