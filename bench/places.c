#include "places.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlassist.h>

#include "slow.h"
#include "support/cluster.h"
#include "support/must.h"
#include "support/scratch.h"

enum { ROW_DISTANCE = 200 };

static const char server_conf[] = "max_connections = 400\n"
				  "max_prepared_transactions = 1100\n"
				  "shared_buffers = 128MB\n"
				  "min_wal_size = 256MB\n"
				  "max_wal_size = 1GB\n"
				  "autovacuum = on\n";

static const char sqlite_engine[] = "file";

struct places {
	const struct shape *shape;
	int delay_ms;
	struct slow *networks[PLACES_POSTGRES_MAX];
	char *direct_urls[PLACES_POSTGRES_MAX];
	char *urls[PLACES_POSTGRES_MAX];
	char *engines[PLACES_POSTGRES_MAX];
	char *file;
};

/* Each is started when the first shape needs it. */
static struct cluster *servers[PLACES_POSTGRES_MAX];

static struct cluster *server(int number)
{
	char *name, *variable;

	if (servers[number])
		return servers[number];
	name = must_printf("bench%d", number);
	variable = must_printf("SQLASSIST_TEST_CLUSTER_%s", name);
	servers[number] = getenv(variable) ? cluster_get(name) : cluster_start(name, server_conf);
	free(name);
	free(variable);
	return servers[number];
}

void places_end_servers(void)
{
	for (int i = 0; i < PLACES_POSTGRES_MAX; i++) {
		cluster_free(servers[i]);
		servers[i] = NULL;
	}
}

static char *make_database(int number)
{
	char *url = cluster_database(server(number), "bench");
	PGconn *conn = must_connect(url);

	must_exec(conn, "CREATE TABLE account(id int PRIMARY KEY, balance bigint NOT NULL) "
			"WITH (fillfactor = 50)");
	must_exec(conn, "INSERT INTO account SELECT i, 0 FROM generate_series(0, %d) i",
		  WORKERS_MAX * ROW_DISTANCE);
	must_exec(conn, "VACUUM ANALYZE account");
	PQfinish(conn);
	return url;
}

static char *make_file(void)
{
	char *path = scratch_path("bench.db");
	char *wal = must_printf("%s-wal", path), *shm = must_printf("%s-shm", path);

	(void)remove(path);
	(void)remove(wal);
	(void)remove(shm);
	free(wal);
	free(shm);
	must_exec_file(
		path,
		"PRAGMA journal_mode = WAL;"
		"CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		"INSERT INTO account SELECT i, 0 FROM n",
		WORKERS_MAX * ROW_DISTANCE);
	return path;
}

/* What was behind the URL is far away then. */
static char *move_away(struct places *places, int number)
{
	places->networks[number] = slow_start(cluster_folder(server(number)), places->delay_ms);
	return must_printf("postgresql:///bench?host=%s&port=5432&user=postgres",
			   slow_folder(places->networks[number]));
}

struct places *places_new(const struct shape *shape, int delay_ms)
{
	struct places *places = calloc(1, sizeof(*places));

	if (!places)
		must_fail("out of memory");
	places->shape = shape;
	places->delay_ms = delay_ms;
	for (int i = 0; i < shape->n_postgres; i++) {
		places->direct_urls[i] = make_database(i);
		places->urls[i] = delay_ms > 0 ? move_away(places, i) :
						 must_printf("%s", places->direct_urls[i]);
		places->engines[i] = must_printf("pg%d", i);
	}
	if (shape->has_sqlite)
		places->file = make_file();
	return places;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	for (int i = 0; i < PLACES_POSTGRES_MAX; i++) {
		slow_stop(places->networks[i]);
		free(places->direct_urls[i]);
		free(places->urls[i]);
		free(places->engines[i]);
	}
	free(places->file);
	free(places);
}

static void enlist(const char *name, const char *url, int n_workers, int keep_decisions)
{
	const struct sqla_engine_options options = {
		.pool_size = n_workers,
		.pool_overflow = SQLA_ZERO,
		.keep_decisions = keep_decisions,
	};

	if (sqla_engine_register(name, url, &options) < 0)
		must_fail("%s: %s", name, sqla_error_last()->message);
}

void places_register(const struct places *places, int n_workers, int keep_decisions)
{
	for (int i = 0; i < places->shape->n_postgres; i++)
		enlist(places->engines[i], places->urls[i], n_workers, keep_decisions);
	if (places->file) {
		char *url = must_printf("sqlite:///%s", places->file);

		enlist(sqlite_engine, url, n_workers, keep_decisions);
		free(url);
	}
}

const struct shape *places_shape(const struct places *places)
{
	return places->shape;
}

int places_delay_ms(const struct places *places)
{
	return places->delay_ms;
}

const char *places_url(const struct places *places, int number)
{
	return places->urls[number];
}

const char *places_file(const struct places *places)
{
	return places->file;
}

const char *places_engine(const struct places *places, int branch)
{
	return branch < places->shape->n_postgres ? places->engines[branch] : sqlite_engine;
}

int64_t places_row(int worker)
{
	return (int64_t)worker * ROW_DISTANCE;
}

int64_t places_wal_syncs(const struct places *places)
{
	int64_t n = 0;

	for (int i = 0; i < places->shape->n_postgres; i++)
		n += must_query_int_at(places->direct_urls[i], "SELECT wal_sync FROM pg_stat_wal");
	return n;
}
