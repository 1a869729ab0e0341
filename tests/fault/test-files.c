/*
 * Each call to the file system on behalf of one SQLite file fails: in the commit
 * of a transaction that it decides beside a server, of one of its own, of a session
 * that is not joined; where it is opened and gets its decision table; and where
 * recovery looks at it. What is told is true, and where errors end all agrees.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault/trial.h"
#include "support/disk.h"
#include "support/main.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

TEST_MAIN({ .name = "a", .conf = "fsync = off" })

/* The ways a disk fails: the stride is what make check has time for. */
struct trouble {
	const char *name;
	unsigned stride;
	bool forever;
	struct disk_failure failure;
};

static const struct trouble troubles[] = {
	{ "a call fails", 1, false, { .of = DISK_ALL, .error = EIO } },
	{ "a broken disk", 3, true, { .of = DISK_DATA, .error = EIO } },
	{ "no room for a while", 5, false, { .of = DISK_CHANGES, .error = ENOSPC } },
	{ "a disk that gets full",
	  2,
	  true,
	  { .of = DISK_CHANGES, .error = ENOSPC, .is_short = true } },
	{ "a short write", 2, false, { .of = DISK_WRITES, .is_short = true } },
};

static const struct disk_failure *failure = &troubles[0].failure;

/* ---- breaking -------------------------------------------------------------------- */

static void arm(unsigned nth, bool forever)
{
	struct disk_failure now = *failure;

	now.at = nth;
	now.forever = forever;
	disk_fail(&now);
}

/* The library looks at a decider for ten seconds, and SQLite tries for as long to read
 * the index of a WAL. While the disk is broken nothing will have changed then, so
 * whoever waits is told that the time is over. */
static atomic_llong passed_ns;

static int wait_for(long long ns)
{
	const struct timespec time = { ns / 1000000000, ns % 1000000000 };

	if (!disk_is_broken())
		return (int)syscall(SYS_nanosleep, &time, NULL);
	atomic_fetch_add(&passed_ns, ns);
	return 0;
}

int nanosleep(const struct timespec *time, struct timespec *ret_left)
{
	(void)ret_left;
	return wait_for(time->tv_sec * 1000000000LL + time->tv_nsec);
}

int usleep(useconds_t us)
{
	return wait_for(us * 1000LL);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	long long ns;

	if (syscall(SYS_clock_gettime, clock, ret) < 0)
		return -1;
	ns = ret->tv_nsec + atomic_load(&passed_ns);
	ret->tv_sec += ns / 1000000000;
	ret->tv_nsec = ns % 1000000000;
	return 0;
}

/* The file is the last of the bank. */
static size_t file_of(const struct trial *trial)
{
	return strlen(bank_kinds(trial->teller.bank)) - 1;
}

/* The engine of the file, its name, and what to do; nothing that is not so. */
static bool is_clear(const struct trial *trial)
{
	const struct sqla_error *error = sqla_error_last();
	const char *engine = bank_kinds(trial->teller.bank) + file_of(trial);
	const char *path = bank_database(trial->teller.bank, file_of(trial));

	return error->status < 0 && strcmp(error->engine, engine) == 0 &&
	       strstr(error->message, path) && (error->hint[0] || strstr(error->message, ": ")) &&
	       !strstr(error->message, "was renamed or removed");
}

static const struct trial_breaker breaker = {
	.what = "calls",
	.arm = arm,
	.disarm = disk_met,
	.place = disk_place,
	.is_clear = is_clear,
};

/* In make check STEP times less calls are tried than the troubles say. */
static void sweep(const char *name, const char *kinds, const struct sqla_engine_options *options,
		  int (*attempt)(struct trial *trial), unsigned step)
{
	bool is_long = getenv("SQLA_TEST_LONG") != NULL;
	struct trial trial = { .breaker = &breaker, .attempt = attempt };

	disk_watch(scratch_dir());
	trial_open(&trial, name, kinds, options);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		failure = &troubles[i].failure;
		(void)printf("%s: ", troubles[i].name);
		trial_each(&trial, is_long ? 1 : step * troubles[i].stride, troubles[i].forever);
	}
	disk_stop();
	trial_close(&trial);
}

/* Rows are forgotten at once: that is part of the commit then. */
static const struct sqla_engine_options hasty = { .keep_decisions = SQLA_ZERO };

