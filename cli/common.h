/*
 * common.h - what all commands of `sqlassist` share: exit statuses, the
 * options that name the engines, and complaints.
 */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <getopt.h>
#include <stdbool.h>

/*
 * Exit statuses, for scripts (sqlassist.1). Where several apply, the first
 * one of 4, 3, 1 is given.
 */
enum exit_status {
	EXIT_WELL = 0,	      /* all is well; `recover --watch` was told to stop */
	EXIT_TROUBLE = 1,     /* something is in doubt, or doctor found an error */
	EXIT_USAGE = 2,	      /* usage, configuration, or output that cannot be written */
	EXIT_UNREACHABLE = 3, /* an engine could not be asked */
	EXIT_MIXED = 4,	      /* a branch was ended by hand against the decision */
	EXIT_GO_ON = -1,      /* not yet over */
};

/* One command; ARGV[0] is its title for messages. Returns an exit status. */
struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int status_main(int argc, char **argv);
int recover_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int panel_main(int argc, char **argv);
int drill_main(int argc, char **argv);

/* Entries for getopt_long that every command takes. */
#define COMMON_OPTIONS                                                                          \
	{ "config", required_argument, NULL, 'c' }, { "engine", required_argument, NULL, 'e' }, \
	{                                                                                       \
		"help", no_argument, NULL, 'h'                                                  \
	}

/*
 * Deals with what getopt_long answered, if the command has no use for it
 * itself: EXIT_GO_ON, or the status to exit with.
 */
int common_option(int c);

/* EXIT_GO_ON if there are engines, and no more than MOST arguments are left. */
int common_ready(int argc, char **argv, int most);

/* Prints one line on stderr and where to read on. Returns EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int usage_error(const char *format, ...);

/* Prints the library's latest error and its hint on stderr, and returns the
 * exit status that fits. */
int library_error(void);

/* Reads OPTION's argument, which is WHAT from LEAST to MOST. Complains, and leaves
 * RET_NUMBER alone, if it is not. */
bool parse_number(const char *option, const char *what, const char *text, int least, int most,
		  int *ret_number);

/* The same of a number of seconds of at least LEAST. */
bool parse_seconds(const char *option, const char *text, int least, int *ret_seconds);

void print_help(void);

#endif
