/*
 * The commit protocol, as sqlassist-commit(7) tells it. The invariants I1 to
 * I8 are numbered there.
 *
 * With two or more changed branches:
 *  1. ask       Every branch tells whether it changed anything.
 *		 Crash: nothing is prepared, every store rolls back by itself.
 *  2. claim     The decider inserts the decision row; behind it every other
 *     prepare   changed branch is prepared. The claim is started first, so
 *		 that a recoverer that finds a prepared branch finds the
 *		 decider open (I4); then all answers are awaited together.
 *		 One that is found open already, by its locks, may make the
 *		 row while it is awaited.
 *		 Crash: in doubt, and no row was committed: rolled back.
 *		 Others of the decider's group follow it: its decide, and
 *		 what a look at it shows, holds for them.
 *  3. decide    The decider commits, and its row with it: the decision.
 *		 Lost: look; without an answer nothing more is done here.
 *  4. finish    Every prepared branch commits, and what did not change ends.
 *		 Crash: in doubt, and the row is there: committed.
 *  5. forget    When all have ended the row is of no use any more (I5).
 *
 * One changed branch commits in one phase, unless it wants a row always.
 *
 * In model/commit.pml: c_claim, c_prepare, c_decide, c_look, c_finish, c_forget;
 * c_abort and c_roll_back for what was refused.
 */
#include "txn/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "txn/decider.h"
#include "txn/deferred.h"
#include "txn/gid.h"

/* After the deadline a cancelled statement has this long to say so. */
#define GRACE_MS 2000
/* A decision, and what follows it, is waited for this long past a deadline. */
#define DECIDE_MS 30000

/* So many branches commit without asking for memory. */
enum { STEPS_FEW = 8 };

struct protocol {
	struct txn *txn;
	struct protocol_result *result;
	struct branch_step *steps; /* room for every branch */
	struct branch_step few[STEPS_FEW];
	struct branch *decider;
	struct deferred *deferred; /* or NULL: every answer is awaited */
	struct txn_decision decision;
	char *branches; /* owned; decision.branches */
	unsigned n_changed;
	unsigned n_prepared; /* to be prepared */
};

/* Our own refusal: no branch has failed yet, or it would be what is told. */
static int fail(struct protocol *p, int status)
{
	error_save(&p->result->error);
	return status;
}

static bool is_changed(const struct branch *branch)
{
	return branch->phase == BRANCH_CHANGED;
}

/* Starts VERB, as step N and on, on the branches in PHASE; the steps then. */
static size_t start_in_phase(struct protocol *p, enum branch_phase phase, enum branch_verb verb,
			     size_t n, struct sqla_error *first)
{
	struct branch *branch;

	DL_FOREACH(p->txn->branches, branch) {
		if (branch->phase != phase)
			continue;
		p->steps[n] = (struct branch_step){ branch, verb };
		branch_start(p->steps[n++], NULL, first);
	}
	return n;
}

/* ---- step 1 -------------------------------------------------------------- */

/* The model's tpc_begin and commit, one branch after the other. */
static int begin_and_flush(struct protocol *p)
{
	struct branch *branch;
	int status = 0;

	error_clear();
	DL_FOREACH(p->txn->branches, branch) {
		if (branch->ops.begin)
			status = branch->ops.begin(branch->self, p->txn);
		if (status < 0)
			goto refused;
	}
	DL_FOREACH(p->txn->branches, branch) {
		if (branch->ops.flush)
			status = branch->ops.flush(branch->self, p->txn);
		if (status < 0)
			goto refused;
	}
	return 0;
refused:
	return fail(p, error_ensure(status, branch_name(branch), "the resource refused"));
}

static int64_t vote_deadline(const struct protocol *p)
{
	return p->txn->deadline ? p->txn->deadline + GRACE_MS : 0;
}

static int ask(struct protocol *p)
{
	struct branch *branch;
	size_t n = 0;

	DL_FOREACH(p->txn->branches, branch) {
		p->steps[n] = (struct branch_step){ branch, VERB_ASK };
		branch_start(p->steps[n++], NULL, &p->result->error);
	}
	branch_await(p->steps, n, vote_deadline(p), &p->result->error);
	observe_step(&p->result->times, OBSERVE_ASK);
	DL_FOREACH(p->txn->branches, branch) {
		if (branch->vote < 0)
			return branch->vote;
		branch->phase = branch->vote == TXN_CHANGED ? BRANCH_CHANGED : BRANCH_UNCHANGED;
		p->n_changed += branch->vote == TXN_CHANGED;
	}
	fault_here(commit_asked);
	return 0;
}

