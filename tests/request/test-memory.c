/* Out of memory at each allocation in turn: an error, and nothing is lost. */
#include <sqlassist.h>

#include <stdlib.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"

/* Linked with --wrap: the library's calls come here. */
void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
char *__real_strdup(const char *text);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
char *__wrap_strdup(const char *text);

static int left = -1; /* allocations that work; negative: all */

static bool may(void)
{
	if (left == 0)
		return false;
	if (left > 0)
		left--;
	return true;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may() ? __real_calloc(n, size) : NULL;
}

void *__wrap_malloc(size_t size)
{
	return may() ? __real_malloc(size) : NULL;
}

char *__wrap_strdup(const char *text)
{
	return may() ? __real_strdup(text) : NULL;
}

static char *path; /* of engine "writer" */
static int calls;

static void setup(void)
{
	path = must_file_engine("writer", NULL);
}

static void teardown(void)
{
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(memory, .init = setup, .fini = teardown);

static int count(struct sqla_request *rq, int outcome, void *arg)
{
	(void)rq;
	(void)outcome;
	++*(int *)arg;
	return 0;
}

static int work(struct sqla_request *rq)
{
	struct sqla_session *s;
	int status = sqla_request_on_finished(rq, count, &calls);

	if (status < 0)
		return status;
	s = sqla_request_writer(rq);
	if (!s)
		return sqla_error_last()->status;
	return sqla_request_of(s) == rq ? 0 : SQLA_EFAILED;
}

/* One request whose allocations fail from the Nth on. */
static int attempt(const struct sqla_request_options *options, int n)
{
	static char app[] = "app";
	struct sqla_request *rq = NULL;
	int status;

	left = n;
	status = sqla_request_begin_with(app, options, &rq);
	if (status == 0)
		status = work(rq);
	left = -1;
	if (rq && sqla_request_end(rq, status) != status)
		must_fail("the end says something else");
	sqla_request_free(rq);
	if (status < 0)
		cr_expect(eq(int, status, SQLA_ENOMEM), "%s", sqla_error_last()->message);
	(void)txn_abort();
	return status;
}

static void sweep(const struct sqla_request_options *options)
{
	int n = 0;

	(void)txn_manager_thread();
	while (attempt(options, n) < 0)
		n++;
	/* The request, the callback, the entry, the session, two infos at least. */
	cr_expect(gt(int, n, 6));
}

Test(memory, every_failing_allocation_of_a_request_is_an_error)
{
	sweep(NULL);
}

Test(memory, every_failing_allocation_of_a_bound_request_is_an_error)
{
	struct sqla_request_options options = { .bound = SQLA_YES };

	sweep(&options);
}
