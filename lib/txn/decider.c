#include "txn/decider.h"

#include <stdio.h>

#include <utlist.h>

/* Among those that could be prepared too: prefers, local, and then the last. */
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

int decider_choose(struct branch *branches, struct branch **ret_decider)
{
	struct branch *branch, *must = NULL, *best = NULL, *last = NULL;
	unsigned abilities, abilities_of_must = 0; /* asking may cost a look at a file */
	int best_rank = 0;

	DL_FOREACH(branches, branch) {

		if (branch->phase != BRANCH_CHANGED)
			continue;
		last = branch;
		abilities = branch_abilities(branch);
		if (!(abilities & TXN_PREPARES)) {
			if (must)
				return refuse_two(must, branch);
			must = branch;
			abilities_of_must = abilities;
		}
		if (rank(abilities) >= best_rank) {
			best_rank = rank(abilities);
			best = branch;
		}
	}
	if (must && !(abilities_of_must & TXN_DECIDES))
		return refuse_stuck(must);
	if (!must && !best)
		return refuse_undecided(last);
	*ret_decider = must ? must : best;
	return 0;
}
