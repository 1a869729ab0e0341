/* What JSON is needed for beyond declarations; all of it is in json.c and
 * parse.c, which are empty in a library without jansson. */
#ifndef SCHEMA_JSON_H
#define SCHEMA_JSON_H

#include <stdbool.h>

/* Whether TEXT is JSON. Without jansson: taken to be, PostgreSQL looks itself. */
bool schema_is_json(const char *text);

#endif
