/*
 * The one place where a session becomes a branch: txn_resource_ops on one
 * side, the engine's driver on the other. A session without a connection has
 * done nothing, and agrees to everything.
 */
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <utlist.h>

#include <sqlassist/resource.h>

#include "base/clock.h"
#include "base/copy.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "session/finish.h"
#include "session/savepoint.h"
#include "txn/txn.h"

/* How long a decider is looked at whose old backend may take a while to end,
 * or whose server to come back. */
#define LOOK_MS 10000
#define LOOK_PAUSE_MS 100

/* Decision rows are forgotten so many at a time: they lie side by side, and so it
 * costs a file little more than to forget one. */
#define FORGET_BATCH 64

static struct sqla_session *session_of(void *self)
{
	return self;
}

static const char *sort_key(void *self)
{
	return session_of(self)->sort_key;
}

static const char *name(void *self)
{
	return engine_name(session_of(self)->engine);
}

/* ---- what it can do ------------------------------------------------------ */

/* It commits in one phase: nobody needs what SQLite would read the file for. */
static bool is_alone_without_row(const struct sqla_session *s)
{
	return !s->txn->branches->next && s->config->options.outcome != SQLA_OUTCOME_ROW;
}

static unsigned abilities(void *self)
{
	struct sqla_session *s = self;
	unsigned can;

	if (!s->conn || is_alone_without_row(s))
		return 0;
	can = s->conn->driver->abilities(s->conn);
	return s->must_decide ? can & ~(unsigned)TXN_PREPARES : can;
}

static const char *why_not(void *self, enum txn_ability ability)
{
	struct sqla_session *s = self;

	if (ability == TXN_PREPARES && s->must_decide)
		return "sqla_session_must_decide was called on its session";
	return s->conn ? s->conn->driver->why_not(s->conn, ability) : "it has no connection";
}

/* ---- asking -------------------------------------------------------------- */

/* What the engine answered, with what the application has said. */
static int judge(struct sqla_session *s, int status)
{
	const struct sqla_engine_options *options = &s->config->options;

	s->step = STEP_OTHER;
	if (status < 0)
		return session_voted(s, status);
	if (options->readonly == SQLA_YES)
		return status == TXN_CHANGED ? session_has_written(s) : status;
	if (s->is_marked || options->initial_state == SQLA_INITIAL_CHANGED)
		return TXN_CHANGED;
	return status;
}

static int ask(void *self)
{
	struct sqla_session *s = self;
	int status;

	if (!s->conn || !s->has_begun)
		return 0;
	if (s->conn->is_broken)
		return session_lost(s);
	s->step = STEP_ASK;
	status = s->conn->driver->ask(s->conn);
	return status == TXN_WAIT ? status : judge(s, status);
}

static int claim_now(struct sqla_session *s);

static int advance(void *self, struct pollfd *wait)
{
	struct sqla_session *s = self;
	int status;

	if (s->step == STEP_CLAIM)
		return claim_now(s);
	status = s->conn->driver->advance(s->conn, wait);
	if (status == TXN_WAIT)
		return status;
	if (s->step == STEP_ASK)
		return judge(s, status);
	return session_voted(s, status);
}

static void give_up(void *self)
{
	struct sqla_session *s = self;

	s->step = STEP_OTHER;
	s->conn->driver->give_up(s->conn);
}

/* ---- voting -------------------------------------------------------------- */

static int commit(void *self)
{
	struct sqla_session *s = self;

	if (!session_has_work(s))
		return 0;
	return session_voted(s, s->conn->driver->commit(s->conn));
}

static int prepare(void *self, const char *gid)
{
	struct sqla_session *s = self;

	return session_voted(s, s->conn->driver->prepare(s->conn, gid));
}

static int commit_prepared(void *self, const char *gid)
{
	struct sqla_session *s = self;

	return s->conn->driver->commit_prepared(s->conn, gid);
}

static int rollback_prepared(void *self, const char *gid)
{
	struct sqla_session *s = self;

	return s->conn->driver->rollback_prepared(s->conn, gid);
}

static bool is_wanted(struct engine *engine)
{
	struct pool_counts counts;

	engine_count(engine, &counts);
	return counts.waiting > 0;
}

/*
 * A session that keeps its connection has to wait for it. So has one whose
 * connection others wait for already: they get it as soon as it can be used.
 * And so has one whose message is still in our buffer: if the process ended
 * now, nobody would send it, and its locks would stay until recovery comes.
 */
static bool detach(void *self, txn_ended_fn *ended, void *arg)
{
	struct sqla_session *s = self;

	if (s->config->options.keep_session == SQLA_YES || is_wanted(s->engine) ||
	    !s->conn->driver->is_sent(s->conn))
		return false;
	if (!finish_leave(s->engine, s->conn, ended, arg))
		return false;
	(void)session_detach(s);
	return true;
}

/* ---- deciding ------------------------------------------------------------ */