/* Past the deadline only abort is possible, until the decision is on its way. */
static int check_deadline(struct protocol *p)
{
	if (clock_left(p->txn->deadline) != 0)
		return 0;
	return fail(p, error_set(SQLA_ETIMEOUT, NULL, "Call txn_abort; allow more time.",
				 "the deadline passed before the decision"));
}

/* ---- step 2 -------------------------------------------------------------- */

/* Where BRANCH is. What is no site would make the row's list unreadable. */
static int ask_site(const struct branch *branch, char ret_site[TXN_SITE_MAX + 1])
{
	int status;

	memset(ret_site, 0, TXN_SITE_MAX + 1);
	error_clear();
	status = branch->ops.site(branch->self, ret_site);
	if (status < 0)
		return error_ensure(status, branch_name(branch), "it does not say where it is");
	ret_site[TXN_SITE_MAX] = '\0';
	if (status > 0 || !gid_is_site(ret_site))
		return error_set(SQLA_EUNSAFE, branch_name(branch), "Correct the resource's code.",
				 "the resource answered %d and \"%s\" when asked for its site",
				 status, ret_site);
	return 0;
}

/* The gids, and the list of them that the row carries (I5). */
static int name_branches(struct protocol *p)
{
	char site[TXN_SITE_MAX + 1];
	struct branch *branch;
	unsigned number = 0;
	int status = ask_site(p->decider, site);

	DL_FOREACH(p->txn->branches, branch) {
		if (status < 0)
			break;
		if (!is_changed(branch) || branch == p->decider || branch->leader)
			continue;
		status = ask_site(branch, branch->site);
		if (status == 0)
			status = gid_make(branch->gid, p->txn->uuid, ++number, site,
					  branch_name(p->decider));
		if (status < 0)
			break;
		p->branches = gid_add_branch(p->branches, branch->site, branch->gid);
		if (!p->branches)
			status = error_nomem();
	}
	if (status < 0)
		return fail(p, status);
	p->n_prepared = number;
	p->decision.uuid = p->txn->uuid;
	p->decision.branches = p->branches ? p->branches : "";
	return 0;
}

/* A vote on claim or prepare, turned into what is known of the branch. */
static void count_vote(struct branch_step step)
{
	struct branch *branch = step.branch;

	if (step.verb != VERB_PREPARE)
		return;
	if (branch->vote == 0)
		branch->phase = BRANCH_PREPARED;
	else if (branch->vote == SQLA_EINDOUBT)
		branch->phase = BRANCH_UNKNOWN;
}

/* Starts VERB, as step N and on, on those that follow the decider, or on those
 * that do not; the steps then. */
static size_t start_others(struct protocol *p, enum branch_verb verb, size_t n)
{
	struct branch *branch;

	DL_FOREACH(p->txn->branches, branch) {
		bool is_follower = branch->leader != NULL;

		if (!is_changed(branch) || branch == p->decider ||
		    is_follower != (verb == VERB_FOLLOW))
			continue;
		p->steps[n] = (struct branch_step){ branch, verb };
		branch_start(p->steps[n++], NULL, &p->result->error);
	}
	return n;
}

/* A follower that refuses does so before anything durable has happened. */
static int claim_and_prepare(struct protocol *p)
{
	size_t n = 0;
	int status = 0;

	p->steps[n] = (struct branch_step){ p->decider, VERB_CLAIM };
	branch_start(p->steps[n++], &p->decision, &p->result->error);
	if (p->decider->vote < 0)
		return p->decider->vote;
	n = start_others(p, VERB_FOLLOW, n);
	if (p->result->error.status == 0)
		n = start_others(p, VERB_PREPARE, n);
	branch_await(p->steps, n, vote_deadline(p), &p->result->error);
	observe_step(&p->result->times, OBSERVE_PREPARE);
	for (size_t i = 0; i < n; i++) {
		count_vote(p->steps[i]);
		if (p->steps[i].branch->vote < 0 && status == 0)
			status = p->steps[i].branch->vote;
	}
	return status;
}

