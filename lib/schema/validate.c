#include "schema/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/utf8.h"

enum {
	TEXT_LENGTH_MAX = 10485760, /* PostgreSQL's bounds */
	NUMERIC_DIGITS_MAX = 1000,
};

/* Bytes of a type's member, and whether a NULL shows in it. */
static const struct {
	size_t size;
	bool shows_null;
} members[] = {
	[SQLA_COL_INT] = { sizeof(int64_t), false },
	[SQLA_COL_INT32] = { sizeof(int32_t), false },
	[SQLA_COL_REAL] = { sizeof(double), false },
	[SQLA_COL_BOOL] = { sizeof(bool), false },
	[SQLA_COL_TEXT] = { sizeof(char *), true },
	[SQLA_COL_BLOB] = { sizeof(struct sqla_bytes), true },
	[SQLA_COL_TIMESTAMP] = { sizeof(int64_t), false },
	[SQLA_COL_DATE] = { sizeof(int32_t), false },
	[SQLA_COL_NUMERIC] = { sizeof(char *), true },
	[SQLA_COL_UUID] = { SQLA_UUID_SIZE, true },
	[SQLA_COL_JSON] = { sizeof(char *), true },
};
#define N_TYPES (sizeof(members) / sizeof(members[0]))

__attribute__((format(printf, 3, 4))) static int refuse(const struct sqla_table *table,
							const char *column, const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!column)
		return error_set(SQLA_EMISUSE, NULL, "Correct the declaration.", "table \"%s\": %s",
				 table->name, why);
	return error_set(SQLA_EMISUSE, NULL, "Correct the declaration.",
			 "table \"%s\", column \"%s\": %s", table->name, column, why);
}

static bool is_name(const char *name)
{
	return name && *name && utf8_is_text(name, strlen(name));
}

/* ---- columns ------------------------------------------------------------- */

static bool is_inside(const struct sqla_table *table, size_t offset, size_t size)
{
	return offset <= table->row_size && size <= table->row_size - offset;
}

static int check_member(const struct sqla_table *table, const struct sqla_column *c)
{
	if (c->size == 0 && c->has_offset == 0)
		return 0;
	if (c->size != members[c->type].size)
		return refuse(table, c->name, "its type takes a member of %zu bytes, not %zu",
			      members[c->type].size, c->size);
	if (!is_inside(table, c->offset, c->size) ||
	    (c->has_offset && !is_inside(table, c->has_offset - 1, sizeof(bool))))
		return refuse(table, c->name, "its member lies outside of row_size");
	if (table_column_is_nullable(c) && !members[c->type].shows_null && !c->has_offset)
		return refuse(table, c->name,
			      "it may be NULL, which its member cannot show: add a has_ member");
	return 0;
}

static int check_sizes(const struct sqla_table *table, const struct sqla_column *c)
{
	int most = c->type == SQLA_COL_TEXT    ? TEXT_LENGTH_MAX :
		   c->type == SQLA_COL_NUMERIC ? NUMERIC_DIGITS_MAX :
						 0;

	if (c->length < 0 || c->length > most)
		return refuse(table, c->name, "its length is %d, at most %d is possible", c->length,
			      most);
	if (c->scale < 0 || c->scale > (c->type == SQLA_COL_NUMERIC ? c->length : 0))
		return refuse(table, c->name, "its scale is %d, at most %d is possible", c->scale,
			      c->type == SQLA_COL_NUMERIC ? c->length : 0);
	return 0;
}

static int check_autoincrement(const struct sqla_table *table, const struct sqla_column *c)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];

	if (!c->autoincrement)
		return 0;
	if (c->type != SQLA_COL_INT || !c->primary_key || table_key(table, key) != 1)
		return refuse(table, c->name,
			      "only a SQLA_COL_INT that is the whole primary key autoincrements");
	if (c->default_sql)
		return refuse(table, c->name, "it autoincrements, and has a default as well");
	return 0;
}

