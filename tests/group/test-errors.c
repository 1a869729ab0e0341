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

#include "group/disk.h"
#include "group/memory.h"
#include "group/trio.h"
#include "support/must.h"
#include "support/test.h"

struct failure {
	const struct trio_modes *modes;
	int error;
	bool forever;
};

enum answer { COMMITTED = 10, REFUSED, UNKNOWN, NOT_REACHED = 0x40 };

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
	if (is_of_memory(failure)) {
		memory_fail_at(at, failure->forever);
	} else {
		disk_fail_at(at, failure->error, failure->forever);
		disk_count(0);
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
	bool is_reached = (is_of_memory(failure) ? memory_counted() : disk_counted()) >= at;

	memory_fail_at(0, false);
	disk_stop();
	return is_reached;
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
		_exit(transfer(failure, number, at));
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
	sweep(&(struct failure){ &trio_delete, EIO, false });
}

Test(errors, of_the_disk_leave_all_or_nothing_and_are_told_with_journals_that_persist)
{
	sweep(&(struct failure){ &trio_persist, EIO, false });
}

Test(errors, of_a_broken_disk_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ &trio_mixed, EIO, true });
}

Test(errors, of_a_full_disk_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ &trio_truncate, ENOSPC, true });
}

Test(errors, of_the_disk_leave_all_or_nothing_and_are_told_with_wals)
{
	sweep(&(struct failure){ &trio_wal, EIO, false });
}

Test(errors, of_a_broken_disk_leave_all_or_nothing_and_are_told_with_wals_and_a_journal)
{
	sweep(&(struct failure){ &trio_half_wal, EIO, true });
}

Test(errors, of_a_full_disk_leave_all_or_nothing_and_are_told_with_wals)
{
	sweep(&(struct failure){ &trio_wal, ENOSPC, true });
}

Test(errors, of_memory_leave_all_or_nothing_and_are_told_with_wals)
{
	sweep(&(struct failure){ &trio_wal, ENOMEM, false });
}

Test(errors, of_memory_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ &trio_mixed, ENOMEM, false });
}

Test(errors, of_memory_that_is_gone_leave_all_or_nothing_and_are_told)
{
	sweep(&(struct failure){ &trio_mixed, ENOMEM, true });
}