static int site(void *self, char ret_site[TXN_SITE_MAX + 1])
{
	struct sqla_session *s = self;

	return s->conn->driver->site(s->conn, ret_site);
}

/* The rows go if and only if this decision stays. */
static void give_back_claimed(struct sqla_session *s, bool again)
{
	if (again && s->claimed)
		engine_forget_again(s->engine, s->claimed, s->n_claimed);
	free(s->claimed);
	s->claimed = NULL;
	s->n_claimed = 0;
}

/* Takes due decisions for the claim to forget; without memory: none. */
static void take_due(struct sqla_session *s, const char *due[FORGET_BATCH])
{
	s->claimed = calloc(FORGET_BATCH, sizeof(*s->claimed));
	if (!s->claimed)
		return;
	s->n_claimed = engine_forget_due(s->engine, s->claimed, FORGET_BATCH);
	for (size_t i = 0; i < s->n_claimed; i++)
		due[i] = s->claimed[i];
}

static int claim_now(struct sqla_session *s)
{
	const char *due[FORGET_BATCH];
	bool took = false;
	int status;

	if (s->step == STEP_CLAIM)
		fault_here(claim_late);
	s->step = STEP_OTHER;
	give_back_claimed(s, true);
	s->claimed_ms = clock_boot_ms();
	if (session_is_of(s, "sqlite") && engine_forget_is_due(s->engine, FORGET_BATCH))
		take_due(s, due);
	status = s->conn->driver->claim(s->conn, s->decision, due, s->n_claimed, &took);
	if (status < 0 || !took)
		give_back_claimed(s, true);
	return session_voted(s, status);
}

/*
 * The PREPAREs of others are sent behind this. A decider that is open to looks
 * anyway makes its row when they are under way, in `advance`: the servers force
 * their logs meanwhile.
 */
static int claim(void *self, const struct txn_decision *decision)
{
	struct sqla_session *s = self;
	const struct driver *driver = s->conn->driver;

	s->decision = decision;
	if (!driver->is_open_to_looks || !driver->is_open_to_looks(s->conn))
		return claim_now(s);
	s->step = STEP_CLAIM;
	return TXN_WAIT;
}

static int decide(void *self)
{
	struct sqla_session *s = self;

	return session_voted(s, s->conn->driver->decide(s->conn));
}

/* Branches of one driver are a group, if it knows of any. */
static const void *group(void *self)
{
	const struct driver *driver = session_of(self)->config->driver;

	return driver->follow ? driver : NULL;
}

static int follow(void *self, void *leader)
{
	struct sqla_session *s = self;

	return session_voted(s, s->conn->driver->follow(s->conn, session_of(leader)->conn));
}

/* ---- looking ------------------------------------------------------------- */

static void pause_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0)
		continue;
}

static int open_recovery(const struct sqla_session *s, struct driver_conn **ret_conn)
{
	return s->config->driver->open(s->config, DRIVER_RECOVERY, ret_conn);
}

/* Looks once, through a connection of its own. */
static enum driver_look_result look_once(const struct sqla_session *s, struct driver_look *look)
{
	enum driver_look_result result;
	struct driver_conn *conn;
	int status = open_recovery(s, &conn);

	if (status < 0) {
		(void)snprintf(look->evidence, sizeof(look->evidence), "%.*s",
			       (int)sizeof(look->evidence) - 1, sqla_error_last()->message);
		return status == SQLA_EINDOUBT ? LOOK_UNKNOWN : LOOK_OPEN;
	}
	result = conn->driver->look(conn, look);
	conn->driver->close(conn);
	return result;
}

/*
 * Nobody forgets a row that is younger than keep_decisions, counted from the
 * claim. A decider alone, which voted or was frozen for longer, must not take
 * the row's absence for an abort (I5); a second is for ages in whole ones, half is for
 * clocks that differ.
 */
static bool may_not_be_forgotten(const struct sqla_session *s)
{
	int64_t kept_ms = ((int64_t)s->config->options.keep_decisions - 1) * 1000;

	return clock_boot_ms() - s->claimed_ms < kept_ms / 2;
}

static int look(void *self, const struct txn_decision *decision,
		txn_still_prepared_fn *still_prepared, void *arg)
{
	struct sqla_session *s = self;
	int64_t until = clock_ms() + LOOK_MS;
	enum driver_look_result result;
	struct driver_look question = {
		.uuid = decision->uuid,
		.still_prepared = still_prepared,
		.arg = arg,
		.is_own = may_not_be_forgotten(s),
	};

	/* Its locks would make the decider look open. */
	if (s->conn)
		s->conn->is_broken = true;
	session_disconnect(s);
	while ((result = look_once(s, &question)) == LOOK_OPEN && clock_left(until) > 0)
		pause_ms(LOOK_PAUSE_MS);
	if (result == LOOK_ABORTED && question.is_own && !may_not_be_forgotten(s))
		result = LOOK_UNKNOWN;
	log_info("%s: decision %s: %s", s->config->name, decision->uuid, question.evidence);
	if (result == LOOK_COMMITTED)
		return 0;
	return error_set(result == LOOK_ABORTED ? SQLA_EABORTED : SQLA_EINDOUBT, s->config->name,
			 result == LOOK_ABORTED ? "Do the work again." : "Recovery will know it.",
			 "the answer to the deciding COMMIT was lost: %s", question.evidence);
}

