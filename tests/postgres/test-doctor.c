#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" },
	  { .name = "bad",
	    .conf = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"
		    "max_prepared_transactions = 0\nidle_in_transaction_session_timeout = 5000\n"
		    "idle_session_timeout = 60000" })

/* What was found, as "check=severity " and so on. */
static char findings[2048];

static void take(const struct sqla_finding *finding, void *arg)
{
	size_t used = strlen(findings);

	(void)arg;
	(void)snprintf(findings + used, sizeof(findings) - used, "%s=%d ", finding->check,
		       (int)finding->severity);
	if (!finding->message[0] || (finding->severity != SQLA_FINDING_OK) != !!finding->remedy[0])
		must_fail("%s: \"%s\" \"%s\"", finding->check, finding->message, finding->remedy);
}

static int examine(const char *url, const struct sqla_engine_options *options)
{
	struct engine_config *config = pg_config_of(url, options);
	int worst;

	findings[0] = '\0';
	worst = pg_driver.doctor(config, take, NULL);
	config_unref(config);
	return worst;
}

static void check_found(const char *what)
{
	cr_assert(ne(ptr, strstr(findings, what), NULL), "%s not in %s", what, findings);
}

Test(doctor, finds_a_sound_server_sound)
{
	const char *url = new_database("sound");

	pg_driver.close(must_open(url, NULL));
	cr_assert(ge(int, examine(url, NULL), 0));
	check_found("connect=0");
	check_found("standby=0");
	check_found("fsync=0");
	check_found("decides=0");
	check_found("rights=0");
	check_found("wraparound=0");
}

Test(doctor, makes_nothing)
{
	const char *url = new_database("makesnothing");

	(void)examine(url, NULL);
	check_found("decides=0");
	cr_assert(eq(i64,
		     must_query_int_at(url, "SELECT count(*) FROM pg_class WHERE relname = "
					    "'sqlassist_decision'"),
		     0));
}

Test(doctor, finds_what_would_hurt)
{
	cr_assert(eq(int, examine(url_on("bad", "postgres"), NULL), SQLA_FINDING_ERROR));
	check_found("fsync=2");
	check_found("full_page_writes=1");
	check_found("synchronous_commit=1");
	check_found("max_prepared_transactions=1");
	check_found("idle_in_transaction_session_timeout=1");
	check_found("idle_session_timeout=1");
	check_found("decides=2");
}

Test(doctor, finds_a_server_that_does_not_answer)
{
	cr_assert(eq(int, examine("postgresql://x@127.0.0.1:1/x", NULL), SQLA_FINDING_ERROR));
	check_found("connect=2");
}

Test(doctor, finds_a_copy)
{
	pg_driver.close(must_open(new_database("doctored"), NULL));
	must_exec_at(url_on("main", "postgres"), "DROP DATABASE IF EXISTS doctoredcopy");
	must_exec_at(url_on("main", "postgres"), "CREATE DATABASE doctoredcopy TEMPLATE doctored");
	cr_assert(eq(int, examine(url_on("main", "doctoredcopy"), NULL), SQLA_FINDING_ERROR));
	check_found("decides=2");
}

Test(doctor, finds_a_standby)
{
	struct cluster *primary = cluster_get("main");
	struct cluster *standby = cluster_start_standby("standby", primary);

	cr_assert(eq(int, examine(url_on("standby", "postgres"), NULL), SQLA_FINDING_ERROR));
	check_found("standby=2");
	cluster_free(standby);
	cluster_free(primary);
}

Test(doctor, finds_missing_rights)
{
	const char *url = new_database("norights");
	char *stranger = must_printf("%s%suser=patient", url, strchr(url, '?') ? "&" : "?");
	const struct sqla_engine_options never = { .decide = SQLA_DECIDE_NEVER };

	pg_driver.close(must_open(url, NULL));
	must_exec_at(url, "DROP ROLE IF EXISTS patient; CREATE ROLE patient LOGIN");
	cr_assert(ge(int, examine(stranger, NULL), SQLA_FINDING_WARNING));
	check_found("rights=1");
	check_found("decides=1");
	(void)examine(stranger, &never);
	check_found("decides=0");
	free(stranger);
}

Test(doctor, prints_sql_that_runs)
{
	const char *url = new_database("prints");
	const struct sqla_engine_options options = { .decision_schema = "o'dd\"x" };
	struct engine_config *config = pg_config_of(url, &options);
	char *sql = pg_driver.doctor_sql(config);

	must_exec_at(url, "%s", sql);
	cr_assert(ge(int, examine(url, &options), 0));
	check_found("decides=0");
	check_found("rights=0");
	free(sql);
	config_unref(config);
}
