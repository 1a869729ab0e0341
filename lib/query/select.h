/* A SELECT of a declared table that is being written, with its values. */
#ifndef QUERY_SELECT_H
#define QUERY_SELECT_H

#include <sqlassist/query.h>

#include "schema/dialect.h"
#include "schema/sql.h"

struct select {
	struct sqla_session *s;
	const struct sqla_table *table;
	const struct dialect *dialect;
	struct sql sql;
	struct sqla_value *values; /* room for all that will come */
	char **texts;		   /* those of VALUES that were made for it, or NULL */
	size_t n;
};

/*
 * Begins "SELECT columns FROM table", to which are added at most MOST values.
 * WHAT is the public function, for texts. On failure too, select_end.
 */
int select_begin(struct select *q, struct sqla_session *s, const struct sqla_table *table,
		 const char *what, size_t most);
void select_end(struct select *q);

/* Prints words of ours; a name of the application's. */
void select_put(struct select *q, const char *words);
void select_put_name(struct select *q, const char *name);

/* Adds a value, which is borrowed, and prints its placeholder. */
void select_bind(struct select *q, struct sqla_value value);
/* The same; TEXT is taken. */
void select_bind_text(struct select *q, char *text);

/* SQLA_EMISUSE: the table declares no column NAME. */
int select_column(const struct select *q, const char *name, const struct sqla_column **ret_column);
/* The same; NULL stands for the primary key, if that is one column. */
int select_id_column(const struct select *q, const char *name,
		     const struct sqla_column **ret_column);

/*
 * Prints the primary key as the end of an ORDER BY, which it begins if N is 0,
 * but for those columns that one of N orders has.
 */
void select_put_key_order(struct select *q, const struct sqla_order orders[], size_t n);

/* Runs it. */
int select_run(struct select *q, struct sqla_rows **ret_rows);

#endif
