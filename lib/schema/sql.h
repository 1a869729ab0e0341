/* A text of SQL that grows while it is printed to. */
#ifndef SCHEMA_SQL_H
#define SCHEMA_SQL_H

#include <stdio.h>

struct sql {
	FILE *out; /* print here */
	char *text;
	size_t size;
};

/* SQLA_ENOMEM, or 0; then sql_end comes. */
int sql_begin(struct sql *sql);

/* 0, and the text is the caller's; or SQLA_ENOMEM, and it is NULL. */
int sql_end(struct sql *sql);

#endif
