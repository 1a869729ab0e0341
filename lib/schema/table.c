#include "schema/table.h"

#include <stdlib.h>
#include <string.h>

/* The Ith column for which IS_SO; *RET_LEFT: how many are left of I if there
 * are not so many. */
static const struct sqla_column *nth(const struct sqla_table *table, size_t i,
				     bool (*is_so)(const struct sqla_column *column),
				     size_t *ret_left)
{
	for (size_t k = 0; k < table->n_columns; k++)
		if (is_so(&table->columns[k]) && i-- == 0)
			return &table->columns[k];
	*ret_left = i;
	return NULL;
}

static bool has_unique(const struct sqla_column *column)
{
	return column->unique;
}

static bool has_check(const struct sqla_column *column)
{
	return column->check != NULL;
}

static bool has_index(const struct sqla_column *column)
{
	return column->index;
}

static bool has_reference(const struct sqla_column *column)
{
	return column->references_table != NULL;
}

const struct sqla_column *table_column(const struct sqla_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

size_t table_key(const struct sqla_table *table,
		 const struct sqla_column *ret_key[SQLA_KEY_COLUMNS])
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_columns && n < SQLA_KEY_COLUMNS; i++)
		if (table->columns[i].primary_key)
			ret_key[n++] = &table->columns[i];
	return n;
}

void table_key_names(const struct sqla_table *table, const char *ret_names[SQLA_KEY_COLUMNS])
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t n = table_key(table, key);

	for (size_t i = 0; i < SQLA_KEY_COLUMNS; i++)
		ret_names[i] = i < n ? key[i]->name : NULL;
}

bool table_column_is_nullable(const struct sqla_column *column)
{
	return column->nullable && !column->primary_key;
}

bool table_unique(const struct sqla_table *table, size_t i, struct sqla_unique *ret)
{
	const struct sqla_column *column = nth(table, i, has_unique, &i);

	if (column)
		*ret = (struct sqla_unique){ .columns = { column->name } };
	else if (i < table->n_uniques)
		*ret = table->uniques[i];
	return column || i < table->n_uniques;
}

bool table_check(const struct sqla_table *table, size_t i, struct sqla_check *ret)
{
	const struct sqla_column *column = nth(table, i, has_check, &i);

	if (column)
		*ret = (struct sqla_check){ .name = column->name, .condition = column->check };
	else if (i < table->n_checks)
		*ret = table->checks[i];
	return column || i < table->n_checks;
}

bool table_index(const struct sqla_table *table, size_t i, struct sqla_index *ret)
{
	const struct sqla_column *column = nth(table, i, has_index, &i);

	if (column)
		*ret = (struct sqla_index){ .columns = { column->name } };
	else if (i < table->n_indexes)
		*ret = table->indexes[i];
	return column || i < table->n_indexes;
}

bool table_foreign_key(const struct sqla_table *table, size_t i, struct sqla_foreign_key *ret)
{
	const struct sqla_column *column = nth(table, i, has_reference, &i);

	if (column)
		*ret = (struct sqla_foreign_key){
			.columns = { column->name },
			.table = column->references_table,
			.referred = { column->references_column },
			.on_delete = column->on_delete,
			.on_update = column->on_update,
		};
	else if (i < table->n_foreign_keys)
		*ret = table->foreign_keys[i];
	return column || i < table->n_foreign_keys;
}

static bool has_name(const char *const names[SQLA_KEY_COLUMNS], const char *name)
{
	for (size_t i = 0; i < SQLA_KEY_COLUMNS && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* The order does not matter. */
static bool same_names(const char *const a[SQLA_KEY_COLUMNS], const char *const b[SQLA_KEY_COLUMNS])
{
	for (size_t i = 0; i < SQLA_KEY_COLUMNS; i++)
		if ((a[i] && !has_name(b, a[i])) || (b[i] && !has_name(a, b[i])))
			return false;
	return true;
}

bool table_is_key(const struct sqla_table *table, const char *const columns[SQLA_KEY_COLUMNS])
{
	const char *key[SQLA_KEY_COLUMNS];
	struct sqla_unique unique;

	table_key_names(table, key);
	if (key[0] && same_names(key, columns))
		return true;
	for (size_t i = 0; table_unique(table, i, &unique); i++)
		if (same_names(unique.columns, columns))
			return true;
	return false;
}
