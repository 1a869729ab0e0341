/* A C struct as the values of a row, and back. */
#ifndef SCHEMA_ROW_H
#define SCHEMA_ROW_H

#include "schema/dialect.h"

enum { ROW_SCRATCH_SIZE = 40 };

/* Whether COLUMN has a member, and whether that says "no value" in ROW. */
bool row_has_member(const struct sqla_column *column);
bool row_is_empty(const struct sqla_column *column, const void *row);

/* Whether a value of COLUMN is allocated when it is read. */
bool row_is_allocated(const struct sqla_column *column);

/*
 * The member as a value, sqla_null() if it says so; borrows ROW and SCRATCH.
 * SQLA_EMISUSE: the type cannot hold it; the text names the column.
 */
int row_value(const struct sqla_table *table, const struct sqla_column *column, const void *row,
	      char scratch[ROW_SCRATCH_SIZE], struct sqla_value *ret_value);

/* Prints the expressions by which row_read wants a column, named after it. */
void row_put_read(FILE *out, const struct dialect *dialect, const struct sqla_column *column);

/* Those of all columns with members, with commas between. */
void row_put_select(FILE *out, const struct dialect *dialect, const struct sqla_table *table);

/* Reads column AT of the current row into the member of COLUMN in ROW, which
 * is empty. */
int row_read_column(const struct dialect *dialect, struct sqla_rows *rows, int at,
		    const struct sqla_column *column, void *row);

/* Reads the current row of a row_put_select into ROW, which is zeroed; on
 * failure it is so again. */
int row_read(const struct dialect *dialect, struct sqla_rows *rows, const struct sqla_table *table,
	     void *row);

#endif
