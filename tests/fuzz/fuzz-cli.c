/*
 * The command line of sqlassist: a word in each line, the command first. Whatever it
 * is, the command ends with one of its exit statuses, and a number counts only if it
 * is one within its bounds.
 *
 * Engines are in memory whatever their URL, and no file of the input's is read: the
 * linker puts these here in place of the library's.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#include "../../cli/common.h"
#include "fuzz/fuzz.h"
#include "support/must.h"

const char fuzz_name[] = "cli";

enum { WORDS = 32 };

int __real_sqla_engine_register(const char *name, const char *url,
				const struct sqla_engine_options *options);
int __wrap_sqla_engine_register(const char *name, const char *url,
				const struct sqla_engine_options *options);
int __wrap_sqla_engines_load(const char *path);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);
int __wrap_tables_read(const char *path, struct sqla_metadata **ret_metadata);

int __wrap_sqla_engine_register(const char *name, const char *url,
				const struct sqla_engine_options *options)
{
	fuzz_must(name[0] && !strchr(name, '=') && url);
	return __real_sqla_engine_register(name, "sqlite://", options);
}

int __wrap_sqla_engines_load(const char *path)
{
	fuzz_must(path);
	return __real_sqla_engine_register("loaded", "sqlite://", NULL);
}

/* The first wait of recover --watch is told to end. */
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	(void)set;
	(void)info;
	fuzz_must(timeout->tv_sec >= 1 && timeout->tv_sec <= INT_MAX / 1000);
	return SIGTERM;
}

/* The word is what would stand in the file. */
int __wrap_tables_read(const char *path, struct sqla_metadata **ret_metadata)
{
	return sqla_metadata_parse(path, ret_metadata) < 0 ? library_error() : EXIT_GO_ON;
}

void print_help(void)
{
}

static void check_number(const char *text)
{
	int number = -7;

	if (parse_number("n", "a number", text, 1, 1000, &number)) {
		fuzz_must(number >= 1 && number <= 1000);
		fuzz_must(text[strspn(text, " \t\n\v\f\r+0123456789")] == '\0');
	} else {
		fuzz_must(number == -7);
	}
}

static int split(char *text, char *words[WORDS + 1])
{
	int n = 0;
	char *word;

	while (n < WORDS && (word = strsep(&text, "\n")))
		words[n++] = word;
	words[n] = NULL;
	return n;
}

static int run(int n, char *words[])
{
	static int (*const commands[])(int, char **) = { status_main, recover_main, doctor_main,
							 panel_main };
	static const char *const names[] = { "status", "recover", "doctor", "panel" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(words[0], names[i]) == 0)
			return commands[i](n, words);
	return EXIT_USAGE;
}

/* What the command says is nobody's to read. */
static int run_quietly(int n, char *words[])
{
	FILE *out = stdout, *err = stderr, *nowhere = fopen("/dev/null", "w");
	int status;

	fuzz_must(nowhere);
	stdout = stderr = nowhere;
	for (int i = 1; i < n; i++)
		check_number(words[i]);
	optind = 0;
	status = run(n, words);
	stdout = out;
	stderr = err;
	(void)fclose(nowhere);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *words[WORDS + 1];
	int n = split(text, words);
	int status = run_quietly(n, words);

	fuzz_must(status >= EXIT_WELL && status <= EXIT_MIXED);
	fuzz_must(sqla_engine_unregister(NULL) == 0);
	free(text);
	return 0;
}
