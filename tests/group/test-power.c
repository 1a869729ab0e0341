/*
 * The power fails at every moment of commits of three files, and loses what was
 * not synced, or part of it, or some of it, in any order. All have the
 * transfer afterwards, or none; who was told of a commit has it.
 *
 * The checks can fail: with each sync of the protocol left out some state
 * breaks a promise.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>

#include "group/trio.h"
#include "support/disk.h"
#include "support/must.h"
#include "support/test.h"

#define TRANSFERS 2
#define COUNT "count %zu power cuts under groups of SQLite files\n"

/* Calls before which it was begun, and at which it had returned. */
struct span {
	size_t begun, done;
};

struct story {
	const struct trio_modes *modes;
	struct span transfers[TRANSFERS + 1]; /* by number, from 1 */
	struct span alone[TRIO];
};

static int first_child(void *arg)
{
	trio_open(arg);
	trio_close();
	return 0;
}

/* Two transfers, and then a row in each file alone, which finds the journals as
 * the transfers have left them. The decision tables are made before. */
static void tell(struct story *story, const struct trio_modes *modes)
{
	story->modes = modes;
	trio_make();
	(void)first_child((void *)(uintptr_t)modes);
	disk_record(trio_folder());
	trio_open(modes);
	for (int i = 1; i <= TRANSFERS; i++) {
		story->transfers[i].begun = disk_now();
		cr_assert(eq(int, trio_transfer(i), 0));
		story->transfers[i].done = disk_now();
	}
	for (int i = 0; i < TRIO; i++) {
		story->alone[i].begun = disk_now();
		cr_assert(eq(int, trio_write_alone(i, TRIO_ALONE + i), 0));
		story->alone[i].done = disk_now();
	}
	disk_stop();
	trio_close();
	cr_expect(eq(int, trio_leftovers(), 0));
	disk_ignore_syncs();
}

/* Stock SQLite can open what was told of, if nothing else was begun. */
static bool is_at_rest(const struct story *story, size_t at)
{
	for (int i = 1; i <= TRANSFERS; i++)
		if (at > story->transfers[i].begun && at < story->transfers[i].done)
			return false;
	return true;
}

/* New text of the promise that is broken, or NULL. */
static char *broken_promise(const struct story *story, size_t at, int guarded)
{
	char *violation = trio_violation();

	if (!violation && guarded > 0 && is_at_rest(story, at))
		violation = must_printf("a WAL is guarded, and nothing is under way");
	if (!violation && trio_guarded() > 0)
		violation = must_printf("a WAL is still guarded");

	/* One that is cold would commit what is written over its start. */
	if (!violation && trio_sealed() > 0)
		violation = must_printf("a journal still names a super-journal");
	for (int i = 1; i <= TRANSFERS && !violation; i++) {
		int has = trio_has(i);

		if (at >= story->transfers[i].done && has != 1)
			violation = must_printf("transfer %d was told of and is lost", i);
		if (at <= story->transfers[i].begun && has != 0)
			violation = must_printf("transfer %d has not begun, and is there", i);
	}
	for (int i = 0; i < TRIO && !violation; i++)
		if (at >= story->alone[i].done && !trio_has_alone(i, TRIO_ALONE + i))
			violation = must_printf("row %d was told of and is lost", i);
	return violation;
}

/* Recovery, through this library's VFS, recorded from after AT; and the power fails
 * at every moment of it. New text of the promise that is broken, or NULL. */
static char *fail_recovery(const struct story *story, size_t at, size_t from, size_t *states)
{
	unsigned step = getenv("SQLA_TEST_LONG") ? 3 : 9;
	char *violation = NULL;

	trio_visit(1);
	disk_stop();
	for (size_t again = from; again <= disk_calls() && !violation; again++)
		for (unsigned seed = 0; seed < 16 && !violation; seed += step, ++*states) {
			disk_crash(again, seed, DISK_NONE);
			trio_visit((int)seed);
			violation = broken_promise(story, at, 0);
		}
	return violation;
}

/* Of 8 calls that were not synced the seed lets all come through: the process was
 * killed, and the machine runs on until recovery is under way. */
#define KILLED 2

/* In a child. The power fails, or the process is killed, before AT; then the power
 * fails while that is recovered. */
static char *fail_twice(const struct story *story, size_t at, unsigned seed, size_t *states)
{
	disk_crash(at, seed, DISK_NONE);
	if (seed == KILLED) {
		disk_resume(at);
		return fail_recovery(story, at, at, states);
	}
	disk_restart();
	return fail_recovery(story, at, 0, states);
}

static char *fail_power(const struct story *story, size_t at, unsigned seed, size_t omitted)
{
	int guarded;

	disk_crash(at, seed, omitted);
	guarded = trio_guarded();
	trio_visit((int)seed + (int)at);
	return broken_promise(story, at, guarded);
}

