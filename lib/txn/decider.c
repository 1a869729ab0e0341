#include "txn/decider.h"

#include <stdio.h>

#include <utlist.h>

/* Among those that could be prepared too: prefers, local, and then any. */
static int rank(unsigned abilities)
{
	if (!(abilities & TXN_DECIDES))
		return -1;
	if (abilities & TXN_PREFERS)
		return 2;
	return abilities & TXN_DECIDES_LOCAL ? 1 : 0;
}

static int refuse_two(const struct branch *one, const struct branch *two)
{
	return error_set(SQLA_EUNSAFE, branch_name(two),
			 "Let at most one of them change anything in a transaction, or make the "
			 "other able to prepare.",
			 "neither \"%s\" (%s) nor \"%s\" (%s) can be prepared", branch_name(one),
			 branch_why_not(one, TXN_PREPARES), branch_name(two),
			 branch_why_not(two, TXN_PREPARES));
}

static const void *group_of(const struct branch *branch)
{
	return branch->ops.group ? branch->ops.group(branch->self) : NULL;
}

/* They could be one group, if BRANCH were able to. */
static int refuse_member(const struct branch *branch, const struct branch *other)
{
	return error_set(SQLA_EUNSAFE, branch_name(branch),
			 "Change that, or let only one of them change anything in a transaction.",
			 "\"%s\" cannot be committed together with \"%s\": %s", branch_name(branch),
			 branch_name(other), branch_why_not(branch, TXN_FOLLOWS));
}

/* Whether two that cannot be prepared may be decided by one of them. */
static int check_group(const struct branch *one, unsigned abilities_of_one,
		       const struct branch *two, unsigned abilities_of_two)
{
	const void *group = group_of(one);

	if (!group || group != group_of(two))
		return refuse_two(one, two);
	if (!(abilities_of_one & TXN_FOLLOWS))
		return refuse_member(one, two);
	if (!(abilities_of_two & TXN_FOLLOWS))
		return refuse_member(two, one);
	return 0;
}

/* Those that cannot be prepared lead themselves until the decider is known. */
static void follow(struct branch *branches, struct branch *decider)
{
	struct branch *branch;

	DL_FOREACH(branches, branch)
		if (branch->leader)
			branch->leader = branch == decider ? NULL : decider;
}

#define SEE "See sqlassist doctor, and sqlassist-commit(7), WHO DECIDES."

/* It must decide, since it cannot be prepared, and cannot decide either. */
static int refuse_stuck(const struct branch *branch)
{
	char why[200];

	(void)snprintf(why, sizeof(why), "%s", branch_why_not(branch, TXN_PREPARES));
	return error_set(SQLA_EUNSAFE, branch_name(branch), SEE,
			 "\"%s\" cannot be prepared (%s) and cannot decide (%s)",
			 branch_name(branch), why, branch_why_not(branch, TXN_DECIDES));
}

static int refuse_undecided(const struct branch *last)
{
	return error_set(SQLA_EUNSAFE, branch_name(last), SEE,
			 "no branch can decide; \"%s\" cannot: %s", branch_name(last),
			 branch_why_not(last, TXN_DECIDES));
}

/*
 * Of equals the last one decides. Where the end of the others is not waited for,
 * it is the one that was touched first: the next transaction of the thread will
 * most likely begin there, too, and finds it free, while the others still end.
 */
static bool is_better(const struct branch *branch, int its_rank, const struct branch *best,
		      int best_rank, enum txn_finish finish)
{
	if (its_rank < 0 || !best || its_rank != best_rank)
		return its_rank >= best_rank;
	return finish == TXN_FINISH_WAIT || branch->number < best->number;
}

int decider_choose(struct branch *branches, enum txn_finish finish, struct branch **ret_decider)
{
	struct branch *branch, *must = NULL, *best = NULL, *last = NULL;
	unsigned abilities, abilities_of_must = 0; /* asking may cost a look at a file */
	int best_rank = 0, status;

	DL_FOREACH(branches, branch) {
		branch->leader = NULL;
		if (branch->phase != BRANCH_CHANGED)
			continue;
		last = branch;
		abilities = branch_abilities(branch);
		if (!(abilities & TXN_PREPARES)) {
			status = must ? check_group(must, abilities_of_must, branch, abilities) : 0;
			if (status < 0)
				return status;
			branch->leader = branch;
			if (!must || rank(abilities) >= rank(abilities_of_must)) {
				must = branch;
				abilities_of_must = abilities;
			}
		}
		if (is_better(branch, rank(abilities), best, best_rank, finish)) {
			best_rank = rank(abilities);
			best = branch;
		}
	}
	if (must && !(abilities_of_must & TXN_DECIDES))
		return refuse_stuck(must);
	if (!must && !best)
		return refuse_undecided(last);
	*ret_decider = must ? must : best;
	follow(branches, *ret_decider);
	return 0;
}
