/*
 * The ini file of engines: all of it is taken, or nothing, and then it is said
 * in which line, and what was a password is not repeated.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist/engine.h>
#include <sqlassist/error.h>

#include "fuzz/fuzz.h"
#include "support/must.h"
#include "support/scratch.h"

const char fuzz_name[] = "ini";

/* It is nowhere else in these inputs' texts unless they say it twice. */
#define SECRET "s3cr3t"

static bool is_once(const char *text)
{
	const char *at = strstr(text, "password=" SECRET);

	return at && strstr(text, SECRET) == at + strlen("password=") &&
	       !strstr(at + strlen("password=" SECRET), SECRET);
}

static void check_refusal(const char *path, const char *text)
{
	const struct sqla_error *error = sqla_error_last();

	fuzz_must(sqla_engine_names(NULL, 0) == 0);
	fuzz_must(error->status < 0 && error->message[0]);
	fuzz_must(strstr(error->message, path));
	if (is_once(text))
		fuzz_must(!strstr(error->message, SECRET) && !strstr(error->hint, SECRET));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = scratch_path("engines.ini");
	char *text = fuzz_text(data, size);

	fuzz_write(path, data, size);
	if (sqla_engines_load(path) < 0)
		check_refusal(path, text);
	fuzz_must(sqla_engine_unregister(NULL) == 0);
	fuzz_must(sqla_engine_names(NULL, 0) == 0);
	free(text);
	free(path);
	return 0;
}
