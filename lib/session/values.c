#include "session/session.h"

#include <limits.h>

#include "base/error.h"

/* What PostgreSQL's protocol can count; SQLite has fewer, and says so. */
#define VALUES_MAX 65535

static int refuse(const char *engine, size_t i, const char *why, const char *hint)
{
	return error_set(SQLA_EMISUSE, engine, hint, "the value of $%zu %s", i + 1, why);
}

static int check_bytes(const char *engine, const struct sqla_value *value, size_t i)
{
	if (!value->as.p)
		return refuse(engine, i, "is a NULL pointer", "Use sqla_null() for SQL's NULL.");
	if (value->size > INT_MAX)
		return refuse(engine, i, "has more than 2 GiB", NULL);
	if (value->type == SQLA_TEXT && memchr(value->as.p, '\0', value->size))
		return refuse(engine, i, "is a text with a NUL byte", "Use sqla_blob().");
	return 0;
}

static int check_one(const char *engine, const struct sqla_value *value, size_t i)
{
	switch (value->type) {
	case SQLA_NULL:
	case SQLA_INT:
	case SQLA_REAL:
	case SQLA_BOOL:
		return 0;
	case SQLA_TEXT:
	case SQLA_BLOB:
		return check_bytes(engine, value, i);
	}
	return refuse(engine, i, "has no type", "Make values with sqla_int() and friends.");
}

int values_check(const char *engine, const struct sqla_value values[], size_t n)
{
	int status = 0;

	if (n > VALUES_MAX)
		return error_set(SQLA_EMISUSE, engine, NULL,
				 "a statement has %zu values, at most %d "
				 "are possible",
				 n, VALUES_MAX);
	if (n > 0 && !values)
		return error_set(SQLA_EMISUSE, engine, NULL, "the array of values is NULL");
	for (size_t i = 0; i < n && status == 0; i++)
		status = check_one(engine, &values[i], i);
	return status;
}
