/* Connections that were left with their answers unread, on a driver that answers
 * when a test says so. */
#include "session/finish.h"

#include <sched.h>
#include <stdatomic.h>

#include "base/copy.h"
#include "base/error.h"
#include "engine/config.h"
#include "engine/fake.h"
#include "engine/registry.h"
#include "support/must.h"
#include "support/test.h"

struct late {
	struct driver_conn *conn;
	const struct driver *itself;
	int vote;
	char told[64]; /* why it did not end well, as its end was told */
};

static struct late lates[2];	 /* the first fails */
static atomic_bool is_answered;	 /* by the servers */
static _Thread_local bool is_us; /* not the library's thread */
static bool only_we_read;
static bool has_first;
static atomic_int n_ended;
static struct driver driver;

/* The second answers behind the first, so that one reader reads both. */
static int advance(struct driver_conn *conn, struct pollfd *wait)
{
	wait->fd = -1;
	if (!atomic_load(&is_answered) || (only_we_read && !is_us))
		return TXN_WAIT;
	if (conn == lates[0].conn) {
		has_first = true;
		return error_set(SQLA_EINDOUBT, NULL, NULL, "the wire was cut");
	}
	return has_first ? 0 : TXN_WAIT;
}

static void ended(void *arg, int vote)
{
	struct late *late = arg;

	late->conn->driver = late->itself;
	late->vote = vote;
	if (vote < 0)
		copy_text(late->told, sizeof(late->told), sqla_error_last()->message);
	(void)atomic_fetch_add(&n_ended, 1);
}

static struct engine *must_engine(void)
{
	struct engine_config *config;
	struct engine *engine;

	if (config_new("late", "fake://late", NULL, &config) < 0 || engine_new(config, &engine) < 0)
		must_fail("%s", sqla_error_last()->message);
	return engine;
}

static void must_leave_both(struct engine *engine)
{
	for (size_t i = 0; i < 2; i++) {
		struct late *late = &lates[i];

		if (engine_checkout(engine, &late->conn) < 0)
			must_fail("%s", sqla_error_last()->message);
		late->itself = late->conn->driver;
		driver = *late->itself;
		driver.advance = advance;
		late->conn->driver = &driver;
	}
	for (size_t i = 0; i < 2; i++)
		cr_assert(finish_leave(engine, lates[i].conn, ended, &lates[i]));
}

static void expect_told(void)
{
	cr_expect(eq(int, lates[0].vote, SQLA_EINDOUBT));
	cr_expect(eq(str, lates[0].told, "the wire was cut"));
	cr_expect(zero(int, lates[1].vote));
}

Test(finish, tells_why_though_others_end_well_where_the_thread_reads)
{
	struct engine *engine = must_engine();

	is_us = true;
	only_we_read = true;
	must_leave_both(engine);
	atomic_store(&is_answered, true);
	finish_await(engine);
	cr_assert(eq(int, atomic_load(&n_ended), 2));
	expect_told();
	engine_unref(engine);
}

Test(finish, tells_why_though_others_end_well_where_the_library_reads)
{
	struct engine *engine = must_engine();

	must_leave_both(engine);
	atomic_store(&is_answered, true);
	while (atomic_load(&n_ended) < 2)
		(void)sched_yield();
	expect_told();
	engine_unref(engine);
}
