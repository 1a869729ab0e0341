#include "postgres/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/error.h"
#include "base/stream.h"
#include "postgres/connect.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "postgres/site.h"

enum {
	IDLE_TIMEOUT_MS = 60000, /* a shorter one may hit a working decider */
	WRAPAROUND_WARNING = 1000000000,
	WRAPAROUND_ERROR = 1800000000,
};

/* One examination. */
struct patient {
	struct engine_config *config;
	struct pg_link *link;
	PGresult *facts;
	sqla_finding_fn *fn;
	void *arg;
	int worst;
};

/* REMEDY NULL: all is well. */
static void BASE_PRINTF(5, 6)
	find(struct patient *p, const char *check, enum sqla_severity severity, const char *remedy,
	     const char *format, ...)
{
	char message[600];
	struct sqla_finding finding = {
		.engine = p->config->name,
		.check = check,
		.severity = severity,
		.message = message,
		.remedy = remedy ? remedy : "",
	};
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if ((int)severity > p->worst)
		p->worst = (int)severity;
	if (p->fn)
		p->fn(&finding, p->arg);
}

/* ---- facts -------------------------------------------------------------------- */

/* reset_val, because recovery's connections have settings of their own. Ages
 * count from the oldest that a prepared transaction, too, holds back. */
static const char ask[] =
	"SELECT (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_connections')"
	" AS max_connections, pg_catalog.count(*) AS prepared,"
	" pg_catalog.count(*) FILTER (WHERE prepared < pg_catalog.now() - interval '1 hour')"
	" AS old_prepared, pg_catalog.min(gid) FILTER (WHERE prepared = first) AS oldest_gid,"
	" coalesce(pg_catalog.max(pg_catalog.age(transaction)), 0) AS prepared_xids,"
	" (SELECT pg_catalog.max(pg_catalog.age(datfrozenxid)) FROM pg_catalog.pg_database)"
	" AS frozen_xids,"
	" (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit')"
	" AS synchronous_commit,"
	" (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'full_page_writes')"
	" AS full_page_writes, (SELECT reset_val FROM pg_catalog.pg_settings"
	" WHERE name = 'idle_in_transaction_session_timeout') AS idle_in_transaction,"
	" coalesce((SELECT reset_val FROM pg_catalog.pg_settings"
	" WHERE name = 'idle_session_timeout'), '0') AS idle_session,"
	" pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')"
	" AS may_create, current_user AS role"
	" FROM (SELECT *, pg_catalog.min(prepared) OVER () AS first"
	" FROM pg_catalog.pg_prepared_xacts) AS p";

static const char *fact(const struct patient *p, const char *name)
{
	return pg_cell(p->facts, 0, PQfnumber(p->facts, name));
}

static long number(const struct patient *p, const char *name)
{
	return strtol(fact(p, name), NULL, 10);
}

static int gather(struct patient *p)
{
	static const struct pg_command command = { .sql = ask };
	int status = pg_recovery_run(p->link, &command, "cannot ask the server");

	if (status < 0)
		return status;
	p->facts = p->link->talk.results[0];
	p->link->talk.results[0] = NULL;
	pg_talk_clear(p->link);
	return 0;
}

/* ---- checks --------------------------------------------------------------------- */

static void check_server(struct patient *p)
{
	const struct pg_server *server = &p->link->server;

	find(p, "connect", SQLA_FINDING_OK, NULL, "PostgreSQL %d.%d answers, as role %s",
	     server->version / 10000, server->version % 10000, fact(p, "role"));
	if (server->is_standby)
		find(p, "standby",
		     p->config->options.readonly == SQLA_YES ? SQLA_FINDING_WARNING :
							       SQLA_FINDING_ERROR,
		     "Give the primary; target_session_attrs=read-write in the URL finds it.",
		     "the server is a standby: no writes, no branches, no recovery");
	else
		find(p, "standby", SQLA_FINDING_OK, NULL, "the server is a primary");
	if (server->is_pooled)
		find(p, "pooler", SQLA_FINDING_WARNING,
		     "Let recovery connect to the server itself; see PGBOUNCER in "
		     "sqlassist-commit(7).",
		     "a connection pooler sits in between, in session or transaction pooling "
		     "mode: nothing may be expected of a session beyond its transaction");
}

