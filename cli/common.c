#include "common.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

int usage_error(const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "sqlassist: ");
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, "\ntry sqlassist --help\n");
	return EXIT_USAGE;
}

int library_error(void)
{
	const struct sqla_error *error = sqla_error_last();

	(void)fprintf(stderr, "sqlassist: %s\n",
		      error->message[0] ? error->message : sqla_strerror(error->status));
	if (error->hint[0])
		(void)fprintf(stderr, "%s\n", error->hint);
	switch (error->status) {
	case SQLA_EMIXED:
		return EXIT_MIXED;
	case SQLA_ECONNECT:
	case SQLA_ETIMEOUT:
	case SQLA_EINDOUBT:
		return EXIT_UNREACHABLE;
	case SQLA_EDATABASE:
	case SQLA_ERETRY:
		return EXIT_TROUBLE;
	default:
		return EXIT_USAGE;
	}
}

/* The URL may hold a password: it is never repeated in a message. */
static int add_engine(const char *text)
{
	const char *equals = strchr(text, '=');
	char *name;
	int status;

	if (!equals || equals == text)
		return usage_error("--engine wants NAME=URL");
	name = strndup(text, (size_t)(equals - text));
	if (!name)
		return usage_error("out of memory");
	status = sqla_engine_register(name, equals + 1, NULL);
	free(name);
	return status < 0 ? library_error() : EXIT_GO_ON;
}

int common_option(int c)
{
	switch (c) {
	case 'c':
		return sqla_engines_load(optarg) < 0 ? library_error() : EXIT_GO_ON;
	case 'e':
		return add_engine(optarg);
	case 'h':
		print_help();
		return EXIT_WELL;
	default:
		/* getopt_long has said what is wrong. */
		(void)fprintf(stderr, "try sqlassist --help\n");
		return EXIT_USAGE;
	}
}

int common_ready(int argc, char **argv, int most)
{
	if (argc - optind > most)
		return usage_error("one argument too many: \"%s\"", argv[optind + most]);
	if (sqla_engine_names(NULL, 0) == 0)
		return usage_error("no engines: name them with --config FILE or "
				   "--engine NAME=URL");
	return EXIT_GO_ON;
}

bool parse_number(const char *option, const char *what, const char *text, int least, int most,
		  int *ret_number)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most) {
		(void)usage_error("--%s wants %s from %d to %d, not \"%s\"", option, what, least,
				  most, text);
		return false;
	}
	*ret_number = (int)value;
	return true;
}

bool parse_seconds(const char *option, const char *text, int least, int *ret_seconds)
{
	return parse_number(option, "a number of seconds", text, least, INT_MAX / 1000,
			    ret_seconds);
}
