/* Rows as an array of C structs. */
#include <sqlassist/query.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct array {
	char *at;
	size_t n, room;
};

/* Makes sure that there is a zeroed place behind the last. */
static int make_room(struct array *array, size_t size)
{
	size_t room = array->room ? array->room * 2 : 16;
	char *larger;

	if (array->n < array->room)
		return 0;
	larger = reallocarray(array->at, room, size);
	if (!larger)
		return error_nomem();
	memset(larger + array->room * size, 0, (room - array->room) * size);
	array->at = larger;
	array->room = room;
	return 0;
}

static int read_all(struct sqla_rows *rows, const struct sqla_table *table, struct array *array)
{
	int status = 1;

	while (status > 0) {
		status = make_room(array, table->row_size);
		if (status == 0)
			status = sqla_table_next(rows, table,
						 array->at + array->n * table->row_size);
		if (status > 0)
			array->n++;
	}
	return status;
}

int sqla_rows_collect(struct sqla_rows *rows, const struct sqla_table *table, void **ret_array,
		      size_t *ret_n)
{
	struct array array = { 0 };
	int status;

	if (rows && table && table->row_size && ret_array && ret_n)
		status = read_all(rows, table, &array);
	else
		status = error_set(SQLA_EMISUSE, NULL, NULL,
				   "sqla_rows_collect: no rows, no place for them, or a table "
				   "without a struct");
	if (rows && sqla_rows_close(rows) < 0 && status == 0)
		status = sqla_error_last()->status;
	if (status < 0 || array.n == 0) {
		sqla_table_array_free(table, array.at, array.n);
		array = (struct array){ 0 };
	}
	if (status == 0) {
		*ret_array = array.at;
		*ret_n = array.n;
	}
	return status;
}

void sqla_table_array_free(const struct sqla_table *table, void *array, size_t n)
{
	for (size_t i = 0; table && array && i < n; i++)
		sqla_table_row_clear(table, (char *)array + i * table->row_size);
	free(array);
}
