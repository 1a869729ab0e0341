/* shape.h - which databases a transaction touches. */
#ifndef BENCH_SHAPE_H
#define BENCH_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

struct shape {
	const char *name;  /* for options and files */
	const char *title; /* for people */
	int n_postgres;	   /* servers; one row of each is changed */
	int n_reading;	   /* how many of them, the last, are only read */
	bool has_sqlite;   /* a row of a file is changed, too */
	bool is_extra;	   /* measured when asked for by name */
};

/* Ends with a NULL name. */
extern const struct shape shapes[];

/* NULL: there is none of that name. */
const struct shape *shape_find(const char *name);

int shape_branches(const struct shape *shape);

/* Those that the transaction changes. */
int shape_changed(const struct shape *shape);

#endif
