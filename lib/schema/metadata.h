/* The metadata object: all tables of an application, and how things are called. */
#ifndef SCHEMA_METADATA_H
#define SCHEMA_METADATA_H

/* An element that could not be added has no table. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <sqlassist/table.h>

struct metadata_entry {
	const struct sqla_table *table;
	char *folded; /* its name */
	UT_hash_handle hh;
};

struct sqla_metadata {
	struct sqla_naming naming;	/* complete; the texts are owned */
	struct metadata_entry *entries; /* in the order of their addition */
	/* Tables that belong to it, if any, and who frees them. */
	void *owned;
	void (*free_owned)(void *owned);
};

struct metadata_entry *metadata_find(const struct sqla_metadata *metadata, const char *name);

#endif
