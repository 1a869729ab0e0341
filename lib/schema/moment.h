/* Timestamps and dates as text: ISO 8601, UTC, of one width, so that texts
 * compare as moments do. */
#ifndef SCHEMA_MOMENT_H
#define SCHEMA_MOMENT_H

#include <sqlassist/table.h>

/* Whether TEXT is one of TYPE; also with a blank for the T, and without
 * fraction or Z, as SQLite's own functions write it. */
bool moment_parse(const char *text, enum sqla_column_type type, int64_t *ret);

#endif
