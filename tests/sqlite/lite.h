/* The SQLite driver alone, without engines and sessions: helpers that must
 * work. Files are named inside the scratch folder of the test. */
#ifndef TESTS_SQLITE_LITE_H
#define TESTS_SQLITE_LITE_H

#include "engine/driver.h"

/* A configuration as engines have it; end it with config_unref. */
struct engine_config *lite_config_of(const char *url, const struct sqla_engine_options *options);

/* Opens a session's connection on FILE; OPTIONS may be NULL. */
struct driver_conn *must_open(const char *file, const struct sqla_engine_options *options);
/* ... on an absolute path: a forked child has a scratch folder of its own. */
struct driver_conn *must_open_path(const char *path, const struct sqla_engine_options *options);
/* ... for recovery. */
struct driver_conn *must_open_recovery(const char *file);

/* Tries to; the status, and no connection. */
int try_open(const char *url, const struct sqla_engine_options *options);

void must_begin(struct driver_conn *conn);
void must_run(struct driver_conn *conn, const char *sql);
int64_t must_int(struct driver_conn *conn, const char *sql);

/* Runs a statement with N values and no rows: its status. */
int run_values(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
	       size_t n);
int run(struct driver_conn *conn, const char *sql);

/* What a decider does, up to its COMMIT: begins, writes, claims UUID. */
void must_claim(struct driver_conn *conn, const char *uuid);

/* A look at FILE as recovery does it. PREPARED: what a branch answers. */
enum driver_look_result look_at(const char *file, const char *uuid, int prepared);

/* Whether UUID's row is in FILE: asked on a connection of its own. */
bool has_row(const char *file, const char *uuid);

#define UUID_ONE "11111111-1111-4111-8111-111111111111"
#define UUID_TWO "22222222-2222-4222-8222-222222222222"

#endif
