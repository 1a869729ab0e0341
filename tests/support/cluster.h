/*
 * cluster.h - private PostgreSQL servers for tests.
 *
 * A cluster listens on a Unix socket in a temporary folder only, trusts
 * everybody, allows 64 prepared transactions, and is gone when the process
 * that started it ends, also by SIGKILL. Every function aborts the test when
 * it does not work.
 *
 * Criterion runs each test in a process that is executed anew: clusters that
 * TEST_MAIN started (support/main.h) are found there with cluster_get.
 */
#ifndef SUPPORT_CLUSTER_H
#define SUPPORT_CLUSTER_H

#include <stdint.h>

struct cluster;

/*
 * Starts a cluster and returns it. EXTRA_CONF: more lines of postgresql.conf,
 * or NULL. This process's children find it by NAME, too.
 */
struct cluster *cluster_start(const char *name, const char *extra_conf);

/* Starts a standby of PRIMARY, which replays what that commits. */
struct cluster *cluster_start_standby(const char *name, const struct cluster *primary);

/* Returns a new handle of a cluster that this process or one above started. */
struct cluster *cluster_get(const char *name);

/* Frees the handle; who started the cluster ends it. NULL is allowed. */
void cluster_free(struct cluster *c);

/* Returns new text: a URL for libpq. */
char *cluster_url(const struct cluster *c, const char *database);

/* Makes an empty database, in place of one of that name, and returns its URL. */
char *cluster_database(const struct cluster *c, const char *database);

/* kill -9 of the server and all its backends at once; then it can restart. */
void cluster_crash(struct cluster *c);

/* An orderly shutdown; sessions are ended. */
void cluster_stop(struct cluster *c);

/* Starts it again after a crash or stop; returns when it answers. */
void cluster_restart(struct cluster *c);

/* How many transactions are prepared in all its databases. */
int64_t cluster_prepared(const struct cluster *c);

/* Rolls those of one database back and returns how many there were. */
int64_t cluster_rollback_prepared(const struct cluster *c, const char *database);

/* The folder of its socket, of its data (in "data") and "log"; borrowed. */
const char *cluster_folder(const struct cluster *c);

#endif
