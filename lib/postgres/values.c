#include "postgres/values.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/utf8.h"
#include "postgres/link.h"
#include "postgres/rows.h"

enum {
	COUNT_MAX = 65535, /* a 16-bit number on the wire */
	NUMBER_SIZE = 32,  /* of any number as text */
};

/* ---- checks ---------------------------------------------------------------- */

static int check(const struct pg_link *link, const struct sqla_value *value, size_t number)
{
	bool is_bytes = value->type == SQLA_TEXT || value->type == SQLA_BLOB;

	if (is_bytes && value->size >= INT_MAX)
		return error_set(SQLA_EMISUSE, pg_name(link), "Use a large object, or split it.",
				 "value $%zu has %zu bytes, too many", number, value->size);
	/* As the server would see it; but there it would fail the transaction. */
	if (value->type == SQLA_TEXT && !utf8_is_text(value->as.p, value->size))
		return error_set(SQLA_EMISUSE, pg_name(link),
				 "Pass it as sqla_blob, or convert it to UTF-8 first.",
				 "value $%zu is not valid UTF-8 text without NUL bytes", number);
	if (value->type > SQLA_BOOL)
		return error_set(SQLA_EMISUSE, pg_name(link),
				 "Make values with sqla_int and so on.",
				 "value $%zu has the unknown type %d", number, (int)value->type);
	return 0;
}

static int check_all(const struct pg_link *link, const struct sqla_value values[], size_t n,
		     size_t *ret_size)
{
	size_t size = 0;

	if (n > COUNT_MAX)
		return error_set(SQLA_EMISUSE, pg_name(link), "Use arrays, or several statements.",
				 "%zu values are given, PostgreSQL takes %d at most", n, COUNT_MAX);
	for (size_t i = 0; i < n; i++) {
		int status = check(link, &values[i], i + 1);

		if (status < 0)
			return status;
		size += values[i].type == SQLA_TEXT ? values[i].size + 1 : NUMBER_SIZE;
	}
	*ret_size = size;
	return 0;
}

/* ---- making ---------------------------------------------------------------- */

/* 17 digits give every double back. Not in the application's locale, which may
 * write a decimal comma. */
static void print_real(char text[NUMBER_SIZE], double real)
{
	locale_t plain, before;

	if (isnan(real) || isinf(real)) {
		(void)snprintf(text, NUMBER_SIZE, "%s",
			       isnan(real) ? "NaN" :
			       real > 0	   ? "Infinity" :
					     "-Infinity");
		return;
	}
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	before = uselocale(plain);
	(void)snprintf(text, NUMBER_SIZE, "%.17g", real);
	(void)uselocale(before);
	freelocale(plain);
}

/* Writes VALUE at TO and returns the bytes used. Blobs are not copied. */
static size_t write_value(char *to, const struct sqla_value *value)
{
	switch (value->type) {
	case SQLA_INT:
		copy_number(to, value->as.i, 1);
		return NUMBER_SIZE;
	case SQLA_BOOL:
		copy_text(to, NUMBER_SIZE, value->as.i ? "t" : "f");
		return NUMBER_SIZE;
	case SQLA_REAL:
		print_real(to, value->as.r);
		return NUMBER_SIZE;
	case SQLA_TEXT:
		if (value->size)
			memcpy(to, value->as.p, value->size);
		to[value->size] = '\0';
		return value->size + 1;
	case SQLA_NULL:
	case SQLA_BLOB:
		break;
	}
	return 0;
}

static void use_few(struct pg_values *made)
{
	memset(&made->few, 0,
	       offsetof(struct pg_values, few.arena) - offsetof(struct pg_values, few));
	made->values = made->few.values;
	made->types = made->few.types;
	made->lengths = made->few.lengths;
	made->formats = made->few.formats;
	made->arena = made->few.arena;
}

static bool allocate(struct pg_values *made, size_t n, size_t size)
{
	made->is_many = true;
	made->values = calloc(n, sizeof(*made->values));
	made->types = calloc(n, sizeof(*made->types));
	made->lengths = calloc(n, sizeof(*made->lengths));
	made->formats = calloc(n, sizeof(*made->formats));
	made->arena = malloc(size);
	return made->values && made->types && made->lengths && made->formats && made->arena;
}

int pg_values_make(struct pg_link *link, const struct sqla_value values[], size_t n,
		   struct pg_values *ret_values)
{
	size_t size = 0, used = 0;
	int status = check_all(link, values, n, &size);

	memset(ret_values, 0, offsetof(struct pg_values, few));
	if (status < 0 || n == 0)
		return status;
	if (n <= PG_VALUES_FEW && size <= PG_VALUES_SHORT)
		use_few(ret_values);
	else if (!allocate(ret_values, n, size))
		return error_nomem();
	for (size_t i = 0; i < n; i++) {
		if (values[i].type == SQLA_BLOB) {
			ret_values->values[i] = values[i].as.p;
			ret_values->types[i] = PG_BYTEA;
			ret_values->lengths[i] = (int)values[i].size;
			ret_values->formats[i] = 1;
		} else if (values[i].type != SQLA_NULL) {
			ret_values->values[i] = ret_values->arena + used;
			used += write_value(ret_values->arena + used, &values[i]);
		}
	}
	return 0;
}

void pg_values_free(struct pg_values *values)
{
	if (!values->is_many)
		return;
	free(values->values);
	free(values->types);
	free(values->lengths);
	free(values->formats);
	free(values->arena);
}
