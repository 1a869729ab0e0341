/* The order in which the tables of a metadata object can be made, in one
 * dialect, once it is known that their foreign keys and names are sound. */
#ifndef SCHEMA_PLAN_H
#define SCHEMA_PLAN_H

#include "schema/dialect.h"
#include "schema/metadata.h"

struct plan {
	const struct sqla_metadata *metadata;
	const struct dialect *dialect;
	const struct sqla_table **order; /* referred tables first, cycles as declared */
	size_t n;
};

/* SQLA_EMISUSE: a foreign key leads nowhere, or two names are one. */
int plan_make(const struct sqla_metadata *metadata, const struct dialect *dialect,
	      struct plan *ret_plan);

void plan_free(struct plan *plan);

/* The Ith foreign key of TABLE, with its referred columns filled in; false:
 * there is none any more. */
bool plan_foreign_key(const struct plan *plan, const struct sqla_table *table, size_t i,
		      struct sqla_foreign_key *ret_key);

/* Whether KEY can only be added when all tables are there. */
bool plan_is_late(const struct plan *plan, const struct sqla_table *table,
		  const struct sqla_foreign_key *key);

#endif