static void check_durability(struct patient *p)
{
	if (!p->link->server.is_fsync)
		find(p, "fsync", SQLA_FINDING_ERROR, "Set fsync = on and reload the server.",
		     "fsync is off: a crash loses commits and may ruin the database");
	else
		find(p, "fsync", SQLA_FINDING_OK, NULL, "fsync is on");
	if (strcmp(fact(p, "full_page_writes"), "off") == 0)
		find(p, "full_page_writes", SQLA_FINDING_WARNING,
		     "Set full_page_writes = on, unless the file system writes whole pages.",
		     "full_page_writes is off: a crash may ruin the database");
	if (strcmp(fact(p, "synchronous_commit"), "off") == 0)
		find(p, "synchronous_commit", SQLA_FINDING_WARNING,
		     "Set synchronous_commit = on for the role.",
		     "synchronous_commit is off: a crash loses the latest commits of one branch; "
		     "deciding commits raise it by themselves");
	else
		find(p, "synchronous_commit", SQLA_FINDING_OK, NULL, "synchronous_commit is %s",
		     fact(p, "synchronous_commit"));
}

static void check_prepared(struct patient *p)
{
	int most = p->link->server.max_prepared;
	long used = number(p, "prepared");
	static const char raise[] = "Set max_prepared_transactions to at least max_connections "
				    "and restart the server.";

	if (most == 0) {
		find(p, "max_prepared_transactions", SQLA_FINDING_WARNING, raise,
		     "max_prepared_transactions is 0: branches here cannot be prepared, so that "
		     "one of them must decide");
		return;
	}
	if (most < number(p, "max_connections"))
		find(p, "max_prepared_transactions", SQLA_FINDING_WARNING, raise,
		     "max_prepared_transactions (%d) is less than max_connections (%s): busy "
		     "times run out of it",
		     most, fact(p, "max_connections"));
	else
		find(p, "max_prepared_transactions", SQLA_FINDING_OK, NULL,
		     "max_prepared_transactions is %d", most);
	find(p, "prepared_slots",
	     used >= most	   ? SQLA_FINDING_ERROR :
	     used * 4 >= most * 3L ? SQLA_FINDING_WARNING :
				     SQLA_FINDING_OK,
	     used * 4 >= most * 3L ? "End what is in doubt: sqlassist status, sqlassist recover." :
				     NULL,
	     "%ld of %d prepared transactions are in use", used, most);
}

static void check_age(struct patient *p)
{
	long xids = number(p, "prepared_xids");
	enum sqla_severity severity = SQLA_FINDING_OK;

	if (number(p, "old_prepared") > 0)
		find(p, "old_prepared", SQLA_FINDING_WARNING,
		     "See sqlassist status; what is not ours its owner must end.",
		     "%s prepared transactions are older than an hour and hold locks; the oldest "
		     "is '%s'",
		     fact(p, "old_prepared"), fact(p, "oldest_gid"));
	if (number(p, "frozen_xids") > xids)
		xids = number(p, "frozen_xids");
	if (xids >= WRAPAROUND_ERROR)
		severity = SQLA_FINDING_ERROR;
	else if (xids >= WRAPAROUND_WARNING)
		severity = SQLA_FINDING_WARNING;
	find(p, "wraparound", severity,
	     severity ? "End old prepared transactions, then VACUUM FREEZE; the server stops at "
			"two billion." :
			NULL,
	     "the oldest transaction number is %ld transactions old", xids);
}

static void check_timeouts(struct patient *p)
{
	long idle = number(p, "idle_in_transaction");

	if (idle > 0 && idle < IDLE_TIMEOUT_MS)
		find(p, "idle_in_transaction_session_timeout", SQLA_FINDING_WARNING,
		     "Raise it to a minute or more for the role.",
		     "idle_in_transaction_session_timeout is %ld ms: it may end a branch that "
		     "waits for others, and the transaction with it",
		     idle);
	else
		find(p, "idle_in_transaction_session_timeout", SQLA_FINDING_OK, NULL,
		     "idle_in_transaction_session_timeout is %ld ms%s", idle,
		     idle ? "" : " (none)");
	if (number(p, "idle_session") > 0)
		find(p, "idle_session_timeout", SQLA_FINDING_WARNING,
		     "Set pool_recycle_s to less than that, or pool_pre_ping.",
		     "idle_session_timeout is %s ms: it ends pooled connections",
		     fact(p, "idle_session"));
}

static bool will_be_made(const struct patient *p)
{
	const struct sqla_engine_options *options = &p->config->options;
	const struct pg_server *server = &p->link->server;

	return !*server->table_oid && server->is_fsync && !server->is_standby &&
	       *server->system_identifier && options->decision_table == SQLA_TABLE_AUTO &&
	       options->joined == SQLA_YES && options->readonly != SQLA_YES &&
	       !server->has_schema && strcmp(fact(p, "may_create"), "t") == 0;
}

