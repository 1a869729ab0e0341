/*
 * What comes after a wire was cut in the middle of a commit is struck as well:
 * each message of the coordinator's own look at the decider, and each of a
 * recovery that finds what was left in doubt. The next recovery ends it.
 *
 * A short run cuts at every eighth message that follows; a long one strikes with
 * everything, at each, after each first cut.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/main.h"
#include "support/test.h"
#include "wire/strikes.h"

TEST_MAIN({ .name = "one" }, { .name = "two" })

static const struct shape two_servers = { .name = "two servers", .parties = "pq" };
static const struct shape server_and_file = { .name = "a server and a file", .parties = "ps" };
static const struct shape forgetting = {
	.name = "two servers that forget", .parties = "pq", .n_others = 2, .forgets = true
};
static const struct shape with_row = { .name = "one server with a row",
				       .parties = "p",
				       .with_row = true };
static const struct shape alone = { .name = "one server", .parties = "p" };

/* What happens to each message; in a short run the first of it. */
static const struct strike strikes[] = {
	{ .kind = STRIKE_CUT },
	{ .kind = STRIKE_ORPHAN },
	{ .kind = STRIKE_FATAL, .sqlstate = "57P01" },
	{ .kind = STRIKE_FATAL, .sqlstate = "53300" },
	{ .kind = STRIKE_REFUSE, .sqlstate = "40001" },
	{ .kind = STRIKE_REFUSE, .sqlstate = "53100" },
};

enum { STEP = 8 };

static size_t step(void)
{
	return getenv("SQLA_TEST_LONG") ? 1 : STEP;
}

static size_t n_strikes(void)
{
	return getenv("SQLA_TEST_LONG") ? sizeof(strikes) / sizeof(strikes[0]) : 1;
}

/* ---- the first strike ---------------------------------------------------- */

/* What a cut at one message led to. */
struct first {
	struct target target;
	struct strike strike;
	int status;
	bool is_in_doubt; /* branches were left */
	bool looked;	  /* somebody connected anew before it was over */
};

static bool has_connected(const struct strikes *sweep)
{
	for (size_t i = 0; i < sweep->n_targets; i++)
		if (sweep->targets[i].heard.type == WIRE_UNTYPED)
			return true;
	return false;
}

/* Works, and ends it with STRIKES at the party of the first. */
static int end_with(struct strikes *sweep, const struct first *first, const struct strike *second)
{
	struct strike both[] = { first->strike, second ? *second : first->strike };

	ledger_work(sweep->ledger);
	strikes_listen(sweep);
	tap_watch(ledger_tap(sweep->ledger, first->target.party), both, second ? 2 : 1);
	return ledger_end(sweep->ledger);
}

/* Cuts at TARGET, sees what happens, and makes the targets of what was heard then. */
static void try(struct strikes *sweep, const struct target *target, struct first *ret_first)
{
	struct first first = { .target = *target, .strike = { .kind = STRIKE_CUT } };

	(void)strikes_aim(target, &first.strike);
	first.status = end_with(sweep, &first, NULL);
	first.is_in_doubt = ledger_prepared(sweep->ledger) > 0;
	strikes_take_targets(sweep);
	first.looked = has_connected(sweep);
	strikes_note(sweep, target, &first.strike, first.status,
		     ledger_violation(sweep->ledger, first.status));
	strikes_clean(sweep);
	*ret_first = first;
}

/* Cuts at every message of a commit; all that happened as a new array. */
static struct first *try_all(struct strikes *sweep, size_t *ret_n)
{
	size_t n = sweep->n_targets;
	struct target *targets = calloc(n, sizeof(*targets));
	struct first *all = calloc(n, sizeof(*all));

	if (!targets || !all)
		must_fail("out of memory");
	memcpy(targets, sweep->targets, n * sizeof(*targets));
	for (size_t i = 0; i < n; i++)
		try(sweep, &targets[i], &all[i]);
	free(targets);
	*ret_n = n;
	return all;
}

/* The first of each kind of what may happen, all in a long run: the others of a
 * kind lead to the same talk. */
static bool is_of_new_kind(const struct first *all, size_t i)
{
	if (getenv("SQLA_TEST_LONG"))
		return true;
	for (size_t j = 0; j < i; j++)
		if ((all[j].status < 0) == (all[i].status < 0) && all[j].looked == all[i].looked &&
		    all[j].is_in_doubt == all[i].is_in_doubt)
			return false;
	return true;
}

/* Cuts at every message of a commit, and strikes at what follows those cuts that
 * IS_WANTED: with everything, after LISTEN (may be NULL) has been there. */
static void strike_all(const struct shape *shape, bool (*is_wanted)(const struct first *first),
		       void (*listen)(struct strikes *sweep, const struct first *first),
		       void (*strike)(struct strikes *sweep, const struct first *first,
				      struct strike with))
{
	struct strikes sweep;
	struct first *all;
	size_t n;

	strikes_start(&sweep, shape);
	all = try_all(&sweep, &n);
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(&all[i]) || !is_of_new_kind(all, i))
			continue;
		if (listen)
			listen(&sweep, &all[i]);
		for (size_t j = 0; j < n_strikes(); j++)
			strike(&sweep, &all[i], strikes[j]);
	}
	free(all);
	strikes_end(&sweep);
}