static int outcome(void *self)
{
	struct sqla_session *s = self;

	return s->conn ? s->conn->driver->outcome(s->conn) :
			 error_set(SQLA_EINDOUBT, s->config->name, NULL, "the connection is gone");
}

static bool is_idle(const struct sqla_session *s)
{
	return s->conn && !s->conn->is_broken && !s->conn->is_in_transaction &&
	       s->conn->driver->is_idle(s->conn);
}

static int is_prepared(void *self, const char *gid)
{
	struct sqla_session *s = self;
	struct driver_conn *conn;
	int answer;

	if (is_idle(s))
		return s->conn->driver->is_prepared(s->conn, gid);
	answer = open_recovery(s, &conn);
	if (answer < 0)
		return answer;
	answer = conn->driver->is_prepared(conn, gid);
	conn->driver->close(conn);
	return answer;
}

static void forget(void *self, const struct txn_decision *decision)
{
	engine_forget_later(session_of(self)->engine, decision->uuid);
}

/* A decision that is forgotten when somebody else says so. */
struct promise {
	struct engine *engine; /* a reference */
	char uuid[37];
};

static void *forget_later(void *self, const struct txn_decision *decision)
{
	struct promise *promise = malloc(sizeof(*promise));

	if (!promise)
		return NULL;
	promise->engine = engine_ref(session_of(self)->engine);
	copy_text(promise->uuid, sizeof(promise->uuid), decision->uuid);
	return promise;
}

static void forget_ended(void *arg, bool all_ended)
{
	struct promise *promise = arg;

	if (all_ended)
		engine_forget_later(promise->engine, promise->uuid);
	engine_unref(promise->engine);
	free(promise);
}

/* ---- the end ------------------------------------------------------------- */

static int roll_back(void *self, struct txn *txn)
{
	(void)txn;
	return session_undo(self);
}

static bool should_retry(void *self)
{
	return session_of(self)->may_retry;
}

static void cancel(void *self)
{
	struct sqla_session *s = self;

	(void)pthread_mutex_lock(&s->lock);
	if (s->conn)
		s->conn->driver->cancel(s->conn);
	(void)pthread_mutex_unlock(&s->lock);
}

/*
 * PostgreSQL's rows are deleted in a transaction of their own, in batches, by
 * whoever has a connection at hand: a DELETE inside the application's
 * transaction could fail it (DESIGN, section 2, step 5).
 */
static void forget_batch(struct sqla_session *s)
{
	char uuids[FORGET_BATCH][37];
	const char *pointers[FORGET_BATCH];
	size_t n;

	if (!session_is_of(s, "postgresql") || !is_idle(s) ||
	    !engine_forget_is_due(s->engine, FORGET_BATCH))
		return;
	n = engine_forget_due(s->engine, uuids, FORGET_BATCH);
	for (size_t i = 0; i < n; i++)
		pointers[i] = uuids[i];
	if (n > 0 && s->conn->driver->forget_rows(s->conn, pointers, n) < 0)
		engine_forget_again(s->engine, uuids, n);
}

static void released(void *self, struct txn *txn, int how)
{
	struct sqla_session *s = self;
	struct sqla_error before;

	(void)txn;
	error_save(&before);
	give_back_claimed(s, how < 0);
	session_reset(s);
	forget_batch(s);
	session_let_go(s);
	if (scope_set_txn(s, NULL))
		session_free(s);
	(void)error_restore(&before);
}

static const struct txn_resource_ops ops = {
	.size = sizeof(ops),
	.sort_key = sort_key,
	.name = name,
	.abilities = abilities,
	.why_not = why_not,
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
	.detach = detach,
	.forget_later = forget_later,
	.forget_ended = forget_ended,
	.abort = roll_back,
	.savepoint = savepoint_set,
	.savepoint_rollback = savepoint_rollback,
	.savepoint_release = savepoint_release,
	.should_retry = should_retry,
	.cancel = cancel,
	.released = released,
	.group = group,
	.follow = follow,
};

struct sqla_session *participant_find(const struct txn *txn, const struct engine *engine)
{
	struct branch *branch;

	DL_FOREACH(txn->branches, branch)
		if (branch->given == &ops && session_of(branch->self)->engine == engine)
			return branch->self;
	return NULL;
}

int participant_join(struct sqla_session *s, struct txn *txn)
{
	int status = txn_join(txn, &ops, s);

	if (status < 0)
		return status;
	session_reset(s);
	(void)scope_set_txn(s, txn);
	return 0;
}
