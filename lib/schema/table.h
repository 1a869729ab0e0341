/* Looking into a declared table: its parts, with the short forms that stand
 * at the columns spelled out, and whether it makes sense. */
#ifndef SCHEMA_TABLE_H
#define SCHEMA_TABLE_H

#include <sqlassist/table.h>

/* SQLA_EMISUSE names table, column and the remedy. */
int table_validate(const struct sqla_table *table);

const struct sqla_column *table_column(const struct sqla_table *table, const char *name);

/* The columns of the primary key; returns how many. */
size_t table_key(const struct sqla_table *table,
		 const struct sqla_column *ret_key[SQLA_KEY_COLUMNS]);

/* The same, as names ended by NULL. */
void table_key_names(const struct sqla_table *table, const char *ret_names[SQLA_KEY_COLUMNS]);

bool table_column_is_nullable(const struct sqla_column *column);

/* The Ith unique constraint and so on; false: there is none any more. A
 * check's name is NULL where none was given. */
bool table_unique(const struct sqla_table *table, size_t i, struct sqla_unique *ret);
bool table_check(const struct sqla_table *table, size_t i, struct sqla_check *ret);
bool table_index(const struct sqla_table *table, size_t i, struct sqla_index *ret);
bool table_foreign_key(const struct sqla_table *table, size_t i, struct sqla_foreign_key *ret);

/* Whether COLUMNS are the primary key or a unique constraint. */
bool table_is_key(const struct sqla_table *table, const char *const columns[SQLA_KEY_COLUMNS]);

#endif
