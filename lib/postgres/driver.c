#include "postgres/driver.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <libpq-fe.h>

#include "base/error.h"
#include "postgres/branch.h"
#include "postgres/claim.h"
#include "postgres/connect.h"
#include "postgres/decisions.h"
#include "postgres/doctor.h"
#include "postgres/exec.h"
#include "postgres/list.h"
#include "postgres/look.h"
#include "postgres/looks.h"
#include "postgres/outcome.h"
#include "postgres/site.h"

enum { SCHEMA_MAX_BYTES = 63 }; /* PostgreSQL cuts longer names */

static bool claims_url(const char *url)
{
	return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

/* libpq quotes what it does not understand, and that may be the password. */
static int refuse_url(const struct engine_config *config, char *why)
{
	char *quote = why ? strstr(why, ": \"") : NULL;

	if (quote)
		*quote = '\0';
	error_set(SQLA_ECONFIG, config->name,
		  "Write postgresql://user@host:port/database?option=value; percent-encode "
		  "special characters.",
		  "the URL is malformed: %s", why ? why : "out of memory");
	PQfreemem(why);
	return SQLA_ECONFIG;
}

static bool is_secret(const PQconninfoOption *option)
{
	return strcmp(option->keyword, "password") == 0 ||
	       strcmp(option->keyword, "sslpassword") == 0;
}

static bool has_same_value(const PQconninfoOption *one, const PQconninfoOption *two)
{
	return one->val && two->val ? strcmp(one->val, two->val) == 0 : one->val == two->val;
}

/*
 * A password with a bare @ or / is taken apart by libpq, which would then quote
 * the pieces as a host or a port. So masking the password, which knows what
 * people mean, must change nothing else.
 */
static bool is_unambiguous(const struct engine_config *config, const PQconninfoOption *options)
{
	PQconninfoOption *masked = PQconninfoParse(config->redacted_url, NULL);
	bool is_same = masked != NULL;

	for (int i = 0; is_same && options[i].keyword; i++)
		is_same = is_secret(&options[i]) || has_same_value(&options[i], &masked[i]);
	PQconninfoFree(masked);
	return is_same;
}

static int check_parsed(const struct engine_config *config, const PQconninfoOption *options)
{
	if (!is_unambiguous(config, options))
		return error_set(
			SQLA_ECONFIG, config->name,
			"Percent-encode what is special: %40 for @, %2F for /, %3A for :, "
			"%3F for ?, %23 for #, %25 for %.",
			"the URL is ambiguous: it has an @ that may end a password or not");
	for (const PQconninfoOption *option = options; option->keyword; option++)
		if (strcmp(option->keyword, "replication") == 0 && option->val)
			return error_set(SQLA_ECONFIG, config->name, "Leave it out.",
					 "a replication connection cannot be an engine");
	return 0;
}

static int check_url(const struct engine_config *config)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(config->url, &why);
	int status;

	if (!options)
		return refuse_url(config, why);
	status = check_parsed(config, options);
	PQconninfoFree(options);
	return status;
}

static int check_options(const struct engine_config *config)
{
	static const char *const levels[] = { "read committed", "repeatable read", "serializable" };
	const char *isolation = config->options.isolation;
	const char *schema = config->options.decision_schema;
	size_t n = sizeof(levels) / sizeof(levels[0]);
	size_t i = 0;

	while (isolation && i < n && strcasecmp(isolation, levels[i]) != 0)
		i++;
	if (i == n)
		return error_set(SQLA_ECONFIG, config->name,
				 "Use \"read committed\", \"repeatable read\" or \"serializable\".",
				 "PostgreSQL has no isolation \"%.40s\"", isolation);
	if (!*schema || strlen(schema) > SCHEMA_MAX_BYTES)
		return error_set(SQLA_ECONFIG, config->name, "Use 1 to 63 bytes.",
				 "decision_schema is empty or too long");
	return 0;
}

static int check(const struct engine_config *config)
{
	int status = check_url(config);

	return status < 0 ? status : check_options(config);
}

const struct driver pg_driver = {
	.name = "postgresql",
	.claims_url = claims_url,
	.check = check,
	.open = pg_open,
	.close = pg_close,
	.abandon = pg_abandon,
	.is_idle = pg_is_idle,
	.reset = pg_reset,
	.ping = pg_ping,
	.describe = pg_describe,
	.begin = pg_begin,
	.begin_now = pg_begin_now,
	.execute = pg_execute,
	.rollback = pg_rollback,
	.savepoint = pg_savepoint,
	.cancel = pg_cancel,
	.native = pg_native,
	.is_transient = pg_is_transient,
	.abilities = pg_abilities,
	.why_not = pg_why_not,
	.ask = pg_ask,
	.advance = pg_advance,
	.give_up = pg_give_up,
	.is_sent = pg_is_sent,
	.commit = pg_commit,
	.prepare = pg_prepare,
	.commit_prepared = pg_commit_prepared,
	.rollback_prepared = pg_rollback_prepared,
	.site = pg_site,
	.claim = pg_claim,
	.decide = pg_decide,
	.outcome = pg_outcome,
	.look = pg_look,
	.list_prepared = pg_list_prepared,
	.is_prepared = pg_is_prepared,
	.end_prepared = pg_end_prepared,
	.look_at_all = pg_look_at_all,
	.are_prepared = pg_are_prepared,
	.end_all = pg_end_all,
	.list_rows = pg_list_rows,
	.forget_rows = pg_forget_rows,
	.purge_tombstones = pg_purge_tombstones,
	.doctor = pg_doctor,
	.doctor_sql = pg_doctor_sql,
};
