/* What constraints and indexes are called: their own name, or the one that the
 * metadata's convention makes. Each function stores new text. */
#ifndef SCHEMA_NAMING_H
#define SCHEMA_NAMING_H

#include "schema/metadata.h"

int naming_primary_key(const struct sqla_metadata *metadata, const struct sqla_table *table,
		       char **ret_name);
int naming_unique(const struct sqla_metadata *metadata, const struct sqla_table *table,
		  const struct sqla_unique *unique, char **ret_name);
int naming_check(const struct sqla_metadata *metadata, const struct sqla_table *table,
		 const struct sqla_check *check, char **ret_name);
int naming_index(const struct sqla_metadata *metadata, const struct sqla_table *table,
		 const struct sqla_index *index, char **ret_name);
/* KEY with its referred columns filled in. */
int naming_foreign_key(const struct sqla_metadata *metadata, const struct sqla_table *table,
		       const struct sqla_foreign_key *key, char **ret_name);

#endif
