/* Rows of declared tables, as C structs, without writing SQL. */
#include <sqlassist/table.h>

#include <stdlib.h>

#include "base/error.h"
#include "schema/row.h"
#include "schema/sql.h"
#include "schema/table.h"
#include "session/session.h"

/* A statement that is being written, with its values. */
struct statement {
	const struct sqla_table *table;
	const struct dialect *dialect;
	const void *row;
	struct sql sql;
	struct sqla_value *values;
	char (*scratch)[ROW_SCRATCH_SIZE];
	size_t n;
};

/* ---- writing --------------------------------------------------------------- */

static int check(struct sqla_session *s, const struct sqla_table *table, const void *row,
		 const char *what)
{
	int status = session_check(s, what);

	if (status < 0)
		return status;
	if (!table || !row || !table->row_size)
		return error_set(SQLA_EMISUSE, sqla_session_engine(s), NULL,
				 "%s: no table, no row, or no struct is declared for it", what);
	return 0;
}

static int start(struct statement *st, struct sqla_session *s, const struct sqla_table *table,
		 const void *row)
{
	int status = sql_begin(&st->sql);

	st->table = table;
	st->dialect = dialect_of(s);
	st->row = row;
	st->n = 0;
	st->values = calloc(table->n_columns + 1, sizeof(*st->values));
	st->scratch = calloc(table->n_columns + 1, sizeof(*st->scratch));
	if (status == 0 && (!st->values || !st->scratch))
		status = error_nomem();
	return status;
}

static void finish(struct statement *st)
{
	if (st->sql.out)
		(void)fclose(st->sql.out);
	free(st->sql.text);
	free(st->values);
	free(st->scratch);
}

static void put_name(struct statement *st, const char *name)
{
	dialect_put_name(st->sql.out, st->dialect, name);
}

static void put(struct statement *st, const char *words)
{
	(void)fputs(words, st->sql.out);
}

/* The member of COLUMN becomes the next value. */
static int bind(struct statement *st, const struct sqla_column *column)
{
	int status = row_value(st->table, column, st->row, st->scratch[st->n], &st->values[st->n]);

	if (status == 0)
		st->n++;
	return status;
}

/* " WHERE key = $1 AND ..." */
static int put_where_key(struct statement *st)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t n = table_key(st->table, key);
	int status = 0;

	if (n == 0)
		return error_set(SQLA_EMISUSE, NULL, "Declare one.",
				 "table \"%s\" has no primary key", st->table->name);
	for (size_t i = 0; i < n && status == 0; i++) {
		if (!row_has_member(key[i]))
			return error_set(SQLA_EMISUSE, NULL, "Declare one.",
					 "table \"%s\": key column \"%s\" has no member",
					 st->table->name, key[i]->name);
		status = bind(st, key[i]);
		put(st, i ? " AND " : " WHERE ");
		put_name(st, key[i]->name);
		(void)fprintf(st->sql.out, " = $%zu", st->n);
	}
	return status;
}

static int not_found(const struct sqla_session *s, const struct sqla_table *table)
{
	return error_set(SQLA_ENOTFOUND, sqla_session_engine(s), NULL,
			 "table \"%s\" has no row with this primary key", table->name);
}

/* Runs what changes the one row with the key. */
static int run_on_key(struct statement *st, struct sqla_session *s)
{
	int status = sql_end(&st->sql);

	if (status == 0)
		status = sqla_exec_array(s, st->sql.text, st->values, st->n);
	if (status == 0 && sqla_session_affected(s) == 0)
		status = not_found(s, st->table);
	return status;
}

/* ---- insert ---------------------------------------------------------------- */

/* Whether the database chooses the value. */
static bool is_left(const struct statement *st, const struct sqla_column *column)
{
	int64_t id;

	if (!row_has_member(column))
		return true;
	if (!column->autoincrement)
		return column->default_sql && row_is_empty(column, st->row);
	memcpy(&id, (const char *)st->row + column->offset, sizeof(id));
	return id == 0 || row_is_empty(column, st->row);
}

/* Whether its choice is written back. */
static bool is_returned(const struct statement *st, const struct sqla_column *column)
{
	return row_has_member(column) && is_left(st, column) && !row_is_allocated(column);
}