/* In a child: its exit code. */
static int fail_decision(struct story *story, const struct trio_modes *modes)
{
	trio_make();
	first_child((void *)(uintptr_t)modes);
	disk_record(trio_folder());
	trio_open(modes);
	disk_fail_decision();
	if (trio_transfer(1) != SQLA_EINDOUBT)
		must_fail("it is not in doubt: %s", sqla_error_last()->message);
	disk_stop();
	disk_ignore_syncs();
	/* Nothing was told. */
	for (int i = 0; i <= TRANSFERS; i++)
		story->transfers[i].done = SIZE_MAX;
	for (int i = 0; i < TRIO; i++)
		story->alone[i].done = SIZE_MAX;
	for (unsigned seed = 0; seed < 16; seed++)
		for (size_t at = 0; at <= disk_calls(); at++) {
			char *violation = fail_power(story, at, seed, DISK_NONE);

			if (violation)
				must_fail("seed %u, call %zu: %s", seed, at, violation);
		}
	return 0;
}

static unsigned seeds_for(size_t states)
{
	size_t moments = disk_calls() + 1;

	if (getenv("SQLA_TEST_LONG"))
		states *= 14;
	return (unsigned)((states + moments - 1) / moments);
}

static void sweep(const struct trio_modes *modes)
{
	struct story story;
	size_t states = 0;
	unsigned seeds;

	tell(&story, modes);
	seeds = seeds_for(2000);
	for (size_t at = 0; at <= disk_calls(); at++)
		for (unsigned seed = 0; seed < seeds; seed++, states++) {
			char *violation = fail_power(&story, at, seed, DISK_NONE);

			cr_assert(eq(ptr, violation, NULL), "%s, seed %u, before %s: %s",
				  modes->name, seed,
				  at < disk_calls() ? disk_describe(at) : "the end", violation);
		}
	(void)printf("%s: %zu calls, %zu states\n", modes->name, disk_calls(), states);
	(void)printf(COUNT, states);
	cr_expect(ge(sz, states, 2000));
}

Test(power, failing_leaves_all_or_nothing_with_journals_that_are_deleted)
{
	sweep(&trio_delete);
}

Test(power, failing_leaves_all_or_nothing_with_journals_that_are_truncated)
{
	sweep(&trio_truncate);
}

Test(power, failing_leaves_all_or_nothing_with_journals_that_persist)
{
	sweep(&trio_persist);
}

Test(power, failing_leaves_all_or_nothing_with_one_journal_of_each_kind)
{
	sweep(&trio_mixed);
}

Test(power, failing_leaves_all_or_nothing_with_wals)
{
	sweep(&trio_wal);
}

Test(power, failing_leaves_all_or_nothing_with_wals_and_a_journal)
{
	sweep(&trio_half_wal);
}

static void expect_fail_twice(const struct story *story, size_t at, unsigned seed)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		size_t states = 0;
		char *violation = fail_twice(story, at, seed, &states);

		if (violation)
			must_fail("%s, seed %u, call %zu: %s", story->modes->name, seed, at,
				  violation);
		(void)printf("%s, call %zu: %zu states\n", story->modes->name, at, states);
		(void)printf(COUNT, states);
		(void)fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		must_fail("no child");
	cr_expect(zero(int, status), "%s, seed %u, call %zu", story->modes->name, seed, at);
}

/* The moments of the second transfer; and the one when the super-journal is gone
 * for whoever looks, and not yet for good. */
static void sweep_twice(const struct trio_modes *modes)
{
	size_t step = getenv("SQLA_TEST_LONG") ? 1 : 7;
	struct story story;
	size_t at;

	tell(&story, modes);
	for (at = story.transfers[2].begun; at <= story.transfers[2].done; at += step)
		expect_fail_twice(&story, at, at % 2 ? KILLED : (unsigned)(at * 3 % 16));
	at = story.transfers[2].begun;
	while (!disk_is_decision(at))
		at++;
	expect_fail_twice(&story, at + 1, KILLED);
}

Test(power, failing_again_during_recovery_leaves_all_or_nothing_with_journals_that_persist)
{
	sweep_twice(&trio_persist);
}

Test(power, failing_again_during_recovery_leaves_all_or_nothing_with_wals)
{
	sweep_twice(&trio_wal);
}

Test(power, failing_again_during_recovery_leaves_all_or_nothing_with_wals_and_a_journal)
{
	sweep_twice(&trio_half_wal);
}

/* The folder cannot be synced when the super-journal is gone: nobody knows whether
 * it comes back. All that happens then must be right in both cases, until the
 * process ends. */
Test(power, failing_leaves_all_or_nothing_where_the_decision_could_not_be_synced)
{
	static const struct trio_modes *const modes[] = { &trio_delete, &trio_persist, &trio_wal };
	struct story story = { .modes = NULL };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		pid_t pid = fork();
		int status = -1;

		if (pid == 0)
			_exit(fail_decision(&story, modes[i]));
		if (waitpid(pid, &status, 0) != pid)
			must_fail("no child");
		cr_expect(zero(int, status));
	}
}

/* ---- mutants -------------------------------------------------------------------- */

