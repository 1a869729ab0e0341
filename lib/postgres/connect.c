#include "postgres/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "postgres/cancel.h"
#include "postgres/claim.h"
#include "postgres/driver.h"
#include "postgres/error.h"
#include "postgres/exec.h"
#include "postgres/link.h"
#include "postgres/probe.h"
#include "postgres/site.h"
#include "postgres/statement.h"

/* ---- connecting ----------------------------------------------------------- */

/*
 * What the URL says overrides what stands before it here, and is overridden by
 * what stands behind. Keepalives find a dead peer in a minute instead of
 * hours: a prepared branch holds its locks for as long.
 */
static PGconn *start(const struct engine_config *config)
{
	const char *const keys[] = { "fallback_application_name",
				     "keepalives",
				     "keepalives_idle",
				     "keepalives_interval",
				     "keepalives_count",
				     "tcp_user_timeout",
				     "dbname",
				     "client_encoding",
				     NULL };
	const char *const values[] = { "sqlassist", "1",	 "30",	 "10", "3",
				       "60000",	    config->url, "UTF8", NULL };

	return PQconnectStartParams(keys, values, 1);
}

/* libpq tells the system's errors in words only. */
static bool is_of_descriptors(const char *why)
{
	return strstr(why, strerror(EMFILE)) || strstr(why, strerror(ENFILE));
}

static int fail_connect(const struct pg_link *link, const char *why)
{
	const char *hint = "Check the URL, and that the server runs and accepts the user.";

	if (PQconnectionNeedsPassword(link->native))
		hint = "Give a password: in ~/.pgpass, in PGPASSWORD or in the URL.";
	if (strstr(why, "unsupported startup parameter"))
		hint = "PgBouncer does not take it: leave it out of the URL, and set it with "
		       "ALTER ROLE ... SET.";
	if (is_of_descriptors(why))
		hint = "Too many files are open: raise the limit (ulimit -n).";
	return error_set(SQLA_ECONNECT, pg_name(link), hint, "cannot connect to %s: %s",
			 link->base.config->redacted_url, why);
}

/* libpq may change its socket from one host to the next, so it is asked anew. */
static int await_connection(struct pg_link *link, int64_t deadline)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	while (state != PGRES_POLLING_OK) {
		struct pollfd wait = {
			.fd = PQsocket(link->native),
			.events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT,
		};
		int left = clock_left(deadline);
		int ready;

		if (state == PGRES_POLLING_FAILED || PQstatus(link->native) == CONNECTION_BAD)
			return fail_connect(link, PQerrorMessage(link->native));
		ready = poll(&wait, 1, left);
		if (left != 0 && ready < 0 && errno == EINTR)
			continue;
		/* It may go on sending notices, and never let us in. */
		if (left == 0 || ready <= 0)
			return fail_connect(link, "no answer within connect_timeout_ms");
		state = PQconnectPoll(link->native);
	}
	return 0;
}

static int connect_native(struct pg_link *link)
{
	int64_t deadline = clock_ms() + link->base.config->options.connect_timeout_ms;
	int status;

	link->native = start(link->base.config);
	if (!link->native)
		return error_nomem();
	pg_talk_hear(link);
	status = await_connection(link, deadline);
	if (status < 0)
		return status;
	link->canceller = pg_canceller_new(link->native);
	return link->canceller ? 0 : error_nomem();
}

int pg_open(struct engine_config *config, enum driver_purpose purpose,
	    struct driver_conn **ret_conn)
{
	struct pg_link *link = calloc(1, sizeof(*link));
	int status;

	if (!link)
		return error_nomem();
	link->base.driver = &pg_driver;
	link->base.config = config_ref(config);
	link->base.generation = fork_generation();
	link->base.opened_ms = clock_ms();
	link->purpose = purpose;
	link->talk.failed = -1;
	link->may_be_async = true;
	link->table = pg_table_name(config->options.decision_schema);
	link->statements = pg_statements_new((unsigned)config->options.statement_cache);
	status = link->table && link->statements ? connect_native(link) : error_nomem();
	if (status == 0)
		status = pg_probe(link);
	if (status == 0)
		status = pg_site_prepare(link);
	if (status < 0) {
		pg_close(&link->base);
		return status;
	}
	*ret_conn = &link->base;
	return 0;
}

/* ---- ending ----------------------------------------------------------------- */

static void free_link(struct pg_link *link)
{
	pg_talk_clear(link);
	PQfinish(link->native);
	pg_canceller_free(link->canceller);
	pg_statements_free(link->statements);
	pg_claim_free(link);
	free(link->table);
	config_unref(link->base.config);
	free(link);
}

/* Never waits for a server that does not read. */
void pg_close(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);

	if (!conn)
		return;
	if (fork_is_foreign(conn->generation)) {
		pg_abandon(conn);
		return;
	}
	if (link->native)
		(void)PQsetnonblocking(link->native, 1);
	free_link(link);
}

/*
 * libpq says goodbye to the server when it frees a connection; in a forked
 * child that would end the parent's session. So it says it to /dev/null; where
 * that cannot be opened, memory is leaked rather than the parent disturbed.
 */
void pg_abandon(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	int socket, null;

	if (!conn)
		return;
	socket = PQsocket(link->native);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (socket >= 0 && (null < 0 || dup3(null, socket, O_CLOEXEC) < 0)) {
		(void)close(socket);
		link->native = NULL;
	}
	if (null >= 0)
		(void)close(null);
	free_link(link);
}

/* ---- pooling ---------------------------------------------------------------- */

/* A statement may have changed what we rely on for the life of the connection. */
static bool is_utf8(PGconn *native)
{
	return strcmp(pg_encoding_to_char(PQclientEncoding(native)), "UTF8") == 0;
}

bool pg_is_idle(const struct driver_conn *conn)
{
	const struct pg_link *link = (const struct pg_link *)conn;

	return !conn->is_broken && !conn->is_in_transaction && !link->talk.is_open &&
	       !link->is_moved && PQstatus(link->native) == CONNECTION_OK &&
	       PQpipelineStatus(link->native) == PQ_PIPELINE_OFF &&
	       PQtransactionStatus(link->native) == PQTRANS_IDLE &&
	       !pg_canceller_has_fired(link->canceller) && is_utf8(link->native);
}

int pg_reset(struct driver_conn *conn)
{
	struct pg_link *link = pg_link_of(conn);
	int status = pg_rollback(conn);

	if (status == 0 && !pg_is_idle(conn)) {
		pg_break(link);
		status = error_set(SQLA_ECONNECT, pg_name(link), NULL,
				   "the connection cannot be used again");
	}
	return status;
}

int pg_ping(struct driver_conn *conn)
{
	static const struct pg_command ping = { .sql = "SELECT 1" };
	struct pg_link *link = pg_link_of(conn);
	int status = pg_talk_run(link, &ping, 1, conn->config->options.connect_timeout_ms,
				 "cannot reach the server");

	pg_talk_clear(link);
	return status;
}

void pg_describe(struct driver_conn *conn, char *ret_id, size_t size)
{
	const struct pg_link *link = pg_link_of(conn);

	(void)snprintf(ret_id, size, "backend %d%s", link->server.backend_pid,
		       link->server.is_pooled ? ", by way of a pooler" : "");
}
