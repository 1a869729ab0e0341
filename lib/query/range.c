/* Pages of a table: filtered, ordered, from here to there. */
#include <sqlassist/query.h>

#include "base/error.h"
#include "query/condition.h"
#include "query/select.h"
#include "schema/table.h"

static int put_filters(struct select *q, const struct sqla_filter filters[], size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++) {
		const struct sqla_column *column = NULL;

		status = select_column(q, filters[i].column, &column);
		if (status < 0)
			return status;
		select_put(q, i ? " AND " : " WHERE ");
		status = condition_put(q, column, filters[i].compare, &filters[i].value);
	}
	return status;
}

/* Only what may be NULL is told where NULLs go: else an index may not serve. */
static void put_order(struct select *q, const struct sqla_order *order,
		      const struct sqla_column *column)
{
	if (order->ignore_case)
		condition_put_lower(q, column);
	else
		select_put_name(q, column->name);
	select_put(q, order->descending ? " DESC" : "");
	if (table_column_is_nullable(column))
		select_put(q, order->descending ? " NULLS FIRST" : " NULLS LAST");
}

static int put_orders(struct select *q, const struct sqla_order orders[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct sqla_column *column = NULL;
		int status = select_column(q, orders[i].column, &column);

		if (status == 0)
			status = condition_check_order(q, column, orders[i].ignore_case);
		if (status < 0)
			return status;
		select_put(q, i ? ", " : " ORDER BY ");
		put_order(q, &orders[i], column);
	}
	select_put_key_order(q, orders, n);
	return 0;
}

/* SQLite knows no OFFSET without a LIMIT. */
static void put_limits(struct select *q, int64_t offset, int64_t limit)
{
	if (limit != SQLA_NO_LIMIT) {
		select_put(q, " LIMIT ");
		select_bind(q, sqla_int(limit));
	} else if (q->dialect == &dialect_sqlite) {
		select_put(q, " LIMIT -1");
	}
	select_put(q, " OFFSET ");
	select_bind(q, sqla_int(offset));
}

static int check(int64_t offset, int64_t limit, const struct sqla_range *range,
		 struct sqla_rows **ret_rows)
{
	const char *why = NULL;

	if (!ret_rows)
		why = "no place for the rows";
	else if (offset < 0)
		why = "the offset is negative";
	else if (limit < 0 && limit != SQLA_NO_LIMIT)
		why = "the limit is negative";
	else if ((range->n_orders && !range->orders) || (range->n_filters && !range->filters))
		why = "an array is NULL";
	for (size_t i = 0; i < sizeof(range->reserved) / sizeof(*range->reserved); i++)
		if (range->reserved[i])
			why = "the range was not zeroed";
	return why ? error_set(SQLA_EMISUSE, NULL, NULL, "sqla_get_range: %s", why) : 0;
}

int sqla_get_range(struct sqla_session *s, const struct sqla_table *table, int64_t offset,
		   int64_t limit, const struct sqla_range *range, struct sqla_rows **ret_rows)
{
	static const struct sqla_range all = { 0 };
	struct select q = { 0 };
	int status;

	if (!range)
		range = &all;
	status = check(offset, limit, range, ret_rows);
	if (status < 0)
		return status;
	status = select_begin(&q, s, table, "sqla_get_range",
			      range->n_filters * CONDITION_VALUES + 2);
	if (status == 0)
		status = put_filters(&q, range->filters, range->n_filters);
	if (status == 0)
		status = put_orders(&q, range->orders, range->n_orders);
	if (status == 0) {
		put_limits(&q, offset, limit);
		status = select_run(&q, ret_rows);
	}
	select_end(&q);
	return status;
}
