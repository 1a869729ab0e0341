#include "postgres/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/log.h"
#include "postgres/link.h"
#include "postgres/probe.h"

/* Any number will do that nobody else is likely to lock: "sqla". */
#define LOCK_SQL "SELECT pg_catalog.pg_advisory_xact_lock(1936813153)"

/* ---- making it ------------------------------------------------------------- */

/*
 * One site row a table, by the partial index. It is bound to the system and
 * the database, so that a copy (CREATE DATABASE TEMPLATE, a dump, a clone that
 * got a new identity) is known to be another site.
 */
static const char *const steps[PG_SITE_STEPS] = {
	"CREATE SCHEMA IF NOT EXISTS %s",
	"CREATE TABLE IF NOT EXISTS %s ("
	"txn pg_catalog.uuid PRIMARY KEY, verdict pg_catalog.text NOT NULL, "
	"branches pg_catalog.text NOT NULL, "
	"made_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp())",
	"CREATE UNIQUE INDEX IF NOT EXISTS sqlassist_decision_site ON %s (verdict) "
	"WHERE verdict = 'site'",
	"INSERT INTO %s (txn, verdict, branches) SELECT pg_catalog.gen_random_uuid(), 'site', "
	"c.system_identifier || '.' || d.oid "
	"FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d "
	"WHERE d.datname = pg_catalog.current_database() ON CONFLICT DO NOTHING",
};

void pg_site_sql_free(char *sql[PG_SITE_STEPS])
{
	for (unsigned i = 0; i < PG_SITE_STEPS; i++)
		free(sql[i]);
}

/* The steps are printed with one text each: the schema, or the table in it. */
static char *fill(const char *step, const char *name)
{
	const char *gap = strstr(step, "%s");
	char *sql = NULL;

	if (!gap || asprintf(&sql, "%.*s%s%s", (int)(gap - step), step, name, gap + 2) < 0)
		return NULL;
	return sql;
}

bool pg_site_sql(const char *schema, char *ret_sql[PG_SITE_STEPS])
{
	char *quoted = pg_quote(schema);
	char *table = pg_table_name(schema);
	bool is_complete = quoted && table;

	memset(ret_sql, 0, PG_SITE_STEPS * sizeof(*ret_sql));
	for (unsigned i = 0; is_complete && i < PG_SITE_STEPS; i++) {
		ret_sql[i] = fill(steps[i], i == 0 ? quoted : table);
		is_complete = ret_sql[i];
	}
	free(quoted);
	free(table);
	return is_complete;
}

/*
 * Many processes start at once: the lock lets one of them create, and the
 * others find it done. All in one round trip.
 */
