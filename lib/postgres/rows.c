#include "postgres/rows.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"

struct pg_rows {
	struct driver_rows base;
	PGresult *result;
	int current;	      /* row, -1 before the first */
	unsigned char *bytes; /* the blob that was read last */
	char engine[64];
};

static struct pg_rows *rows_of(struct driver_rows *rows)
{
	return (struct pg_rows *)rows;
}

static int next(struct driver_rows *base)
{
	struct pg_rows *rows = rows_of(base);

	if (rows->current + 1 >= PQntuples(rows->result)) {
		rows->current = PQntuples(rows->result);
		return 0;
	}
	rows->current++;
	return 1;
}

static int columns(const struct driver_rows *base)
{
	return PQnfields(((const struct pg_rows *)base)->result);
}

static const char *name(const struct driver_rows *base, int column)
{
	return PQfname(((const struct pg_rows *)base)->result, column);
}

/* libpq itself would answer so, and complain on stderr. */
static bool is_outside(const struct pg_rows *rows, int column)
{
	return rows->current < 0 || rows->current >= PQntuples(rows->result) || column < 0 ||
	       column >= PQnfields(rows->result);
}

static bool is_null(struct driver_rows *base, int column)
{
	struct pg_rows *rows = rows_of(base);

	return is_outside(rows, column) || PQgetisnull(rows->result, rows->current, column);
}

static const char *text_of(const struct pg_rows *rows, int column)
{
	return is_outside(rows, column) ? "" : PQgetvalue(rows->result, rows->current, column);
}

static int misfit(const struct pg_rows *rows, int column, const char *what)
{
	const char *column_name = PQfname(rows->result, column);

	return error_set(SQLA_EDATABASE, rows->engine, "Read it as text, or cast it in SQL.",
			 "the value of column %d (%s) is no %s", column,
			 column_name ? column_name : "none", what);
}

static bool as_bool(const struct pg_rows *rows, int column, int64_t *ret)
{
	if (PQftype(rows->result, column) != PG_BOOL)
		return false;
	*ret = *text_of(rows, column) == 't';
	return true;
}

/* A numeric with nothing behind its point is an integer too. */
static int get_int(struct driver_rows *base, int column, int64_t *ret)
{
	struct pg_rows *rows = rows_of(base);
	const char *text = text_of(rows, column);
	long long number;
	char *end;

	if (as_bool(rows, column, ret))
		return 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text)
		return misfit(rows, column, "64-bit integer");
	if (*end == '.')
		end += 1 + strspn(end + 1, "0");
	if (*end)
		return misfit(rows, column, "64-bit integer");
	*ret = number;
	return 0;
}

static int get_real(struct driver_rows *base, int column, double *ret)
{
	struct pg_rows *rows = rows_of(base);
	const char *text = text_of(rows, column);
	locale_t plain;
	int64_t truth;
	double number;
	char *end;

	if (as_bool(rows, column, &truth)) {
		*ret = (double)truth;
		return 0;
	}
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	errno = 0;
	number = strtod_l(text, &end, plain);
	freelocale(plain);
	/* An underflow is as near as a double comes; an overflow is not. */
	if (end == text || *end || (errno == ERANGE && isinf(number)))
		return misfit(rows, column, "number");
	*ret = number;
	return 0;
}

static int get_text(struct driver_rows *base, int column, const char **ret)
{
	*ret = text_of(rows_of(base), column);
	return 0;
}

static int get_blob(struct driver_rows *base, int column, const void **ret, size_t *ret_size)
{
	struct pg_rows *rows = rows_of(base);
	const char *text = text_of(rows, column);

	if (PQftype(rows->result, column) != PG_BYTEA) {
		*ret = text;
		*ret_size = is_outside(rows, column) ?
				    0 :
				    (size_t)PQgetlength(rows->result, rows->current, column);
		return 0;
	}
	PQfreemem(rows->bytes);
	rows->bytes = PQunescapeBytea((const unsigned char *)text, ret_size);
	if (!rows->bytes)
		return error_nomem();
	*ret = rows->bytes;
	return 0;
}

static void free_rows(struct driver_rows *base)
{
	struct pg_rows *rows = rows_of(base);

	if (!rows)
		return;
	PQfreemem(rows->bytes);
	PQclear(rows->result);
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

struct driver_rows *pg_rows_new(const char *engine, PGresult *result)
{
	struct pg_rows *rows = malloc(sizeof(*rows));

	if (!rows) {
		PQclear(result);
		(void)error_nomem();
		return NULL;
	}
	*rows = (struct pg_rows){
		.base = { .ops = &ops, .affected = pg_rows_affected(result) },
		.result = result,
		.current = -1,
	};
	copy_text(rows->engine, sizeof(rows->engine), engine);
	return &rows->base;
}

/* The tag of a SELECT counts rows too, but not rows that changed. */
int64_t pg_rows_affected(PGresult *result)
{
	static const char *const writes[] = { "INSERT ", "UPDATE ", "DELETE ", "MERGE " };
	const char *tag = PQcmdStatus(result);

	for (size_t i = 0; tag && i < sizeof(writes) / sizeof(writes[0]); i++)
		if (strncmp(tag, writes[i], strlen(writes[i])) == 0)
			return strtoll(PQcmdTuples(result), NULL, 10);
	return 0;
}
