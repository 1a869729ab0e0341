#include "scale.h"

#include <sqlassist.h>

#include "doubts.h"
#include "support/must.h"
#include "wire.h"

static double ms_since(int64_t began)
{
	return (double)(now_ns() - began) / 1e6;
}

static json_t *measure(const struct doubts *d, int n)
{
	const struct sqla_recover_options options = { .grace_s = -1 };
	const struct sqla_recover_options dry = { .grace_s = -1, .dry_run = true };
	struct sqla_recover_report report;
	double look_ms, recover_ms;
	int64_t began;

	doubts_leave(d, n);
	began = now_ns();
	if (sqla_recover(&dry, NULL, NULL, &report) < 0 || report.left != n)
		must_fail("not %d in doubt: %s", n, sqla_error_last()->message);
	look_ms = ms_since(began);
	began = now_ns();
	if (sqla_recover(&options, NULL, NULL, &report) != SQLA_OK)
		must_fail("not recovered: %s", sqla_error_last()->message);
	recover_ms = ms_since(began);
	if (report.committed != (n + 1) / 2 || report.rolled_back != n / 2)
		must_fail("%d committed, %d rolled back", report.committed, report.rolled_back);
	return json_pack("{s:i, s:f, s:f}", "branches", n, "look_ms", look_ms, "recover_ms",
			 recover_ms);
}

json_t *scale_recovery(int most)
{
	json_t *all = json_array();
	struct doubts *d = doubts_new();

	(void)json_array_append_new(all, measure(d, 0));
	for (int n = 10; n <= most; n *= 10)
		(void)json_array_append_new(all, measure(d, n));
	doubts_free(d);
	return all;
}
