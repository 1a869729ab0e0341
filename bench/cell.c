#include "cell.h"

#include <sqlassist.h>
#include <string.h>

#include "support/must.h"

enum { WARM_UP = 10 };

static const UT_icd double_icd = { sizeof(double), NULL, NULL, NULL };

/* What one way has done so far. */
struct runner {
	struct crew *crew;
	struct slice_times times;
	UT_array *rates, *ratios; /* of double, one a round */
	struct slice total;
};

static void runner_init(struct runner *r, const struct way *way, const struct cell_plan *plan)
{
	const struct slice_limit warm_up = { .transactions = WARM_UP };

	memset(r, 0, sizeof(*r));
	slice_times_init(&r->times);
	utarray_new(r->rates, &double_icd);
	utarray_new(r->ratios, &double_icd);
	r->crew = crew_new(way, plan->places, plan->n_threads);
	(void)crew_run(r->crew, warm_up, NULL);
}

static void runner_end(struct runner *r)
{
	crew_free(r->crew);
	slice_times_done(&r->times);
	utarray_free(r->rates);
	utarray_free(r->ratios);
}

/* Returns the rate, to which the others of this round are compared. */
static double run_slice(struct runner *r, const struct cell_plan *plan, double baseline)
{
	struct slice did = crew_run(r->crew, plan->limit, &r->times);
	double rate, ratio;

	if (did.transactions == 0)
		must_fail("nothing was committed: %s", sqla_error_last()->message);
	rate = (double)did.transactions / did.seconds;
	ratio = baseline > 0 ? rate / baseline : 1;
	utarray_push_back(r->rates, &rate);
	utarray_push_back(r->ratios, &ratio);
	r->total.transactions += did.transactions;
	r->total.failed += did.failed;
	r->total.rounds += did.rounds;
	r->total.commit_rounds += did.commit_rounds;
	r->total.messages += did.messages;
	r->total.wal_syncs += did.wal_syncs;
	return rate;
}

static int compare_int64(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int compare_double(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of a sorted array. */
static int64_t percentile(const UT_array *sorted, unsigned percent)
{
	unsigned n = utarray_len(sorted);

	return *(const int64_t *)utarray_eltptr(sorted, (n - 1) * percent / 100);
}

static double median(UT_array *values)
{
	unsigned n = utarray_len(values);

	utarray_sort(values, compare_double);
	return (*(const double *)utarray_eltptr(values, (n - 1) / 2) +
		*(const double *)utarray_eltptr(values, n / 2)) /
	       2;
}

static struct figures sum_up(struct runner *r, const struct way *way)
{
	double n = (double)r->total.transactions;

	utarray_sort(r->times.commit, compare_int64);
	utarray_sort(r->times.decided, compare_int64);
	return (struct figures){
		.way = way,
		.rate = median(r->rates),
		.ratio = median(r->ratios),
		.commit_p50 = percentile(r->times.commit, 50),
		.commit_p99 = percentile(r->times.commit, 99),
		.decided_p50 = percentile(r->times.decided, 50),
		.rounds = (double)r->total.rounds / n,
		.commit_rounds = (double)r->total.commit_rounds / n,
		.messages = (double)r->total.messages / n,
		.wal_syncs = (double)r->total.wal_syncs / n,
		.transactions = r->total.transactions,
		.failed = r->total.failed,
	};
}

void cell_run(const struct cell_plan *plan, struct figures ret_figures[])
{
	struct runner runners[N_WAYS];

	places_register(plan->places, plan->n_threads, plan->keep_decisions);
	for (int i = 0; i < plan->n_ways; i++)
		runner_init(&runners[i], plan->ways[i], plan);
	for (int round = 0; round < plan->n_rounds; round++) {
		double baseline = run_slice(&runners[0], plan, 0);

		for (int i = 1; i < plan->n_ways; i++)
			(void)run_slice(&runners[i], plan, baseline);
	}
	for (int i = 0; i < plan->n_ways; i++) {
		ret_figures[i] = sum_up(&runners[i], plan->ways[i]);
		runner_end(&runners[i]);
	}
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("sessions are left: %s", sqla_error_last()->message);
}
