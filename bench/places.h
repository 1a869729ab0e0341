/*
 * places.h - the databases that are measured: PostgreSQL servers of our own on
 * Unix sockets, with fsync on, and a SQLite file in WAL mode. Each has a table
 * account with a row for every worker, far from those of the others.
 */
#ifndef BENCH_PLACES_H
#define BENCH_PLACES_H

#include <stdint.h>

#include "shape.h"

enum { PLACES_POSTGRES_MAX = 8, WORKERS_MAX = 64 };

struct places;

/*
 * Returns a new set of databases for SHAPE, whose servers are DELAY_MS away, each
 * way. Servers that this process does not have yet are started, and serve later
 * sets too; those that TEST_MAIN started as "bench0", "bench1"... are found.
 * Aborts when something does not work.
 */
struct places *places_new(const struct shape *shape, int delay_ms);
void places_free(struct places *places);

/* Ends the servers. */
void places_end_servers(void);

/* Names the engines pg0, pg1... and file, with room for N_WORKERS connections.
 * KEEP_DECISIONS: seconds, 0 the default. */
void places_register(const struct places *places, int n_workers, int keep_decisions);

const struct shape *places_shape(const struct places *places);
int places_delay_ms(const struct places *places);
/* Borrowed. */
const char *places_url(const struct places *places, int server);
const char *places_file(const struct places *places);
/* The name of an engine: the servers', then the file's. */
const char *places_engine(const struct places *places, int branch);

/* The row of account that is WORKER's. */
int64_t places_row(int worker);

/* How often all servers have synced their log so far. */
int64_t places_wal_syncs(const struct places *places);

#endif