static int put_values(struct statement *st)
{
	int status = 0;

	put(st, "INSERT INTO ");
	put_name(st, st->table->name);
	for (size_t i = 0; i < st->table->n_columns && status == 0; i++) {
		const struct sqla_column *column = &st->table->columns[i];

		if (is_left(st, column))
			continue;
		put(st, st->n ? ", " : " (");
		put_name(st, column->name);
		status = bind(st, column);
	}
	put(st, st->n ? ") VALUES (" : " DEFAULT VALUES");
	for (size_t i = 1; i <= st->n; i++)
		(void)fprintf(st->sql.out, "%s$%zu", i > 1 ? ", " : "", i);
	put(st, st->n ? ")" : "");
	return status;
}

static void put_returning(struct statement *st)
{
	const char *before = " RETURNING ";

	for (size_t i = 0; i < st->table->n_columns; i++) {
		if (!is_returned(st, &st->table->columns[i]))
			continue;
		put(st, before);
		row_put_read(st->sql.out, st->dialect, &st->table->columns[i]);
		before = ", ";
	}
}

/* Into a copy, so that ROW stays as it was if that fails. */
static int read_returned(const struct statement *st, struct sqla_rows *rows, void *copy)
{
	int status = sqla_rows_next(rows), at = 0;

	if (status <= 0)
		return status;
	status = 0;
	for (size_t i = 0; i < st->table->n_columns && status == 0; i++)
		if (is_returned(st, &st->table->columns[i]))
			status = row_read_column(st->dialect, rows, at++, &st->table->columns[i],
						 copy);
	return status;
}

static int insert(struct statement *st, struct sqla_session *s, void *row)
{
	struct sqla_rows *rows = NULL;
	void *copy = malloc(st->table->row_size);
	int status = sql_end(&st->sql);

	if (status == 0 && !copy)
		status = error_nomem();
	if (status == 0)
		status = sqla_query_array(s, &rows, st->sql.text, st->values, st->n);
	if (status == 0) {
		memcpy(copy, row, st->table->row_size);
		status = read_returned(st, rows, copy);
	}
	if (rows && sqla_rows_close(rows) < 0 && status == 0)
		status = sqla_error_last()->status;
	if (status == 0)
		memcpy(row, copy, st->table->row_size);
	free(copy);
	return status;
}

int sqla_table_insert(struct sqla_session *s, const struct sqla_table *table, void *row)
{
	struct statement st = { 0 };
	int status = check(s, table, row, "sqla_table_insert");

	if (status < 0)
		return status;
	status = start(&st, s, table, row);
	if (status == 0)
		status = put_values(&st);
	if (status == 0) {
		put_returning(&st);
		status = insert(&st, s, row);
	}
	finish(&st);
	return status;
}

/* ---- update, delete ---------------------------------------------------------- */

static int put_assignments(struct statement *st)
{
	int status = 0;

	put(st, "UPDATE ");
	put_name(st, st->table->name);
	for (size_t i = 0; i < st->table->n_columns && status == 0; i++) {
		const struct sqla_column *column = &st->table->columns[i];

		if (column->primary_key || !row_has_member(column))
			continue;
		put(st, st->n ? ", " : " SET ");
		put_name(st, column->name);
		status = bind(st, column);
		(void)fprintf(st->sql.out, " = $%zu", st->n);
	}
	if (status == 0 && st->n == 0)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "table \"%s\" has nothing to update but its primary key",
				 st->table->name);
	return status;
}

int sqla_table_update(struct sqla_session *s, const struct sqla_table *table, const void *row)
{
	struct statement st = { 0 };
	int status = check(s, table, row, "sqla_table_update");

	if (status < 0)
		return status;
	status = start(&st, s, table, row);
	if (status == 0)
		status = put_assignments(&st);
	if (status == 0)
		status = put_where_key(&st);
	if (status == 0)
		status = run_on_key(&st, s);
	finish(&st);
	return status;
}

int sqla_table_delete(struct sqla_session *s, const struct sqla_table *table, const void *row)
{
	struct statement st = { 0 };
	int status = check(s, table, row, "sqla_table_delete");

	if (status < 0)
		return status;
	status = start(&st, s, table, row);
	if (status == 0) {
		put(&st, "DELETE FROM ");
		put_name(&st, table->name);
		status = put_where_key(&st);
	}
	if (status == 0)
		status = run_on_key(&st, s);
	finish(&st);
	return status;
}
