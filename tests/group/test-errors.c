/*
 * Each call to the file system of a commit of three files fails, or each of its
 * allocations, once or from there on. What the commit answers is true, and all
 * have it, or none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>

#include "group/memory.h"
#include "group/trio.h"
#include "support/alloc.h"
#include "support/disk.h"
#include "support/must.h"
#include "support/test.h"

struct failure {
	const struct trio_modes *modes;
	int error;
	bool forever;
	bool is_callers; /* allocations of the thread that commits, SQLite's and ours */
};

enum answer { COMMITTED = 10, REFUSED, UNKNOWN, LEAKED = 0x20, NOT_REACHED = 0x40 };

#define WARM_UP 500000 /* what its number is more than that of the one that fails */

static enum answer answer_of(int status)
{
	if (status >= 0)
		return COMMITTED;
	return status == SQLA_EINDOUBT ? UNKNOWN : REFUSED;
}

static bool is_of_memory(const struct failure *failure)
{
	return failure->error == ENOMEM;
}

static void arm(const struct failure *failure, unsigned at)
{
	if (failure->is_callers) {
		alloc_fail_at(at, failure->forever);
	} else if (is_of_memory(failure)) {
		memory_fail_at(at, failure->forever);
	} else {
		disk_fail(&(struct disk_failure){ .at = at,
						  .error = failure->error,
						  .forever = failure->forever });
	}
}

/* There are thousands of allocations: make check-long lets each fail. */
static int stride(const struct failure *failure)
{
	return is_of_memory(failure) && !getenv("SQLA_TEST_LONG") ? 17 : 1;
}

/* Whether the failure came. */
static bool disarm(const struct failure *failure, unsigned at)
{
	bool is_reached;

	if (failure->is_callers)
		return alloc_stop() >= at;
	is_reached = (is_of_memory(failure) ? memory_counted() : disk_met()) >= at;

	memory_fail_at(0, false);
	disk_stop();
	return is_reached;
}

/* In a child: its exit code. What is not frozen is given back: after a transfer
 * that went well and one that did not there is as much in use. */
static int transfer_and_count(const struct failure *failure, int number, unsigned at)
{
	int answer;
	long blocks;

	alloc_fail_at(0, false); /* loads what it needs itself */
	(void)alloc_stop();
	trio_open(failure->modes);
	if (trio_transfer(number + WARM_UP) != 0)
		must_fail("transfer %d", number + WARM_UP);
	trio_close();
	blocks = alloc_blocks();
	trio_open(failure->modes);
	if (trio_try(number) < 0)
		must_fail("transfer %d", number);
	arm(failure, at);
	answer = (int)answer_of(txn_commit());
	if (!disarm(failure, at))
		answer |= NOT_REACHED;
	trio_close();
	if ((answer & ~NOT_REACHED) != UNKNOWN && alloc_blocks() > blocks)
		answer |= LEAKED;
	return answer;
}

/* In a child: its exit code. */
static int transfer(const struct failure *failure, int number, unsigned at)
{
	int answer = REFUSED;

	if (is_of_memory(failure))
		memory_watch();
	else
		disk_watch(trio_folder());
	trio_open(failure->modes);
	if (is_of_memory(failure) && trio_try(number) < 0)
		must_fail("transfer %d", number);
	arm(failure, at);
	if (is_of_memory(failure) || trio_try(number) == 0)
		answer = (int)answer_of(txn_commit());
	return answer | (disarm(failure, at) ? 0 : NOT_REACHED);
}

static int run_child(const struct failure *failure, int number, unsigned at)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(failure->is_callers ? transfer_and_count(failure, number, at) :
					    transfer(failure, number, at));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		must_fail("the child ended with %d", status);
	return WEXITSTATUS(status);
}

static void sweep(const struct failure *failure)
{
	int answers[3] = { 0 };
	int answer = 0;

	trio_make();
	trio_visit_with_library(failure->modes);
	for (int at = 1; !(answer & NOT_REACHED); at += stride(failure)) {
		char *violation;
		int has;

		answer = run_child(failure, at, (unsigned)at);
		trio_visit(at);
		violation = trio_violation();
		cr_assert(eq(ptr, violation, NULL), "call %d: %s", at, violation);
		cr_assert(zero(int, answer &LEAKED), "call %d leaks", at);
		has = trio_has(at);
		answers[(answer & ~NOT_REACHED) - COMMITTED]++;
		switch (answer & ~NOT_REACHED) {
		case COMMITTED:
			cr_assert(eq(int, has, 1), "call %d", at);
			break;
		case REFUSED:
			cr_assert(eq(int, has, 0), "call %d", at);
			break;
		default:
			cr_assert(eq(int, answer & ~NOT_REACHED, UNKNOWN), "call %d", at);
		}
	}
	(void)printf("%s, %s%s: committed %d, refused %d, unknown %d\n", failure->modes->name,
		     strerrorname_np(failure->error), failure->forever ? " for ever" : "",
		     answers[0], answers[1], answers[2]);
	cr_expect(gt(int, answers[REFUSED - COMMITTED], 10));
	/* The one sync after which nobody can know. */
	cr_expect(le(int, answers[UNKNOWN - COMMITTED], 2));
}

Test(errors, of_the_disk_leave_all_or_nothing_and_are_told_with_journals_that_are_deleted)
{
	sweep(&(struct failure){ .modes = &trio_delete, .error = EIO });
}

Test(errors, of_the_disk_leave_all_or_nothing_and_are_told_with_journals_that_persist)
{
	sweep(&(struct failure){ .modes = &trio_persist, .error = EIO });
}

Test(errors, of_a_broken_disk_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ .modes = &trio_mixed, .error = EIO, .forever = true });
}

Test(errors, of_a_full_disk_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ .modes = &trio_truncate, .error = ENOSPC, .forever = true });
}

Test(errors, of_the_disk_leave_all_or_nothing_and_are_told_with_wals)
{
	sweep(&(struct failure){ .modes = &trio_wal, .error = EIO });
}

Test(errors, of_a_broken_disk_leave_all_or_nothing_and_are_told_with_wals_and_a_journal)
{
	sweep(&(struct failure){ .modes = &trio_half_wal, .error = EIO, .forever = true });
}

Test(errors, of_a_full_disk_leave_all_or_nothing_and_are_told_with_wals)
{
	sweep(&(struct failure){ .modes = &trio_wal, .error = ENOSPC, .forever = true });
}

Test(errors, of_memory_leave_all_or_nothing_and_are_told_with_wals)
{
	sweep(&(struct failure){ .modes = &trio_wal, .error = ENOMEM });
}

Test(errors, of_memory_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ .modes = &trio_mixed, .error = ENOMEM });
}

Test(errors, of_memory_that_is_gone_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ .modes = &trio_mixed, .error = ENOMEM, .forever = true });
}

Test(errors, of_the_memory_of_who_commits_leave_all_or_nothing_and_no_leak)
{
	sweep(&(struct failure){ .modes = &trio_mixed, .error = ENOMEM, .is_callers = true });
}

Test(errors, of_the_memory_of_who_commits_that_is_gone_leave_all_or_nothing_and_no_leak)
{
	sweep(&(struct failure){ .modes = &trio_mixed,
				 .error = ENOMEM,
				 .forever = true,
				 .is_callers = true });
}
