/*
 * main.h - main() of a test program that needs servers: they are started once,
 * before the first test, and ended after the last. Each test makes databases
 * of its own on them.
 *
 *	TEST_MAIN({ .name = "a" }, { .name = "b", .conf = "fsync = off" })
 *	...
 *	struct cluster *a = cluster_get("a");
 *
 * With SQLASSIST_TEST_BOUNCER in the environment a PgBouncer stands in front of
 * each (support/bouncer.h).
 */
#ifndef SUPPORT_MAIN_H
#define SUPPORT_MAIN_H

#include <stddef.h>

#include "support/cluster.h"

struct test_cluster {
	const char *name;
	const char *conf; /* more lines of postgresql.conf, or NULL */
};

/* CLUSTERS ends with a NULL name. JOBS: how many tests run at once; 0: as many
 * as there are processors. Returns the exit status. */
int test_main(int argc, char *argv[], size_t jobs, const struct test_cluster clusters[]);

#define TEST_MAIN(...) TEST_MAIN_JOBS(0, __VA_ARGS__)

/* For tests that mostly wait. */
#define TEST_MAIN_JOBS(jobs, ...)                                                     \
	int main(int argc, char *argv[])                                              \
	{                                                                             \
		static const struct test_cluster clusters[] = { __VA_ARGS__, { 0 } }; \
		return test_main(argc, argv, (jobs), clusters);                       \
	}

#endif
