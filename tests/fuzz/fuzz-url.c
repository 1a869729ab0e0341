/*
 * URLs of engines and their options, without opening anything. In the first line
 * stands the URL; in each other one an option, NAME=VALUE.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SQLA_WITH_LIBPQ
#include <libpq-fe.h>
#endif

#include "base/error.h"
#include "base/redact.h"
#include "engine/config.h"
#include "engine/driver.h"
#include "engine/options.h"
#include "fuzz/fuzz.h"
#include "support/must.h"

const char fuzz_name[] = "url";

#define SECRET "s3cr3t"

/* Is it there once, in what libpq takes for a secret? An option is none. */
static bool is_secret_of(const char *url)
{
	const char *at = strstr(url, SECRET);
	bool is_secret = false;
#ifdef SQLA_WITH_LIBPQ
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	for (PQconninfoOption *o = options; o && o->keyword; o++)
		is_secret = is_secret ||
			    (o->val && o->dispchar[0] == '*' && strstr(o->val, SECRET));
	PQconninfoFree(options);
#endif
	return is_secret && at && !strstr(at + 1, SECRET);
}

static void set_options(struct sqla_engine_options *options, char *lines)
{
	char *line, *rest = lines;

	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');
		int number;

		if (value)
			*value++ = '\0';
		number = value ? options_find(line) : -1;
		if (number >= 0)
			(void)options_set("fuzz", options, number, value);
	}
}

static void check_config(const char *url, const struct sqla_engine_options *options, bool is_secret)
{
	struct engine_config *config = NULL;

	if (config_new("fuzz", url, options, &config) < 0) {
		fuzz_must(config == NULL && sqla_error_last()->status < 0);
		if (is_secret)
			fuzz_must(!strstr(sqla_error_last()->message, SECRET));
		return;
	}
	fuzz_must(config->driver->claims_url(url));
	if (is_secret)
		fuzz_must(!strstr(config->redacted_url, SECRET));
	config_unref(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sqla_engine_options options = { .is_default = SQLA_DEFAULT };
	char *text = fuzz_text(data, size);
	char *rest = text, *url = strsep(&rest, "\n");
	char *redacted = strdup(url);
	bool is_secret = is_secret_of(url) && !(rest && strstr(rest, SECRET));

	fuzz_must(redacted);
	redact_url_in_place(redacted);
	fuzz_must(strlen(redacted) <= strlen(url));
	if (rest)
		set_options(&options, rest);
	check_config(url, &options, is_secret);
	options_clear(&options);
	free(redacted);
	free(text);
	return 0;
}
