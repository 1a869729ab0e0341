/*
 * A process is killed at every call to the file system of a commit of three
 * files. All have it then, or none; for whoever opens them first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group/clients.h"
#include "group/trio.h"
#include "support/disk.h"
#include "support/must.h"
#include "support/test.h"

/* Make check kills at each once; make check-long again and again, since the three
 * threads come by in another order each time. */
static int rounds(void)
{
	return getenv("SQLA_TEST_LONG") ? 60 : 1;
}

struct result {
	int killed, had_it, did_not;
};

/* In a child; the parent has no connections. */
static pid_t start(const struct trio_modes *modes, int number, unsigned kill_at, int told)
{
	pid_t pid = fork();
	char answer;

	if (pid != 0)
		return pid;
	disk_watch(trio_folder());
	trio_open(modes);
	disk_count(kill_at);
	answer = trio_transfer(number) == 0 ? 'y' : 'n';
	disk_stop();
	_exit(write(told, &answer, 1) == 1 ? 0 : 1);
}

/* Who opens the files first: this library, or stock SQLite; what that may not, the
 * library does. */
static void visit(const struct trio_modes *modes, unsigned kill_at)
{
	if (kill_at % 2 == 0)
		trio_visit_with_shell((int)kill_at / 2);
	if (kill_at % 2 || trio_guarded())
		trio_visit_with_library(modes);
	cr_assert(zero(int, trio_guarded()), "%s, call %u", modes->name, kill_at);
}

/* What it TOLD of the commit must be so; '?': nothing. */
static void check(const struct trio_modes *modes, int number, unsigned kill_at, char told)
{
	char *violation = trio_violation();
	int has = trio_has(number);

	cr_assert(eq(ptr, violation, NULL), "%s, call %u: %s", modes->name, kill_at, violation);
	if (told != '?')
		cr_assert(eq(int, has, told == 'y'), "%s, call %u", modes->name, kill_at);
}

/* Whether it was killed. */
static bool kill_once(const struct trio_modes *modes, int number, unsigned kill_at,
		      struct clients *clients, struct result *result)
{
	int status = -1, told[2];
	char answer = '?';
	pid_t pid;

	if (pipe(told) < 0)
		must_fail("no pipe");
	pid = start(modes, number, kill_at, told[1]);
	(void)close(told[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		must_fail("no child");
	if (read(told[0], &answer, 1) < 0)
		must_fail("no answer");
	(void)close(told[0]);
	if (clients && trio_guarded())
		trio_visit_with_library(modes);
	if (clients)
		cr_assert(ge(int, clients_read(clients), 0), "%s, call %u", modes->name, kill_at);
	else
		visit(modes, kill_at);
	check(modes, number, kill_at, answer);
	if (trio_has(number))
		result->had_it++;
	else
		result->did_not++;
	if (WIFSIGNALED(status))
		return true;
	cr_assert(eq(int, status, 0));
	return false;
}

static void sweep(const struct trio_modes *modes, bool with_clients)
{
	struct clients *clients = NULL;
	struct result result = { 0 };
	int number = 0;

	trio_make();
	trio_visit_with_library(modes);
	if (with_clients)
		clients = clients_start();
	for (int i = 0; i < rounds(); i++)
		for (unsigned at = 1; kill_once(modes, ++number, at, clients, &result); at++)
			result.killed++;
	if (clients)
		clients_stop(clients);
	(void)printf("%s: %d kills, %d of %d had it\n", modes->name, result.killed, result.had_it,
		     result.had_it + result.did_not);
	(void)printf("count %d groups of SQLite files killed\n", result.killed);
	cr_expect(gt(int, result.killed, 30));
	cr_expect(gt(int, result.had_it, 1));
	cr_expect(gt(int, result.did_not, 10));
}

Test(kill, at_every_call_leaves_all_or_nothing_with_journals_that_are_deleted)
{
	sweep(&trio_delete, false);
}

Test(kill, at_every_call_leaves_all_or_nothing_with_journals_that_are_truncated)
{
	sweep(&trio_truncate, false);
}

Test(kill, at_every_call_leaves_all_or_nothing_with_journals_that_persist)
{
	sweep(&trio_persist, false);
}

Test(kill, at_every_call_leaves_all_or_nothing_with_one_journal_of_each_kind)
{
	sweep(&trio_mixed, false);
}

Test(kill, at_every_call_leaves_all_or_nothing_with_wals)
{
	sweep(&trio_wal, false);
}

Test(kill, at_every_call_leaves_all_or_nothing_with_wals_and_a_journal)
{
	sweep(&trio_half_wal, false);
}

/* Some transfers are refused then, since others hold the locks. */
Test(kill, at_every_call_leaves_all_or_nothing_for_clients_that_were_connected_before)
{
	sweep(&trio_delete, true);
}

Test(kill, at_every_call_leaves_all_or_nothing_with_wals_for_clients_that_were_connected_before)
{
	sweep(&trio_half_wal, true);
}
