#include "support/test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>
#include <sqlassist/resource.h>

static atomic_int passes;

static int site(void *self, char *ret_site, size_t size)
{
	(void)self;
	(void)snprintf(ret_site, size, "shelf");
	return 0;
}

static atomic_int age; /* of a branch that is prepared, or 0: there is none */

static int list(void *self, int (*each)(void *arg, const char *gid, int64_t age_s), void *arg)
{
	char gid[TXN_GID_MAX + 1];
	int age_s = atomic_load(&age);

	(void)self;
	atomic_fetch_add(&passes, 1);
	if (age_s == 0)
		return 0;
	if (txn_gid_format(gid, "00000000-0000-4000-8000-000000000001", 1, "elsewhere", "x") < 0)
		return SQLA_EMISUSE;
	return each(arg, gid, age_s);
}

static int step(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	return 0;
}

/* Counts the passes that ask it. */
static const struct sqla_recoverer_ops counter = {
	.size = sizeof(struct sqla_recoverer_ops),
	.site = site,
	.list = list,
	.is_prepared = step,
	.commit_prepared = step,
	.rollback_prepared = step,
};

static void count_passes(void)
{
	cr_assert(eq(int, sqla_recoverer_register("counter", &counter, NULL), 0));
}

/* Whether there are N passes within two seconds. */
static bool reaches(int n)
{
	for (int i = 0; i < 2000 && atomic_load(&passes) < n; i++)
		(void)usleep(1000);
	return atomic_load(&passes) >= n;
}

Test(background, recovers_at_once_and_at_every_interval, .init = count_passes)
{
	cr_assert(eq(int, sqla_recovery_start(20, NULL), 0));
	cr_assert(reaches(4));
	sqla_recovery_stop();
}

static atomic_int warnings;

static void count_warning(enum sqla_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	if (strstr(line, "left in doubt"))
		atomic_fetch_add(&warnings, 1);
}

/* The pass after the one that is waited for has begun, so that one has ended. */
Test(background, warns_of_what_it_leaves_and_not_of_commits_under_way, .init = count_passes)
{
	sqla_log_set(SQLA_LOG_WARNING, count_warning, NULL);
	atomic_store(&age, 1);
	cr_assert(eq(int, sqla_recovery_start(1, NULL), 0));
	cr_assert(reaches(3));
	sqla_recovery_stop();
	cr_expect(eq(int, atomic_load(&warnings), 0));
	atomic_store(&age, 3600);
	atomic_store(&passes, 0);
	cr_assert(eq(int, sqla_recovery_start(1, NULL), 0));
	cr_assert(reaches(3));
	sqla_recovery_stop();
	cr_expect(gt(int, atomic_load(&warnings), 0));
	sqla_log_set(SQLA_LOG_WARNING, NULL, NULL);
}

Test(background, runs_once_a_process, .init = count_passes)
{
	cr_assert(eq(int, sqla_recovery_start(0, NULL), 0));
	cr_assert(eq(int, sqla_recovery_start(0, NULL), SQLA_EALREADY));
	sqla_recovery_stop();
	sqla_recovery_stop();
	cr_assert(eq(int, sqla_recovery_start(0, NULL), 0));
	sqla_recovery_stop();
	cr_assert(eq(int, sqla_recovery_start(-1, NULL), SQLA_EMISUSE));
}

Test(background, does_nothing_after_it_was_stopped, .init = count_passes)
{
	int n;

	cr_assert(eq(int, sqla_recovery_start(1, NULL), 0));
	cr_assert(reaches(1));
	sqla_recovery_stop();
	n = atomic_load(&passes);
	(void)usleep(50000);
	cr_assert(eq(int, atomic_load(&passes), n));
}

/* A commit that leaves its branch to recovery. */
static const char *sort_key(void *self)
{
	(void)self;
	return "lost";
}

static int abort_branch(void *self, struct txn *txn)
{
	(void)self;
	(void)txn;
	return 0;
}

static int lose(void *self)
{
	(void)self;
	return SQLA_EINDOUBT;
}

Test(background, is_brought_forward_by_a_commit_that_is_in_doubt, .init = count_passes)
{
	static const struct txn_resource_ops lost = {
		.size = sizeof(struct txn_resource_ops),
		.sort_key = sort_key,
		.commit = lose,
		.abort = abort_branch,
	};
	static const struct sqla_recover_options at_once = { .grace_s = -1 };

	cr_assert(eq(int, sqla_recovery_start(60000, &at_once), 0));
	cr_assert(reaches(1));
	cr_assert(eq(int, txn_begin(), 0));
	cr_assert(eq(int, txn_join(txn_current(), &lost, &passes), 0));
	cr_assert(eq(int, txn_commit(), SQLA_EINDOUBT));
	(void)txn_abort();
	cr_assert(reaches(2));
	sqla_recovery_stop();
}

/* The thread sanitizer itself ends a forked child that makes a thread ("dup
 * thread with used id"); everything else runs this. */
#ifndef __SANITIZE_THREAD__

/* What a forked child finds; its exit status. */
static int child(void)
{
	int before = atomic_load(&passes);

	(void)usleep(50000);
	if (atomic_load(&passes) != before)
		return 1;
	sqla_recovery_stop();
	if (sqla_recovery_start(10, NULL) != 0)
		return 2;
	if (!reaches(before + 2))
		return 3;
	sqla_recovery_stop();
	return 0;
}

Test(background, is_not_in_a_forked_child_until_it_is_started_there, .init = count_passes)
{
	int status;
	pid_t pid;

	cr_assert(eq(int, sqla_recovery_start(10, NULL), 0));
	cr_assert(reaches(2));
	pid = fork();
	if (pid == 0)
		_exit(child());
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(eq(int, status, 0));
	sqla_recovery_stop();
}

#endif
