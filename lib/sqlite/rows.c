#include "sqlite/rows.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "base/fork.h"
#include "base/log.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/statement.h"

struct lite_rows {
	struct driver_rows head;
	struct lite_conn *conn; /* NULL once the statement has ended */
	sqlite3_stmt *stmt;	/* the same */
	int columns;
	bool is_ahead; /* stepped to a row that was not asked for yet */
	bool is_done;
	int failure; /* status of a step that failed, or 0; it is not repeated */
	/* What read_all has copied, row by row; the current row, from 1. */
	sqlite3_value **cells;
	size_t n_cells, current;
	struct lite_rows *prev, *next;
};

static struct lite_rows *rows_of(struct driver_rows *head)
{
	return (struct lite_rows *)head;
}

static void free_cells(struct lite_rows *rows)
{
	for (size_t i = 0; i < rows->n_cells; i++)
		sqlite3_value_free(rows->cells[i]);
	free(rows->cells);
	rows->cells = NULL;
	rows->n_cells = 0;
}

static void detach(struct lite_rows *rows)
{
	free_cells(rows);
	DL_DELETE(rows->conn->rows, rows);
	rows->conn = NULL;
	rows->stmt = NULL;
}

static void end(struct lite_rows *rows)
{
	struct lite_conn *conn = rows->conn;
	int rc = sqlite3_reset(rows->stmt);

	if (rc != SQLITE_OK && !rows->failure)
		log_warning("%s: ending a statement: %s", lite_name(conn), lite_text(conn, rc));
	lite_statement_end(conn, rows->stmt);
	detach(rows);
}

void lite_rows_end_all(struct lite_conn *conn)
{
	while (conn->rows)
		end(conn->rows);
}

void lite_rows_forsake_all(struct lite_conn *conn)
{
	while (conn->rows)
		detach(conn->rows);
}

static int ended(void)
{
	return error_set(SQLA_EMISUSE, NULL, "Read all rows before the transaction ends.",
			 "these rows ended with their transaction");
}

/* ---- going on ---------------------------------------------------------------- */

static int next_copied(struct lite_rows *rows)
{
	if (rows->current * (size_t)rows->columns >= rows->n_cells)
		return 0;
	rows->current++;
	return 1;
}

static int next(struct driver_rows *head)
{
	struct lite_rows *rows = rows_of(head);
	struct lite_conn *conn = rows->conn;
	int rc;

	if (!rows->stmt)
		return ended();
	if (rows->cells)
		return next_copied(rows);
	if (rows->failure)
		return error_set(rows->failure, lite_name(conn), NULL,
				 "reading these rows has failed before");
	if (rows->is_done)
		return 0;
	if (rows->is_ahead) {
		rows->is_ahead = false;
		return 1;
	}
	rc = sqlite3_step(rows->stmt);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE) {
		rows->is_done = true;
		/* Lets go of the read lock that a statement without BEGIN has. */
		(void)sqlite3_reset(rows->stmt);
		return 0;
	}
	/* Stepping once more would run the statement again. */
	rows->failure = lite_status(conn, rc);
	return lite_statement_failed(conn, rc, "reading rows");
}

/* Copies the row that the statement stands on. */
static int copy_row(struct lite_rows *rows)
{
	size_t columns = (size_t)rows->columns;
	sqlite3_value **cells;

	cells = reallocarray(rows->cells, rows->n_cells + columns, sizeof(*cells));
	if (!cells)
		return error_nomem();
	rows->cells = cells;
	for (int i = 0; i < rows->columns; i++) {
		sqlite3_value *cell = sqlite3_value_dup(sqlite3_column_value(rows->stmt, i));

		if (!cell)
			return error_nomem();
		cells[rows->n_cells++] = cell;
	}
	return 0;
}

int lite_rows_read_all(struct driver_rows *head)
{
	struct lite_rows *rows = rows_of(head);
	int status = 0;
	int rc = SQLITE_ROW;

	while (rc == SQLITE_ROW && status == 0) {
		status = copy_row(rows);
		if (status == 0)
			rc = sqlite3_step(rows->stmt);
	}
	if (status < 0)
		return status;
	if (rc != SQLITE_DONE) {
		rows->failure = lite_status(rows->conn, rc);
		return lite_statement_failed(rows->conn, rc, "the statement failed");
	}
	rows->is_ahead = false;
	(void)sqlite3_reset(rows->stmt);
	return 0;
}

/* ---- the current row ------------------------------------------------------------ */

static sqlite3_value *copied(const struct lite_rows *rows, int column)
{
	size_t row = rows->current ? rows->current - 1 : 0;

	return rows->cells[row * (size_t)rows->columns + (size_t)column];
}

static int type_of(const struct lite_rows *rows, int column)
{
	if (!rows->cells)
		return sqlite3_column_type(rows->stmt, column);
	if (column < 0 || column >= rows->columns)
		return SQLITE_NULL;
	return sqlite3_value_type(copied(rows, column));
}

static int64_t int_of(const struct lite_rows *rows, int column)
{
	return rows->cells ? sqlite3_value_int64(copied(rows, column)) :
			     sqlite3_column_int64(rows->stmt, column);
}

static const unsigned char *text_of(const struct lite_rows *rows, int column)
{
	return rows->cells ? sqlite3_value_text(copied(rows, column)) :
			     sqlite3_column_text(rows->stmt, column);
}

static const void *blob_of(const struct lite_rows *rows, int column)
{
	return rows->cells ? sqlite3_value_blob(copied(rows, column)) :
			     sqlite3_column_blob(rows->stmt, column);
}

