#include "recovery/latest.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recovery/store.h"
#include "support/test.h"

#define GID "sqla1.5d4f2f80-4c1e-4b62-8a57-0d1d5e1c7a01.1.nowhere.somebody"

static struct latest_pass pass;
static struct sqla_recover_report totals;

static void teardown(void)
{
	latest_clear(&pass);
}

TestSuite(latest, .fini = teardown);

/* A branch that nobody can decide, for its decider is unknown. */
static struct store *leave_unknown(void)
{
	struct store *store = store_new("shelf");

	store_add(store, GID);
	store_register(store, "shelf");
	return store;
}

Test(latest, before_the_first_pass_there_is_nothing)
{
	latest_copy(&pass, &totals);
	cr_expect(zero(i64, pass.ended_ms));
	cr_expect(eq(ptr, pass.branches, NULL));
}

Test(latest, a_pass_is_remembered_with_what_it_left)
{
	struct store *store = leave_unknown();

	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_PENDING));
	latest_copy(&pass, &totals);
	cr_expect(gt(i64, pass.ended_ms, 0));
	cr_expect(eq(int, pass.report.left, 1));
	cr_expect(eq(int, (int)pass.n_branches, 1));
	cr_assert(ne(ptr, pass.branches, NULL));
	cr_expect(eq(str, pass.branches->engine, (char *)"shelf"));
	cr_expect(eq(str, pass.branches->gid, (char *)GID));
	cr_expect(eq(int, (int)pass.branches->verdict, SQLA_VERDICT_UNKNOWN));
	cr_expect(ne(str, pass.branches->evidence, (char *)""));
	(void)sqla_recoverer_unregister("shelf");
	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_OK));
	latest_clear(&pass);
	latest_copy(&pass, &totals);
	cr_expect(eq(ptr, pass.branches, NULL), "the next pass replaces it");
	store_free(store);
}

Test(latest, what_is_young_is_most_likely_at_work_and_not_in_doubt)
{
	struct store *store = leave_unknown();

	store_set_age(store, 0);
	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_PENDING));
	latest_copy(&pass, &totals);
	cr_expect(eq(int, (int)pass.n_young, 1));
	cr_expect(zero(int, (int)pass.n_branches));
	cr_expect(eq(ptr, pass.branches, NULL));
	(void)sqla_recoverer_unregister("shelf");
	store_free(store);
}

Test(latest, a_looking_pass_counts_too)
{
	struct store *store = leave_unknown();

	cr_assert(eq(int, sqla_in_doubt(NULL, NULL), 1));
	latest_copy(&pass, &totals);
	cr_expect(eq(int, (int)pass.n_branches, 1));
	(void)sqla_recoverer_unregister("shelf");
	store_free(store);
}

Test(latest, who_could_not_be_asked_is_remembered)
{
	struct store *store = leave_unknown();

	store_break(store, true);
	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_PENDING));
	latest_copy(&pass, &totals);
	cr_assert(ne(ptr, pass.unreachable, NULL));
	cr_expect(eq(str, pass.unreachable->engine, (char *)"shelf"));
	cr_expect(ne(str, pass.unreachable->reason, (char *)""));
	(void)sqla_recoverer_unregister("shelf");
	store_free(store);
}

Test(latest, of_many_branches_all_are_counted_and_some_are_kept)
{
	struct sqla_in_doubt branch = { .engine = "e",
					.gid = GID,
					.uuid = "u",
					.owner = "",
					.database = "",
					.decider = "",
					.decider_site = "",
					.evidence = "",
					.remedy = "" };
	struct sqla_recover_report report = { .committed = 2 };
	struct latest_pass made = { 0 };
	const struct latest_branch *kept;
	int n = 0;

	for (int i = 0; i < LATEST_MOST + 7; i++)
		latest_add(&made, &branch);
	latest_publish(&made, &report);
	latest_publish(&made, &report);
	latest_copy(&pass, &totals);
	cr_expect(eq(int, totals.committed, 4));
	cr_expect(zero(int, (int)pass.n_branches));
	for (int i = 0; i < LATEST_MOST + 7; i++)
		latest_add(&made, &branch);
	cr_expect(eq(int, (int)made.n_branches, LATEST_MOST + 7));
	for (kept = made.branches; kept; kept = kept->next)
		n++;
	cr_expect(eq(int, n, LATEST_MOST));
	latest_clear(&made);
}

Test(latest, a_forked_child_has_seen_no_pass)
{
	struct store *store = leave_unknown();
	int status = -1;
	pid_t pid;

	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_PENDING));
	pid = fork();
	if (pid == 0) {
		latest_copy(&pass, &totals);
		_exit(pass.ended_ms != 0 || pass.branches != NULL);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	(void)sqla_recoverer_unregister("shelf");
	store_free(store);
}
