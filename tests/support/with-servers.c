/*
 * with-servers [-n COUNT] [-c CONF] COMMAND [ARGUMENT...] - runs a command that
 * finds fresh PostgreSQL servers in its environment: SQLASSIST_EXAMPLE_PG is the
 * URL of an empty database "example" on the first, SQLASSIST_EXAMPLE_PG2 the same
 * on the second (-n 2). CONF is one more line of their postgresql.conf.
 * SQLASSIST_EXAMPLE_DIR is an empty folder. All are gone when the command has
 * ended; its exit status is ours.
 *
 * with-servers -r NAME - for that command: the server "one" or "two" crashes and is
 * started again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cluster.h"
#include "support/files.h"
#include "support/must.h"
#include "support/scratch.h"

static const char usage[] = "usage: with-servers [-n 1|2] [-c CONF] COMMAND [ARGUMENT...]\n"
			    "       with-servers -r one|two\n";

static struct cluster *provide(const char *name, const char *env, const char *conf)
{
	struct cluster *c = cluster_start(name, conf);
	char *url = cluster_database(c, "example");

	if (setenv(env, url, 1) < 0)
		must_fail("out of memory");
	free(url);
	return c;
}

static int crash_and_restart(const char *name)
{
	struct cluster *c = cluster_get(name);

	cluster_crash(c);
	cluster_restart(c);
	cluster_free(c);
	return 0;
}

int main(int argc, char *argv[])
{
	struct cluster *one, *two = NULL;
	const char *conf = NULL;
	int option, count = 1, status;

	if (argc == 3 && strcmp(argv[1], "-r") == 0)
		return crash_and_restart(argv[2]);
	/* The plus sign: the options behind COMMAND are its own. */
	while ((option = getopt(argc, argv, "+n:c:")) == 'n' || option == 'c') {
		if (option == 'n')
			count = atoi(optarg);
		else
			conf = optarg;
	}
	if (option != -1 || optind >= argc || count < 1 || count > 2) {
		(void)fputs(usage, stderr);
		return 2;
	}
	one = provide("one", "SQLASSIST_EXAMPLE_PG", conf);
	if (count == 2)
		two = provide("two", "SQLASSIST_EXAMPLE_PG2", conf);
	if (setenv("SQLASSIST_EXAMPLE_DIR", scratch_dir(), 1) < 0)
		must_fail("out of memory");
	status = files_run(argv + optind);
	cluster_free(one);
	cluster_free(two);
	return status < 0 ? 127 : status;
}
