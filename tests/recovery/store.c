#include "recovery/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>
#include <sqlassist/resource.h>

#include "support/must.h"

#define MOST 16

enum fate { PREPARED, COMMITTED, ROLLED_BACK };

struct store {
	const char *site;
	bool refuses;
	bool is_disconnected;
	bool is_broken;
	int age_s;
	struct {
		char gid[TXN_GID_MAX + 1];
		enum fate fate;
	} branches[MOST];
	int n;
};

static int find(const struct store *store, const char *gid)
{
	for (int i = 0; i < store->n; i++)
		if (strcmp(store->branches[i].gid, gid) == 0)
			return i;
	must_fail("the store has no branch %s", gid);
}

static int count(const struct store *store, enum fate fate)
{
	int n = 0;

	for (int i = 0; i < store->n; i++)
		n += store->branches[i].fate == fate;
	return n;
}

static int end(struct store *store, const char *gid, enum fate fate)
{
	int i = find(store, gid);

	if (store->is_broken)
		return SQLA_EINDOUBT;
	if (store->branches[i].fate != PREPARED && store->branches[i].fate != fate)
		return SQLA_EMIXED;
	store->branches[i].fate = fate;
	return 0;
}

/* ---- in a transaction -------------------------------------------------- */

static const char *sort_key(void *self)
{
	(void)self;
	return "store";
}

static int abort_branch(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static int commit(void *self)
{
	(void)self;
	return 0;
}

static int prepare(void *self, const char *gid)
{
	struct store *store = self;

	if (store->refuses)
		return SQLA_EABORTED;
	store_add(store, gid);
	return 0;
}

static int commit_prepared(void *self, const char *gid)
{
	struct store *store = self;

	return store->is_disconnected ? SQLA_EINDOUBT : end(store, gid, COMMITTED);
}

static int rollback_prepared(void *self, const char *gid)
{
	struct store *store = self;

	return store->is_disconnected ? SQLA_EINDOUBT : end(store, gid, ROLLED_BACK);
}

static int is_prepared(void *self, const char *gid)
{
	const struct store *store = self;

	if (store->is_broken)
		return SQLA_ECONNECT;
	return store->branches[find(store, gid)].fate == PREPARED;
}

static int branch_site(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	const struct store *store = self;

	(void)snprintf(ret_site, TXN_SITE_MAX + 1, "%s", store->site);
	return 0;
}

static const struct txn_resource_ops resource_ops = {
	.size = sizeof(struct txn_resource_ops),
	.sort_key = sort_key,
	.commit = commit,
	.prepare = prepare,
	.commit_prepared = commit_prepared,
	.rollback_prepared = rollback_prepared,
	.is_prepared = is_prepared,
	.site = branch_site,
	.abort = abort_branch,
};

/* ---- in recovery ------------------------------------------------------- */

static int site(void *self, char *ret_site, size_t size)
{
	const struct store *store = self;

	if (store->is_broken)
		return SQLA_ECONNECT;
	(void)snprintf(ret_site, size, "%s", store->site);
	return 0;
}

static int list(void *self, int (*each)(void *arg, const char *gid, int64_t age_s), void *arg)
{
	const struct store *store = self;
	int status = 0;

	for (int i = 0; i < store->n && status >= 0; i++)
		if (store->branches[i].fate == PREPARED)
			status = each(arg, store->branches[i].gid, store->age_s);
	return status;
}

static int recover_commit(void *self, const char *gid)
{
	return end(self, gid, COMMITTED);
}

static int recover_rollback(void *self, const char *gid)
{
	return end(self, gid, ROLLED_BACK);
}

static const struct sqla_recoverer_ops recoverer_ops = {
	.size = sizeof(struct sqla_recoverer_ops),
	.site = site,
	.list = list,
	.is_prepared = is_prepared,
	.commit_prepared = recover_commit,
	.rollback_prepared = recover_rollback,
};

/* ---- for tests --------------------------------------------------------- */

struct store *store_new(const char *name)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		must_fail("out of memory");
	store->site = name;
	store->age_s = 100;
	return store;
}

void store_free(struct store *store)
{
	free(store);
}

void store_join(struct store *store)
{
	if (txn_join(txn_current(), &resource_ops, store) < 0)
		must_fail("the store cannot join: %s", sqla_error_last()->message);
}

void store_refuse(struct store *store)
{
	store->refuses = true;
}

void store_disconnect(struct store *store)
{
	store->is_disconnected = true;
}

void store_break(struct store *store, bool is_broken)
{
	store->is_broken = is_broken;
}

void store_set_age(struct store *store, int age_s)
{
	store->age_s = age_s;
}

void store_add(struct store *store, const char *gid)
{
	if (store->n == MOST)
		must_fail("the store is full");
	store->branches[store->n].fate = PREPARED;
	(void)snprintf(store->branches[store->n].gid, TXN_GID_MAX + 1, "%s", gid);
	store->n++;
}

void store_register(struct store *store, const char *name)
{
	if (sqla_recoverer_register(name, &recoverer_ops, store) < 0)
		must_fail("the store cannot be registered: %s", sqla_error_last()->message);
}

int store_prepared(const struct store *store)
{
	return count(store, PREPARED);
}

int store_committed(const struct store *store)
{
	return count(store, COMMITTED);
}

int store_rolled_back(const struct store *store)
{
	return count(store, ROLLED_BACK);
}

const char *store_gid(const struct store *store)
{
	if (store->n == 0)
		must_fail("the store never prepared a branch");
	return store->branches[store->n - 1].gid;
}
