/* Rows of a result. They own it, and need no connection. */
#ifndef POSTGRES_ROWS_H
#define POSTGRES_ROWS_H

#include <libpq-fe.h>

#include "engine/driver.h"

/* Types that are read in a way of their own; fixed numbers of PostgreSQL's. */
enum { PG_BOOL = 16, PG_BYTEA = 17 };

/* Takes RESULT, also on failure. Never NULL but when out of memory. */
struct driver_rows *pg_rows_new(const char *engine, PGresult *result);

/* Rows that the statement inserted, updated or deleted. */
int64_t pg_rows_affected(PGresult *result);

#endif
