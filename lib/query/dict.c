/* A row as JSON. */
#include <sqlassist/query.h>

#include "base/error.h"

#ifndef SQLA_WITH_JANSSON

static struct json_t *refuse(const char *what)
{
	(void)error_set(SQLA_ECONFIG, NULL,
			"Build libsqlassist with jansson, or use sqla_rows_field.",
			"%s: this libsqlassist was built without jansson", what);
	return NULL;
}

struct json_t *sqla_row_columns_as_dict(struct sqla_rows *rows, const struct sqla_table *table)
{
	(void)rows;
	(void)table;
	return refuse("sqla_row_columns_as_dict");
}

struct json_t *sqla_row_loaded_as_dict(struct sqla_rows *rows, const struct sqla_table *table)
{
	(void)rows;
	(void)table;
	return refuse("sqla_row_loaded_as_dict");
}

struct json_t *sqla_row_loaded_as_list(struct sqla_rows *rows, const struct sqla_table *table,
				       bool with_values)
{
	(void)rows;
	(void)table;
	(void)with_values;
	return refuse("sqla_row_loaded_as_list");
}

#else

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* ---- one value ------------------------------------------------------------- */

static json_t *from_real(double real)
{
	if (isnan(real))
		return json_string("NaN");
	if (isinf(real))
		return json_string(real > 0 ? "Infinity" : "-Infinity");
	return json_real(real);
}

static json_t *from_blob(const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;
	char *digits = malloc(2 * size + 1);
	json_t *value;

	if (!digits)
		return NULL;
	for (size_t i = 0; i < size; i++)
		(void)snprintf(digits + 2 * i, 3, "%02x", byte[i]);
	value = json_stringn(digits, 2 * size);
	free(digits);
	return value;
}

/* Integers beyond 64 bits become reals, and then all numbers of the text do. */
static json_t *from_json(const char *text, size_t size)
{
	json_t *value = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	return value ? value :
		       json_loadb(text, size,
				  JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

static json_t *convert(const struct sqla_field *field)
{
	const struct sqla_value *value = &field->value;

	switch (value->type) {
	case SQLA_NULL:
		break;
	case SQLA_INT:
		return json_integer(value->as.i);
	case SQLA_BOOL:
		return json_boolean(value->as.i);
	case SQLA_REAL:
		return from_real(value->as.r);
	case SQLA_BLOB:
		return from_blob(value->as.p, value->size);
	case SQLA_TEXT:
		return field->column && field->column->type == SQLA_COL_JSON ?
			       from_json(value->as.p, value->size) :
			       json_stringn(value->as.p, value->size);
	}
	return json_null();
}

/* New; NULL with the detail. */
static json_t *value_of(struct sqla_rows *rows, const struct sqla_field *field)
{
	json_t *value = convert(field);

	if (!value)
		(void)error_set(SQLA_EDATABASE, sqla_session_engine(sqla_rows_session(rows)),
				"Read it with sqla_rows_field.",
				"the value of column \"%s\" is not UTF-8, not JSON where it should "
				"be, or memory is out",
				field->name);
	return value;
}

/* ---- a row ----------------------------------------------------------------- */

/* Adds a field to what is made of the row. */
typedef int put_fn(json_t *into, struct sqla_rows *rows, const struct sqla_field *field);

static int check_put(int result, const struct sqla_field *field)
{
	return result == 0 ? 0 :
			     error_set(SQLA_EDATABASE, NULL, NULL,
				       "the name of column \"%s\" is not UTF-8, or memory is out",
				       field->name);
}

static int put_in_dict(json_t *into, struct sqla_rows *rows, const struct sqla_field *field)
{
	json_t *value = value_of(rows, field);

	return value ? check_put(json_object_set_new(into, field->name, value), field) :
		       sqla_error_last()->status;
}

static int put_name(json_t *into, struct sqla_rows *rows, const struct sqla_field *field)
{
	(void)rows;
	return check_put(json_array_append_new(into, json_string(field->name)), field);
}

static int put_pair(json_t *into, struct sqla_rows *rows, const struct sqla_field *field)
{
	json_t *value = value_of(rows, field);

	return value ? check_put(json_array_append_new(into,
						       json_pack("[s, o]", field->name, value)),
				 field) :
		       sqla_error_last()->status;
}

/* Takes INTO and returns it, with all fields of the row. */
static json_t *fill(json_t *into, struct sqla_rows *rows, const struct sqla_table *table,
		    put_fn *put)
{
	struct sqla_field field;
	int status = into ? 1 : error_nomem();

	for (int at = 0; status > 0; at++) {
		status = sqla_rows_field(rows, table, at, &field);
		if (status > 0 && put(into, rows, &field) < 0)
			status = -1;
	}
	if (status == 0)
		return into;
	json_decref(into);
	return NULL;
}

struct json_t *sqla_row_loaded_as_dict(struct sqla_rows *rows, const struct sqla_table *table)
{
	return fill(json_object(), rows, table, put_in_dict);
}

struct json_t *sqla_row_loaded_as_list(struct sqla_rows *rows, const struct sqla_table *table,
				       bool with_values)
{
	return fill(json_array(), rows, table, with_values ? put_pair : put_name);
}

/* The declared columns alone, in the order of the declaration. */
static json_t *pick(json_t *loaded, const struct sqla_table *table)
{
	json_t *picked = json_object();

	for (size_t i = 0; i < table->n_columns; i++) {
		const char *name = table->columns[i].name;
		json_t *value = json_object_get(loaded, name);

		if (value && json_object_set(picked, name, value) == 0)
			continue;
		if (value)
			(void)error_nomem();
		else
			(void)error_set(
				SQLA_ENOTFOUND, NULL,
				"Give it a member in C, or take the loaded columns.",
				"column \"%s\" of table \"%s\" is not among those of the rows",
				name, table->name);
		json_decref(picked);
		return NULL;
	}
	return picked;
}

struct json_t *sqla_row_columns_as_dict(struct sqla_rows *rows, const struct sqla_table *table)
{
	json_t *loaded, *picked;

	if (!table) {
		(void)error_set(SQLA_EMISUSE, NULL, NULL,
				"sqla_row_columns_as_dict: the table is NULL");
		return NULL;
	}
	loaded = sqla_row_loaded_as_dict(rows, table);
	picked = loaded ? pick(loaded, table) : NULL;
	json_decref(loaded);
	return picked;
}

#endif
