#include "recovery/doubt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct listing {
	struct doubts *all;
	struct party *party;
};

static void make_key(char *ret_key, size_t size, const struct party *party, const char *gid)
{
	const char *server = party->identity.server;

	(void)snprintf(ret_key, size, "%s %s", server[0] ? server : party->name, gid);
}

static void fill(struct doubt *doubt, struct party *party, const struct driver_prepared *prepared)
{
	const char *xid = prepared->xid;

	make_key(doubt->key, sizeof(doubt->key), party, prepared->gid);
	(void)snprintf(doubt->gid, sizeof(doubt->gid), "%s", prepared->gid);
	(void)snprintf(doubt->owner, sizeof(doubt->owner), "%s", prepared->owner);
	(void)snprintf(doubt->database, sizeof(doubt->database), "%s", prepared->database);
	(void)snprintf(doubt->xid, sizeof(doubt->xid), "%s", xid ? xid : "");
	doubt->age_s = prepared->age_s;
	doubt->blocked = prepared->blocked;
	doubt->is_endable = prepared->is_endable;
	doubt->party = party;
}

static struct doubt *find(const struct doubts *all, const char *key)
{
	struct doubt *found;

	HASH_FIND_STR(all->first, key, found);
	return found;
}

static int add(struct doubts *all, const struct doubt *found)
{
	struct doubt *doubt = malloc(sizeof(*doubt));

	if (!doubt)
		return error_nomem();
	*doubt = *found;
	HASH_ADD_STR(all->first, key, doubt);
	if (doubt->hh.tbl)
		return 0;
	free(doubt);
	return error_nomem();
}

/* Several names of one database: the first one that may end it does. */
static void keep_better(struct doubt *known, const struct doubt *found)
{
	UT_hash_handle hh = known->hh;

	if (known->is_endable || !found->is_endable)
		return;
	*known = *found;
	known->hh = hh;
}

static int add_prepared(void *arg, const struct driver_prepared *prepared)
{
	const struct listing *listing = arg;
	struct doubt found = { 0 };
	struct doubt *known;

	if (txn_gid_parse(prepared->gid, &found.parts) < 0)
		return 0;
	fill(&found, listing->party, prepared);
	known = find(listing->all, found.key);
	if (!known)
		return add(listing->all, &found);
	keep_better(known, &found);
	return 0;
}

int doubts_add(struct doubts *all, struct party *party)
{
	struct listing listing = { .all = all, .party = party };

	return party_list(party, add_prepared, &listing);
}

bool doubts_has(const struct doubts *all, const struct party *party, const char *gid)
{
	char key[sizeof(((struct doubt *)NULL)->key)];

	make_key(key, sizeof(key), party, gid);
	return find(all, key) != NULL;
}

static int by_party_and_decider(const struct doubt *one, const struct doubt *other)
{
	if (one->party != other->party)
		return one->party < other->party ? -1 : 1;
	return strcmp(one->parts.site, other->parts.site);
}

void doubts_sort(struct doubts *all)
{
	HASH_SORT(all->first, by_party_and_decider);
}

void doubts_free(struct doubts *all)
{
	struct doubt *doubt, *next;

	HASH_ITER(hh, all->first, doubt, next) {
		HASH_DEL(all->first, doubt);
		free(doubt);
	}
}