/* ---- the coordinator looks ----------------------------------------------- */

/* The connections that were made before the cut were struck by test-commit. */
static bool is_behind_the_cut(const struct strikes *sweep, const struct first *first, size_t i)
{
	const struct heard *heard = &sweep->targets[i].heard;

	for (size_t j = 0; j <= i; j++)
		if (sweep->targets[j].party == first->target.party &&
		    sweep->targets[j].heard.type == WIRE_UNTYPED)
			return sweep->targets[i].party == first->target.party &&
			       (heard->side != first->strike.side ||
				heard->nth > first->strike.nth);
	return false;
}

static void strike_look_at(struct strikes *sweep, const struct first *first, struct strike strike)
{
	struct target target;
	struct first again;

	try(sweep, &first->target, &again);
	cr_assert(eq(int, again.status, first->status));
	for (size_t i = 0; i < sweep->n_targets; i += step()) {
		int status;

		target = sweep->targets[i];
		if (!is_behind_the_cut(sweep, first, i) || !strikes_aim(&target, &strike))
			continue;
		status = end_with(sweep, first, &strike);
		strikes_note(sweep, &target, &strike, status,
			     ledger_violation(sweep->ledger, status));
		strikes_clean(sweep);
	}
}

static bool has_looked(const struct first *first)
{
	return first->looked;
}

static void strike_looks(const struct shape *shape)
{
	strike_all(shape, has_looked, NULL, strike_look_at);
}

Test(look_of_the_coordinator, at_a_server_that_decides_for_another)
{
	strike_looks(&two_servers);
}

Test(look_of_the_coordinator, at_the_row_of_a_server_alone)
{
	strike_looks(&with_row);
}

Test(look_of_the_coordinator, at_the_number_of_a_transaction_alone)
{
	strike_looks(&alone);
}

/* ---- recovery ------------------------------------------------------------ */

static int recover(void)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };

	return sqla_recover(&now, NULL, NULL, NULL);
}

/* Leaves a branch in doubt as FIRST did. */
static int leave(struct strikes *sweep, const struct first *first)
{
	int status = end_with(sweep, first, NULL);
	char *left = ledger_calm(sweep->ledger);

	cr_assert(eq(int, status, first->status));
	cr_assert(zero(ptr, left), "%s", left);
	cr_assert(gt(i64, ledger_prepared(sweep->ledger), 0));
	ledger_crowd(sweep->ledger, ledger_shape(sweep->ledger)->n_others);
	if (ledger_shape(sweep->ledger)->forgets)
		ledger_age_row(sweep->ledger);
	return status;
}

static void listen_to_recovery(struct strikes *sweep, const struct first *first)
{
	int status = leave(sweep, first);
	char *violation;

	strikes_listen(sweep);
	cr_assert(eq(int, recover(), 0), "%s", sqla_error_last()->message);
	strikes_take_targets(sweep);
	violation = ledger_violation(sweep->ledger, status);
	cr_assert(zero(ptr, violation), "%s", violation);
	strikes_clean(sweep);
}

/* Recovery says that all is well only if it is, and is never of two minds. */
static char *wrong_answer(const struct strikes *sweep, int answer)
{
	if (answer == 0 && ledger_prepared(sweep->ledger) > 0)
		return must_printf("recovery says that nothing is in doubt");
	if (answer == SQLA_EMIXED)
		return must_printf("recovery says that the databases disagree");
	return NULL;
}

static void strike_recovery_at(struct strikes *sweep, const struct first *first, size_t i,
			       struct strike strike)
{
	const struct target *target = &sweep->targets[i];
	int status, answer;
	char *violation;

	if (!strikes_aim(target, &strike))
		return;
	status = leave(sweep, first);
	tap_watch(ledger_tap(sweep->ledger, target->party), &strike, 1);
	answer = recover();
	violation = ledger_calm(sweep->ledger);
	if (!violation)
		violation = wrong_answer(sweep, answer);
	if (!violation)
		violation = ledger_violation(sweep->ledger, status);
	strikes_note(sweep, target, &strike, status, violation);
	strikes_clean(sweep);
}

static void strike_recovery(struct strikes *sweep, const struct first *first, struct strike strike)
{
	for (size_t i = 0; i < sweep->n_targets; i += step())
		strike_recovery_at(sweep, first, i, strike);
}

static bool has_left_doubt(const struct first *first)
{
	return first->is_in_doubt;
}

static void strike_recoveries(const struct shape *shape)
{
	strike_all(shape, has_left_doubt, listen_to_recovery, strike_recovery);
}

Test(recovery, of_two_servers)
{
	strike_recoveries(&two_servers);
}

/* A row that goes before its branches have ended (I5) would leave them in doubt.
 * Here are so many that they are looked at, and ended, together. */
Test(recovery, of_two_servers_whose_rows_are_forgotten_meanwhile)
{
	strike_recoveries(&forgetting);
}

Test(recovery, of_a_server_and_a_file)
{
	strike_recoveries(&server_and_file);
}
