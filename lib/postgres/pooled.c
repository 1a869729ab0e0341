#include "postgres/pooled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "postgres/exec.h"
#include "postgres/link.h"

/* ---- who answers ------------------------------------------------------------ */

/* Asked before the search path is ours, which others may have set: hence the names
 * of operators. */
#define IS " OPERATOR(pg_catalog.=) "
#define JOINED " OPERATOR(pg_catalog.||) "

#define DATABASE_OID                                               \
	"(SELECT oid FROM pg_catalog.pg_database WHERE datname" IS \
	"pg_catalog.current_database())::pg_catalog.text"
#define STANDBY "CASE WHEN pg_catalog.pg_is_in_recovery() THEN '.standby' ELSE '' END"
#define BEHIND_WHO JOINED "'.'" JOINED DATABASE_OID JOINED STANDBY ")"

/* A restart of the server does not change who it is; where the system may not be
 * asked for, it does. */
#define WHO                                                               \
	"((SELECT system_identifier FROM pg_catalog.pg_control_system())" \
	"::pg_catalog.text" BEHIND_WHO
#define WHO_UNIDENTIFIED                                                        \
	"(pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())" \
	"::pg_catalog.text" BEHIND_WHO

/*
 * It has to fail in the server, so that what was sent behind it is not done.
 * SQL has no plainer way to fail than a text that is no number.
 */
#define MOVED " is not the database of this connection"
#define GUARD(who)                                                   \
	"CASE WHEN " who IS "$1 THEN '' ELSE (" who JOINED "'" MOVED \
	"')::pg_catalog.int4::pg_catalog.text END"

#define ASK_GUARDED(who)                                     \
	"SELECT pg_catalog.pg_current_xact_id_if_assigned()" \
	", pg_catalog.pg_backend_pid(), " GUARD(who)

#define RECOVERY_GUARD(who)                                                              \
	"SELECT pg_catalog.pg_backend_pid(), pg_catalog.set_config('search_path',"       \
	" 'pg_catalog', true), pg_catalog.set_config('statement_timeout', '10s', true)," \
	" pg_catalog.set_config('lock_timeout', '2s', true),"                            \
	" CASE WHEN pg_catalog.current_setting('synchronous_commit')" IS "'off' THEN"    \
	" pg_catalog.set_config('synchronous_commit', 'on', true) END, " GUARD(who)

const char *pg_who_sql(bool may_identify)
{
	return may_identify ? WHO : WHO_UNIDENTIFIED;
}

bool pg_has_own_backend(const struct pg_link *link)
{
	return !link->server.is_pooled;
}

static struct pg_command guard_with(struct pg_link *link, const char *known, const char *other)
{
	link->who = link->server.who;
	return (struct pg_command){
		.sql = *link->server.system_identifier ? known : other,
		.n = 1,
		.values = &link->who,
	};
}

struct pg_command pg_ask_guarded(struct pg_link *link)
{
	struct pg_command ask = guard_with(link, ASK_GUARDED(WHO), ASK_GUARDED(WHO_UNIDENTIFIED));

	ask.columns = 3;
	ask.wants_row = true;
	return ask;
}

void pg_note_guarded(struct pg_link *link, unsigned i)
{
	if (link->is_guarded)
		return;
	link->is_guarded = true;
	link->server.backend_pid = (int)strtol(pg_cell(link->talk.results[i], 0, 1), NULL, 10);
}

struct pg_command pg_guard_command(struct pg_link *link)
{
	return guard_with(link, RECOVERY_GUARD(WHO), RECOVERY_GUARD(WHO_UNIDENTIFIED));
}

/* ---- settings ----------------------------------------------------------------- */

/* Without a snapshot, so that SET TRANSACTION may still follow. */
unsigned pg_pooled_settings(struct pg_link *link, struct pg_command commands[PG_SETTINGS_MAX])
{
	int timeout = link->base.config->options.statement_timeout_ms;
	unsigned n = 0;

	if (pg_has_own_backend(link))
		return 0;
	commands[n++] = (struct pg_command){ .sql = "SET LOCAL extra_float_digits = 1" };
	if (timeout > 0) {
		(void)snprintf(link->setting, sizeof(link->setting),
			       "SET LOCAL statement_timeout = %d", timeout);
		commands[n++] = (struct pg_command){ .sql = link->setting };
	}
	return n;
}

/* Nothing is said in a failed transaction, which a BEGIN by hand has begun: there only
 * its ROLLBACK is obeyed. Whether to write cannot be set back behind this query. */
unsigned pg_settings_alone(struct pg_link *link, struct pg_command commands[PG_SETTINGS_MAX])
{
	static const char only_read[] =
		"SELECT pg_catalog.set_config('transaction_read_only', 'on', true)";
	const struct sqla_engine_options *options = &link->base.config->options;
	int timeout = options->statement_timeout_ms;
	unsigned n = 0;

	if (PQtransactionStatus(link->native) == PQTRANS_INERROR)
		return 0;
	if (options->readonly == SQLA_YES && link->purpose == DRIVER_SESSION)
		commands[n++] = (struct pg_command){ .sql = only_read };
	if (pg_has_own_backend(link) || timeout <= 0)
		return n;
	(void)snprintf(link->setting, sizeof(link->setting),
		       "SELECT pg_catalog.set_config('statement_timeout', '%d', true)", timeout);
	commands[n++] = (struct pg_command){ .sql = link->setting };
	return n;
}

/* ---- recovery ------------------------------------------------------------------- */

int pg_recovery_run(struct pg_link *link, const struct pg_command *command, const char *doing)
{
	struct pg_command commands[2];
	struct pg_talk *talk = &link->talk;
	int status;

	if (pg_has_own_backend(link))
		return pg_talk_run(link, command, 1, PG_RECOVERY_MS, doing);
	commands[0] = pg_guard_command(link);
	commands[1] = *command;
	status = pg_talk_run(link, commands, 2, PG_RECOVERY_MS, doing);
	if (talk->failed == 0)
		return status;
	PQclear(talk->results[0]);
	talk->results[0] = talk->results[1];
	talk->results[1] = NULL;
	talk->failed -= talk->failed > 0;
	return status;
}

/* ---- failures --------------------------------------------------------------------- */

bool pg_is_moved(const PGresult *failure)
{
	const char *message = PQresultErrorField(failure, PG_DIAG_MESSAGE_PRIMARY);

	return message && strstr(message, MOVED);
}

int pg_fail_moved(struct pg_link *link)
{
	link->is_moved = true;
	link->is_transient = true;
	return error_set(SQLA_ERETRY, pg_name(link), "Abort, and try again.",
			 "the pooler now leads to another database than when it was connected to");
}

/* Its words; it gives them no SQLSTATE of their own. */
bool pg_is_waited_out(const PGresult *failure)
{
	const char *message = PQresultErrorField(failure, PG_DIAG_MESSAGE_PRIMARY);

	return message && strcmp(message, "query_wait_timeout") == 0;
}

bool pg_is_statement_pooling(void)
{
	return strstr(sqla_error_last()->message, "in statement pooling mode");
}

int pg_fail_statement_pooling(struct pg_link *link)
{
	pg_break(link);
	return error_set(SQLA_ECONFIG, pg_name(link),
			 "Set pool_mode = transaction or session for this database in "
			 "pgbouncer.ini, or connect to the server itself.",
			 "PgBouncer runs in statement pooling mode here, which allows no "
			 "transactions");
}
