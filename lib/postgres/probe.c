#include "postgres/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/pooled.h"

#define VERSION_MIN 130000 /* pg_current_xact_id, gen_random_uuid */

/*
 * Doubles are read exactly with extra_float_digits = 1. Recovery's own
 * transactions are short and durable, whatever the role's defaults are; the search
 * path, too, which is not yet set here: hence the names of operators. Where
 * the server process is not that of our connection, a pooler will give it to
 * others: nothing stays set there.
 */
#define IS_LOCAL "pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) $2::pg_catalog.int4"
static const char session_settings[] =
	"SELECT pg_catalog.set_config('extra_float_digits', '1', " IS_LOCAL "),"
	" CASE WHEN $1::pg_catalog.text OPERATOR(pg_catalog.<>) '0' THEN"
	" pg_catalog.set_config('statement_timeout', $1, " IS_LOCAL ") END";
static const char recovery_settings[] =
	"SELECT pg_catalog.set_config(name, value, " IS_LOCAL ") FROM (VALUES"
	" ('search_path', 'pg_catalog'), ('statement_timeout', '10s'), ('lock_timeout', '2s'),"
	" ('idle_in_transaction_session_timeout', '10s'),"
	" ('default_transaction_read_only', 'off'), ('default_transaction_deferrable', 'off'),"
	" ('default_transaction_isolation', 'read committed'),"
	" ('synchronous_commit', CASE WHEN pg_catalog.current_setting('synchronous_commit')"
	" OPERATOR(pg_catalog.=) 'off' THEN 'on'"
	" ELSE pg_catalog.current_setting('synchronous_commit') END)"
	") AS s (name, value) WHERE $1::pg_catalog.text IS NOT NULL";

#define STARTED "pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())"

/*
 * Whatever is evaluated when a row goes in: whoever owns the table could have it
 * run with the rights of whoever claims, or recovers. Ours is one default, and the
 * predicate of one index; what belongs to PostgreSQL itself has no dependencies.
 * The claim does not ask again: it would be too late.
 */
#define RUNS_CODE                                                                            \
	"(EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0" \
	" AND NOT attisdropped AND (attgenerated <> '' OR atttypid <> CASE attname"          \
	" WHEN 'txn' THEN 'pg_catalog.uuid'::pg_catalog.regtype"                             \
	" WHEN 'verdict' THEN 'pg_catalog.text'::pg_catalog.regtype"                         \
	" WHEN 'branches' THEN 'pg_catalog.text'::pg_catalog.regtype"                        \
	" WHEN 'made_at' THEN 'pg_catalog.timestamptz'::pg_catalog.regtype"                  \
	" ELSE '-'::pg_catalog.regtype END))"                                                \
	" OR EXISTS (SELECT FROM pg_catalog.pg_attrdef d WHERE adrelid = c.oid"              \
	" AND (pg_catalog.pg_get_expr(adbin, adrelid) NOT IN ('clock_timestamp()',"          \
	" 'pg_catalog.clock_timestamp()') OR EXISTS (SELECT FROM pg_catalog.pg_depend"       \
	" WHERE classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND objid = d.oid"    \
	" AND refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass)))"                   \
	" OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = c.oid"            \
	" AND contype IN ('c', 'x'))"                                                        \
	" OR EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = c.oid"                 \
	" AND (indexprs IS NOT NULL OR pg_catalog.pg_get_expr(indpred, indrelid)"            \
	" <> '(verdict = ''site''::text)' OR EXISTS (SELECT FROM pg_catalog.pg_depend"       \
	" WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objid = indexrelid" \
	" AND refclassid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass,"                \
	" 'pg_catalog.pg_constraint'::pg_catalog.regclass)))))"

/* By name and without a cast to regclass, which fails where the role may not
 * use the schema. */
