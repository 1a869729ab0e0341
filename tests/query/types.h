/* A table of all types with one row, on engine "e" of schema/both.h. */
#ifndef TESTS_QUERY_TYPES_H
#define TESTS_QUERY_TYPES_H

#include "schema/both.h"

/* It has no struct: all columns are loaded. */
extern const struct sqla_table all;

/* Makes the table with a row of values, and opens a session on it. */
struct sqla_session *must_row(void);

/* The first row of TABLE. */
struct sqla_rows *must_first(struct sqla_session *s, const struct sqla_table *table);

#endif
