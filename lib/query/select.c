#include "query/select.h"

#include <stdlib.h>

#include "base/error.h"
#include "schema/row.h"
#include "schema/table.h"
#include "session/session.h"

void select_put(struct select *q, const char *words)
{
	(void)fputs(words, q->sql.out);
}

void select_put_name(struct select *q, const char *name)
{
	dialect_put_name(q->sql.out, q->dialect, name);
}

/* ---- columns --------------------------------------------------------------- */

static bool has_struct(const struct sqla_table *table)
{
	for (size_t i = 0; table->row_size && i < table->n_columns; i++)
		if (row_has_member(&table->columns[i]))
			return true;
	return false;
}

static void put_columns(struct select *q)
{
	if (has_struct(q->table)) {
		row_put_select(q->sql.out, q->dialect, q->table);
		return;
	}
	for (size_t i = 0; i < q->table->n_columns; i++) {
		select_put(q, i ? ", " : "");
		row_put_read(q->sql.out, q->dialect, &q->table->columns[i]);
	}
}

static int no_column(const struct select *q, const char *name)
{
	struct sql hint;
	int status = sql_begin(&hint);

	if (status < 0)
		return status;
	(void)fputs("Its columns are ", hint.out);
	for (size_t i = 0; i < q->table->n_columns; i++)
		(void)fprintf(hint.out, "%s\"%s\"", i ? ", " : "", q->table->columns[i].name);
	status = sql_end(&hint);
	if (status < 0)
		return status;
	status = error_set(SQLA_EMISUSE, sqla_session_engine(q->s), hint.text,
			   "table \"%s\" declares no column \"%s\"", q->table->name, name);
	free(hint.text);
	return status;
}

int select_column(const struct select *q, const char *name, const struct sqla_column **ret_column)
{
	const struct sqla_column *column = name ? table_column(q->table, name) : NULL;

	if (!column)
		return no_column(q, name ? name : "(NULL)");
	*ret_column = column;
	return 0;
}

int select_id_column(const struct select *q, const char *name,
		     const struct sqla_column **ret_column)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t n;

	if (name)
		return select_column(q, name, ret_column);
	n = table_key(q->table, key);
	if (n != 1)
		return error_set(SQLA_EMISUSE, sqla_session_engine(q->s), "Name a column.",
				 "the primary key of table \"%s\" has %zu columns, not one",
				 q->table->name, n);
	*ret_column = key[0];
	return 0;
}

/* ---- values ---------------------------------------------------------------- */

void select_bind(struct select *q, struct sqla_value value)
{
	q->values[q->n++] = value;
	(void)fprintf(q->sql.out, "$%zu", q->n);
}

void select_bind_text(struct select *q, char *text)
{
	q->texts[q->n] = text;
	select_bind(q, sqla_text(text));
}

/* ---- the end of it --------------------------------------------------------- */

/* Without case it is not the whole order. */
static bool has_order(const struct sqla_order orders[], size_t n, const char *column)
{
	for (size_t i = 0; i < n; i++)
		if (!orders[i].ignore_case && strcmp(orders[i].column, column) == 0)
			return true;
	return false;
}

void select_put_key_order(struct select *q, const struct sqla_order orders[], size_t n)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	size_t n_key = table_key(q->table, key);
	const char *between = n ? ", " : " ORDER BY ";

	for (size_t i = 0; i < n_key; i++) {
		if (has_order(orders, n, key[i]->name))
			continue;
		select_put(q, between);
		select_put_name(q, key[i]->name);
		between = ", ";
	}
}

/* ---- life ------------------------------------------------------------------ */

int select_begin(struct select *q, struct sqla_session *s, const struct sqla_table *table,
		 const char *what, size_t most)
{
	int status;

	*q = (struct select){ .s = s, .table = table };
	status = session_check(s, what);
	if (status < 0)
		return status;
	if (!table || table->n_columns == 0)
		return error_set(SQLA_EMISUSE, sqla_session_engine(s), NULL,
				 "%s: no table, or one without columns", what);
	q->dialect = dialect_of(s);
	q->values = calloc(most + 1, sizeof(*q->values));
	q->texts = calloc(most + 1, sizeof(*q->texts));
	if (!q->values || !q->texts)
		return error_nomem();
	status = sql_begin(&q->sql);
	if (status < 0)
		return status;
	select_put(q, "SELECT ");
	put_columns(q);
	select_put(q, " FROM ");
	select_put_name(q, table->name);
	return 0;
}

void select_end(struct select *q)
{
	if (q->sql.out)
		(void)fclose(q->sql.out);
	free(q->sql.text);
	for (size_t i = 0; q->texts && i < q->n; i++)
		free(q->texts[i]);
	free(q->texts);
	free(q->values);
}

int select_run(struct select *q, struct sqla_rows **ret_rows)
{
	int status = sql_end(&q->sql);

	return status < 0 ? status : sqla_query_array(q->s, ret_rows, q->sql.text, q->values, q->n);
}
