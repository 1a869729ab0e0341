/* A decision row goes only when each of its branches is known to have ended (I5). */
#include "recovery/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/puppet.h"
#include "support/must.h"
#include "support/test.h"

#define UUID "11111111-1111-4111-8111-111111111111"

static struct parties all;
static struct puppet *const decider = &puppets[0], *const branch = &puppets[1];
static char *gid, *branches;
static struct sqla_recover_options options;

/* "a" decided; its row lists a branch at "b", where it is not prepared any more. */
static void setup(void)
{
	all = puppets_init();
	gid = puppet_gid(UUID, 1);
	branches = must_printf("site-b=%s", gid);
	decider->rows[0] = (struct driver_row){ UUID, "committed", branches, 100 };
	decider->n_rows = 1;
}

static void teardown(void)
{
	free(branches);
	free(gid);
}

TestSuite(rows, .init = setup, .fini = teardown);

static int forgotten(void)
{
	int n = rows_forget(&all, &options);

	cr_expect(eq(int, n, puppets[0].forgotten + puppets[1].forgotten + puppets[2].forgotten));
	return n;
}

Test(rows, go_when_their_branches_have_ended)
{
	cr_expect(eq(int, forgotten(), 1));
	cr_expect(eq(int, decider->forgotten, 1));
}

Test(rows, stay_while_a_branch_is_prepared)
{
	branch->prepared[0] = gid;
	cr_expect(zero(int, forgotten()));
}

Test(rows, stay_while_a_branch_is_where_nobody_is_known)
{
	(void)strcpy(all.items[1].site, "site-x");
	cr_expect(zero(int, forgotten()));
}

Test(rows, stay_while_a_branch_is_where_nobody_can_be_asked)
{
	all.items[1].is_reachable = false;
	cr_expect(zero(int, forgotten()));
}

Test(rows, stay_while_only_a_standby_shows_no_branch)
{
	all.items[1].identity.is_standby = true;
	cr_expect(zero(int, forgotten()));
}

Test(rows, stay_while_a_branch_may_be_in_either_of_two_databases)
{
	all.items[1].has_double = true;
	cr_expect(zero(int, forgotten()));
}

Test(rows, stay_while_a_branch_cannot_be_listed)
{
	branch->list_status = SQLA_EDATABASE;
	cr_expect(zero(int, forgotten()));
	cr_expect(not(all.items[1].is_reachable));
}

Test(rows, stay_while_one_of_their_lists_cannot_be_read)
{
	static const char *const lists[] = { "what is this", "site-b=x", "," };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		decider->rows[0].branches = lists[i];
		cr_expect(zero(int, forgotten()), "%s", lists[i]);
	}
	decider->rows[0].branches = "";
	cr_expect(eq(int, forgotten(), 1), "a row without branches is of no use");
}

/* Its coordinator may only have been frozen. */
Test(rows, that_are_tombstones_stay)
{
	decider->rows[0].verdict = "aborted";
	cr_expect(zero(int, forgotten()));
	cr_expect(zero(uint, branch->listed), "nobody needs to be asked");
}

Test(rows, with_a_longer_key_stay)
{
	decider->rows[0].uuid = UUID "x";
	cr_expect(zero(int, forgotten()));
}

static bool refuse(const char *uuid, void *arg)
{
	(void)arg;
	return strcmp(uuid, UUID) != 0;
}

Test(rows, that_are_not_wanted_stay)
{
	options.wanted = refuse;
	cr_expect(zero(int, forgotten()));
}

Test(rows, of_a_database_that_may_be_a_copy_stay)
{
	all.items[0].has_double = true;
	cr_expect(zero(int, forgotten()));
	all.items[0].has_double = false;
	all.items[0].identity.is_standby = true;
	cr_expect(zero(int, forgotten()));
}

Test(rows, stay_where_they_cannot_be_read_or_forgotten)
{
	decider->rows_status = SQLA_EDATABASE;
	cr_expect(zero(int, forgotten()));
	decider->rows_status = 0;
	decider->forget_status = SQLA_EDATABASE;
	cr_expect(zero(int, forgotten()));
	cr_expect(all.items[0].is_reachable);
}

Test(rows, stay_where_the_connection_is_lost_meanwhile)
{
	decider->list_status = SQLA_ECONNECT;
	decider->is_lost = true;
	cr_expect(zero(int, forgotten()));
	cr_expect(not(all.items[0].is_reachable));
}

Test(rows, go_in_batches)
{
	char uuids[PUPPET_ROWS][37];

	for (unsigned i = 0; i < PUPPET_ROWS; i++) {
		(void)snprintf(uuids[i], sizeof(uuids[i]), "11111111-1111-4111-8111-%012u", i);
		decider->rows[i] = decider->rows[0];
		decider->rows[i].uuid = uuids[i];
	}
	decider->n_rows = PUPPET_ROWS;
	cr_expect(eq(int, forgotten(), PUPPET_ROWS));
}

Test(rows, stay_when_there_is_no_memory_for_them_or_for_a_branch)
{
	branch->prepared[0] = gid;
	branch->fails_at = 1;
	cr_expect(zero(int, forgotten()));
	branch->prepared[0] = NULL;
	for (decider->fails_at = 1; decider->fails_at <= 2; decider->fails_at++)
		cr_expect(zero(int, forgotten()));
}
