#include "support/main.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CLUSTERS_MAX = 8 };

int test_main(int argc, char *argv[], size_t jobs, const struct test_cluster clusters[])
{
	struct cluster *started[CLUSTERS_MAX] = { NULL };
	struct criterion_test_set *tests = criterion_initialize();
	int result = EXIT_SUCCESS;

	if (jobs > 0)
		criterion_options.jobs = jobs;
	if (criterion_handle_args(argc, argv, true)) {
		for (size_t i = 0; i < CLUSTERS_MAX && clusters[i].name; i++)
			started[i] = cluster_start(clusters[i].name, clusters[i].conf);
		if (!criterion_run_all_tests(tests))
			result = EXIT_FAILURE;
	}
	criterion_finalize(tests);
	for (size_t i = 0; i < CLUSTERS_MAX; i++)
		cluster_free(started[i]);
	return result;
}
