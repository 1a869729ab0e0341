#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlassist.h>
#include <sqlassist/resource.h>

static int site(void *self, char *ret_site, size_t size)
{
	(void)self;
	(void)snprintf(ret_site, size, "shelf");
	return 0;
}

static int list(void *self, int (*each)(void *arg, const char *gid, int64_t age_s), void *arg)
{
	(void)self;
	(void)each;
	(void)arg;
	return 0;
}

static int step(void *self, const char *gid)
{
	(void)self;
	(void)gid;
	return 0;
}

static const struct sqla_recoverer_ops complete = {
	.size = sizeof(struct sqla_recoverer_ops),
	.site = site,
	.list = list,
	.is_prepared = step,
	.commit_prepared = step,
	.rollback_prepared = step,
};

Test(recoverer, is_registered_once_a_name)
{
	cr_assert(eq(int, sqla_recoverer_register("shelf", &complete, NULL), 0));
	cr_assert(eq(int, sqla_recoverer_register("shelf", &complete, NULL), SQLA_EALREADY));
	cr_assert(eq(int, sqla_recoverer_register("other", &complete, NULL), 0));
	cr_assert(eq(int, sqla_recoverer_unregister("shelf"), 0));
	cr_assert(eq(int, sqla_recoverer_unregister("shelf"), SQLA_ENOTFOUND));
	cr_assert(eq(int, sqla_recoverer_unregister("other"), 0));
}

Test(recoverer, with_an_incomplete_table_is_refused)
{
	static const size_t members[] = {
#define MEMBER(name) offsetof(struct sqla_recoverer_ops, name)
		MEMBER(size),
		MEMBER(site),
		MEMBER(list),
		MEMBER(is_prepared),
		MEMBER(commit_prepared),
		MEMBER(rollback_prepared),
	};
	struct sqla_recoverer_ops ops;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		ops = complete;
		memset((char *)&ops + members[i], 0, sizeof(ops.site));
		cr_assert(eq(int, sqla_recoverer_register("shelf", &ops, NULL), SQLA_EMISUSE));
	}
	ops = complete;
	ops.size = 8;
	cr_assert(eq(int, sqla_recoverer_register("shelf", &ops, NULL), SQLA_EMISUSE));
	cr_assert(eq(int, sqla_recoverer_register("shelf", NULL, NULL), SQLA_EMISUSE));
}

Test(recoverer, needs_a_name)
{
	static const char too_long[] =
		"0123456789012345678901234567890123456789012345678901234567890123";

	cr_assert(eq(int, sqla_recoverer_register(NULL, &complete, NULL), SQLA_EMISUSE));
	cr_assert(eq(int, sqla_recoverer_register("", &complete, NULL), SQLA_EMISUSE));
	cr_assert(eq(int, sqla_recoverer_register(too_long, &complete, NULL), SQLA_EMISUSE));
	cr_assert(eq(int, sqla_recoverer_unregister(NULL), SQLA_EMISUSE));
}

/* ---- while a pass uses it ---------------------------------------------- */

static atomic_bool is_listing, may_go_on;

static int slow_list(void *self, int (*each)(void *arg, const char *gid, int64_t age_s), void *arg)
{
	atomic_bool *is_used = self;

	(void)each;
	(void)arg;
	atomic_store(is_used, true);
	atomic_store(&is_listing, true);
	while (!atomic_load(&may_go_on))
		(void)usleep(1000);
	(void)usleep(20000);
	atomic_store(is_used, false);
	return 0;
}

static void *pass(void *arg)
{
	(void)sqla_recover(NULL, NULL, NULL, NULL);
	return arg;
}

Test(recoverer, is_not_used_any_more_once_it_is_unregistered)
{
	struct sqla_recoverer_ops ops = complete;
	atomic_bool is_used = false;
	pthread_t thread;

	ops.list = slow_list;
	cr_assert(eq(int, sqla_recoverer_register("shelf", &ops, &is_used), 0));
	cr_assert(eq(int, pthread_create(&thread, NULL, pass, NULL), 0));
	while (!atomic_load(&is_listing))
		(void)usleep(1000);
	atomic_store(&may_go_on, true);
	cr_assert(eq(int, sqla_recoverer_unregister("shelf"), 0));
	cr_assert(not(atomic_load(&is_used)));
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
}
