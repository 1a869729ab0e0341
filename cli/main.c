/*
 * sqlassist - the operator's view of libsqlassist: what is in doubt, and
 * ending it. Uses the public headers only.
 */
#include <stdio.h>
#include <string.h>

#include <sqlassist.h>

#include "common.h"
#include "demo.h"

static const struct command commands[] = {
	{ "status", "explain every branch that is in doubt, and change nothing", status_main },
	{ "recover", "end what is in doubt, as it was decided", recover_main },
	{ "doctor", "check engines for what would hurt later", doctor_main },
	{ "panel", "print what there is to see: JSON, HTML or metrics", panel_main },
	{ "drill", "kill workers on your own databases, and prove that none disagrees",
	  drill_main },
	{ "demo", "watch sales cross two databases while their workers are killed", demo_main },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void print_help(void)
{
	puts("usage: sqlassist [--config FILE] [--engine NAME=URL]... COMMAND [OPTION]...\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-9s%s\n", commands[i].name, commands[i].summary);
	puts("\n"
	     "engines, before or behind the command:\n"
	     "  --config FILE            an ini file, see sqlassist.ini(5)\n"
	     "  --engine NAME=URL        postgresql://... or sqlite:///path; may be repeated\n"
	     "\n"
	     "status [--json]\n"
	     "recover [--json]\n"
	     "  --watch                  again and again, until SIGINT or SIGTERM\n"
	     "  --interval SECONDS       between two passes of --watch; 10\n"
	     "  --grace SECONDS          leave younger branches alone; 5\n"
	     "  --fence SECONDS          end a decider that has been open for so long; never\n"
	     "  --dry-run                look and report, change nothing\n"
	     "doctor [--json] [ENGINE]\n"
	     "  --tables FILE            compare with tables that an application declares\n"
	     "  --sql                    print what an administrator has to run\n"
	     "  --purge-tombstones       forget old verdicts that nobody can need any more\n"
	     "panel [--json | --html | --prometheus]\n"
	     "drill [--json] [ENGINE]...\n"
	     "  --kills N                how many; 200\n"
	     "  --seconds N              no longer than that; 60\n"
	     "  --threads N              of each worker; 2\n"
	     "  --seed N                 of what is random\n"
	     "  --clean                  remove what a drill has left that was killed itself\n"
	     "\n"
	     "  --help, --version\n"
	     "\n"
	     "Exit status: 0 all is well; 1 something is in doubt, or doctor found an error;\n"
	     "2 usage or configuration; 3 an engine could not be asked; 4 a branch was ended\n"
	     "by hand against the decision.");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Options before the command; they end at its name. */
static int read_options(int argc, char **argv)
{
	static const struct option options[] = {
		COMMON_OPTIONS,
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (c == 'V') {
			puts("sqlassist " PACKAGE_VERSION);
			return EXIT_WELL;
		}
		status = common_option(c);
		if (status != EXIT_GO_ON)
			return status;
	}
	return EXIT_GO_ON;
}

static int run_command(int argc, char **argv)
{
	const struct command *command;
	char title[64];

	if (argc == 0)
		return usage_error("a command is missing");
	command = find_command(argv[0]);
	if (!command)
		return usage_error("there is no command \"%s\"", argv[0]);
	/* getopt_long's complaints begin with it; demo is a program of its own. */
	(void)snprintf(title, sizeof(title), "sqlassist %s", command->name);
	if (command->run != demo_main)
		argv[0] = title;
	optind = 0;
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	int status = read_options(argc, argv);

	if (status == EXIT_GO_ON)
		status = run_command(argc - optind, argv + optind);
	(void)sqla_engine_unregister(NULL);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		perror("sqlassist: cannot write the output");
		status = EXIT_USAGE;
	}
	return status;
}
