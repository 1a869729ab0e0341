#include "support/main.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/bouncer.h"

enum { CLUSTERS_MAX = 8 };

/* A cluster, and what stands in front of it. */
struct started {
	struct cluster *cluster;
	struct bouncer *bouncer;
};

static void start(struct started *s, const struct test_cluster *wanted)
{
	s->cluster = cluster_start(wanted->name, wanted->conf);
	if (!bouncer_mode())
		return;
	s->bouncer = bouncer_start(s->cluster, bouncer_mode(), NULL);
	bouncer_announce(s->bouncer, s->cluster);
}

static void end(struct started *s)
{
	bouncer_free(s->bouncer);
	cluster_free(s->cluster);
}

int test_main(int argc, char *argv[], size_t jobs, const struct test_cluster clusters[])
{
	struct started started[CLUSTERS_MAX] = { 0 };
	struct criterion_test_set *tests = criterion_initialize();
	int result = EXIT_SUCCESS;

	if (jobs > 0)
		criterion_options.jobs = jobs;
	if (criterion_handle_args(argc, argv, true)) {
		for (size_t i = 0; i < CLUSTERS_MAX && clusters[i].name; i++)
			start(&started[i], &clusters[i]);
		if (!criterion_run_all_tests(tests))
			result = EXIT_FAILURE;
	}
	criterion_finalize(tests);
	for (size_t i = 0; i < CLUSTERS_MAX; i++)
		end(&started[i]);
	return result;
}
