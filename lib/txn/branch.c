#include "txn/branch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/log.h"

static const char *missing(const struct txn_resource_ops *ops)
{
	if (!ops->sort_key)
		return "sort_key";
	if (!ops->commit)
		return "commit";
	if (!ops->abort)
		return "abort";
	if (ops->advance && !ops->give_up)
		return "give_up, which advance needs";
	if (ops->prepare || ops->commit_prepared || ops->rollback_prepared || ops->is_prepared)
		if (!ops->prepare || !ops->commit_prepared || !ops->rollback_prepared ||
		    !ops->is_prepared || !ops->site)
			return "one of prepare, commit_prepared, rollback_prepared, is_prepared, "
			       "site, which go together";
	if (ops->claim || ops->decide || ops->look)
		if (!ops->claim || !ops->decide || !ops->look || !ops->site)
			return "one of claim, decide, look, site, which go together";
	if (!ops->forget_later != !ops->forget_ended)
		return "one of forget_later, forget_ended, which go together";
	if (!ops->group != !ops->follow)
		return "one of group, follow, which go together";
	if (ops->savepoint || ops->savepoint_rollback || ops->savepoint_release)
		if (!ops->savepoint || !ops->savepoint_rollback || !ops->savepoint_release)
			return "one of savepoint, savepoint_rollback, savepoint_release, "
			       "which go together";
	return NULL;
}

struct branch *branch_new(const struct txn_resource_ops *ops, void *self)
{
	struct branch *branch;
	const char *lacks;

	if (ops->size < sizeof(*ops)) {
		(void)error_set(SQLA_EMISUSE, NULL, "Set size to sizeof(struct txn_resource_ops).",
				"a resource's table says that it has %zu bytes", ops->size);
		return NULL;
	}
	lacks = missing(ops);
	if (!lacks && !ops->sort_key(self))
		lacks = "a sort key (sort_key answered NULL)";
	if (lacks) {
		(void)error_set(SQLA_EMISUSE, NULL, "See resource.h, txn_join(3).",
				"a resource's table lacks %s", lacks);
		return NULL;
	}
	branch = malloc(sizeof(*branch));
	if (!branch)
		(void)error_nomem();
	else
		*branch = (struct branch){ .ops = *ops, .given = ops, .self = self };
	return branch;
}

const char *branch_name(const struct branch *branch)
{
	const char *name = branch->ops.name ? branch->ops.name(branch->self) : NULL;

	return name ? name : branch->ops.sort_key(branch->self);
}

unsigned branch_abilities(const struct branch *branch)
{
	unsigned given = 0;

	if (branch->ops.prepare)
		given |= TXN_PREPARES;
	if (branch->ops.claim)
		given |= TXN_DECIDES | TXN_PREFERS | TXN_DECIDES_LOCAL | TXN_ROW_ALWAYS;
	if (branch->ops.follow)
		given |= TXN_FOLLOWS;
	if (branch->ops.abilities)
		return branch->ops.abilities(branch->self) & given;
	return given & (TXN_PREPARES | TXN_DECIDES | TXN_FOLLOWS);
}

const char *branch_why_not(const struct branch *branch, enum txn_ability ability)
{
	const char *why = NULL;

	if (branch->ops.why_not)
		why = branch->ops.why_not(branch->self, ability);
	if (why && *why)
		return why;
	switch (ability) {
	case TXN_PREPARES:
		return "it has no prepare step";
	case TXN_FOLLOWS:
		return "it cannot follow another's decision";
	default:
		return "it cannot carry a decision";
	}
}

struct points {
	enum fault_point before, after, answered;
};

/* Asking, following and ending what did not change are nobody's danger: no
 * points. */
static const struct points *points_of(enum branch_verb verb)
{
	static const struct points claim = { FAULT_claim_before_send, FAULT_claim_after_send,
					     FAULT_claim_answered };
	static const struct points prepare = { FAULT_prepare_before_send, FAULT_prepare_after_send,
					       FAULT_prepare_answered };
	static const struct points decide = { FAULT_decide_before_send, FAULT_decide_after_send,
					      FAULT_decide_answered };
	static const struct points one = { FAULT_onephase_before_send, FAULT_onephase_after_send,
					   FAULT_onephase_answered };
	static const struct points finish = { FAULT_finish_before_send, FAULT_finish_after_send,
					      FAULT_finish_answered };
	static const struct points undo = { FAULT_undo_before_send, FAULT_undo_after_send,
					    FAULT_undo_answered };

	switch (verb) {
	case VERB_CLAIM:
		return &claim;
	case VERB_PREPARE:
		return &prepare;
	case VERB_DECIDE:
		return &decide;
	case VERB_COMMIT:
		return &one;
	case VERB_COMMIT_PREPARED:
		return &finish;
	case VERB_ROLLBACK_PREPARED:
		return &undo;
	case VERB_ASK:
	case VERB_FOLLOW:
	case VERB_END:
		break;
	}
	return NULL;
}

static int call(struct branch *branch, enum branch_verb verb, const struct txn_decision *decision)
{
	const struct txn_resource_ops *ops = &branch->ops;

	error_clear();
	switch (verb) {
	case VERB_ASK:
		return ops->ask ? ops->ask(branch->self) : TXN_CHANGED;
	case VERB_CLAIM:
		return ops->claim(branch->self, decision);
	case VERB_FOLLOW:
		return ops->follow(branch->self, branch->leader->self);
	case VERB_PREPARE:
		return ops->prepare(branch->self, branch->gid);
	case VERB_DECIDE:
		return ops->decide(branch->self);
	case VERB_COMMIT:
	case VERB_END:
		return ops->commit(branch->self);
	case VERB_COMMIT_PREPARED:
		return ops->commit_prepared(branch->self, branch->gid);
	case VERB_ROLLBACK_PREPARED:
		return ops->rollback_prepared(branch->self, branch->gid);
	}
	return SQLA_EMISUSE;
}

