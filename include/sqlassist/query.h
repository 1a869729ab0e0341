/*
 * query.h - finding rows of declared tables without writing SQL.
 *
 * Order: declare a table (table.h), open a session, and ask:
 *
 *	struct sqla_rows *rows;
 *
 *	if (sqla_get_similar(s, &book, "title", "the ", SQLA_PREFIX, &rows) >= 0)
 *		...
 *
 * Names are looked up in the declaration and quoted, and values are sent as
 * parameters: nothing that is given here becomes SQL.
 *
 * Rows that come back are new, are closed by the caller, and hold what those of
 * sqla_table_select hold: the columns that have members, in the order of the
 * declaration; all columns where the table has no struct. They are read with
 * sqla_table_next, sqla_rows_collect or sqla_rows_field, which know that
 * timestamps and dates are not texts on every engine; other columns also with
 * sqla_rows_int and so on. sqla_rows_session(rows) is their session, and
 * sqla_request_of() of that the request that they belong to.
 *
 * WITHOUT CASE means the same on every engine, whatever the locale of its
 * database: two texts are the same if they are so after each ASCII letter has
 * become small, and each other letter the small one of its capital (Unicode's
 * mapping of single characters). No letter beyond ASCII becomes one of ASCII:
 * the Kelvin sign is no k. Seeds have at most SQLA_SEED_MAX bytes.
 *
 * A value's type is the column's: sqla_int for integers, sqla_real or sqla_int
 * for reals, sqla_bool, sqla_blob; sqla_text for all others, a uuid in lower
 * case, a timestamp as sqla_timestamp_format writes it. NULL equals nothing.
 *
 * All of them:
 *   SQLA_EMISUSE  the table declares no such column (the hint lists them); a value
 *		   or a column of a type that cannot be compared so; or a seed that
 *		   is too long, or not UTF-8. No statement was sent
 *   and the statuses of sqla_query
 */
#ifndef SQLASSIST_QUERY_H
#define SQLASSIST_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlassist/error.h>
#include <sqlassist/session.h>
#include <sqlassist/table.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_t; /* jansson's */

#define SQLA_SEED_MAX 8192
#define SQLA_IDS_MAX 4096

/* ---- by one column ------------------------------------------------------- */

/*
 * Reads the row whose COLUMN (NULL: the primary key, of one column) is ID into
 * the C struct RET_ROW, which is taken to be empty, and is to be cleared with
 * sqla_table_row_clear.
 *   SQLA_ENOTFOUND  there is none; so it is for NULL
 *   SQLA_EMANY      there are several
 */
int sqla_get_by_id(struct sqla_session *s, const struct sqla_table *table, const char *column,
		   struct sqla_value id, void *ret_row);

/*
 * The rows whose COLUMN is one of N ids, ordered by COLUMN, then by the primary
 * key; each once, however often it is asked for. Ids that no row has, and NULL,
 * are passed over; N may be 0. SQLA_EMISUSE: more than SQLA_IDS_MAX.
 */
int sqla_get_by_ids(struct sqla_session *s, const struct sqla_table *table, const char *column,
		    const struct sqla_value ids[], size_t n, struct sqla_rows **ret_rows);

/* As sqla_get_by_id, by a text, without case. */
int sqla_get_by_lower(struct sqla_session *s, const struct sqla_table *table, const char *column,
		      const char *text, void *ret_row);

/* All of them, in the order of the primary key; as in the two that follow. */
int sqla_get_all_by_lower(struct sqla_session *s, const struct sqla_table *table,
			  const char *column, const char *text, struct sqla_rows **ret_rows);

enum sqla_compare {
	SQLA_EQUAL = 0,
	SQLA_NOT_EQUAL,
	SQLA_LESS,
	SQLA_LESS_EQUAL,
	SQLA_GREATER,
	SQLA_GREATER_EQUAL,
	SQLA_IS_NULL, /* the value is not looked at */
	SQLA_IS_NOT_NULL,
	/* Texts, without case: */
	SQLA_EQUAL_LOWER,
	SQLA_PREFIX, /* begins with the value, of which every character counts
			as itself: there are no wildcards */
	SQLA_CONTAINS,
};