/* ---- abort, before any decision ------------------------------------------ */

/* From here on nothing is cancelled: a decision that was made stands, and what
 * is being rolled back is not left in doubt. */
static void protect(struct protocol *p)
{
	(void)pthread_mutex_lock(&p->txn->cancel_lock);
	p->txn->is_cancellable = false;
	(void)pthread_mutex_unlock(&p->txn->cancel_lock);
}

/*
 * I3: the decider's COMMIT was never sent. It is rolled back first (a lost
 * one is abandoned: the server rolls it back); then nothing can commit, and
 * the prepared branches are rolled back.
 */
static void roll_back_all(struct protocol *p)
{
	struct sqla_error ignored = { .status = SQLA_EABORTED };
	struct branch *branch;
	size_t n;

	DL_FOREACH(p->txn->branches, branch) {
		if (branch->phase == BRANCH_PREPARED || branch->phase == BRANCH_ENDED)
			continue;
		if (branch->phase == BRANCH_UNKNOWN)
			p->result->is_unfinished = true;
		if (branch->ops.abort(branch->self, p->txn) < 0)
			log_warning("transaction %s: %s: rolling back failed: %s", p->txn->uuid,
				    branch_name(branch), sqla_error_last()->message);
	}
	n = start_in_phase(p, BRANCH_PREPARED, VERB_ROLLBACK_PREPARED, 0, &ignored);
	branch_await(p->steps, n, clock_ms() + DECIDE_MS, &ignored);
	for (size_t i = 0; i < n; i++)
		if (p->steps[i].branch->vote < 0)
			p->result->is_unfinished = true;
}

/* What the caller is told: a lost vote is still an abort. */
static void refused(struct protocol *p, int status)
{
	struct sqla_error *error = &p->result->error;

	protect(p);
	roll_back_all(p);
	if (status == SQLA_EINDOUBT || status == SQLA_EMIXED || status >= 0)
		status = SQLA_EABORTED;
	if (clock_left(p->txn->deadline) == 0)
		status = SQLA_ETIMEOUT;
	p->result->status = status;
	error->status = status;
}

/* ---- step 3 -------------------------------------------------------------- */

static int still_prepared(void *arg)
{
	struct protocol *p = arg;
	struct branch *branch;
	int answer = 0;

	DL_FOREACH(p->txn->branches, branch) {
		int prepared;

		if (branch->phase != BRANCH_PREPARED)
			continue;
		prepared = branch->ops.is_prepared(branch->self, branch->gid);
		if (prepared == 1)
			return 1;
		if (prepared < 0)
			answer = prepared;
	}
	return answer;
}

/*
 * Asks the store of a decider whose answer was lost: 0, SQLA_EABORTED, or
 * SQLA_EINDOUBT. Whatever else it answers proves neither (I3, I7).
 */
static int look(struct protocol *p, enum branch_verb verb)
{
	struct branch *decider = p->decider;
	int status;

	if (verb == VERB_COMMIT && !decider->ops.outcome)
		return SQLA_EINDOUBT;
	error_clear();
	if (verb == VERB_COMMIT)
		status = decider->ops.outcome(decider->self);
	else
		status = decider->ops.look(decider->self, &p->decision,
					   p->n_prepared ? still_prepared : NULL, p);
	log_info("transaction %s: looked at \"%s\": %s", p->txn->uuid, branch_name(decider),
		 sqla_strerror(status));
	if (status == 0)
		return 0;
	return error_ensure(status == SQLA_EABORTED ? status : SQLA_EINDOUBT, branch_name(decider),
			    "the answer was lost, and the store was asked");
}

static int64_t decide_deadline(const struct protocol *p)
{
	return p->txn->deadline ? clock_ms() + DECIDE_MS : 0;
}

