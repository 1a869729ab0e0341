/*
 * A row answers for branches that may be anywhere, so it goes only when each
 * of them is known to have ended (I5), in this order:
 *  1. The rows are read. Whatever a committed row lists was prepared before.
 *  2. Every server is asked what is prepared, all of them anew. A branch that
 *     is not among it has ended, and cannot come back.
 *  3. Rows whose branches are all at a site that answered in step 2, and are
 *     not prepared there, are deleted. A crash before that leaves them for
 *     the next pass.
 * Tombstones are never touched: a coordinator that was frozen may still come.
 * In model/commit.pml: clean.
 */
#include "recovery/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "base/log.h"
#include "recovery/doubt.h"
#include "txn/gid.h"

#define BATCH 64

struct row {
	char uuid[37];
	char *branches;
	struct row *prev, *next;
};

static void free_row(struct row *row)
{
	if (!row)
		return;
	free(row->branches);
	free(row);
}

static void free_rows(struct row **rows)
{
	struct row *row, *next;

	DL_FOREACH_SAFE(*rows, row, next) {
		DL_DELETE(*rows, row);
		free_row(row);
	}
}

/* What step 1 fills. */
struct reading {
	struct row *rows;
	const struct sqla_recover_options *options;
};

static bool is_wanted(const struct reading *reading, const char *uuid)
{
	const struct sqla_recover_options *options = reading->options;

	return !options->wanted || options->wanted(uuid, options->wanted_arg);
}

static int keep_row(void *arg, const struct driver_row *found)
{
	struct reading *reading = arg;
	struct row *row;

	/* Cut to a uuid, a longer key would be another row's. */
	if (strcmp(found->verdict, "committed") != 0 || !gid_is_uuid(found->uuid) ||
	    !is_wanted(reading, found->uuid))
		return 0;
	row = calloc(1, sizeof(*row));
	if (!row)
		return error_nomem();
	(void)snprintf(row->uuid, sizeof(row->uuid), "%s", found->uuid);
	row->branches = strdup(found->branches);
	if (!row->branches) {
		free_row(row);
		return error_nomem();
	}
	DL_APPEND(reading->rows, row);
	return 0;
}

/* At a site that could be asked, there is only one of it, and it is gone. */
static bool has_ended(const struct parties *all, const struct doubts *prepared,
		      const struct gid_branch *branch)
{
	const struct party *party = parties_next_at(all, NULL, branch->site);

	return party && !party->has_double && !doubts_has(prepared, party, branch->gid);
}

static bool have_all_ended(const struct parties *all, const struct doubts *prepared,
			   const struct row *row)
{
	const char *list = row->branches;
	struct gid_branch branch;
	int status;

	while ((status = gid_next_branch(&list, &branch)) == 1)
		if (!has_ended(all, prepared, &branch))
			return false;
	return status == 0;
}

/* Whoever cannot be asked is out: rows that depend on it stay. */
static void list_prepared(struct parties *all, struct doubts *prepared)
{
	for (size_t i = 0; i < all->n; i++)
		if (party_is_primary(&all->items[i]) && doubts_add(prepared, &all->items[i]) < 0)
			party_fail(&all->items[i]);
}

static void drop_unended(const struct parties *all, const struct doubts *prepared,
			 struct row **rows)
{
	struct row *row, *next;

	DL_FOREACH_SAFE(*rows, row, next) {
		if (have_all_ended(all, prepared, row))
			continue;
		DL_DELETE(*rows, row);
		free_row(row);
	}
}

static int forget_batch(struct party *party, const char *const uuids[], size_t n)
{
	if (n == 0 || !party->is_reachable)
		return 0;
	if (party_forget_rows(party, uuids, n) < 0) {
		log_warning("recovery: %zu decision rows of \"%s\" stay: %s", n, party->name,
			    sqla_error_last()->message);
		return 0;
	}
	return (int)n;
}

static int forget_due(struct party *party, const struct row *rows)
{
	const char *uuids[BATCH];
	const struct row *row;
	size_t n = 0;
	int forgotten = 0;

	DL_FOREACH(rows, row) {
		uuids[n++] = row->uuid;
		if (n == BATCH) {
			forgotten += forget_batch(party, uuids, n);
			n = 0;
		}
	}
	return forgotten + forget_batch(party, uuids, n);
}

static int forget_at(struct parties *all, struct party *party,
		     const struct sqla_recover_options *options)
{
	struct reading reading = { .options = options };
	struct doubts prepared = { 0 };
	int forgotten = 0;

	if (party_list_rows(party, keep_row, &reading) < 0) {
		log_warning("recovery: cannot read the decision rows of \"%s\": %s", party->name,
			    sqla_error_last()->message);
		goto out;
	}
	if (!reading.rows)
		goto out;
	list_prepared(all, &prepared);
	drop_unended(all, &prepared, &reading.rows);
	forgotten = forget_due(party, reading.rows);
out:
	doubts_free(&prepared);
	free_rows(&reading.rows);
	return forgotten;
}

int rows_forget(struct parties *all, const struct sqla_recover_options *options)
{
	int forgotten = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct party *party = &all->items[i];

		if (party_is_primary(party) && !party->has_double && party->ops->list_rows)
			forgotten += forget_at(all, party, options);
	}
	return forgotten;
}
