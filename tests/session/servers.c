#include "session/servers.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlassist/resource.h>

#include "session/helper.h"
#include "support/bouncer.h"
#include "support/cluster.h"
#include "support/must.h"

enum { TRIES = 500, PAUSE_MS = 20 };

char *must_server_engine(const char *cluster, const char *name,
			 const struct sqla_engine_options *options)
{
	struct cluster *c = cluster_get(cluster);
	char *database = must_printf("votes_%s_%d", name, (int)getpid());
	char *url = cluster_database(c, database);
	char *route = bouncer_route(url);

	must_exec_at(url, "CREATE TABLE t(id serial PRIMARY KEY, v int)");
	if (sqla_engine_register(name, route, options) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(route);
	cluster_free(c);
	free(database);
	return url;
}

/* ---- what is there --------------------------------------------------------- */

int64_t rows_at(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM t");
}

int64_t prepared_at(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM pg_prepared_xacts "
				      "WHERE database = current_database()");
}

int64_t decisions_at(const char *url, const char *verdict)
{
	return must_query_int_at(url,
				 "SELECT count(*) FROM sqlassist.sqlassist_decision "
				 "WHERE verdict = '%s'",
				 verdict);
}

void must_await(const char *url, const char *format, ...)
{
	struct pg_conn *conn = must_connect(url);
	char sql[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	for (int i = 0; i < TRIES; i++) {
		if (must_query_int(conn, "SELECT (%s)::int", sql) != 0) {
			PQfinish(conn);
			return;
		}
		(void)poll(NULL, 0, PAUSE_MS);
	}
	must_fail("waited in vain for %s", sql);
}

/* ---- backends ---------------------------------------------------------------- */

int backend_of(struct sqla_session *s)
{
	return (int)must_int(s, "SELECT pg_backend_pid()");
}

void must_terminate(const char *url, int backend)
{
	must_exec_at(url, "SELECT pg_terminate_backend(%d, 10000)", backend);
}

void must_trigger_at_end(const char *url, const char *body)
{
	must_exec_at(url,
		     "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		     "$f$BEGIN %s; RETURN NULL; END$f$",
		     body);
	must_exec_at(url, "CREATE TABLE d(i int)");
	must_exec_at(url, "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON d DEFERRABLE INITIALLY "
			  "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
}

/* ---- the pair ---------------------------------------------------------------- */

void pair_open(struct pair *p, const struct sqla_engine_options *bank,
	       const struct sqla_engine_options *shop)
{
	static const struct sqla_engine_options prefer = { .decide = SQLA_DECIDE_PREFER };

	p->bank = must_server_engine("one", "bank", bank ? bank : &prefer);
	p->shop = must_server_engine("two", "shop", shop);
	p->b = must_open("bank");
	p->s = must_open("shop");
}

void pair_close(struct pair *p)
{
	(void)txn_abort();
	sqla_session_close(p->b);
	sqla_session_close(p->s);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(p->bank);
	free(p->shop);
}

void pair_work(struct pair *p)
{
	must_run(p->b, "INSERT INTO t(v) VALUES (1)");
	must_run(p->s, "INSERT INTO t(v) VALUES (1)");
}

bool pair_has(const struct pair *p, int64_t n)
{
	int64_t bank = rows_at(p->bank), shop = rows_at(p->shop);
	int64_t prepared = prepared_at(p->bank) + prepared_at(p->shop);

	if (bank == n && shop == n && prepared == 0)
		return true;
	(void)fprintf(stderr, "bank has %d, shop has %d, %d prepared; wanted %d\n", (int)bank,
		      (int)shop, (int)prepared, (int)n);
	return false;
}

/* ---- in the middle ----------------------------------------------------------- */

static struct {
	void (*fn)(void *arg);
	void *arg;
} intervention;

static const char *last_key(void *self)
{
	(void)self;
	return "~"; /* behind every session */
}

static const char *last_name(void *self)
{
	(void)self;
	return "intervention";
}

static unsigned last_abilities(void *self)
{
	(void)self;
	return TXN_PREPARES;
}

static int last_prepare(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	intervention.fn(intervention.arg);
	return 0;
}

static int last_end(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	return 0;
}

static int last_site(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	(void)self;
	(void)snprintf(ret_site, TXN_SITE_MAX + 1, "intervention");
	return 0;
}

static int last_commit(void *self)
{
	(void)self;
	return 0;
}

static int last_abort(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static const struct txn_resource_ops last_ops = {
	.size = sizeof(last_ops),
	.sort_key = last_key,
	.name = last_name,
	.abilities = last_abilities,
	.commit = last_commit,
	.prepare = last_prepare,
	.commit_prepared = last_end,
	.rollback_prepared = last_end,
	.site = last_site,
	.is_prepared = last_end,
	.abort = last_abort,
};

void must_intervene(void (*fn)(void *arg), void *arg)
{
	intervention.fn = fn;
	intervention.arg = arg;
	if (txn_join(txn_current(), &last_ops, &intervention) < 0)
		must_fail("%s", sqla_error_last()->message);
}

void must_await_claim(const char *url, int backend)
{
	must_await(url,
		   "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
		   "WHERE pid = %d AND l.mode = 'RowExclusiveLock' AND a.state = 'idle in "
		   "transaction' AND l.relation = 'sqlassist.sqlassist_decision'::regclass",
		   backend);
}

int recover_now(struct sqla_recover_report *ret_report)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };

	return sqla_recover(&now, NULL, NULL, ret_report);
}

/* ---- commits that wait --------------------------------------------------------- */

#define IS_HELD                                       \
	"SELECT count(*) FROM pg_stat_activity WHERE" \
	" pid = %d AND wait_event = 'SyncRep'"

/* Waits until PROBE's query is held, or answered: false. */
static bool is_held(const char *url, struct pg_conn *probe)
{
	struct pollfd wait = { .fd = PQsocket(probe), .events = POLLIN };

	while (must_query_int_at(url, IS_HELD, PQbackendPID(probe)) == 0) {
		if (poll(&wait, 1, 10) <= 0)
			continue;
		if (!PQconsumeInput(probe))
			must_fail("%s", PQerrorMessage(probe));
		if (!PQisBusy(probe))
			return false;
	}
	return true;
}

/* The server is told, and some time later it knows. */
void commits_hold(const char *url)
{
	struct pg_conn *probe = must_connect(url);

	must_exec_at(url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	must_exec_at(url, "SELECT pg_reload_conf()");
	for (int i = 0; i < TRIES; i++) {
		if (!PQsendQuery(probe, "SELECT pg_logical_emit_message(true, 'test', '')"))
			must_fail("%s", PQerrorMessage(probe));
		if (is_held(url, probe)) {
			must_terminate(url, PQbackendPID(probe));
			PQfinish(probe);
			return;
		}
		for (PGresult *result; (result = PQgetResult(probe));)
			PQclear(result);
	}
	must_fail("the server holds no commits");
}

void commits_go(const char *url)
{
	must_exec_at(url, "ALTER SYSTEM RESET synchronous_standby_names");
	must_exec_at(url, "SELECT pg_reload_conf()");
}

void commits_await_held(const char *url, int backend)
{
	must_await(url, IS_HELD, backend);
}
