#include "engine/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/error.h"
#include "base/redact.h"
#include "engine/options.h"

#define NAME_MAX_BYTES 63 /* struct sqla_error has room for it */

static int check_name(const char *name)
{
	static const char *const reserved[] = { "!default", "!all" };

	if (!*name || strlen(name) > NAME_MAX_BYTES)
		return error_set(SQLA_ECONFIG, name, "Use 1 to 63 bytes.",
				 "an engine's name is empty or too long: \"%.80s\"", name);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcmp(name, reserved[i]) == 0)
			return error_set(SQLA_ECONFIG, name, "Use another name.",
					 "the engine name \"%s\" is reserved", name);
	return 0;
}

static bool has_scheme(const char *url, const char *scheme)
{
	size_t length = strlen(scheme);

	return strncasecmp(url, scheme, length) == 0 && url[length] == ':';
}

/* Why a URL that looks right is not: this build may be the embedded one. */
static const char *missing_driver(const char *url)
{
#ifndef SQLA_WITH_LIBPQ
	if (has_scheme(url, "postgresql") || has_scheme(url, "postgres"))
		return ": this libsqlassist was built without libpq";
#endif
#ifndef SQLA_WITH_SQLITE
	if (has_scheme(url, "sqlite"))
		return ": this libsqlassist was built without SQLite";
#endif
	return has_scheme(url, "sqlite") || has_scheme(url, "postgresql") ? ": it is malformed" :
									    "";
}

static int find_driver(const char *name, const char *url, const struct driver **ret_driver)
{
	char hint[160] = "Known are", *shown;
	size_t used = strlen(hint);

	for (size_t i = 0; drivers_all[i]; i++) {
		if (drivers_all[i]->claims_url(url)) {
			*ret_driver = drivers_all[i];
			return 0;
		}
		used += (size_t)snprintf(hint + used, sizeof(hint) - used, " %s://",
					 drivers_all[i]->name);
	}
	shown = strdup(url);
	if (!shown)
		return error_nomem();
	redact_url_in_place(shown);
	(void)error_set(SQLA_ECONFIG, name, hint,
			"nothing can open the URL \"%s\" of engine \"%s\"%s", shown, name,
			missing_driver(url));
	free(shown);
	return SQLA_ECONFIG;
}

/*
 * With transactions disabled the default becomes unjoined, so that a program
 * that registers its engines with defaults runs in both modes; asking for
 * joined in so many words is refused.
 */
static int choose_joined(const char *name, struct sqla_engine_options *options)
{
	if (!env_transaction_disabled())
		return 0;
	if (options->joined == SQLA_YES)
		return error_set(
			SQLA_EDISABLED, name,
			"Unset SQLASSIST_DISABLE_TRANSACTION, or register it unjoined and "
			"commit with sqla_session_commit.",
			"engine \"%s\" is to be joined while SQLASSIST_DISABLE_TRANSACTION "
			"is set",
			name);
	options->joined = SQLA_NO;
	return 0;
}

/* Options that exclude each other; OPTIONS are normalized. */
static int check_together(const char *name, const struct sqla_engine_options *options)
{
	if (options->joined == SQLA_YES && options->scoped == SQLA_NO)
		return error_set(SQLA_EMISUSE, name, "Set joined to no, or scoped to yes.",
				 "engine \"%s\" is joined but not scoped", name);
	if (options->joined == SQLA_YES && options->autocommit == SQLA_YES)
		return error_set(SQLA_EMISUSE, name, "Set joined or autocommit to no.",
				 "engine \"%s\" is joined and autocommits", name);
	if (options->pool_size == 0 && options->pool_overflow == 0)
		return error_set(SQLA_ECONFIG, name, "Raise pool_size or pool_overflow.",
				 "engine \"%s\" may have no connection at all", name);
	return 0;
}

/* A database in memory lives and dies with its connection: a session keeps
 * its own, and a pool would only hand data to strangers. */
static void make_private(struct engine_config *config)
{
	config->options.keep_session = SQLA_YES;
	config->options.pool_size = 0;
	config->options.pool_overflow = INT_MAX;
}

static bool is_in_memory(const char *url)
{
	return strcmp(url, "sqlite://") == 0;
}

static int set_url(struct engine_config *config, const char *url)
{
	const struct driver *driver = config->driver;

	if (driver->resolve_url) {
		int status = driver->resolve_url(config->name, url, &config->url);

		if (status < 0)
			return status;
	} else {
		config->url = strdup(url);
	}
	config->redacted_url = config->url ? strdup(config->url) : NULL;
	if (!config->redacted_url)
		return error_nomem();
	redact_url_in_place(config->redacted_url);
	return 0;
}

static int fill_in(struct engine_config *config, const char *url,
		   const struct sqla_engine_options *options)
{
	struct sqla_engine_options wanted = { .is_default = SQLA_DEFAULT };
	int status;

	if (options)
		wanted = *options;
	status = choose_joined(config->name, &wanted);
	if (status == 0)
		status = options_normalize(config->name, &wanted, &config->options);
	if (status == 0)
		status = check_together(config->name, &config->options);
	if (status == 0)
		status = find_driver(config->name, url, &config->driver);
	if (status == 0)
		status = set_url(config, url);
	if (status < 0)
		return status;
	if (is_in_memory(url))
		make_private(config);
	return config->driver->check(config);
}

int config_new(const char *name, const char *url, const struct sqla_engine_options *options,
	       struct engine_config **ret_config)
{
	struct engine_config *config = NULL;
	int status;

	if (!name || !url)
		return error_set(SQLA_EMISUSE, name, NULL, "an engine needs a name and a URL");
	status = check_name(name);
	if (status < 0)
		return status;
	config = calloc(1, sizeof(*config));
	if (!config)
		return error_nomem();
	config->references = 1;
	config->name = strdup(name);
	status = config->name ? fill_in(config, url, options) : error_nomem();
	if (status < 0)
		config_unref(config);
	else
		*ret_config = config;
	return status;
}

struct engine_config *config_ref(struct engine_config *config)
{
	__atomic_add_fetch(&config->references, 1, __ATOMIC_RELAXED);
	return config;
}

void config_unref(struct engine_config *config)
{
	if (!config || __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	options_clear(&config->options);
	free(config->name);
	if (config->url)
		explicit_bzero(config->url, strlen(config->url));
	free(config->url);
	free(config->redacted_url);
	free(config);
}
