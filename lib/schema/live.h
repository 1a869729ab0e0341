/*
 * A database that tables are made in or compared with: a connection and a
 * transaction of its own, apart from all sessions and their temporary tables.
 */
#ifndef SCHEMA_LIVE_H
#define SCHEMA_LIVE_H

#include "engine/engine.h"
#include "schema/dialect.h"

struct live {
	struct engine *engine;
	struct driver_conn *conn;
	const struct dialect *dialect;
};

/* Connects to ENGINE (NULL: the default one). DRIVER_RECOVERY: no file and no
 * table of the library's is made by the way. */
int live_open(const char *engine, enum driver_purpose purpose, struct live *ret_live);

/* Rolls back what was not committed. Half-opened ones are allowed. */
void live_close(struct live *live);

/* Runs statements; the list ends with NULL. */
int live_exec(struct live *live, const char *sql);
int live_exec_all(struct live *live, const char *const statements[]);

/* Calls FN with the texts of every row (NULL: ""), until it is not 0. */
typedef int live_row_fn(void *arg, const char *const texts[]);
int live_query(struct live *live, const char *sql, const struct sqla_value *value, live_row_fn *fn,
	       void *arg);

#endif
