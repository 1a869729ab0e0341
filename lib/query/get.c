/* Finding rows by one column. */
#include <sqlassist/query.h>

#include <stdlib.h>

#include "base/error.h"
#include "query/condition.h"
#include "query/select.h"

static int check_place(const void *place, const char *what)
{
	return place ? 0 :
		       error_set(SQLA_EMISUSE, NULL, NULL, "%s: no place for what is found", what);
}

/* Begins a SELECT with a condition on COLUMN. */
static int begin(struct select *q, struct sqla_session *s, const struct sqla_table *table,
		 const char *what, const char *column, enum sqla_compare compare,
		 struct sqla_value value)
{
	const struct sqla_column *found = NULL;
	int status = select_begin(q, s, table, what, CONDITION_VALUES);

	if (status == 0)
		status = select_column(q, column, &found);
	if (status == 0) {
		select_put(q, " WHERE ");
		status = condition_put(q, found, compare, &value);
	}
	return status;
}

/* ---- one row --------------------------------------------------------------- */

static int not_one(const struct sqla_session *s, const struct sqla_table *table, const char *column,
		   int status)
{
	return error_set(status, sqla_session_engine(s),
			 status == SQLA_EMANY ? "Ask for all of them." : NULL,
			 "table \"%s\" has %s row with this value of column \"%s\"", table->name,
			 status == SQLA_EMANY ? "more than one" : "no", column);
}

static int read_one(struct sqla_session *s, struct sqla_rows *rows, const struct sqla_table *table,
		    const char *column, void *row)
{
	int status = sqla_table_next(rows, table, row);

	if (status == 0)
		return not_one(s, table, column, SQLA_ENOTFOUND);
	if (status > 0)
		status = sqla_rows_next(rows);
	return status > 0 ? not_one(s, table, column, SQLA_EMANY) : status;
}

/* Runs Q for two rows, of which there may be one. */
static int run_for_one(struct select *q, const char *column, void *ret_row)
{
	struct sqla_rows *rows = NULL;
	void *row = calloc(1, q->table->row_size + 1);
	int status;

	select_put(q, " LIMIT 2");
	status = row ? select_run(q, &rows) : error_nomem();
	if (status == 0)
		status = read_one(q->s, rows, q->table, column, row);
	if (status == 0)
		memcpy(ret_row, row, q->table->row_size);
	else if (row)
		sqla_table_row_clear(q->table, row);
	(void)sqla_rows_close(rows);
	free(row);
	return status;
}

int sqla_get_by_id(struct sqla_session *s, const struct sqla_table *table, const char *column,
		   struct sqla_value id, void *ret_row)
{
	const struct sqla_column *found = NULL;
	struct select q = { 0 };
	int status = check_place(ret_row, "sqla_get_by_id");

	if (status < 0)
		return status;
	status = select_begin(&q, s, table, "sqla_get_by_id", CONDITION_VALUES);
	if (status == 0)
		status = select_id_column(&q, column, &found);
	if (status == 0) {
		select_put(&q, " WHERE ");
		status = condition_put(&q, found, SQLA_EQUAL, &id);
	}
	if (status == 0)
		status = run_for_one(&q, found->name, ret_row);
	select_end(&q);
	return status;
}

int sqla_get_by_lower(struct sqla_session *s, const struct sqla_table *table, const char *column,
		      const char *text, void *ret_row)
{
	struct select q = { 0 };
	int status = check_place(ret_row, "sqla_get_by_lower");

	if (status < 0)
		return status;
	status =
		begin(&q, s, table, "sqla_get_by_lower", column, SQLA_EQUAL_LOWER, sqla_text(text));
	if (status == 0)
		status = run_for_one(&q, column, ret_row);
	select_end(&q);
	return status;
}

/* ---- rows by a text -------------------------------------------------------- */

static int get_all(struct sqla_session *s, const struct sqla_table *table, const char *what,
		   const char *column, enum sqla_compare compare, const char *text,
		   struct sqla_rows **ret_rows)
{
	struct select q = { 0 };
	int status = check_place(ret_rows, what);

	if (status < 0)
		return status;
	status = begin(&q, s, table, what, column, compare, sqla_text(text));
	if (status == 0) {
		select_put_key_order(&q, NULL, 0);
		status = select_run(&q, ret_rows);
	}
	select_end(&q);
	return status;
}

int sqla_get_all_by_lower(struct sqla_session *s, const struct sqla_table *table,
			  const char *column, const char *text, struct sqla_rows **ret_rows)
{
	return get_all(s, table, "sqla_get_all_by_lower", column, SQLA_EQUAL_LOWER, text, ret_rows);
}