/* No row tells of a one-phase commit, and so recovery cannot. */
static void tell_in_doubt(struct protocol *p, enum branch_verb verb)
{
	struct sqla_error *why = &p->result->error;
	struct sqla_error lost = *why;
	const struct sqla_error *last = sqla_error_last();

	if (verb == VERB_DECIDE)
		(void)error_set(SQLA_EINDOUBT, branch_name(p->decider),
				"Do not repeat the work. Recovery (sqla_recover, sqlassist "
				"recover) commits or rolls back every branch as soon as the "
				"decider answers.",
				"the connection was lost while the decision was made: %s",
				lost.message);
	else
		(void)error_set(SQLA_EINDOUBT, branch_name(p->decider),
				*last->hint ? last->hint :
					      "Look for the work itself before repeating it.",
				"%s: %s", last->message, lost.message);
	error_set_sqlstate(lost.sqlstate);
	error_set_sqlite_code(lost.sqlite_code);
	error_save(why);
}

/* What is known of the decider is known of those that follow it. */
static void set_phase(struct protocol *p, enum branch_phase phase)
{
	struct branch *branch;

	DL_FOREACH(p->txn->branches, branch)
		if (branch == p->decider || branch->leader)
			branch->phase = phase;
}

static void in_doubt(struct protocol *p, enum branch_verb verb)
{
	struct branch *branch;

	tell_in_doubt(p, verb);
	DL_FOREACH(p->txn->branches, branch) {
		if (branch->phase == BRANCH_PREPARED)
			branch->phase = BRANCH_UNKNOWN;
		else if (branch->phase == BRANCH_UNCHANGED)
			(void)branch->ops.abort(branch->self, p->txn);
	}
	set_phase(p, BRANCH_UNKNOWN);
	p->result->status = SQLA_EINDOUBT;
	p->result->is_unfinished = true;
}

/* Returns 0 when it is decided that the transaction commits. */
static int decide(struct protocol *p, enum branch_verb verb)
{
	struct branch_step step = { p->decider, verb };
	int vote;

	protect(p);
	branch_start(step, &p->decision, &p->result->error);
	branch_await(&step, 1, decide_deadline(p), &p->result->error);
	vote = p->decider->vote;
	if (vote == SQLA_EINDOUBT)
		vote = look(p, verb);
	observe_step(&p->result->times, OBSERVE_DECIDE);
	if (vote == SQLA_EINDOUBT) {
		in_doubt(p, verb);
		return vote;
	}
	/* Known not to have committed, or known to have: nothing to roll back. */
	set_phase(p, vote == 0 ? BRANCH_ENDED : BRANCH_CHANGED);
	if (vote < 0) {
		refused(p, vote);
		return vote;
	}
	p->result->is_committed = true;
	error_none(&p->result->error);
	return 0;
}

/* ---- steps 4 and 5 --------------------------------------------------------- */

static void count_ending(struct protocol *p, struct branch_step step)
{
	struct branch *branch = step.branch;

	if (step.verb == VERB_END) {
		if (branch->vote < 0)
			log_warning("transaction %s: \"%s\", which had changed nothing, could not "
				    "be ended",
				    p->txn->uuid, branch_name(branch));
		branch->phase = BRANCH_ENDED;
		return;
	}
	if (branch->vote == 0) {
		branch->phase = BRANCH_ENDED;
	} else if (branch->vote == SQLA_EMIXED) {
		branch->phase = BRANCH_ENDED;
		p->result->status = SQLA_EMIXED;
	} else {
		branch->phase = BRANCH_UNKNOWN;
		p->result->is_unfinished = true;
	}
}

/* The first N of the steps have been told to commit. */
static void detach(struct protocol *p, size_t n)
{
	size_t detached = 0;

	for (size_t i = 0; i < n; i++) {
		struct branch *branch = p->steps[i].branch;

		if (branch->vote != TXN_WAIT || !deferred_detach(p->deferred, branch))
			continue;
		branch->vote = 0;
		detached++;
	}
	if (detached > 0)
		fault_here(finish_detached);
}

/* Unchanged branches end only now: an engine does not see everything (NOTIFY,
 * advisory locks), and what it does not see must not outrun the decision. Their
 * failures are not what a caller is told. */