/* The rows whose COLUMN begins with SEED (HOW is SQLA_PREFIX) or has it
 * anywhere (SQLA_CONTAINS), without case. An empty SEED: all that is no NULL. */
int sqla_get_similar(struct sqla_session *s, const struct sqla_table *table, const char *column,
		     const char *seed, enum sqla_compare how, struct sqla_rows **ret_rows);

/* The rows whose COLUMN is TEXT; where there are none, those that have it
 * without case. One statement. */
int sqla_get_exact_then_ilike(struct sqla_session *s, const struct sqla_table *table,
			      const char *column, const char *text, struct sqla_rows **ret_rows);

/* ---- pages ----------------------------------------------------------------- */

/* Zero is the default of every member of these structs. */
struct sqla_order {
	const char *column;
	bool descending;
	bool ignore_case; /* a text: by code points, ASCII letters as small ones,
			     on every engine; else in the column's own order */
};

/* All filters must hold. */
struct sqla_filter {
	const char *column;
	enum sqla_compare compare;
	struct sqla_value value;
};

struct sqla_range {
	const struct sqla_order *orders;
	size_t n_orders;
	const struct sqla_filter *filters;
	size_t n_filters;
	intptr_t reserved[4];
};

#define SQLA_NO_LIMIT (-1)

/*
 * At most LIMIT rows, after the first OFFSET. RANGE: which and in what order;
 * NULL: all. NULLs come last, and first in descending order. Rows that are the
 * same to all orders are ordered by the primary key, so that pages of a table
 * with one neither repeat nor lose a row.
 *   SQLA_EMISUSE  a negative OFFSET, or LIMIT but SQLA_NO_LIMIT
 */
int sqla_get_range(struct sqla_session *s, const struct sqla_table *table, int64_t offset,
		   int64_t limit, const struct sqla_range *range, struct sqla_rows **ret_rows);

/* ---- what came back -------------------------------------------------------- */

/*
 * Reads the rows that are left into a new array of the table's C structs, for
 * sqla_table_array_free; NULL if there are none. Takes ROWS: closes them, also
 * when it fails.
 */
int sqla_rows_collect(struct sqla_rows *rows, const struct sqla_table *table, void **ret_array,
		      size_t *ret_n);

/* Frees ARRAY and all it points to. NULL is allowed. */
void sqla_table_array_free(const struct sqla_table *table, void *array, size_t n);

/*
 * One column of the current row. What it points to is valid until the next
 * sqla_rows_next, and while the field stays where it is: do not copy it.
 */
struct sqla_field {
	const char *name;		  /* as declared */
	const struct sqla_column *column; /* NULL: not declared, and VALUE is a text */
	struct sqla_value value; /* timestamps, dates: as sqla_timestamp_format writes them */
	char text[SQLA_TIMESTAMP_SIZE];
};

/*
 * Goes through the columns of the current row: reads number AT, from 0. Returns
 * 1; 0 if there are no more; or negative. TABLE may be NULL: all are texts.
 */
int sqla_rows_field(struct sqla_rows *rows, const struct sqla_table *table, int at,
		    struct sqla_field *ret_field);

/*
 * The current row as a new jansson object {"column": value, ...}, for
 * json_decref; NULL: sqla_error_last(). Numerics, uuids, timestamps and dates
 * are strings, blobs strings of hexadecimal digits, NaN and infinities "NaN",
 * "Infinity" and "-Infinity", and json is what it is.
 *   SQLA_ENOTFOUND  a declared column is not among those of ROWS
 *   SQLA_EDATABASE  a text is not UTF-8, or json is none
 *   SQLA_ECONFIG    the library was built without jansson
 */
struct json_t *sqla_row_columns_as_dict(struct sqla_rows *rows, const struct sqla_table *table);

/* The same of the columns that ROWS have, declared or not. */
struct json_t *sqla_row_loaded_as_dict(struct sqla_rows *rows, const struct sqla_table *table);

/* These in their order: ["column", ...], or [["column", value], ...]. */
struct json_t *sqla_row_loaded_as_list(struct sqla_rows *rows, const struct sqla_table *table,
				       bool with_values);

#ifdef __cplusplus
}
#endif
#endif
