/* Reading rows of declared tables into C structs. */
#include <sqlassist/table.h>

#include <stdlib.h>

#include "base/error.h"
#include "schema/row.h"
#include "schema/sql.h"
#include "schema/table.h"
#include "session/session.h"

static int check_readable(const struct sqla_table *table, const char *what)
{
	for (size_t i = 0; table && table->row_size && i < table->n_columns; i++)
		if (row_has_member(&table->columns[i]))
			return 0;
	return error_set(SQLA_EMISUSE, NULL, NULL, "%s: no table, or no struct is declared for it",
			 what);
}

static void put_order(FILE *out, const struct dialect *dialect, const struct sqla_table *table)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t n = table_key(table, key);

	for (size_t i = 0; i < n; i++) {
		(void)fputs(i ? ", " : " ORDER BY ", out);
		dialect_put_name(out, dialect, key[i]->name);
	}
}

/* Makes the text of a SELECT; PUT_TAIL prints what a NULL TAIL stands for. */
static int make_select(const struct dialect *dialect, const struct sqla_table *table,
		       const char *tail,
		       void (*put_tail)(FILE *out, const struct dialect *dialect,
					const struct sqla_table *table),
		       char **ret_text)
{
	struct sql sql;
	int status = sql_begin(&sql);

	if (status < 0)
		return status;
	(void)fputs("SELECT ", sql.out);
	row_put_select(sql.out, dialect, table);
	(void)fputs(" FROM ", sql.out);
	dialect_put_name(sql.out, dialect, table->name);
	if (tail)
		(void)fprintf(sql.out, " %s", tail);
	else
		put_tail(sql.out, dialect, table);
	status = sql_end(&sql);
	if (status == 0)
		*ret_text = sql.text;
	return status;
}

int sqla_table_select(struct sqla_session *s, const struct sqla_table *table, const char *tail,
		      const struct sqla_value values[], size_t n, struct sqla_rows **ret_rows)
{
	char *sql = NULL;
	int status = session_check(s, "sqla_table_select");

	if (status == 0)
		status = check_readable(table, "sqla_table_select");
	if (status == 0)
		status = make_select(dialect_of(s), table, tail, put_order, &sql);
	if (status == 0)
		status = sqla_query_array(s, ret_rows, sql, values, n);
	free(sql);
	return status;
}

/* ---- one row --------------------------------------------------------------- */

static int count_members(const struct sqla_table *table)
{
	int n = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		n += row_has_member(&table->columns[i]);
	return n;
}

/* Reads the current row, and gives it to *RET_ROW, whose own value is freed
 * first if it HAS one. */
static int take(struct sqla_rows *rows, const struct sqla_table *table, bool has, void *ret_row)
{
	struct sqla_session *s = sqla_rows_session(rows);
	void *row = calloc(1, table->row_size);
	int status;

	if (!row)
		return error_nomem();
	status = row_read(dialect_of(s), rows, table, row);
	if (status == 0) {
		if (has)
			sqla_table_row_clear(table, ret_row);
		memcpy(ret_row, row, table->row_size);
	}
	free(row);
	return status;
}

int sqla_table_next(struct sqla_rows *rows, const struct sqla_table *table, void *row)
{
	int status = check_readable(table, "sqla_table_next");

	if (status == 0 && !row)
		status = error_set(SQLA_EMISUSE, NULL, NULL, "sqla_table_next: the row is NULL");
	if (status == 0)
		status = sqla_rows_next(rows);
	if (status <= 0)
		return status;
	if (!sqla_rows_session(rows) || sqla_rows_columns(rows) != count_members(table))
		return error_set(SQLA_EMISUSE, NULL, "Get the rows from sqla_table_select.",
				 "sqla_table_next: these are not rows of table \"%s\", or their "
				 "session is closed",
				 table->name);
	status = take(rows, table, true, row);
	return status < 0 ? status : 1;
}

static void put_key(FILE *out, const struct dialect *dialect, const struct sqla_table *table)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t n = table_key(table, key);

	for (size_t i = 0; i < n; i++) {
		(void)fputs(i ? " AND " : " WHERE ", out);
		dialect_put_name(out, dialect, key[i]->name);
		(void)fprintf(out, " = $%zu", i + 1);
	}
}

static int check_key(const struct sqla_table *table, size_t n)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t wanted = table_key(table, key);

	if (wanted > 0 && wanted == n)
		return 0;
	return error_set(
		SQLA_EMISUSE, NULL, NULL,
		"the primary key of table \"%s\" has %zu columns, and %zu values are given",
		table->name, wanted, n);
}

int sqla_table_fetch_array(struct sqla_session *s, const struct sqla_table *table, void *ret_row,
			   const struct sqla_value key[], size_t n)
{
	struct sqla_rows *rows = NULL;
	char *sql = NULL;
	int status = session_check(s, "sqla_table_fetch");

	if (status == 0)
		status = check_readable(table, "sqla_table_fetch");
	if (status == 0 && !ret_row)
		status = error_set(SQLA_EMISUSE, NULL, NULL,
				   "sqla_table_fetch: no place for the row");
	if (status == 0)
		status = check_key(table, n);
	if (status == 0)
		status = make_select(dialect_of(s), table, NULL, put_key, &sql);
	if (status == 0)
		status = sqla_query_array(s, &rows, sql, key, n);
	free(sql);
	if (status < 0)
		return status;
	status = sqla_rows_next(rows);
	if (status == 0)
		status = error_set(SQLA_ENOTFOUND, sqla_session_engine(s), NULL,
				   "table \"%s\" has no row with this primary key", table->name);
	else if (status > 0)
		status = take(rows, table, false, ret_row);
	(void)sqla_rows_close(rows);
	return status;
}
