#include "txn/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char recorder_log[RECORDER_LOG];

static void record(const struct recorder *r, const char *step)
{
	size_t used = strlen(recorder_log);

	(void)snprintf(recorder_log + used, sizeof(recorder_log) - used, "%s.%s ", r->key, step);
}

/* Keeps the answer back until advance, if the recorder is slow. */
static int answer(struct recorder *r, const char *step, int value)
{
	record(r, step);
	if (!r->is_slow)
		return value;
	r->waiting = value;
	return TXN_WAIT;
}

static const char *sort_key(void *self)
{
	return ((struct recorder *)self)->key;
}

static unsigned abilities(void *self)
{
	return ((struct recorder *)self)->abilities;
}

static const char *why_not(void *self, enum txn_ability ability)
{
	(void)self;
	return ability == TXN_PREPARES ? "it was told not to prepare" : "it was told not to decide";
}

static int begin(void *self, struct txn *txn)
{
	struct recorder *r = self;

	(void)txn;
	record(r, "begin");
	return r->begin;
}

static int flush(void *self, struct txn *txn)
{
	struct recorder *r = self;

	(void)txn;
	record(r, "flush");
	return r->flush;
}

static int ask(void *self)
{
	struct recorder *r = self;

	return answer(r, "ask", r->ask ? r->ask : (r->is_unchanged ? 0 : TXN_CHANGED));
}

static int advance(void *self, struct pollfd *wait)
{
	struct recorder *r = self;
	int value = r->waiting;

	if (r->is_deaf || (value != TXN_WAIT && !wait->events)) {
		wait->fd = r->pipe[0];
		wait->events = POLLIN;
	}
	if (r->is_deaf)
		return TXN_WAIT;
	record(r, "answered");
	return value;
}

static void give_up(void *self)
{
	record(self, "give_up");
}

static int commit(void *self)
{
	return answer(self, "commit", ((struct recorder *)self)->commit);
}

static int prepare(void *self, const char *gid)
{
	struct recorder *r = self;

	(void)snprintf(r->gid, sizeof(r->gid), "%s", gid);
	return answer(r, "prepare", r->prepare);
}

static int commit_prepared(void *self, const char *gid)
{
	struct recorder *r = self;

	if (strcmp(gid, r->gid) != 0)
		abort();
	return answer(r, "commit_prepared", r->commit_prepared);
}

static int rollback_prepared(void *self, const char *gid)
{
	struct recorder *r = self;

	if (strcmp(gid, r->gid) != 0)
		abort();
	return answer(r, "rollback_prepared", r->rollback_prepared);
}

static int site(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	(void)snprintf(ret_site, TXN_SITE_MAX + 1, "site-%s", ((struct recorder *)self)->key);
	return 0;
}

static int claim(void *self, const struct txn_decision *decision)
{
	struct recorder *r = self;

	(void)snprintf(r->branches, sizeof(r->branches), "%s", decision->branches);
	return answer(r, "claim", r->claim);
}

static int decide(void *self)
{
	return answer(self, "decide", ((struct recorder *)self)->decide);
}

static int look(void *self, const struct txn_decision *decision, txn_still_prepared_fn *still,
		void *arg)
{
	struct recorder *r = self;
	int prepared;

	(void)decision;
	record(r, "look");
	if (still) {
		prepared = still(arg);
		record(r, prepared < 0 ? "unsaid" : prepared == 1 ? "still" : "gone");
	}
	return r->look;
}

static int outcome(void *self)
{
	record(self, "outcome");
	return ((struct recorder *)self)->outcome;
}

static int is_prepared(void *self, const char *gid)
{
	(void)gid;
	return ((struct recorder *)self)->is_prepared;
}

static void forget(void *self, const struct txn_decision *decision)
{
	(void)decision;
	record(self, "forget");
}

static int abort_branch(void *self, struct txn *txn)
{
	struct recorder *r = self;

	(void)txn;
	record(r, "abort");
	return r->abort;
}

static int savepoint(void *self, struct txn *txn, void **ret_mark)
{
	struct recorder *r = self;

	(void)txn;
	record(r, "savepoint");
	if (r->savepoint == 0)
		*ret_mark = malloc(1);
	return r->savepoint;
}

static int savepoint_rollback(void *self, struct txn *txn, void *mark)
{
	struct recorder *r = self;

	(void)txn;
	(void)mark;
	record(r, "back");
	return r->savepoint_rollback;
}

static void savepoint_release(void *self, struct txn *txn, void *mark)
{
	(void)txn;
	record(self, "release");
	free(mark);
}

static bool should_retry(void *self)
{
	return ((struct recorder *)self)->should_retry;
}

static void cancel(void *self)
{
	__atomic_add_fetch(&((struct recorder *)self)->cancelled, 1, __ATOMIC_RELAXED);
}

static void released(void *self, struct txn *txn, int told)
{
	struct recorder *r = self;

	(void)txn;
	r->released++;
	r->outcome_told = told;
}

static const struct txn_resource_ops everything = {
	.size = sizeof(struct txn_resource_ops),
	.sort_key = sort_key,
	.abilities = abilities,
	.why_not = why_not,
	.begin = begin,
	.flush = flush,
	.ask = ask,
	.advance = advance,
	.give_up = give_up,
	.commit = commit,
	.prepare = prepare,
	.commit_prepared = commit_prepared,
	.rollback_prepared = rollback_prepared,
	.site = site,
	.claim = claim,
	.decide = decide,
	.look = look,
	.outcome = outcome,
	.is_prepared = is_prepared,
	.forget = forget,
	.abort = abort_branch,
	.savepoint = savepoint,
	.savepoint_rollback = savepoint_rollback,
	.savepoint_release = savepoint_release,
	.should_retry = should_retry,
	.cancel = cancel,
	.released = released,
};

static const void *group(void *self)
{
	return ((struct recorder *)self)->group;
}

static int follow(void *self, void *leader)
{
	struct recorder *r = self;

	r->leader = leader;
	return answer(r, "follow", r->follow);
}

void recorder_init(struct recorder *r, const char *key)
{
	memset(r, 0, sizeof(*r));
	r->key = key;
	r->ops = everything;
	r->ops.group = group;
	r->ops.follow = follow;
	r->abilities = TXN_PREPARES | TXN_DECIDES;
	if (pipe(r->pipe) != 0 || write(r->pipe[1], "x", 1) != 1)
		abort();
}

void recorder_init_one_phase(struct recorder *r, const char *key)
{
	recorder_init(r, key);
	r->abilities = 0;
}

void recorder_close(struct recorder *r)
{
	(void)close(r->pipe[0]);
	(void)close(r->pipe[1]);
}

void must_join(struct recorder *r)
{
	struct txn *txn;

	if (txn_manager_get(txn_manager_thread(), &txn) < 0 || txn_join(txn, &r->ops, r) < 0)
		abort();
}
