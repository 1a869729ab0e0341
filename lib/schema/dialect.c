#include "schema/dialect.h"

#include <string.h>

#include "schema/name.h"
#include "session/session.h"

const struct dialect *dialect_find(const char *name)
{
	static const struct dialect *const all[] = { &dialect_postgres, &dialect_sqlite };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

const struct dialect *dialect_of(const struct sqla_session *s)
{
	return dialect_find(s->config->driver->name);
}

void dialect_put_name(FILE *out, const struct dialect *dialect, const char *name)
{
	name_put(out, name, dialect->name_max);
}

bool dialect_is_now(const struct sqla_column *column)
{
	return column->type == SQLA_COL_TIMESTAMP &&
	       strcmp(column->default_sql, "CURRENT_TIMESTAMP") == 0;
}

bool dialect_is_today(const struct sqla_column *column)
{
	return column->type == SQLA_COL_DATE && strcmp(column->default_sql, "CURRENT_DATE") == 0;
}