static const char facts[] =
	"SELECT pg_catalog.pg_backend_pid() AS backend_pid,"
	" pg_catalog.current_setting('server_version_num') AS version, d.oid AS database_oid,"
	" pg_catalog.pg_is_in_recovery() AS is_standby,"
	" pg_catalog.current_setting('max_prepared_transactions') AS max_prepared,"
	" pg_catalog.current_setting('fsync') = 'on' AS is_fsync,"
	" " STARTED " AS started,"
	" (SELECT pg_catalog.string_agg(pid::text, ' ') FROM pg_catalog.pg_stat_activity"
	" WHERE usesysid IS NULL) AS auxiliary,"
	" pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
	" AS may_identify,"
	" n.oid IS NOT NULL AS has_schema, c.oid AS table_oid,"
	" coalesce(nullif(" PG_TABLE_FAULT ", ''), CASE WHEN " RUNS_CODE
	" THEN 'runs code of its owner, in a column, default, check or index' ELSE '' END)"
	" AS table_fault,"
	" u.usage AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_read,"
	" u.usage AND pg_catalog.has_table_privilege(c.oid, 'INSERT') AS may_insert,"
	" u.usage AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AS may_update,"
	" u.usage AND pg_catalog.has_table_privilege(c.oid, 'DELETE') AS may_delete"
	" FROM pg_catalog.pg_database d"
	" LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1"
	" LEFT JOIN pg_catalog.pg_class c"
	" ON c.relnamespace = n.oid AND c.relname = 'sqlassist_decision'"
	" CROSS JOIN LATERAL (SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')) AS u (usage)"
	" WHERE d.datname = pg_catalog.current_database()";

static const char *text_of(const PGresult *result, const char *column)
{
	return pg_cell(result, 0, PQfnumber(result, column));
}

static int int_of(const PGresult *result, const char *column)
{
	return (int)strtol(text_of(result, column), NULL, 10);
}

static bool bool_of(const PGresult *result, const char *column)
{
	return strcmp(text_of(result, column), "t") == 0;
}

static void read_text(char *ret, size_t size, const PGresult *result, const char *column)
{
	(void)snprintf(ret, size, "%s", text_of(result, column));
}

static void read_auxiliary(struct pg_server *server, const char *pids)
{
	char *end;

	while (server->n_auxiliary < PG_AUXILIARY_MAX) {
		long pid = strtol(pids, &end, 10);

		if (end == pids)
			return;
		server->auxiliary[server->n_auxiliary++] = (int)pid;
		pids = end;
	}
}

static void read_facts(struct pg_link *link, const PGresult *result)
{
	struct pg_server *server = &link->server;

	memset(server, 0, sizeof(*server));
	server->probed_ms = clock_ms();
	server->backend_pid = int_of(result, "backend_pid");
	server->version = int_of(result, "version");
	server->is_standby = bool_of(result, "is_standby");
	server->max_prepared = int_of(result, "max_prepared");
	server->is_fsync = bool_of(result, "is_fsync");
	server->is_pooled = server->backend_pid != PQbackendPID(link->native);
	read_text(server->database_oid, sizeof(server->database_oid), result, "database_oid");
	read_text(server->started, sizeof(server->started), result, "started");
	read_auxiliary(server, text_of(result, "auxiliary"));
	server->has_schema = bool_of(result, "has_schema");
	read_text(server->table_oid, sizeof(server->table_oid), result, "table_oid");
	read_text(server->table_fault, sizeof(server->table_fault), result, "table_fault");
	server->may_read = bool_of(result, "may_read");
	server->may_insert = bool_of(result, "may_insert");
	server->may_update = bool_of(result, "may_update");
	server->may_delete = bool_of(result, "may_delete");
}

