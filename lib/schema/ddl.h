/* The statements that make and drop the tables of a plan. */
#ifndef SCHEMA_DDL_H
#define SCHEMA_DDL_H

#include "schema/plan.h"

/* Takes one statement: 0, or a negative status, which ends it. */
typedef int ddl_fn(void *arg, const char *sql);

struct ddl {
	const struct plan *plan;
	const bool *wanted; /* by place in plan->order; NULL: all */
	bool is_temporary;
	ddl_fn *fn;
	void *arg;
};

int ddl_create(const struct ddl *ddl);
int ddl_drop(const struct ddl *ddl);

#endif
