#include "recovery/batch.h"

#include <stdio.h>
#include <string.h>

bool batch_takes(const struct batch *batch, const struct doubt *doubt,
		 const struct resolve_how *how)
{
	const struct doubt *first = batch->items[0].doubt;

	if (batch->n == 0)
		return true;
	return batch->n < BATCH_MAX && resolve_wants_look(first, how) &&
	       resolve_wants_look(doubt, how) && first->party == doubt->party &&
	       strcmp(first->parts.site, doubt->parts.site) == 0;
}

void batch_add(struct batch *batch, struct doubt *doubt)
{
	batch->items[batch->n++] = (struct batch_item){ .doubt = doubt };
}

/* ---- looking ------------------------------------------------------------- */

/* All are of one party. */
static int all_prepared(void *const args[], size_t n)
{
	const char *gids[BATCH_MAX];
	const struct doubt *doubt = NULL;

	for (size_t i = 0; i < n; i++) {
		doubt = args[i];
		gids[i] = doubt->gid;
	}
	return doubt ? party_are_prepared(doubt->party, gids, n) : 1;
}

static void take_result(struct batch_item *item, const struct party *decider,
			const struct driver_look *look, enum driver_look_result result)
{
	if (result == LOOK_UNKNOWN)
		return;
	item->is_resolved = true;
	item->resolution = (struct resolution){ .verdict = resolve_verdict(result),
						.cause = CAUSE_LOOKED,
						.decider = decider };
	(void)snprintf(item->resolution.evidence, sizeof(item->resolution.evidence), "%s",
		       look->evidence);
}

static void look_at(struct batch *batch, struct party *decider, const struct resolve_how *how)
{
	struct driver_look items[BATCH_MAX];
	enum driver_look_result results[BATCH_MAX];
	struct driver_looks looks = { .items = items,
				      .results = results,
				      .n = batch->n,
				      .all_prepared = all_prepared };

	for (size_t i = 0; i < batch->n; i++) {
		struct doubt *doubt = batch->items[i].doubt;

		results[i] = LOOK_UNKNOWN;
		items[i] = (struct driver_look){ .uuid = doubt->parts.uuid,
						 .site = doubt->parts.site,
						 .arg = doubt,
						 .dry_run = how->dry_run };
	}
	party_look_at_all(decider, &looks);
	for (size_t i = 0; i < batch->n; i++)
		take_result(&batch->items[i], decider, &items[i], results[i]);
}

/* A copy with the same site must not be asked at all, nor the original beside
 * it (I6); of several names for one database the first that can say will do. */
void batch_resolve(struct batch *batch, const struct parties *all, const struct resolve_how *how)
{
	const struct doubt *first = batch->items[0].doubt;
	struct party *decider = NULL;

	if (batch->n < 2 || !resolve_wants_look(first, how))
		return;
	do {
		decider = parties_next_at(all, decider, first->parts.site);
		if (!decider || decider->has_double)
			return;
		look_at(batch, decider, how);
	} while (!batch->items[0].is_resolved);
}

/* ---- ending -------------------------------------------------------------- */

void batch_end(struct batch *batch)
{
	struct driver_ending endings[BATCH_MAX];
	struct batch_item *items[BATCH_MAX];
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++) {
		struct batch_item *item = &batch->items[i];

		if (!item->is_resolved)
			continue;
		items[n] = item;
		endings[n++] = (struct driver_ending){
			.gid = item->doubt->gid,
			.is_commit = item->resolution.verdict == SQLA_VERDICT_COMMIT,
		};
	}
	if (n > 0)
		party_end_all(items[0]->doubt->party, endings, n);
	for (size_t i = 0; i < n; i++)
		items[i]->is_ended = endings[i].is_done;
}