static int check_column(const struct sqla_table *table, size_t i)
{
	const struct sqla_column *c = &table->columns[i];
	int status;

	if (!is_name(c->name))
		return refuse(table, NULL, "column %zu has no name in UTF-8", i);
	for (size_t k = 0; k < i; k++)
		if (strcasecmp(table->columns[k].name, c->name) == 0)
			return refuse(table, c->name, "there is another one of that name");
	if (c->type < SQLA_COL_INT || (size_t)c->type >= N_TYPES)
		return refuse(table, c->name, "it has no type");
	if (c->on_delete > SQLA_SET_DEFAULT || c->on_update > SQLA_SET_DEFAULT)
		return refuse(table, c->name, "its action does not exist");
	status = check_member(table, c);
	if (status == 0)
		status = check_sizes(table, c);
	if (status == 0)
		status = check_autoincrement(table, c);
	return status;
}

/* ---- what is made of columns ---------------------------------------------- */

static int check_columns(const struct sqla_table *table, const char *of,
			 const char *const names[SQLA_KEY_COLUMNS])
{
	if (!names[0])
		return refuse(table, NULL, "%s has no columns", of);
	for (size_t i = 0; i < SQLA_KEY_COLUMNS && names[i]; i++) {
		if (!table_column(table, names[i]))
			return refuse(table, names[i], "%s names it, and there is no such column",
				      of);
		for (size_t k = 0; k < i; k++)
			if (strcmp(names[k], names[i]) == 0)
				return refuse(table, names[i], "%s names it twice", of);
	}
	return 0;
}

static int check_given_name(const struct sqla_table *table, const char *of, const char *name)
{
	if (name && !is_name(name))
		return refuse(table, NULL, "%s has a name that is empty or not UTF-8", of);
	return 0;
}

static int check_lists(const struct sqla_table *table)
{
	int status = 0;

	for (size_t i = 0; i < table->n_uniques && status == 0; i++) {
		status = check_columns(table, "a unique constraint", table->uniques[i].columns);
		if (status == 0)
			status = check_given_name(table, "a unique constraint",
						  table->uniques[i].name);
	}
	for (size_t i = 0; i < table->n_indexes && status == 0; i++) {
		status = check_columns(table, "an index", table->indexes[i].columns);
		if (status == 0)
			status = check_given_name(table, "an index", table->indexes[i].name);
	}
	for (size_t i = 0; i < table->n_checks && status == 0; i++) {
		if (!table->checks[i].condition)
			return refuse(table, NULL, "a check has no condition");
		status = check_given_name(table, "a check", table->checks[i].name);
	}
	return status;
}

static int check_foreign_keys(const struct sqla_table *table)
{
	for (size_t i = 0; i < table->n_foreign_keys; i++) {
		const struct sqla_foreign_key *key = &table->foreign_keys[i];
		int status = check_columns(table, "a foreign key", key->columns);

		if (status == 0)
			status = check_given_name(table, "a foreign key", key->name);
		if (status < 0)
			return status;
		if (!key->table)
			return refuse(table, NULL, "a foreign key refers to no table");
		if (key->on_delete > SQLA_SET_DEFAULT || key->on_update > SQLA_SET_DEFAULT)
			return refuse(table, NULL, "an action of a foreign key does not exist");
	}
	return 0;
}

static int check_table(const struct sqla_table *table)
{
	size_t keys = 0;

	if (!is_name(table->name))
		return error_set(SQLA_EMISUSE, NULL, "Correct the declaration.",
				 "a table has no name in UTF-8");
	/* Declared, it would be compared, and dropped. */
	if (strcasecmp(table->name, "sqlassist_decision") == 0)
		return refuse(table, NULL, "the name belongs to the library");
	if (table->n_columns == 0 || !table->columns)
		return refuse(table, NULL, "it has no columns");
	for (size_t i = 0; i < table->n_columns; i++)
		keys += table->columns[i].primary_key;
	if (keys > SQLA_KEY_COLUMNS)
		return refuse(table, NULL, "its primary key has %zu columns, at most %d can be",
			      keys, SQLA_KEY_COLUMNS);
	return 0;
}

int table_validate(const struct sqla_table *table)
{
	int status = check_table(table);

	for (size_t i = 0; i < table->n_columns && status == 0; i++)
		status = check_column(table, i);
	if (status == 0)
		status = check_lists(table);
	if (status == 0)
		status = check_foreign_keys(table);
	return status;
}
