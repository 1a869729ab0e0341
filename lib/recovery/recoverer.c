#include "recovery/recoverer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "base/fork.h"

struct recoverer {
	char name[64];
	const struct sqla_recoverer_ops *ops; /* borrowed */
	void *self;			      /* borrowed */
	unsigned uses;			      /* passes that hold it */
	unsigned generation;		      /* in which uses were counted */
	struct recoverer *prev, *next;
};

/* `lock` guards the list and every counter; `unused` tells of a use given
 * back. The condition is made anew in a child, where nobody waits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t unused = PTHREAD_COND_INITIALIZER;
static struct recoverer *recoverers;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget_waiters(void *arg)
{
	(void)arg;
	unused = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

static void guard(void)
{
	(void)fork_guard(&lock);
	(void)fork_on_child(forget_waiters, NULL);
}

static void enter(void)
{
	(void)pthread_once(&once, guard);
	(void)pthread_mutex_lock(&lock);
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&lock);
}

/* The parent's passes are not ours to wait for. */
static void adopt(struct recoverer *r)
{
	if (fork_is_foreign(r->generation)) {
		r->generation = fork_generation();
		r->uses = 0;
	}
}

static struct recoverer *find(const char *name)
{
	struct recoverer *r;

	DL_FOREACH(recoverers, r)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

/* ---- a recoverer as a party -------------------------------------------- */

/* It cannot set the error detail itself. */
static int told(const struct party *party, int status, const char *what)
{
	if (status < 0)
		(void)error_set(status, party->name, "Ask whoever registered this recoverer.",
				"recoverer \"%s\" cannot %s: %s", party->name, what,
				sqla_strerror(status));
	return status;
}

static int open_recoverer(struct party *party)
{
	const struct recoverer *r = party->recoverer;

	return told(party, r->ops->site(r->self, party->site, sizeof(party->site)),
		    "name its site");
}

struct each {
	driver_prepared_fn *fn;
	void *arg;
};

static int pass_on(void *arg, const char *gid, int64_t age_s)
{
	const struct each *each = arg;
	struct driver_prepared prepared = {
		.gid = gid,
		.owner = "",
		.database = "",
		.xid = NULL,
		.age_s = age_s,
		.blocked = -1,
		.is_endable = true,
	};

	return each->fn(each->arg, &prepared);
}

static int list(struct party *party, driver_prepared_fn *fn, void *arg)
{
	const struct recoverer *r = party->recoverer;
	struct each each = { .fn = fn, .arg = arg };

	return told(party, r->ops->list(r->self, pass_on, &each), "list its branches");
}

static int is_prepared(struct party *party, const char *gid)
{
	return told(party, party->recoverer->ops->is_prepared(party->recoverer->self, gid),
		    "say what is prepared");
}

static int end(struct party *party, const char *gid, bool commit, const char *xid)
{
	const struct recoverer *r = party->recoverer;

	(void)xid;
	return commit ? r->ops->commit_prepared(r->self, gid) :
			r->ops->rollback_prepared(r->self, gid);
}

/* It reconnects by itself if it has anything to connect. */
static bool is_lost(const struct party *party)
{
	(void)party;
	return false;
}

static void release(struct party *party)
{
	struct recoverer *r = party->recoverer;

	enter();
	adopt(r);
	if (r->uses > 0)
		r->uses--;
	(void)pthread_cond_broadcast(&unused);
	leave();
}

static const struct party_ops recoverer_ops = {
	.open = open_recoverer,
	.list = list,
	.is_prepared = is_prepared,
	.end = end,
	.is_lost = is_lost,
	.release = release,
};

size_t recoverer_count(void)
{
	struct recoverer *r;
	size_t n = 0;

	enter();
	DL_COUNT(recoverers, r, n);
	leave();
	return n;
}

size_t recoverer_parties(struct party *parties, size_t n)
{
	struct recoverer *r;
	size_t i = 0;

	enter();
	DL_FOREACH(recoverers, r) {
		if (i == n)
			break;
		adopt(r);
		r->uses++;
		parties[i] = (struct party){ .ops = &recoverer_ops, .recoverer = r };
		(void)snprintf(parties[i].name, sizeof(parties[i].name), "%s", r->name);
		i++;
	}
	leave();
	return i;
}

/* ---- public ------------------------------------------------------------ */

static const char *missing_member(const struct sqla_recoverer_ops *ops)
{
	if (ops->size < sizeof(*ops))
		return "size";
	if (!ops->site)
		return "site";
	if (!ops->list)
		return "list";
	if (!ops->is_prepared)
		return "is_prepared";
	if (!ops->commit_prepared)
		return "commit_prepared";
	if (!ops->rollback_prepared)
		return "rollback_prepared";
	return NULL;
}

static int check(const char *name, const struct sqla_recoverer_ops *ops)
{
	const char *missing;

	if (!name || !ops)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_recoverer_register: an argument is NULL");
	if (!*name || strlen(name) >= sizeof(((struct recoverer *)NULL)->name))
		return error_set(SQLA_EMISUSE, NULL, "Give it a name of 1 to 63 bytes.",
				 "a recoverer's name is empty or too long");
	missing = missing_member(ops);
	if (missing)
		return error_set(SQLA_EMISUSE, name, "Fill in every member of the table.",
				 "recoverer \"%s\": the member \"%s\" is missing", name, missing);
	return 0;
}

int sqla_recoverer_register(const char *name, const struct sqla_recoverer_ops *ops, void *self)
{
	struct recoverer *r;
	bool is_taken;
	int status = check(name, ops);

	if (status < 0)
		return status;
	r = calloc(1, sizeof(*r));
	if (!r)
		return error_nomem();
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->ops = ops;
	r->self = self;
	r->generation = fork_generation();
	enter();
	is_taken = find(name) != NULL;
	if (!is_taken)
		DL_APPEND(recoverers, r);
	leave();
	if (is_taken) {
		free(r);
		return error_set(SQLA_EALREADY, name, "Unregister it first, or use another name.",
				 "a recoverer \"%s\" is registered already", name);
	}
	return 0;
}

int sqla_recoverer_unregister(const char *name)
{
	struct recoverer *r;

	if (!name)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_recoverer_unregister: the name is NULL");
	enter();
	r = find(name);
	if (r) {
		DL_DELETE(recoverers, r);
		adopt(r);
		while (r->uses > 0)
			(void)pthread_cond_wait(&unused, &lock);
	}
	leave();
	if (!r)
		return error_set(SQLA_ENOTFOUND, name, NULL, "no recoverer is called \"%s\"", name);
	free(r);
	return 0;
}