Test(commit_on_a_bad_disk, tells_the_truth_of_a_server_and_a_file)
{
	sweep("dc_al", "al", &hasty, trial_commit, 1);
}

Test(commit_on_a_bad_disk, tells_the_truth_of_a_server_and_a_file_with_a_log)
{
	sweep("dc_aw", "aw", &hasty, trial_commit, 1);
}

Test(commit_on_a_bad_disk, tells_the_truth_of_a_file)
{
	sweep("dc_l", "l", NULL, trial_commit, 1);
}

Test(commit_on_a_bad_disk, tells_the_truth_of_a_file_with_a_log)
{
	sweep("dc_w", "w", NULL, trial_commit, 1);
}

static const struct sqla_engine_options alone = { .joined = SQLA_NO, .scoped = SQLA_NO };

Test(commit_on_a_bad_disk, tells_the_truth_of_a_session_that_is_not_joined)
{
	sweep("du_l", "l", &alone, trial_commit, 1);
}

Test(commit_on_a_bad_disk, tells_the_truth_of_a_session_with_a_log_that_is_not_joined)
{
	sweep("du_w", "w", &alone, trial_commit, 1);
}

/* ---- opening ----------------------------------------------------------------------- */

/* The file is opened anew, and has no decision table yet. */
static int from_the_start(struct trial *trial)
{
	const char *path = bank_database(trial->teller.bank, file_of(trial));

	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	must_exec_file(path, "DROP TABLE IF EXISTS sqlassist_decision");
	return trial_everything(trial);
}

static const struct sqla_engine_options with_row = { .outcome = SQLA_OUTCOME_ROW,
						     .keep_decisions = SQLA_ZERO };

Test(opening_on_a_bad_disk, tells_the_truth_of_a_file)
{
	sweep("do_l", "l", &with_row, from_the_start, 3);
}

Test(opening_on_a_bad_disk, tells_the_truth_of_a_file_with_a_log)
{
	sweep("do_w", "w", &with_row, from_the_start, 3);
}

Test(opening_on_a_bad_disk, tells_the_truth_of_a_server_and_a_file)
{
	sweep("do_al", "al", &hasty, from_the_start, 8);
}

/* ---- recovery ------------------------------------------------------------------------ */

Test(recovery_on_a_bad_disk, leaves_what_it_cannot_end_of_a_server_and_a_file)
{
	sweep("dr_al", "al", NULL, trial_recover_decided, 5);
}

Test(recovery_on_a_bad_disk, leaves_what_it_cannot_end_of_a_server_and_a_file_with_a_log)
{
	sweep("dr_aw", "aw", NULL, trial_recover_undecided, 5);
}

static bool is_hot(const char *path)
{
	char *journal = must_printf("%s-journal", path);
	struct stat st;
	bool is = stat(journal, &st) == 0 && st.st_size > 0;

	free(journal);
	return is;
}

/* In a child: its coordinator dies when the file is written to and its journal is
 * still there; what it wrote is not what is so. */
static void die_half_way(struct trial *trial, unsigned at)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (teller_write(&trial->teller, trial->id) < 0)
			_exit(1);
		disk_count(at);
		(void)teller_commit(&trial->teller);
		_exit(2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		must_fail("the coordinator ended with %d", status);
	bank_wait_quiet(trial->teller.bank);
	cr_assert(eq(i64, bank_in_doubt(trial->teller.bank), 1));
	cr_assert(is_hot(bank_database(trial->teller.bank, file_of(trial))));
}

/* The call that removes the journal is the last but one: its folder is synced. */
static unsigned last_call_but_one(struct trial *trial)
{
	static const struct disk_failure none = { .of = DISK_CHANGES };
	static unsigned n;

	if (n == 0) {
		if (teller_write(&trial->teller, 0) < 0)
			must_fail("%s", sqla_error_last()->message);
		disk_fail(&none);
		if (teller_commit(&trial->teller) < 0)
			must_fail("%s", sqla_error_last()->message);
		n = disk_met();
		teller_leave(&trial->teller);
	}
	return n - 1;
}

static int recover_from_half_way(struct trial *trial)
{
	unsigned at = last_call_but_one(trial);

	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	die_half_way(trial, at);
	trial_recover(trial);
	return SQLA_EABORTED;
}

Test(recovery_on_a_bad_disk, never_takes_half_a_commit_for_a_decision)
{
	sweep("dh_al", "al", NULL, recover_from_half_way, 5);
}
