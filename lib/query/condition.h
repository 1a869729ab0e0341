/* Conditions on one column. */
#ifndef QUERY_CONDITION_H
#define QUERY_CONDITION_H

#include "query/select.h"

/* Values that condition_put binds at most. */
enum { CONDITION_VALUES = 3 };

/* SQLA_EMISUSE: values of COLUMN cannot be compared with VALUE. */
int condition_check(const struct select *q, const struct sqla_column *column,
		    const struct sqla_value *value);

/* Prints a condition with its value. */
int condition_put(struct select *q, const struct sqla_column *column, enum sqla_compare compare,
		  const struct sqla_value *value);

/* SQLA_EMISUSE: COLUMN is of no type whose values have an order. */
int condition_check_order(const struct select *q, const struct sqla_column *column,
			  bool ignore_case);

/* Prints COLUMN with its ASCII letters small, compared by code points. */
void condition_put_lower(struct select *q, const struct sqla_column *column);

#endif
