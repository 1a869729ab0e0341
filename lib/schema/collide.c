#include "schema/collide.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "schema/name.h"
#include "schema/naming.h"
#include "schema/plan.h"
#include "schema/table.h"

struct taken {
	char *name; /* owner and name, as the engine sees them */
	UT_hash_handle hh;
};

struct collide {
	const struct dialect *dialect;
	struct taken *taken;
};

/* Tables and indexes share names (OWNER ""); constraints belong to their
 * table. */
static char *key_of(const struct collide *c, const char *owner, const char *name)
{
	char text[NAME_CUT_SIZE];
	char *key = NULL, *folded;

	if (asprintf(&key, "%s\n%s", owner, name_cut(name, c->dialect->name_max, text)) < 0)
		return NULL;
	if (!c->dialect->folds_names)
		return key;
	folded = name_fold(key);
	free(key);
	return folded;
}

static int take(struct collide *c, const char *owner, const char *name)
{
	struct taken *found, *taken = calloc(1, sizeof(*taken));

	if (!taken)
		return error_nomem();
	taken->name = key_of(c, owner, name);
	if (!taken->name) {
		free(taken);
		return error_nomem();
	}
	HASH_FIND_STR(c->taken, taken->name, found);
	if (!found)
		HASH_ADD_KEYPTR(hh, c->taken, taken->name, strlen(taken->name), taken);
	if (!found && taken->hh.tbl)
		return 0;
	free(taken->name);
	free(taken);
	if (!found)
		return error_nomem();
	return error_set(SQLA_EMISUSE, NULL,
			 "Name one of them yourself, or change the naming convention.",
			 "%s%s%stwo things would be called \"%s\"", *owner ? "table \"" : "", owner,
			 *owner ? "\": " : "", name);
}

/* Takes NAME, which naming.c made with STATUS, and frees it. An OWNER's
 * constraint may be an index as well. */
static int take_made(struct collide *c, const char *owner, bool is_index, int status, char *name)
{
	if (status < 0)
		return status;
	if (*owner)
		status = take(c, owner, name);
	if (status == 0 && is_index)
		status = take(c, "", name);
	free(name);
	return status;
}

static int take_keys(struct collide *c, const struct plan *plan, const struct sqla_table *table)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	struct sqla_unique unique;
	char *name = NULL;
	int status = 0;

	if (table_key(table, key) > 0) {
		status = naming_primary_key(plan->metadata, table, &name);
		status = take_made(c, table->name, true, status, name);
	}
	for (size_t i = 0; status == 0 && table_unique(table, i, &unique); i++) {
		status = naming_unique(plan->metadata, table, &unique, &name);
		status = take_made(c, table->name, true, status, name);
	}
	return status;
}

static int take_others(struct collide *c, const struct plan *plan, const struct sqla_table *table)
{
	struct sqla_check check;
	struct sqla_foreign_key key;
	struct sqla_index index;
	char *name = NULL;
	int status = 0;

	for (size_t i = 0; status == 0 && table_check(table, i, &check); i++) {
		status = naming_check(plan->metadata, table, &check, &name);
		status = take_made(c, table->name, false, status, name);
	}
	for (size_t i = 0; status == 0 && plan_foreign_key(plan, table, i, &key); i++) {
		status = naming_foreign_key(plan->metadata, table, &key, &name);
		status = take_made(c, table->name, false, status, name);
	}
	for (size_t i = 0; status == 0 && table_index(table, i, &index); i++) {
		status = naming_index(plan->metadata, table, &index, &name);
		status = take_made(c, "", true, status, name);
	}
	return status;
}

int collide_check(const struct plan *plan)
{
	struct collide c = { .dialect = plan->dialect };
	struct taken *taken, *next;
	int status = 0;

	for (size_t i = 0; i < plan->n && status == 0; i++)
		status = take(&c, "", plan->order[i]->name);
	for (size_t i = 0; i < plan->n && status == 0; i++) {
		status = take_keys(&c, plan, plan->order[i]);
		if (status == 0)
			status = take_others(&c, plan, plan->order[i]);
	}
	HASH_ITER(hh, c.taken, taken, next) {
		HASH_DEL(c.taken, taken);
		free(taken->name);
		free(taken);
	}
	return status;
}