#define SEEDS 16

/* Whether some state breaks a promise if CALL is left out. */
static bool is_needed(const struct story *story, size_t call)
{
	char *what = disk_describe(call);
	for (unsigned seed = 0; seed < SEEDS; seed++)
		for (size_t at = call + 1; at <= disk_calls(); at++) {
			char *violation = fail_power(story, at, seed, call);

			if (!violation)
				continue;
			(void)printf("without %s: %s\n", what, violation);
			free(violation);
			free(what);
			return true;
		}
	(void)printf("without %s: nothing happens\n", what);
	free(what);
	return false;
}

/* The next call of VERB in the second transfer, from AT on; or its end. */
static size_t next_call(const struct story *story, size_t at, const char *verb, const char *suffix)
{
	while (at < story->transfers[2].done && !disk_is(at, verb, suffix))
		at++;
	return at;
}

/* SQLite syncs a journal twice: without the first one a torn header could count
 * records that are not there yet, which takes a rare state to show. */
static bool is_first_sync(const struct story *story, size_t call)
{
	if (!disk_is(call, "sync", "-journal"))
		return false;
	for (size_t i = story->transfers[2].begun; i < call; i++)
		if (disk_is(i, "sync", "-journal") && disk_is_same(i, call))
			return false;
	return true;
}

/* The files share a folder, and SQLite syncs it for each journal: of these syncs,
 * and that of the name of S, any one can do the work of the others. */
static bool is_shared(const struct story *story, size_t call)
{
	return disk_is(call, "sync", "/") &&
	       call < next_call(story, story->transfers[2].begun, "unlink", "");
}

Test(power, failing_breaks_a_promise_if_any_sync_is_left_out)
{
	struct story story;
	int needed = 0;

	tell(&story, &trio_persist);
	for (size_t i = story.transfers[2].begun;
	     (i = next_call(&story, i, "sync", "")) < story.transfers[2].done; i++) {
		if (is_first_sync(&story, i) || is_shared(&story, i))
			continue;
		needed++;
		cr_expect(is_needed(&story, i));
	}
	/* S; journal, database, record and release of each; the decision. */
	cr_expect(eq(int, needed, 2 + 4 * TRIO));
}

/* The last that is written to a journal is the record that names S. */
Test(power, failing_breaks_a_promise_if_any_record_is_left_out)
{
	struct story story;
	size_t record, end;
	int needed = 0;

	tell(&story, &trio_persist);
	end = next_call(&story, story.transfers[2].begun, "unlink", "");
	for (record = end; needed < TRIO && record-- > story.transfers[2].begun;) {
		if (!disk_is(record, "write", "-journal"))
			continue;
		needed++;
		cr_expect(is_needed(&story, record));
	}
	cr_expect(eq(int, needed, TRIO));
}

/* A name that is gone would commit what is written to that journal next. */
Test(power, failing_breaks_a_promise_if_a_journal_keeps_its_record)
{
	struct story story;
	size_t at;
	int needed = 0;

	tell(&story, &trio_persist);
	at = next_call(&story, story.transfers[2].begun, "unlink", "");
	while ((at = next_call(&story, at + 1, "truncate", "-journal")) < story.transfers[2].done) {
		needed++;
		cr_expect(is_needed(&story, at));
	}
	cr_expect(eq(int, needed, TRIO));
}

/* All but pages and the headers of frames that end no transaction. */
static bool is_of_seal(size_t call)
{
	static const unsigned char zeros[4];
	const unsigned char *data;
	size_t n = disk_data(call, &data);

	return n < 1024 && (n != 24 || memcmp(data + 4, zeros, sizeof(zeros)) != 0);
}

/* With WALs. What is synced last is for stock clients alone: the guard is gone. The
 * vault's is synced once more, by a checkpoint. */
Test(power, failing_breaks_a_promise_if_any_sync_of_a_wal_is_left_out)
{
	static const char *const wals[] = { "till-wal", "ledger-wal" };
	struct story story;
	int needed = 0;

	tell(&story, &trio_wal);
	for (int k = 0; k < 2; k++)
		for (size_t i = story.transfers[2].begun;
		     (i = next_call(&story, i, "sync", wals[k])) < story.transfers[2].done; i++) {
			needed++;
			cr_expect(is_needed(&story, i));
		}
	/* Of each: the seal, the header, the guard. */
	cr_expect(eq(int, needed, 3 * 2));
}

/* The trailer, the guard, the last frame's header, the WAL's: in each file. */
Test(power, failing_breaks_a_promise_if_any_write_of_a_seal_is_left_out)
{
	struct story story;
	int needed = 0;

	tell(&story, &trio_wal);
	for (size_t i = story.transfers[2].begun;
	     (i = next_call(&story, i, "write", "-wal")) < story.transfers[2].done; i++) {
		if (!is_of_seal(i))
			continue;
		needed++;
		cr_expect(is_needed(&story, i));
	}
	cr_expect(ge(int, needed, 4 * TRIO));
}
