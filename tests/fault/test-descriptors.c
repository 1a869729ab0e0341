/*
 * The process may open no more files, or only a few: what is told is true and
 * says what to do, nothing is lost, and all works again when the limit is raised.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sqlassist.h>

#include "base/fault.h"
#include "fault/teller.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "a" }, { .name = "b" })

enum { ENOUGH = 64 };

static rlim_t usual;

static void set_limit(rlim_t limit)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		must_fail("no limit");
	if (!usual)
		usual = now.rlim_cur;
	now.rlim_cur = limit;
	if (setrlimit(RLIMIT_NOFILE, &now) < 0)
		must_fail("cannot set the limit: %s", strerror(errno));
}

/* N more files may be opened from now on: the lowest free descriptor is the next. */
static void allow(rlim_t n)
{
	int next = dup(STDIN_FILENO);

	if (next < 0 || close(next) < 0)
		must_fail("no descriptor: %s", strerror(errno));
	set_limit((rlim_t)next + n);
}

static void allow_all(void)
{
	set_limit(usual);
}

static void must_be_clear(const char *engines)
{
	const struct sqla_error *error = sqla_error_last();

	cr_expect(strlen(error->engine) == 1 && strchr(engines, error->engine[0]),
		  "the engine is \"%s\": %s", error->engine, error->message);
	cr_expect(strstr(error->hint, "ulimit -n") != NULL, "%s; the hint is \"%s\"",
		  error->message, error->hint);
}

/* A transfer from the first connection on: what it answers. */
static int transfer(struct teller *t, int64_t id, rlim_t n)
{
	int status;

	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	allow(n);
	status = teller_write(t, id);
	if (status < 0) {
		must_be_clear(bank_kinds(t->bank));
		status = SQLA_EABORTED;
	} else {
		status = teller_commit(t);
	}
	allow_all();
	teller_leave(t);
	return status;
}

static void must_agree(struct teller *t, int64_t id, int status)
{
	const struct told told = { id, status };
	char *violation;

	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	bank_wait_quiet(t->bank);
	if (status == SQLA_EINDOUBT || bank_in_doubt(t->bank) > 0)
		teller_recover(t);
	violation = bank_violation(t->bank, &told, 1);
	cr_assert(eq(ptr, violation, NULL), "%s", violation);
}

static void sweep(const char *name, const char *kinds)
{
	struct bank *bank = bank_new(name, kinds);
	int64_t id = 1;
	struct teller t;
	int status = transfer((teller_open(&t, bank, NULL), &t), id, ENOUGH);
	rlim_t n = 0;

	cr_assert(eq(int, status, 0), "%s", sqla_error_last()->message);
	for (status = -1; status != 0 && n < ENOUGH; n++) {
		status = transfer(&t, ++id, n);
		must_agree(&t, id, status);
	}
	(void)printf("%s: works with %d descriptors\n", kinds, (int)n - 1);
	cr_expect(gt(int, (int)n, 1));
	cr_expect(lt(int, (int)n, ENOUGH));
	teller_close(&t);
	bank_free(bank);
}

Test(descriptors, that_are_missing_are_told_of_by_two_servers)
{
	sweep("fd_ab", "ab");
}

Test(descriptors, that_are_missing_are_told_of_by_a_server_and_a_file)
{
	sweep("fd_al", "al");
}

Test(descriptors, that_are_missing_are_told_of_by_a_file_with_a_log)
{
	sweep("fd_w", "w");
}

Test(descriptors, that_are_missing_are_told_of_by_two_files)
{
	sweep("fd_lm", "lm");
}

static void leave_doubt(struct teller *t)
{
	int status = teller_write(t, 1);

	fault_arm("finish_before_send:fail");
	if (status == 0)
		status = teller_commit(t);
	fault_arm(NULL);
	teller_leave(t);
	cr_assert(eq(int, status, SQLA_PENDING), "%s", sqla_error_last()->message);
}

static int recover_with(rlim_t n)
{
	const struct sqla_recover_options now = { .grace_s = -1 };
	int status;

	if (sqla_engine_reinit(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	allow(n);
	status = sqla_recover(&now, NULL, NULL, NULL);
	allow_all();
	return status;
}

Test(descriptors, that_are_missing_make_recovery_leave_what_it_cannot_end)
{
	struct bank *bank = bank_new("fd_recover", "al");
	struct teller t;
	rlim_t n = 0;

	teller_open(&t, bank, NULL);
	leave_doubt(&t);
	while (recover_with(n) != 0 && n < ENOUGH) {
		cr_expect(eq(i64, bank_in_doubt(bank), 1));
		n++;
	}
	cr_expect(gt(int, (int)n, 0));
	must_agree(&t, 1, SQLA_PENDING);
	cr_expect(eq(int, bank_has(bank, 1), 1));
	teller_close(&t);
	bank_free(bank);
}