static void check_deciding(struct patient *p)
{
	const struct pg_server *server = &p->link->server;

	if (p->config->options.decide == SQLA_DECIDE_NEVER)
		find(p, "decides", SQLA_FINDING_OK, NULL, "it never decides, as configured");
	else if (!*server->reason)
		find(p, "decides", SQLA_FINDING_OK, NULL, "it can decide, as site %s",
		     server->site);
	else if (will_be_made(p))
		find(p, "decides", SQLA_FINDING_OK, NULL,
		     "the decision table will be made when the engine is first used");
	else
		find(p, "decides",
		     server->max_prepared > 0 && !(*server->site && !pg_site_is_valid(p->link)) ?
			     SQLA_FINDING_WARNING :
			     SQLA_FINDING_ERROR,
		     server->remedy, "it cannot decide: %s", server->reason);
}

static void check_rights(struct patient *p)
{
	const struct pg_server *server = &p->link->server;

	if (!*server->system_identifier)
		find(p, "identity", SQLA_FINDING_ERROR,
		     "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO the role.",
		     "the role may not ask which system this is: it can neither prepare nor "
		     "decide");
	if (!*server->table_oid)
		return;
	if (server->may_read && server->may_insert && server->may_update && server->may_delete)
		find(p, "rights", SQLA_FINDING_OK, NULL, "the role may use the decision table");
	else
		find(p, "rights", SQLA_FINDING_WARNING,
		     "Run the GRANTs that sqlassist doctor --sql prints.",
		     "the role lacks rights on the decision table:%s%s%s%s",
		     server->may_read ? "" : " SELECT", server->may_insert ? "" : " INSERT",
		     server->may_update ? "" : " UPDATE", server->may_delete ? "" : " DELETE");
}

static void examine(struct patient *p)
{
	check_server(p);
	check_durability(p);
	check_prepared(p);
	check_deciding(p);
	check_rights(p);
	check_timeouts(p);
	check_age(p);
}

static void find_unreachable(struct patient *p)
{
	struct sqla_error why;

	error_save(&why);
	find(p, "connect", SQLA_FINDING_ERROR, why.hint, "%s", why.message);
}

int pg_doctor(struct engine_config *config, sqla_finding_fn *fn, void *arg)
{
	struct patient p = { .config = config, .fn = fn, .arg = arg };
	struct driver_conn *conn = NULL;

	if (pg_open(config, DRIVER_RECOVERY, &conn) == 0) {
		p.link = pg_link_of(conn);
		if (gather(&p) == 0)
			examine(&p);
		else
			find_unreachable(&p);
	} else {
		find_unreachable(&p);
	}
	PQclear(p.facts);
	pg_close(conn);
	return p.worst;
}

/* ---- SQL for the administrator ---------------------------------------------------- */

static char *user_among(PQconninfoOption *options)
{
	char *user = NULL;

	for (PQconninfoOption *option = options; option && option->keyword; option++)
		if (strcmp(option->keyword, "user") == 0 && option->val && *option->val)
			user = pg_quote(option->val);
	PQconninfoFree(options);
	return user;
}

/* Who will connect: as the URL says, or libpq's defaults. */
static char *role_of(const struct engine_config *config)
{
	char *role = user_among(PQconninfoParse(config->url, NULL));

	return role ? role : user_among(PQconndefaults());
}

static void print_sql(FILE *out, char *const sql[PG_SITE_STEPS], const char *schema,
		      const char *table, const char *role)
{
	(void)fprintf(out, "BEGIN;\n");
	for (unsigned i = 0; i < PG_SITE_STEPS; i++)
		(void)fprintf(out, "%s;\n", sql[i]);
	(void)fprintf(out, "GRANT USAGE ON SCHEMA %s TO %s;\n", schema, role);
	(void)fprintf(out, "GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;\n", table, role);
	(void)fprintf(out, "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO %s;\n",
		      role);
	(void)fprintf(out, "COMMIT;\n");
}

char *pg_doctor_sql(const struct engine_config *config)
{
	char *sql[PG_SITE_STEPS];
	char *schema = pg_quote(config->options.decision_schema);
	char *table = pg_table_name(config->options.decision_schema);
	char *role = role_of(config);
	char *text = NULL;
	size_t size;
	FILE *out = NULL;

	if (pg_site_sql(config->options.decision_schema, sql) && schema && table && role)
		out = stream_open(&text, &size);
	if (out) {
		print_sql(out, sql, schema, table, role);
		if (fclose(out) != 0) {
			free(text);
			text = NULL;
		}
	}
	if (!text)
		(void)error_nomem();
	pg_site_sql_free(sql);
	free(schema);
	free(table);
	free(role);
	return text;
}
