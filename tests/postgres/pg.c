#include "postgres/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/config.h"
#include "postgres/driver.h"
#include "support/bouncer.h"
#include "support/cluster.h"
#include "support/must.h"

/* Reachable until the process ends, for the leak checkers. */
static const char *keep(char *text)
{
	static char *volatile kept[32];
	static size_t n;

	if (n == sizeof(kept) / sizeof(kept[0]))
		must_fail("too many URLs in one test");
	kept[n++] = text;
	return text;
}

const char *new_database(const char *name)
{
	struct cluster *c = cluster_get("main");
	const char *url = keep(cluster_database(c, name));

	cluster_free(c);
	return url;
}

const char *url_on(const char *cluster, const char *database)
{
	struct cluster *c = cluster_get(cluster);
	const char *url = keep(cluster_url(c, database));

	cluster_free(c);
	return url;
}

struct engine_config *pg_config_of(const char *url, const struct sqla_engine_options *options)
{
	struct engine_config *config = NULL;
	char *route = bouncer_route(url);

	if (config_new("bank", route, options, &config) < 0)
		must_fail("config %s: %s", url, sqla_error_last()->message);
	free(route);
	return config;
}

static int open_as(const char *url, const struct sqla_engine_options *options,
		   enum driver_purpose purpose, struct driver_conn **ret_conn)
{
	struct engine_config *config = pg_config_of(url, options);
	int status = pg_driver.open(config, purpose, ret_conn);

	config_unref(config);
	return status;
}

static struct driver_conn *must_open_as(const char *url, const struct sqla_engine_options *options,
					enum driver_purpose purpose)
{
	struct driver_conn *conn = NULL;

	if (open_as(url, options, purpose, &conn) < 0)
		must_fail("open %s: %s", url, sqla_error_last()->message);
	return conn;
}

struct driver_conn *must_open(const char *url, const struct sqla_engine_options *options)
{
	return must_open_as(url, options, DRIVER_SESSION);
}

struct driver_conn *must_open_recovery(const char *url)
{
	return must_open_as(url, NULL, DRIVER_RECOVERY);
}

int try_open(const char *url, const struct sqla_engine_options *options)
{
	struct driver_conn *conn = NULL;
	int status = open_as(url, options, DRIVER_SESSION, &conn);

	pg_driver.close(conn);
	return status;
}

int run_values(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
	       size_t n)
{
	return pg_driver.execute(conn, sql, values, n, NULL, NULL);
}

int run(struct driver_conn *conn, const char *sql)
{
	return run_values(conn, sql, NULL, 0);
}

void must_begin(struct driver_conn *conn)
{
	if (pg_driver.begin(conn, false) < 0)
		must_fail("begin: %s", sqla_error_last()->message);
}

void must_run(struct driver_conn *conn, const char *sql)
{
	if (run(conn, sql) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
}

int64_t must_int(struct driver_conn *conn, const char *sql)
{
	struct driver_rows *rows = NULL;
	int64_t value = 0;

	if (pg_driver.execute(conn, sql, NULL, 0, &rows, NULL) < 0 || rows->ops->next(rows) != 1 ||
	    rows->ops->get_int(rows, 0, &value) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
	rows->ops->free(rows);
	return value;
}

int vote(struct driver_conn *conn, int answer)
{
	struct pollfd wait;

	while (answer == TXN_WAIT) {
		answer = pg_driver.advance(conn, &wait);
		if (answer == TXN_WAIT && poll(&wait, 1, 30000) == 0)
			must_fail("no vote in half a minute");
	}
	return answer;
}

int claim(struct driver_conn *conn, const char *uuid)
{
	const struct txn_decision decision = { .uuid = uuid, .branches = "site=gid" };

	return vote(conn, pg_driver.claim(conn, &decision, NULL, 0, NULL));
}

void must_change(struct driver_conn *conn)
{
	must_run(conn, "CREATE TABLE IF NOT EXISTS work (i int)");
	must_begin(conn);
	must_run(conn, "INSERT INTO work VALUES (1)");
	if (vote(conn, pg_driver.ask(conn)) != TXN_CHANGED)
		must_fail("no change was noticed");
}

void must_prepare(struct driver_conn *conn, const char *gid)
{
	must_change(conn);
	if (vote(conn, pg_driver.prepare(conn, gid)) != 0)
		must_fail("prepare: %s", sqla_error_last()->message);
}

void must_claim(struct driver_conn *conn, const char *uuid)
{
	must_change(conn);
	if (claim(conn, uuid) != 0)
		must_fail("claim: %s", sqla_error_last()->message);
}

const char *gid_of(const char *uuid)
{
	static char gid[TXN_GID_MAX + 1];

	/* A gid is unique in its cluster, which other tests use at the same time. */
	if (txn_gid_format(gid, uuid, (unsigned)getpid() % 99999, "site", "bank") < 0)
		must_fail("gid: %s", sqla_error_last()->message);
	return gid;
}

const char *new_decision(const char *name)
{
	const char *url = new_database(name);
	struct driver_conn *conn = must_open(url, NULL);

	must_claim(conn, UUID_ONE);
	if (vote(conn, pg_driver.decide(conn)) != 0)
		must_fail("decide: %s", sqla_error_last()->message);
	pg_driver.close(conn);
	return url;
}

void terminate(const char *url, struct driver_conn *conn)
{
	int pid = (int)must_int(conn, "SELECT pg_backend_pid()");

	must_exec_at(url, "SELECT pg_terminate_backend(%d, 5000)", pid);
}