/* A lost connection, on purpose: the answer will never be known. */
static int lose(struct branch *branch)
{
	if (branch->ops.give_up)
		branch->ops.give_up(branch->self);
	return error_set(SQLA_EINDOUBT, branch_name(branch), NULL, "a fault point cut the wire");
}

/* A resource that answers with a number of its own must not be taken at it. */
static int valid(const struct branch *branch, enum branch_verb verb, int answer)
{
	if (answer <= 0 || (answer == TXN_CHANGED && verb == VERB_ASK) ||
	    (answer == TXN_WAIT && branch->ops.advance))
		return answer;
	return error_set(SQLA_EINDOUBT, branch_name(branch), "Correct the resource's code.",
			 "the resource answered a step with %d", answer);
}

/* The answer is in: its point is passed, and the first failure remembered. */
static void settle(struct branch_step step, struct sqla_error *first)
{
	const struct points *points = points_of(step.verb);
	struct branch *branch = step.branch;

	if (branch->vote >= 0 && points && fault_pass(points->answered) == FAULT_FAIL)
		branch->vote = lose(branch);
	if (branch->vote >= 0)
		return;
	(void)error_ensure(branch->vote, branch_name(branch), "the resource refused");
	if (first->status == 0)
		error_save(first);
}

void branch_start(struct branch_step step, const struct txn_decision *decision,
		  struct sqla_error *first)
{
	const struct points *points = points_of(step.verb);
	enum fault_action fault = points ? fault_pass(points->before) : FAULT_NONE;
	struct branch *branch = step.branch;

	if (fault == FAULT_REFUSE)
		branch->vote = error_set(SQLA_EABORTED, NULL, NULL, "a fault point refused");
	else if (fault == FAULT_FAIL)
		branch->vote = lose(branch);
	else
		branch->vote = valid(branch, step.verb, call(branch, step.verb, decision));
	if (branch->vote >= 0 && points && fault_pass(points->after) == FAULT_FAIL)
		branch->vote = lose(branch);
	if (branch->vote != TXN_WAIT)
		settle(step, first);
}

static void give_up(struct branch_step step, struct sqla_error *first)
{
	step.branch->ops.give_up(step.branch->self);
	step.branch->vote = error_set(SQLA_EINDOUBT, branch_name(step.branch),
				      "Look at the server: it is very slow or does not answer.",
				      "no answer within the time allowed");
	settle(step, first);
}

/* Advances STEP once; WAIT says then what it waits for, if it does. */
static void advance(struct branch_step step, struct pollfd *wait, struct sqla_error *first)
{
	struct branch *branch = step.branch;

	*wait = (struct pollfd){ .fd = -1 };
	if (branch->vote != TXN_WAIT)
		return;
	error_clear();
	branch->vote = valid(branch, step.verb, branch->ops.advance(branch->self, wait));
	if (branch->vote == TXN_WAIT)
		return;
	*wait = (struct pollfd){ .fd = -1 };
	settle(step, first);
}

static bool is_sending(const struct pollfd waits[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (waits[i].events & POLLOUT)
			return true;
	return false;
}

/* Waits for number I, and for what is still on its way to others; false: time is up. */
static bool await_one(struct branch_step steps[], struct pollfd waits[], size_t n, size_t i,
		      int64_t deadline, struct sqla_error *first)
{
	size_t from = i, to = i + 1;

	if (is_sending(waits, n)) {
		from = 0;
		to = n;
	}
	if (await_answer(waits + from, (nfds_t)(to - from), clock_left(deadline)) == 0 ||
	    (deadline && clock_left(deadline) == 0))
		return false;
	for (size_t k = from; k < to; k++)
		advance(steps[k], &waits[k], first);
	return true;
}

/* So many branches are waited for without asking for memory. */
enum { WAITS_FEW = 8 };

/*
 * One is waited for at a time, the last one first: whoever answers meanwhile wakes
 * nobody. The claim, which was asked first, forces no log, and so its answer is
 * there when those of the prepares are.
 */
void branch_await(struct branch_step steps[], size_t n, int64_t deadline, struct sqla_error *first)
{
	struct pollfd few[WAITS_FEW];
	struct pollfd *waits = n <= WAITS_FEW ? few : calloc(n, sizeof(*waits));
	bool is_in_time = waits;

	for (size_t i = 0; is_in_time && i < n; i++)
		advance(steps[i], &waits[i], first);
	for (size_t i = n; is_in_time && i-- > 0;) {
		if (i + 1 < n)
			advance(steps[i], &waits[i], first);
		while (is_in_time && steps[i].branch->vote == TXN_WAIT)
			is_in_time = await_one(steps, waits, n, i, deadline, first);
	}
	/* Out of time, or of memory: what has not been answered is unknown (I7). */
	for (size_t i = 0; i < n; i++) {
		if (waits)
			advance(steps[i], &waits[i], first);
		if (steps[i].branch->vote == TXN_WAIT)
			give_up(steps[i], first);
	}
	if (waits != few)
		free(waits);
}
