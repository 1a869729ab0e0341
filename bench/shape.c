#include "shape.h"

#include <string.h>

const struct shape shapes[] = {
	{ "two-postgres", "two PostgreSQL", .n_postgres = 2 },
	{ "postgres-sqlite", "PostgreSQL and SQLite", .n_postgres = 1, .has_sqlite = true },
	{ "three-postgres", "three PostgreSQL", .n_postgres = 3 },
	{ "one-postgres", "one PostgreSQL", .n_postgres = 1 },
	{ "one-sqlite", "one SQLite", .has_sqlite = true },
	{ "read-one", "two PostgreSQL, one only read", .n_postgres = 2, .n_reading = 1 },
	{ "four-postgres", "four PostgreSQL", .n_postgres = 4, .is_extra = true },
	{ "eight-postgres", "eight PostgreSQL", .n_postgres = 8, .is_extra = true },
	{ .name = NULL },
};

const struct shape *shape_find(const char *name)
{
	for (const struct shape *shape = shapes; shape->name; shape++)
		if (strcmp(shape->name, name) == 0)
			return shape;
	return NULL;
}

int shape_branches(const struct shape *shape)
{
	return shape->n_postgres + shape->has_sqlite;
}

int shape_changed(const struct shape *shape)
{
	return shape_branches(shape) - shape->n_reading;
}
