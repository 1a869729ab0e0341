/*
 * bench-scale - recovery with many branches in doubt, a decision table that has
 * seen many transactions, the memory of many that are open.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "places.h"
#include "scale.h"
#include "support/must.h"

static const char usage[] = "usage: bench-scale [OPTION]...\n"
			    "  --transactions N    for the decision table; 20000\n"
			    "  --million           a million of them\n"
			    "  --json FILE         where the figures go; the standard output\n"
			    "  --folder DIR        where the databases are; $TMPDIR or /tmp\n"
			    "  --smoke             prove that it works; no figures\n";

struct options {
	const char *json, *folder;
	long transactions;
	bool is_smoke;
};

static struct options parse(int argc, char *argv[])
{
	static const struct option longs[] = {
		{ "transactions", required_argument, NULL, 't' },
		{ "million", no_argument, NULL, 'm' },
		{ "json", required_argument, NULL, 'j' },
		{ "folder", required_argument, NULL, 'f' },
		{ "smoke", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	const char *tmpdir = getenv("TMPDIR");
	struct options o = {
		.json = "/dev/stdout",
		.folder = tmpdir && *tmpdir ? tmpdir : "/tmp",
		.transactions = 20000,
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 't')
			o.transactions = strtol(optarg, NULL, 10);
		else if (c == 'm')
			o.transactions = 1000000;
		else if (c == 'j')
			o.json = optarg;
		else if (c == 'f')
			o.folder = optarg;
		else if (c == 'k')
			o.is_smoke = true;
		else
			break;
	}
	if (c != -1 || optind < argc || o.transactions < 1000) {
		(void)fputs(usage, stderr);
		exit(2);
	}
	return o;
}

int main(int argc, char *argv[])
{
	struct options o = parse(argc, argv);
	json_t *document;

	if (!o.is_smoke && setenv("SQLASSIST_TEST_FOLDER", o.folder, 1) < 0)
		must_fail("out of memory");
	document = json_object();
	(void)json_object_set_new(document, "memory", scale_memory(o.is_smoke ? 3 : 40));
	(void)json_object_set_new(document, "recovery", scale_recovery(o.is_smoke ? 10 : 1000));
	(void)json_object_set_new(document, "decisions",
				  scale_decisions(o.is_smoke ? 320 : o.transactions));
	if (json_dump_file(document, o.json, JSON_INDENT(1) | JSON_REAL_PRECISION(7)) < 0)
		must_fail("%s cannot be written", o.json);
	json_decref(document);
	places_end_servers();
	return 0;
}