static int create(struct pg_link *link)
{
	char *sql[PG_SITE_STEPS];
	struct pg_command commands[PG_SITE_STEPS + 4] = {
		{ .sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" },
		{ .sql = "SET LOCAL lock_timeout = '5s'" },
		{ .sql = LOCK_SQL },
	};
	unsigned n = 3;
	int status;

	if (pg_site_sql(link->base.config->options.decision_schema, sql)) {
		/* Asking for a schema that exists takes the right to create one. */
		for (unsigned i = link->server.has_schema ? 1 : 0; i < PG_SITE_STEPS; i++)
			commands[n++].sql = sql[i];
		commands[n++].sql = "COMMIT";
		status = pg_talk_run(link, commands, n,
				     link->base.config->options.connect_timeout_ms,
				     "cannot make the decision table");
	} else {
		status = error_nomem();
	}
	pg_site_sql_free(sql);
	pg_talk_clear(link);
	return status;
}

static bool is_missing(const struct pg_link *link)
{
	const struct pg_server *server = &link->server;

	return !*server->table_oid ||
	       (server->may_insert && server->may_read && !*server->table_fault && !*server->site);
}

static bool may_create(const struct pg_link *link)
{
	const struct sqla_engine_options *options = &link->base.config->options;

	return link->purpose == DRIVER_SESSION && options->decision_table == SQLA_TABLE_AUTO &&
	       options->joined == SQLA_YES && options->readonly != SQLA_YES &&
	       options->decide != SQLA_DECIDE_NEVER && !link->server.is_standby &&
	       *link->server.system_identifier;
}

static int end_failed_transaction(struct pg_link *link)
{
	static const struct pg_command rollback = { .sql = "ROLLBACK" };
	int status = 0;

	if (PQtransactionStatus(link->native) != PQTRANS_IDLE)
		status = pg_talk_run(link, &rollback, 1, PG_ROLLBACK_MS, "cannot roll back");
	pg_talk_clear(link);
	return status;
}

int pg_site_prepare(struct pg_link *link)
{
	struct sqla_error before, why = { .status = 0 };
	int status = 0;

	if (is_missing(link) && may_create(link)) {
		error_save(&before);
		if (create(link) < 0) {
			error_save(&why);
			log_info("engine %s: %s", pg_name(link), why.message);
		}
		(void)error_restore(&before);
		if (link->base.is_broken)
			return error_restore(&why);
		status = end_failed_transaction(link);
		if (status == 0)
			status = pg_probe(link);
		if (status < 0)
			return status;
	}
	pg_site_judge(link);
	if (is_missing(link) && why.status < 0)
		(void)snprintf(link->server.reason, sizeof(link->server.reason), "%.159s",
			       why.message);
	return status;
}

int pg_site_refresh(struct pg_link *link)
{
	int status = pg_probe(link);

	return status < 0 ? status : pg_site_prepare(link);
}

/* ---- judging it ------------------------------------------------------------- */

bool pg_site_is_valid(const struct pg_link *link)
{
	const struct pg_server *server = &link->server;
	const char *system = server->system_identifier, *home = server->site_home;
	size_t length = strlen(system);

	/* The home is "system.database". */
	return *server->site && *system && strncmp(home, system, length) == 0 &&
	       home[length] == '.' && strcmp(home + length + 1, server->database_oid) == 0;
}

static void cannot(struct pg_link *link, const char *reason, const char *remedy)
{
	(void)snprintf(link->server.reason, sizeof(link->server.reason), "%s", reason);
	(void)snprintf(link->server.remedy, sizeof(link->server.remedy), "%s", remedy);
}

static void cannot_as_copy(struct pg_link *link)
{
	struct pg_server *server = &link->server;

	cannot(link, "its decision table is a copy of another database's", "");
	(void)snprintf(server->remedy, sizeof(server->remedy),
		       "If the original still exists: UPDATE %s SET txn = gen_random_uuid(), "
		       "branches = '%s.%s' WHERE verdict = 'site'. If this database has moved "
		       "here: UPDATE %s SET branches = '%s.%s' WHERE verdict = 'site'",
		       link->table, server->system_identifier, server->database_oid, link->table,
		       server->system_identifier, server->database_oid);
}

static void judge_table(struct pg_link *link)
{
	static const char make[] = "Run the SQL that sqlassist doctor --sql prints, as an "
				   "administrator.";
	struct pg_server *server = &link->server;
	char reason[sizeof(server->reason)];

	if (!*server->table_oid) {
		cannot(link, "it has no decision table", make);
	} else if (*server->table_fault) {
		(void)snprintf(reason, sizeof(reason), "its decision table %s",
			       server->table_fault);
		cannot(link, reason, "Restore the table as sqlassist doctor --sql prints it.");
	} else if (!server->may_read || !server->may_insert) {
		cannot(link, "the role may not read and insert into the decision table", make);
	} else if (!*server->site) {
		cannot(link, "its decision table has no site row", make);
	} else if (!pg_site_is_valid(link)) {
		cannot_as_copy(link);
	}
}

void pg_site_judge(struct pg_link *link)
{
	struct pg_server *server = &link->server;

	cannot(link, "", "");
	if (link->base.config->options.decide == SQLA_DECIDE_NEVER)
		cannot(link, "decide = never", "Set decide = auto for the engine.");
	else if (server->is_standby)
		cannot(link, "it is a standby", "Give the primary; see target_session_attrs.");
	else if (!server->is_fsync)
		cannot(link, "the server runs with fsync = off", "Set fsync = on and reload.");
	else if (!*server->system_identifier)
		cannot(link, "the role may not call pg_control_system()",
		       "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO the role.");
	else
		judge_table(link);
}

int pg_site(struct driver_conn *conn, char ret_site[TXN_SITE_MAX + 1])
{
	struct pg_link *link = pg_link_of(conn);
	const struct pg_server *server = &link->server;

	if (!*server->system_identifier)
		return error_set(SQLA_EUNSAFE, pg_name(link),
				 "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO the "
				 "role.",
				 "the database cannot be told from others");
	if (pg_site_is_valid(link))
		copy_text(ret_site, TXN_SITE_MAX + 1, server->site);
	else
		(void)snprintf(ret_site, TXN_SITE_MAX + 1, "%s-%s", server->system_identifier,
			       server->database_oid);
	return 0;
}