static size_t bytes_of(const struct lite_rows *rows, int column)
{
	return (size_t)(rows->cells ? sqlite3_value_bytes(copied(rows, column)) :
				      sqlite3_column_bytes(rows->stmt, column));
}

static int columns(const struct driver_rows *head)
{
	return ((const struct lite_rows *)head)->columns;
}

static const char *name(const struct driver_rows *head, int column)
{
	const struct lite_rows *rows = (const struct lite_rows *)head;

	return rows->stmt ? sqlite3_column_name(rows->stmt, column) : NULL;
}

static bool is_null(struct driver_rows *head, int column)
{
	struct lite_rows *rows = rows_of(head);

	/* Rows that have ended are not NULL: the getters tell of it. */
	return rows->stmt && type_of(rows, column) == SQLITE_NULL;
}

static int misfit(struct lite_rows *rows, int column, const char *wanted, const char *hint)
{
	const char *called = sqlite3_column_name(rows->stmt, column);

	return error_set(SQLA_EMISUSE, lite_name(rows->conn), hint,
			 "the value of column %d (%s) is not %s", column, called ? called : "?",
			 wanted);
}

/*
 * The value as a number, if it is one in full: SQLite's own rules decide
 * whether a text is. A copy, for only protected values may be asked that.
 */
static int number(struct lite_rows *rows, int column, const char *wanted, sqlite3_value **ret)
{
	sqlite3_value *value = sqlite3_value_dup(
		rows->cells ? copied(rows, column) : sqlite3_column_value(rows->stmt, column));
	int type;

	if (!value)
		return error_nomem();
	type = sqlite3_value_numeric_type(value);
	if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) {
		sqlite3_value_free(value);
		return misfit(rows, column, wanted, "Read it as a text or a blob.");
	}
	*ret = value;
	return 0;
}

static bool fits_int(double real, int64_t *ret)
{
	/* 2 to the 63 is the first double beyond the range. */
	if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) ||
	    (double)(int64_t)real != real)
		return false;
	*ret = (int64_t)real;
	return true;
}

static int get_int(struct driver_rows *head, int column, int64_t *ret)
{
	struct lite_rows *rows = rows_of(head);
	sqlite3_value *value;
	int status;

	if (!rows->stmt)
		return ended();
	/* As it mostly is: nothing has to be copied. */
	if (type_of(rows, column) == SQLITE_INTEGER) {
		*ret = int_of(rows, column);
		return 0;
	}
	status = number(rows, column, "an integer", &value);
	if (status < 0)
		return status;
	if (sqlite3_value_numeric_type(value) == SQLITE_INTEGER)
		*ret = sqlite3_value_int64(value);
	else if (!fits_int(sqlite3_value_double(value), ret))
		status = misfit(rows, column, "an integer of 64 bits", "Read it as a real.");
	sqlite3_value_free(value);
	return status;
}

static int get_real(struct driver_rows *head, int column, double *ret)
{
	struct lite_rows *rows = rows_of(head);
	sqlite3_value *value;
	int status;

	if (!rows->stmt)
		return ended();
	status = number(rows, column, "a number", &value);
	if (status < 0)
		return status;
	*ret = sqlite3_value_double(value);
	sqlite3_value_free(value);
	return 0;
}

static int get_text(struct driver_rows *head, int column, const char **ret)
{
	struct lite_rows *rows = rows_of(head);
	const char *text;

	if (!rows->stmt)
		return ended();
	if (type_of(rows, column) == SQLITE_BLOB)
		return misfit(rows, column, "a text but a blob", "Read it as a blob.");
	text = (const char *)text_of(rows, column);
	if (!text)
		return error_nomem();
	if (strlen(text) != bytes_of(rows, column))
		return misfit(rows, column, "a text without NUL bytes", "Read it as a blob.");
	*ret = text;
	return 0;
}

static int get_blob(struct driver_rows *head, int column, const void **ret, size_t *ret_size)
{
	struct lite_rows *rows = rows_of(head);
	const void *bytes;
	size_t size;
	int type;

	if (!rows->stmt)
		return ended();
	type = type_of(rows, column);
	if (type != SQLITE_BLOB && type != SQLITE_TEXT)
		return misfit(rows, column, "a blob but a number", "Read it as a number.");
	bytes = blob_of(rows, column);
	size = bytes_of(rows, column);
	if (!bytes && size > 0)
		return error_nomem();
	*ret = bytes ? bytes : "";
	*ret_size = size;
	return 0;
}

static void free_rows(struct driver_rows *head)
{
	struct lite_rows *rows = rows_of(head);

	if (!rows)
		return;
	if (rows->conn && fork_is_foreign(rows->conn->head.generation))
		detach(rows);
	else if (rows->conn)
		end(rows);
	free(rows);
}

static const struct driver_rows_ops ops = {
	.next = next,
	.columns = columns,
	.name = name,
	.is_null = is_null,
	.get_int = get_int,
	.get_real = get_real,
	.get_text = get_text,
	.get_blob = get_blob,
	.free = free_rows,
};

struct driver_rows *lite_rows_new(struct lite_conn *conn, sqlite3_stmt *stmt, int rc)
{
	struct lite_rows *rows = malloc(sizeof(*rows));

	if (!rows)
		return NULL;
	*rows = (struct lite_rows){
		.head.ops = &ops,
		.conn = conn,
		.stmt = stmt,
		.columns = sqlite3_column_count(stmt),
		.is_ahead = rc == SQLITE_ROW,
		.is_done = rc == SQLITE_DONE,
	};
	if (rows->is_done)
		(void)sqlite3_reset(stmt);
	DL_APPEND(conn->rows, rows);
	return &rows->head;
}