int sqla_get_similar(struct sqla_session *s, const struct sqla_table *table, const char *column,
		     const char *seed, enum sqla_compare how, struct sqla_rows **ret_rows)
{
	if (how != SQLA_PREFIX && how != SQLA_CONTAINS)
		return error_set(SQLA_EMISUSE, NULL, "Use SQLA_PREFIX or SQLA_CONTAINS.",
				 "sqla_get_similar: texts are not similar in the way %d", (int)how);
	return get_all(s, table, "sqla_get_similar", column, how, seed, ret_rows);
}

/* Either the exact ones, or there are none and the others. */
static int put_exact_or_not(struct select *q, const char *column, struct sqla_value text)
{
	const struct sqla_column *found = NULL;
	int status = select_column(q, column, &found);

	if (status < 0)
		return status;
	select_put(q, " WHERE ");
	status = condition_put(q, found, SQLA_EQUAL, &text);
	if (status < 0)
		return status;
	select_put(q, " OR (NOT EXISTS (SELECT 1 FROM ");
	select_put_name(q, q->table->name);
	select_put(q, " WHERE ");
	status = condition_put(q, found, SQLA_EQUAL, &text);
	if (status < 0)
		return status;
	select_put(q, ") AND ");
	status = condition_put(q, found, SQLA_EQUAL_LOWER, &text);
	select_put(q, ")");
	return status;
}

int sqla_get_exact_then_ilike(struct sqla_session *s, const struct sqla_table *table,
			      const char *column, const char *text, struct sqla_rows **ret_rows)
{
	struct select q = { 0 };
	int status = check_place(ret_rows, "sqla_get_exact_then_ilike");

	if (status < 0)
		return status;
	status = select_begin(&q, s, table, "sqla_get_exact_then_ilike", 3 * CONDITION_VALUES);
	if (status == 0)
		status = put_exact_or_not(&q, column, sqla_text(text));
	if (status == 0) {
		select_put_key_order(&q, NULL, 0);
		status = select_run(&q, ret_rows);
	}
	select_end(&q);
	return status;
}

/* ---- rows by ids ----------------------------------------------------------- */

/*
 * The next power of two: so that few different statements are prepared. The
 * engines could take more than SQLA_IDS_MAX, which is one, too; but SQLite's
 * time for named placeholders grows with the square of their number.
 */
static size_t places_for(size_t n)
{
	size_t places = 1;

	while (places < n)
		places *= 2;
	return places;
}

static int put_ids(struct select *q, const struct sqla_column *column,
		   const struct sqla_value ids[], size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++)
		status = condition_check(q, column, &ids[i]);
	if (status < 0)
		return status;
	if (n == 0) {
		select_put(q, " WHERE 1 = 0");
		return 0;
	}
	select_put(q, " WHERE ");
	select_put_name(q, column->name);
	for (size_t i = 0; i < places_for(n); i++) {
		select_put(q, i ? ", " : " IN (");
		select_bind(q, ids[i < n ? i : n - 1]);
	}
	select_put(q, ")");
	return 0;
}

static int check_ids(const struct sqla_value ids[], size_t n)
{
	if (n > SQLA_IDS_MAX)
		return error_set(SQLA_EMISUSE, NULL, "Ask for so many at a time.",
				 "sqla_get_by_ids: %zu ids are given, at most %d are possible", n,
				 SQLA_IDS_MAX);
	if (n > 0 && !ids)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_get_by_ids: the array of ids is NULL");
	return 0;
}

int sqla_get_by_ids(struct sqla_session *s, const struct sqla_table *table, const char *column,
		    const struct sqla_value ids[], size_t n, struct sqla_rows **ret_rows)
{
	const struct sqla_column *found = NULL;
	struct sqla_order order = { 0 };
	struct select q = { 0 };
	int status = check_place(ret_rows, "sqla_get_by_ids");

	if (status == 0)
		status = check_ids(ids, n);
	if (status < 0)
		return status;
	status = select_begin(&q, s, table, "sqla_get_by_ids", places_for(n));
	if (status == 0)
		status = select_id_column(&q, column, &found);
	if (status == 0)
		status = put_ids(&q, found, ids, n);
	if (status == 0) {
		order.column = found->name;
		select_put(&q, " ORDER BY ");
		select_put_name(&q, found->name);
		select_put_key_order(&q, &order, 1);
		status = select_run(&q, ret_rows);
	}
	select_end(&q);
	return status;
}
