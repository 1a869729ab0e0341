#include "recovery/leftovers.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/env.h"
#include "base/log.h"
#include "engine/engine.h"

struct leftover {
	struct sqla_leftover told; /* texts owned */
	struct leftover *prev, *next;
};

static void free_one(struct leftover *leftover)
{
	const struct sqla_leftover *told = &leftover->told;
	const char *const texts[] = { told->engine,   told->file,  told->uuid,
				      told->evidence, told->stock, told->remedy };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free((char *)(uintptr_t)texts[i]);
	for (size_t i = 0; told->databases && i < told->n_databases; i++)
		free((char *)(uintptr_t)told->databases[i]);
	free((void *)(uintptr_t)told->databases);
	free(leftover);
}

static const char **copy_list(const char *const list[], size_t n)
{
	const char **copy = calloc(n + 1, sizeof(*copy));

	for (size_t i = 0; i < n && copy; i++)
		copy[i] = strdup(list[i]);
	return copy;
}

static bool is_whole(const struct sqla_leftover *told)
{
	for (size_t i = 0; told->databases && i < told->n_databases; i++)
		if (!told->databases[i])
			return false;
	return told->engine && told->file && told->uuid && told->databases && told->evidence &&
	       told->stock && told->remedy;
}

static void keep(const struct sqla_leftover *found, void *arg)
{
	struct leftovers *all = arg;
	struct leftover *leftover = calloc(1, sizeof(*leftover));

	if (!leftover)
		return;
	leftover->told = *found;
	leftover->told.engine = strdup(found->engine);
	leftover->told.file = strdup(found->file);
	leftover->told.uuid = strdup(found->uuid);
	leftover->told.evidence = strdup(found->evidence);
	leftover->told.stock = strdup(found->stock);
	leftover->told.remedy = strdup(found->remedy);
	leftover->told.databases = copy_list(found->databases, found->n_databases);
	if (is_whole(&leftover->told))
		DL_APPEND(all->first, leftover);
	else
		free_one(leftover);
}

static int look_beside(struct engine *engine, void *arg)
{
	struct engine_config *config = engine_config(engine);

	/* As a pass does: parties.c. */
	if (config->driver->leftovers &&
	    (config->options.joined == SQLA_YES || env_transaction_disabled()))
		config->driver->leftovers(config, keep, arg);
	return 0;
}

void leftovers_find(struct leftovers *all)
{
	(void)engine_each(look_beside, all);
}

bool leftovers_has(const struct leftovers *all, const char *engine)
{
	const struct leftover *leftover;

	DL_FOREACH(all->first, leftover)
		if (strcmp(leftover->told.engine, engine) == 0)
			return true;
	return false;
}

static bool is_among(const struct leftovers *all, const struct sqla_leftover *told)
{
	const struct leftover *other;

	DL_FOREACH(all->first, other)
		if (strcmp(other->told.file, told->file) == 0)
			return true;
	return false;
}

/* What is there still is told as it is now. */
void leftovers_settle(struct leftovers *all)
{
	struct leftovers now = { .first = NULL };
	struct leftover *leftover, *next;

	if (!all->first)
		return;
	leftovers_find(&now);
	DL_FOREACH_SAFE(all->first, leftover, next) {
		if (is_among(&now, &leftover->told))
			continue;
		DL_DELETE(all->first, leftover);
		DL_PREPEND(now.first, leftover);
		leftover->told.status = SQLA_OK;
		log_info("recovery: \"%s\": %s Dealt with.", leftover->told.engine,
			 leftover->told.evidence);
	}
	leftovers_free(all);
	*all = now;
}

void leftovers_tell(const struct leftovers *all, sqla_leftover_fn *fn, void *arg)
{
	const struct leftover *leftover;

	if (!fn)
		return;
	DL_FOREACH(all->first, leftover)
		fn(&leftover->told, arg);
}

void leftovers_free(struct leftovers *all)
{
	struct leftover *leftover, *next;

	DL_FOREACH_SAFE(all->first, leftover, next) {
		DL_DELETE(all->first, leftover);
		free_one(leftover);
	}
}