static int run_facts(struct pg_link *link)
{
	const struct sqla_engine_options *options = &link->base.config->options;
	char timeout[16], pid[16];
	const char *values[] = { timeout, pid };
	const char *schema = options->decision_schema;
	struct pg_command commands[] = {
		{ .sql = link->purpose == DRIVER_SESSION ? session_settings : recovery_settings,
		  .n = 2,
		  .values = values },
		{ .sql = facts, .n = 1, .values = &schema },
	};

	(void)snprintf(timeout, sizeof(timeout), "%d", options->statement_timeout_ms);
	(void)snprintf(pid, sizeof(pid), "%d", PQbackendPID(link->native));
	return pg_talk_run(link, commands, 2, options->connect_timeout_ms, "cannot connect");
}

static char *who_sql(const struct pg_link *link, bool may_identify, bool with_site)
{
	char *sql = NULL;

	if (asprintf(&sql,
		     "SELECT %s AS system_identifier, s.txn AS site, s.branches AS site_home,"
		     " " STARTED " AS started, %s AS who"
		     " FROM (SELECT 1) AS one LEFT JOIN %s%s s"
		     " ON s.verdict OPERATOR(pg_catalog.=) 'site'",
		     may_identify ?
			     "(SELECT system_identifier FROM pg_catalog.pg_control_system())" :
			     "NULL",
		     pg_who_sql(may_identify), with_site ? "ONLY " : "",
		     with_site ? link->table :
				 "(SELECT NULL AS txn, NULL AS branches, NULL AS verdict)") < 0)
		sql = NULL;
	return sql;
}

/* A pooler is also asked for a transaction, which not all of them allow. */
static int ask_who(struct pg_link *link, bool may_identify, bool with_site)
{
	int patience_ms = link->base.config->options.connect_timeout_ms;
	char *sql = who_sql(link, may_identify, with_site);
	const struct pg_command commands[] = {
		{ .sql = sql },
		{ .sql = "BEGIN", .is_apart = true },
		{ .sql = "ROLLBACK", .is_apart = true },
	};
	int status;

	if (!sql)
		return error_nomem();
	status = pg_talk_run(link, commands, link->server.is_pooled ? 3 : 1, patience_ms,
			     "cannot connect");
	free(sql);
	if (status < 0 && link->server.is_pooled && pg_is_statement_pooling())
		return pg_fail_statement_pooling(link);
	return status;
}

/*
 * Who the server is: in a second round trip, since asking a table that is not
 * there would leave an error in the server's log at every connection.
 */
static int read_identity(struct pg_link *link, bool may_identify)
{
	struct pg_server *server = &link->server;
	bool with_site = *server->table_oid && server->may_read && !*server->table_fault;
	int status = ask_who(link, may_identify, with_site);
	const PGresult *result;

	if (status < 0 && with_site && !link->talk.is_lost) {
		(void)snprintf(server->table_fault, sizeof(server->table_fault),
			       "cannot be read: %.60s", sqla_error_last()->message);
		status = ask_who(link, may_identify, false);
	}
	if (status < 0)
		return status;
	result = link->talk.results[0];
	read_text(server->system_identifier, sizeof(server->system_identifier), result,
		  "system_identifier");
	read_text(server->site, sizeof(server->site), result, "site");
	read_text(server->site_home, sizeof(server->site_home), result, "site_home");
	read_text(server->who, sizeof(server->who), result, "who");
	if (strcmp(text_of(result, "started"), server->started) == 0)
		return 0;
	/* The facts and the identity are not those of one server. */
	return pg_fail_moved(link);
}

int pg_probe(struct pg_link *link)
{
	int status = run_facts(link);

	if (status == 0) {
		read_facts(link, link->talk.results[1]);
		status = read_identity(link, bool_of(link->talk.results[1], "may_identify"));
	}
	pg_talk_clear(link);
	if (status == 0 && link->server.version < VERSION_MIN)
		status = error_set(SQLA_ECONFIG, pg_name(link), "Upgrade the server.",
				   "PostgreSQL 13 or later is needed, this is %d",
				   link->server.version / 10000);
	return status;
}
