/* Who is asked what became of a branch, and what is made of the answer. */
#include "recovery/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "recovery/puppet.h"
#include "support/test.h"

#define UUID "11111111-1111-4111-8111-111111111111"

static struct parties all;
static struct txn_gid parts;
static struct resolution found;
static const struct resolve_how how = { .grace_s = 0 };

/* The decider is "a", whose site the gid names. */
static void setup(void)
{
	char *gid;

	all = puppets_init();
	gid = puppet_gid(UUID, 1);
	cr_assert(zero(int, txn_gid_parse(gid, &parts)));
	free(gid);
}

TestSuite(resolve, .init = setup);

static enum sqla_verdict verdict(void)
{
	resolve_decision(&all, &parts, &how, NULL, NULL, &found);
	return found.verdict;
}

Test(resolve, says_what_the_decider_says)
{
	static const struct {
		enum driver_look_result look;
		enum sqla_verdict verdict;
	} cases[] = {
		{ LOOK_COMMITTED, SQLA_VERDICT_COMMIT },
		{ LOOK_ABORTED, SQLA_VERDICT_ROLLBACK },
		{ LOOK_OPEN, SQLA_VERDICT_OPEN },
		{ LOOK_UNKNOWN, SQLA_VERDICT_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		puppets[0].look = cases[i].look;
		puppets[1].look = LOOK_COMMITTED;
		cr_expect(eq(int, (int)verdict(), (int)cases[i].verdict));
		cr_expect(eq(int, (int)found.cause, CAUSE_LOOKED));
		cr_expect(eq(ptr, (void *)found.decider, &all.items[0]));
		cr_expect(eq(str, found.evidence, (char *)"a was looked at"));
	}
}

Test(resolve, asks_a_database_under_each_of_its_names)
{
	(void)strcpy(all.items[1].site, "site-a");
	puppets[1].look = LOOK_ABORTED;
	cr_expect(eq(int, (int)verdict(), SQLA_VERDICT_ROLLBACK));
	cr_expect(eq(ptr, (void *)found.decider, &all.items[1]));
}

/* I6 */
Test(resolve, asks_neither_a_copy_nor_its_original)
{
	all.items[0].has_double = true;
	puppets[0].look = LOOK_COMMITTED;
	cr_expect(eq(int, (int)verdict(), SQLA_VERDICT_UNKNOWN));
	cr_expect(eq(int, (int)found.cause, CAUSE_DOUBLE));
}

Test(resolve, asks_no_standby)
{
	all.items[0].identity.is_standby = true;
	puppets[0].look = LOOK_ABORTED;
	cr_expect(eq(int, (int)verdict(), SQLA_VERDICT_UNKNOWN));
	cr_expect(eq(int, (int)found.cause, CAUSE_NO_ENGINE));
}

Test(resolve, asks_nobody_who_cannot_decide)
{
	struct party_ops mute = *all.items[0].ops;

	mute.look = NULL;
	all.items[0].ops = &mute;
	cr_expect(eq(int, (int)verdict(), SQLA_VERDICT_UNKNOWN));
	cr_expect(eq(int, (int)found.cause, CAUSE_NO_ENGINE));
}

/* The decider may be any of those. */
Test(resolve, names_who_could_not_be_asked)
{
	all.items[0].is_reachable = all.items[2].is_reachable = false;
	cr_expect(eq(int, (int)verdict(), SQLA_VERDICT_UNKNOWN));
	cr_expect(eq(int, (int)found.cause, CAUSE_UNREACHABLE));
	cr_expect(eq(ptr, (void *)found.decider, &all.items[0]));
	(void)strcpy(parts.name, "c");
	(void)verdict();
	cr_expect(eq(ptr, (void *)found.decider, &all.items[2]), "preferably by its name");
	(void)strcpy(parts.name, "b");
	(void)verdict();
	cr_expect(eq(ptr, (void *)found.decider, &all.items[0]));
}

Test(resolve, gives_up_a_decider_that_is_lost)
{
	puppets[0].is_lost = true;
	cr_expect(eq(int, (int)verdict(), SQLA_VERDICT_UNKNOWN));
	cr_expect(not(all.items[0].is_reachable));
}