static void finish(struct protocol *p)
{
	struct sqla_error first, ignored;
	int64_t deadline = clock_ms() + DECIDE_MS;
	size_t prepared, n;

	error_none(&first);
	error_none(&ignored);
	ignored.status = SQLA_EABORTED;
	prepared = start_in_phase(p, BRANCH_PREPARED, VERB_COMMIT_PREPARED, 0, &first);
	n = start_in_phase(p, BRANCH_UNCHANGED, VERB_END, prepared, &ignored);
	if (p->deferred)
		detach(p, prepared);
	branch_await(p->steps, prepared, deadline, &first);
	branch_await(p->steps + prepared, n - prepared, deadline, &ignored);
	for (size_t i = 0; i < n; i++)
		count_ending(p, p->steps[i]);
	observe_step(&p->result->times, OBSERVE_FINISH);
	fault_here(commit_finished);
	if (p->result->status == 0 && p->result->is_unfinished)
		p->result->status = SQLA_PENDING;
	error_copy(&p->result->error, &first);
	p->result->error.status = p->result->status;
}

static void forget(struct protocol *p)
{
	struct branch *decider = p->decider;

	if (p->deferred)
		deferred_let_go(p->deferred, p->result->status == 0);
	else if (p->result->status == 0 && decider->ops.forget)
		decider->ops.forget(decider->self, &p->decision);
}

/* ---- the three shapes ------------------------------------------------------ */

/* Nothing changed: everything is ended, and a failure is only worth telling. */
static void end_unchanged(struct protocol *p)
{
	struct branch *branch;
	size_t n = 0;

	DL_FOREACH(p->txn->branches, branch) {
		p->steps[n] = (struct branch_step){ branch, VERB_END };
		branch_start(p->steps[n++], NULL, &p->result->error);
	}
	branch_await(p->steps, n, vote_deadline(p), &p->result->error);
	DL_FOREACH(p->txn->branches, branch) {
		branch->phase = BRANCH_ENDED;
		if (branch->vote < 0 && p->result->status == 0)
			p->result->status = branch->vote == SQLA_EINDOUBT ? SQLA_EABORTED :
									    branch->vote;
	}
	p->result->is_committed = p->result->status == 0;
	p->result->error.status = p->result->status;
}

static void one_phase(struct protocol *p)
{
	struct branch *branch;

	DL_FOREACH(p->txn->branches, branch)
		if (is_changed(branch))
			p->decider = branch;
	if (decide(p, VERB_COMMIT) == 0)
		finish(p);
}

static void two_phase(struct protocol *p)
{
	int status = decider_choose(p->txn->branches, p->txn->finish, &p->decider);

	status = status < 0 ? fail(p, status) : name_branches(p);
	if (status == 0)
		status = claim_and_prepare(p);
	if (status == 0)
		status = check_deadline(p);
	if (status < 0) {
		refused(p, status);
		return;
	}
	fault_here(commit_voted);
	if (decide(p, VERB_DECIDE) < 0)
		return;
	fault_here(commit_decided);
	if (p->txn->finish == TXN_FINISH_DEFERRED && p->n_prepared > 0)
		p->deferred = deferred_new(p->decider, &p->decision);
	finish(p);
	forget(p);
}

static bool wants_row(const struct txn *txn)
{
	struct branch *branch;

	DL_FOREACH(txn->branches, branch)
		if (is_changed(branch) && (branch_abilities(branch) & TXN_ROW_ALWAYS))
			return true;
	return false;
}

void protocol_run(struct txn *txn, struct protocol_result *ret_result)
{
	struct protocol p = { .txn = txn, .result = ret_result };
	struct branch *branch;
	size_t n;
	int status;

	memset(ret_result, 0, offsetof(struct protocol_result, error));
	error_none(&ret_result->error);
	observe_begin(&ret_result->times);
	DL_COUNT(txn->branches, branch, n);
	p.steps = n <= STEPS_FEW ? p.few : calloc(n, sizeof(*p.steps));
	status = p.steps ? begin_and_flush(&p) : fail(&p, error_nomem());
	if (status == 0)
		status = ask(&p);
	if (status == 0)
		status = check_deadline(&p);
	if (status < 0)
		refused(&p, status);
	else if (p.n_changed == 0)
		end_unchanged(&p);
	else if (p.n_changed == 1 && !wants_row(txn))
		one_phase(&p);
	else
		two_phase(&p);
	ret_result->decider = p.decider;
	free(p.branches);
	if (p.steps != p.few)
		free(p.steps);
}
