#include "postgres/blockers.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "postgres/connect.h"
#include "postgres/link.h"
#include "postgres/pooled.h"

/*
 * A state change, not the start of its transaction, tells how long a decider
 * has been open: a long transaction may have claimed a moment ago. What the
 * role may not see is NULL, and is not ended.
 */
static const char find[] =
	"SELECT a.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), '?'),"
	" coalesce(pg_catalog.host(a.client_addr), 'local'), coalesce(a.state, '?'),"
	" pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.state_change)::bigint,"
	" CASE WHEN $2 >= 0 AND a.state_change <= pg_catalog.clock_timestamp()"
	" - pg_catalog.make_interval(secs => $2) AND pg_catalog.pg_terminate_backend(a.pid)"
	" THEN 't' ELSE 'f' END"
	" FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS b (pid)"
	" JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid"
	" ORDER BY a.state_change NULLS LAST";

static void describe(const PGresult *result, char *ret_text, size_t size)
{
	if (PQntuples(result) == 0)
		return;
	(void)snprintf(ret_text, size, "process %s of %s (%s, %s), %s for %s s",
		       pg_cell(result, 0, 0), pg_cell(result, 0, 1), pg_cell(result, 0, 2),
		       pg_cell(result, 0, 3), pg_cell(result, 0, 4),
		       PQgetisnull(result, 0, 5) ? "?" : pg_cell(result, 0, 5));
}

static int count_ended(const struct pg_link *link, const PGresult *result)
{
	int n = 0;

	for (int row = 0; row < PQntuples(result); row++) {
		if (strcmp(pg_cell(result, row, 6), "t") != 0)
			continue;
		log_warning("engine %s: ended process %s, which kept a decider open", pg_name(link),
			    pg_cell(result, row, 0));
		n++;
	}
	return n;
}

int pg_blockers(struct pg_link *waiting, int fence_s, char *ret_text, size_t size)
{
	char pid[16], fence[16];
	const char *values[] = { pid, fence };
	const Oid types[] = { 23, 23 };
	struct pg_command command = { .sql = find,
				      .n = 2,
				      .values = values,
				      .types = types,
				      .columns = 7 };
	struct driver_conn *fresh;
	struct pg_link *link;
	int status = pg_open(waiting->base.config, DRIVER_RECOVERY, &fresh);

	if (status < 0)
		return status;
	link = pg_link_of(fresh);
	(void)snprintf(pid, sizeof(pid), "%d", waiting->server.backend_pid);
	(void)snprintf(fence, sizeof(fence), "%d", fence_s);
	status = pg_recovery_run(link, &command, "cannot find who blocks");
	if (status == 0) {
		describe(link->talk.results[0], ret_text, size);
		status = count_ended(link, link->talk.results[0]);
	}
	pg_close(fresh);
	return status;
}
