#include "recovery/parties.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "recovery/recoverer.h"

struct snapshot {
	struct parties *all;
	const struct leftovers *spared;
	size_t room;
	bool is_full;
};

static int count_engine(struct engine *engine, void *arg)
{
	size_t *n = arg;

	(void)engine;
	(*n)++;
	return 0;
}

static int add_engine(struct engine *engine, void *arg)
{
	struct snapshot *snapshot = arg;
	struct parties *all = snapshot->all;

	/* Where nothing joins by decree, earlier runs may have left something. */
	if (engine_config(engine)->options.joined != SQLA_YES && !env_transaction_disabled())
		return 0;
	if (snapshot->spared && leftovers_has(snapshot->spared, engine_name(engine)))
		return 0;
	if (all->n == snapshot->room)
		return 1;
	party_of_engine(&all->items[all->n++], engine);
	return 0;
}

/* Whoever is registered between the counting and now waits for the next pass. */
static int take_snapshot(struct parties *all, const struct leftovers *spared)
{
	struct snapshot snapshot = { .all = all, .spared = spared };
	size_t room = 0;
	int status = engine_each(count_engine, &room);

	if (status < 0)
		return status;
	room += recoverer_count();
	all->items = calloc(room + 1, sizeof(*all->items));
	if (!all->items)
		return error_nomem();
	snapshot.room = room;
	status = engine_each(add_engine, &snapshot);
	if (status < 0)
		return status;
	all->n += recoverer_parties(all->items + all->n, room - all->n);
	return 0;
}

static bool has_site(const struct party *party, const char *site)
{
	return (party->site[0] && strcmp(party->site, site) == 0) ||
	       (party->identity.native_site[0] && strcmp(party->identity.native_site, site) == 0);
}

static bool shares_site(const struct party *one, const struct party *other)
{
	return has_site(one, other->site) || has_site(one, other->identity.native_site);
}

/* Two names of one database are the same; two databases with one site are a
 * database and its copy, and nobody can say which is which. */
static void relate_primaries(struct party *one, struct party *other)
{
	if (identity_is_same(&one->identity, &other->identity)) {
		other->is_covered = true;
	} else if (shares_site(one, other)) {
		one->has_double = true;
		other->has_double = true;
	}
}

/* A standby shows no prepared branches, so it can only be asked through its
 * primary (I6). */
static void relate_standby(const struct parties *all, struct party *standby)
{
	for (size_t i = 0; i < all->n && !standby->is_covered; i++)
		standby->is_covered = party_is_primary(&all->items[i]) &&
				      shares_site(&all->items[i], standby);
	if (standby->is_covered)
		return;
	(void)error_set(SQLA_ECONNECT, standby->name, "Register its primary as an engine too.",
			"engine \"%s\" is a standby: prepared branches cannot be seen there",
			standby->name);
	party_fail(standby);
}

static void relate(struct parties *all)
{
	for (size_t i = 0; i < all->n; i++)
		for (size_t j = i + 1; j < all->n; j++)
			if (party_is_primary(&all->items[i]) && party_is_primary(&all->items[j]))
				relate_primaries(&all->items[i], &all->items[j]);
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].is_reachable && all->items[i].identity.is_standby)
			relate_standby(all, &all->items[i]);
}

int parties_open(struct parties *all, const atomic_bool *stop, const struct leftovers *spared)
{
	int status = take_snapshot(all, spared);

	if (status < 0)
		return status;
	for (size_t i = 0; i < all->n && !(stop && atomic_load(stop)); i++)
		party_open(&all->items[i]);
	relate(all);
	return 0;
}

struct party *parties_next_at(const struct parties *all, const struct party *party,
			      const char *site)
{
	struct party *end = all->items + all->n;

	for (struct party *p = party ? all->items + (party - all->items) + 1 : all->items; p < end;
	     p++)
		if (party_is_primary(p) && has_site(p, site))
			return p;
	return NULL;
}

const struct party *parties_unreachable(const struct parties *all, const char *name)
{
	const struct party *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].is_reachable)
			continue;
		if (!found || strcmp(all->items[i].name, name) == 0)
			found = &all->items[i];
	}
	return found;
}

void parties_release(struct parties *all)
{
	for (size_t i = 0; i < all->n; i++)
		party_release(&all->items[i]);
	free(all->items);
	*all = (struct parties){ 0 };
}
