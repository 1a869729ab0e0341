#include "schema/metadata.h"

#include <stdlib.h>

#include "base/error.h"
#include "schema/name.h"
#include "schema/table.h"

static const struct sqla_naming model = {
	.ix = "ix_%(column_0_label)s",
	.uq = "uq_%(table_name)s_%(column_0_name)s",
	.ck = "ck_%(table_name)s_%(constraint_name)s",
	.fk = "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
	.pk = "pk_%(table_name)s",
};

static int take(const char *given, const char *otherwise, const char **ret)
{
	const char *convention = given ? given : otherwise;
	int status = name_check_convention(convention);
	char *copy;

	if (status < 0)
		return status;
	copy = strdup(convention);
	if (!copy)
		return error_nomem();
	*ret = copy;
	return 0;
}

int sqla_metadata_new(const struct sqla_naming *naming, struct sqla_metadata **ret_metadata)
{
	static const struct sqla_naming none;
	const struct sqla_naming *given = naming ? naming : &none;
	struct sqla_metadata *metadata;
	int status;

	if (!ret_metadata)
		return error_set(SQLA_EMISUSE, NULL, NULL, "sqla_metadata_new: no place for it");
	metadata = calloc(1, sizeof(*metadata));
	if (!metadata)
		return error_nomem();
	status = take(given->ix, model.ix, &metadata->naming.ix);
	if (status == 0)
		status = take(given->uq, model.uq, &metadata->naming.uq);
	if (status == 0)
		status = take(given->ck, model.ck, &metadata->naming.ck);
	if (status == 0)
		status = take(given->fk, model.fk, &metadata->naming.fk);
	if (status == 0)
		status = take(given->pk, model.pk, &metadata->naming.pk);
	if (status < 0)
		sqla_metadata_free(metadata);
	else
		*ret_metadata = metadata;
	return status;
}

static void free_entry(struct metadata_entry *entry)
{
	free(entry->folded);
	free(entry);
}

void sqla_metadata_free(struct sqla_metadata *metadata)
{
	struct metadata_entry *entry, *next;

	if (!metadata)
		return;
	HASH_ITER(hh, metadata->entries, entry, next) {
		HASH_DEL(metadata->entries, entry);
		free_entry(entry);
	}
	if (metadata->free_owned)
		metadata->free_owned(metadata->owned);
	free((char *)metadata->naming.ix);
	free((char *)metadata->naming.uq);
	free((char *)metadata->naming.ck);
	free((char *)metadata->naming.fk);
	free((char *)metadata->naming.pk);
	free(metadata);
}

struct metadata_entry *metadata_find(const struct sqla_metadata *metadata, const char *name)
{
	struct metadata_entry *entry = NULL;
	char *folded = name_fold(name);

	if (folded)
		HASH_FIND_STR(metadata->entries, folded, entry);
	free(folded);
	return entry;
}

int sqla_metadata_add(struct sqla_metadata *metadata, const struct sqla_table *table)
{
	struct metadata_entry *entry;
	int status;

	if (!metadata || !table)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_metadata_add: the metadata or the table is NULL");
	status = table_validate(table);
	if (status < 0)
		return status;
	if (metadata_find(metadata, table->name))
		return error_set(SQLA_EALREADY, NULL, "Give one of them another name.",
				 "there is a table \"%s\" already", table->name);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return error_nomem();
	entry->table = table;
	entry->folded = name_fold(table->name);
	if (entry->folded)
		HASH_ADD_KEYPTR(hh, metadata->entries, entry->folded, strlen(entry->folded), entry);
	if (entry->hh.tbl)
		return 0;
	free_entry(entry);
	return error_nomem();
}

const struct sqla_table *sqla_metadata_table(const struct sqla_metadata *metadata, const char *name)
{
	const struct metadata_entry *entry;

	if (!metadata || !name)
		return NULL;
	entry = metadata_find(metadata, name);
	return entry && strcmp(entry->table->name, name) == 0 ? entry->table : NULL;
}

size_t sqla_metadata_tables(const struct sqla_metadata *metadata, const struct sqla_table *tables[],
			    size_t n)
{
	size_t count = 0;

	if (!metadata)
		return 0;
	for (const struct metadata_entry *entry = metadata->entries; entry;
	     entry = entry->hh.next) {
		if (count < n)
			tables[count] = entry->table;
		count++;
	}
	return count;
}
