/*
 * What differs between the engines in the SQL of tables. Pure text: both
 * dialects are in every build, also where their driver is not.
 */
#ifndef SCHEMA_DIALECT_H
#define SCHEMA_DIALECT_H

#include <stdio.h>

#include <sqlassist/table.h>

struct dialect {
	const char *name; /* the driver's */
	size_t name_max;  /* bytes of a name; 0: no bound */
	/* A foreign key needs its table to be there: those that close a cycle
	 * are added afterwards, and dropped first. */
	bool needs_referred;
	/* The words that make a key autoincrement; if is_key_generated the
	 * primary key is declared with them, behind the column. */
	const char *generated;
	bool is_key_generated;
	const char *table_end; /* behind a table's closing parenthesis */

	/* ---- for create.c and check.c, on a connection of their own. Lists end
	 * with NULL. */
	const char *const *begin;	/* and keep others from changing tables */
	const char *const *begin_check; /* all that follows is rolled back */
	const char *const *before_drop;
	const char *refusal; /* a statement: its value is why not, or NULL */
	const char *tables;  /* names of those there are, where new ones are made */
	bool folds_names;    /* they are compared without ASCII case */
	/* Statements with rows of table, aspect, name, value. $1: those of
	 * temporary tables. */
	const char *const *facts;
	/* A statement with the SQL of table $1, where the facts do not tell of
	 * checks and autoincrement; else NULL. */
	const char *definition;

	void (*put_type)(FILE *out, const struct sqla_column *column);
	/* The default of a column that has one. */
	void (*put_default)(FILE *out, const struct sqla_column *column);
	/* " CHECK (...)" that keeps other values out; nothing if the type does. */
	void (*put_guard)(FILE *out, const struct sqla_column *column);
	/* The expression by which a column is read. */
	void (*put_read)(FILE *out, const struct sqla_column *column);
	/* The value of such an expression, not NULL: a timestamp or date as the
	 * number that stands in C. */
	int (*read_moment)(struct sqla_rows *rows, int at, enum sqla_column_type type,
			   int64_t *ret);
};

extern const struct dialect dialect_postgres, dialect_sqlite;

/* NULL: there is none of that name. */
const struct dialect *dialect_find(const char *name);

/* That of a session's engine. */
const struct dialect *dialect_of(const struct sqla_session *s);

/* Prints a name of the application's, cut and quoted. */
void dialect_put_name(FILE *out, const struct dialect *dialect, const char *name);

/* Whether the default is the present moment, or the present day in UTC. */
bool dialect_is_now(const struct sqla_column *column);
bool dialect_is_today(const struct sqla_column *column);

#endif
