#include "schema/naming.h"

#include <string.h>

#include "base/error.h"
#include "schema/name.h"
#include "schema/table.h"

/* A name that was given stands, unless the convention asks for it. */
static int make(const char *convention, const struct name_parts *parts, char **ret_name)
{
	if (!parts->constraint || strstr(convention, "%(constraint_name)s"))
		return name_make(convention, parts, ret_name);
	*ret_name = strdup(parts->constraint);
	return *ret_name ? 0 : error_nomem();
}

int naming_primary_key(const struct sqla_metadata *metadata, const struct sqla_table *table,
		       char **ret_name)
{
	const char *columns[SQLA_KEY_COLUMNS];
	struct name_parts parts = { .table = table->name, .columns = columns };

	table_key_names(table, columns);
	return make(metadata->naming.pk, &parts, ret_name);
}

int naming_unique(const struct sqla_metadata *metadata, const struct sqla_table *table,
		  const struct sqla_unique *unique, char **ret_name)
{
	struct name_parts parts = {
		.table = table->name,
		.columns = unique->columns,
		.constraint = unique->name,
	};

	return make(metadata->naming.uq, &parts, ret_name);
}

int naming_check(const struct sqla_metadata *metadata, const struct sqla_table *table,
		 const struct sqla_check *check, char **ret_name)
{
	struct name_parts parts = { .table = table->name, .constraint = check->name };

	return make(metadata->naming.ck, &parts, ret_name);
}

int naming_index(const struct sqla_metadata *metadata, const struct sqla_table *table,
		 const struct sqla_index *index, char **ret_name)
{
	struct name_parts parts = {
		.table = table->name,
		.columns = index->columns,
		.constraint = index->name,
	};

	return make(metadata->naming.ix, &parts, ret_name);
}

int naming_foreign_key(const struct sqla_metadata *metadata, const struct sqla_table *table,
		       const struct sqla_foreign_key *key, char **ret_name)
{
	struct name_parts parts = {
		.table = table->name,
		.columns = key->columns,
		.referred_table = key->table,
		.referred_columns = key->referred,
		.constraint = key->name,
	};

	return make(metadata->naming.fk, &parts, ret_name);
}
