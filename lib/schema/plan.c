#include "schema/plan.h"

#include <stdlib.h>

#include "base/error.h"
#include "schema/collide.h"
#include "schema/table.h"

/* ---- foreign keys -------------------------------------------------------- */

static const struct sqla_table *referred(const struct plan *plan,
					 const struct sqla_foreign_key *key)
{
	return sqla_metadata_table(plan->metadata, key->table);
}

bool plan_foreign_key(const struct plan *plan, const struct sqla_table *table, size_t i,
		      struct sqla_foreign_key *ret_key)
{
	if (!table_foreign_key(table, i, ret_key))
		return false;
	if (!ret_key->referred[0])
		table_key_names(referred(plan, ret_key), ret_key->referred);
	return true;
}

static int refuse(const struct sqla_table *table, const struct sqla_foreign_key *key,
		  const char *why)
{
	return error_set(SQLA_EMISUSE, NULL, "Correct the declaration.",
			 "table \"%s\", foreign key of column \"%s\": %s \"%s\"", table->name,
			 key->columns[0], why, key->table);
}

static size_t count(const char *const names[SQLA_KEY_COLUMNS])
{
	size_t n = 0;

	while (n < SQLA_KEY_COLUMNS && names[n])
		n++;
	return n;
}

static int check_foreign_keys(const struct plan *plan, const struct sqla_table *table)
{
	struct sqla_foreign_key key;

	for (size_t i = 0; table_foreign_key(table, i, &key); i++) {
		const struct sqla_table *other = referred(plan, &key);

		if (!other)
			return refuse(table, &key, "there is no table");
		(void)plan_foreign_key(plan, table, i, &key);
		if (count(key.columns) != count(key.referred))
			return refuse(table, &key, "it has not as many columns as the key of");
		if (!table_is_key(other, key.referred))
			return refuse(table, &key,
				      "it refers to columns that are neither the primary key nor "
				      "unique in");
	}
	return 0;
}

/* ---- order --------------------------------------------------------------- */

static bool is_placed(const struct plan *plan, const struct sqla_table *table)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->order[i] == table)
			return true;
	return false;
}

static bool is_ready(const struct plan *plan, const struct sqla_table *table)
{
	struct sqla_foreign_key key;

	for (size_t i = 0; table_foreign_key(table, i, &key); i++)
		if (referred(plan, &key) != table && !is_placed(plan, referred(plan, &key)))
			return false;
	return true;
}

/* The first table that is ready; if none is, there is a cycle, and the first
 * one opens it. NULL: all are placed. */
static const struct sqla_table *next(const struct plan *plan)
{
	const struct sqla_table *first = NULL;
	const struct metadata_entry *entry;

	for (entry = plan->metadata->entries; entry; entry = entry->hh.next) {
		if (is_placed(plan, entry->table))
			continue;
		if (is_ready(plan, entry->table))
			return entry->table;
		if (!first)
			first = entry->table;
	}
	return first;
}

bool plan_is_late(const struct plan *plan, const struct sqla_table *table,
		  const struct sqla_foreign_key *key)
{
	const struct sqla_table *other = referred(plan, key);

	for (size_t i = 0; plan->dialect->needs_referred && i < plan->n; i++) {
		if (plan->order[i] == other)
			return false;
		if (plan->order[i] == table)
			return true;
	}
	return false;
}

int plan_make(const struct sqla_metadata *metadata, const struct dialect *dialect,
	      struct plan *ret_plan)
{
	struct plan plan = { .metadata = metadata, .dialect = dialect };
	const struct sqla_table *table;
	int status = 0;

	for (const struct metadata_entry *entry = metadata->entries; entry && status == 0;
	     entry = entry->hh.next)
		status = check_foreign_keys(&plan, entry->table);
	if (status < 0)
		return status;
	plan.order = calloc(HASH_COUNT(metadata->entries) + 1, sizeof(struct sqla_table *));
	if (!plan.order)
		return error_nomem();
	while ((table = next(&plan)))
		plan.order[plan.n++] = table;
	status = collide_check(&plan);
	if (status < 0)
		plan_free(&plan);
	else
		*ret_plan = plan;
	return status;
}

void plan_free(struct plan *plan)
{
	free(plan->order);
	plan->order = NULL;
}
