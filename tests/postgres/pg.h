/* The PostgreSQL driver alone, without engines and sessions: helpers that must
 * work. Each test has a database of its own on the cluster "main". */
#ifndef TESTS_POSTGRES_PG_H
#define TESTS_POSTGRES_PG_H

#include <libpq-fe.h>

#include "engine/driver.h"

/* The URL of a new empty database of that name; text that lives as long as
 * the test. And of one that is there, on any cluster. */
const char *new_database(const char *name);
const char *url_on(const char *cluster, const char *database);

/* A configuration as engines have it; end it with config_unref. */
struct engine_config *pg_config_of(const char *url, const struct sqla_engine_options *options);

/* OPTIONS may be NULL: joined and scoped. */
struct driver_conn *must_open(const char *url, const struct sqla_engine_options *options);
struct driver_conn *must_open_recovery(const char *url);
/* The status, and no connection. */
int try_open(const char *url, const struct sqla_engine_options *options);

void must_begin(struct driver_conn *conn);
int run(struct driver_conn *conn, const char *sql);
int run_values(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
	       size_t n);
void must_run(struct driver_conn *conn, const char *sql);
int64_t must_int(struct driver_conn *conn, const char *sql);

/* A step's answer, awaited as the coordinator does. */
int vote(struct driver_conn *conn, int answer);
int claim(struct driver_conn *conn, const char *uuid);

/* Begins, makes a change, and prepares or claims. */
void must_change(struct driver_conn *conn);
void must_prepare(struct driver_conn *conn, const char *gid);
void must_claim(struct driver_conn *conn, const char *uuid);

/* A gid of ours for UUID. */
const char *gid_of(const char *uuid);
/* The URL of a new database that has decided UUID_ONE, and nothing else. */
const char *new_decision(const char *name);

/* SIGKILL-like ends, by SQL from another session. */
void terminate(const char *url, struct driver_conn *conn);

#define UUID_ONE "11111111-1111-4111-8111-111111111111"
#define UUID_TWO "22222222-2222-4222-8222-222222222222"

#endif
