#include "engine/roll.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/config.h"
#include "engine/fake.h"
#include "engine/pool.h"
#include "support/must.h"
#include "support/test.h"

#define MOST 8

static struct engine_config *config;
static struct pool *pool;
static struct roll_entry entries[MOST];

static void setup(void)
{
	struct sqla_engine_options options = { .pool_size = 1, .pool_overflow = 3 };

	if (config_new("p", "fake://p", &options, &config) < 0)
		must_fail("%s", sqla_error_last()->message);
	pool = pool_new(config);
}

static void teardown(void)
{
	pool_free(pool);
	config_unref(config);
}

TestSuite(roll, .init = setup, .fini = teardown);

static struct driver_conn *must_checkout(void)
{
	struct driver_conn *conn;

	if (pool_checkout(pool, 0, &conn) < 0)
		must_fail("%s", sqla_error_last()->message);
	return conn;
}

Test(roll, an_open_connection_is_on_it_with_its_id_age_and_opener)
{
	struct driver_conn *conn = must_checkout();

	cr_assert(eq(sz, roll_call(config, entries, MOST), 1));
	cr_expect(eq(str, entries[0].id, (char *)"fake 1"));
	cr_expect(eq(int, entries[0].opener, getpid()));
	cr_expect(le(i64, entries[0].opened_ms, clock_ms()));
	cr_expect(entries[0].is_used);
	pool_checkin(pool, conn);
	cr_assert(eq(sz, roll_call(config, entries, MOST), 1));
	cr_expect(not(entries[0].is_used));
	conn = must_checkout();
	cr_assert(eq(sz, roll_call(config, entries, MOST), 1));
	cr_expect(entries[0].is_used);
	pool_checkin(pool, conn);
}

Test(roll, a_closed_connection_is_off_it)
{
	struct driver_conn *one = must_checkout();
	struct driver_conn *two = must_checkout();

	cr_assert(eq(sz, roll_call(config, entries, MOST), 2));
	pool_checkin(pool, one);
	pool_checkin(pool, two);
	cr_assert(eq(sz, roll_call(config, entries, MOST), 1));
	pool_drain(pool);
	cr_assert(zero(sz, roll_call(config, entries, MOST)));
}

Test(roll, more_are_counted_than_there_is_room_for)
{
	struct driver_conn *one = must_checkout();
	struct driver_conn *two = must_checkout();

	cr_expect(eq(sz, roll_call(config, entries, 1), 2));
	cr_expect(eq(sz, roll_call(NULL, entries, MOST), 0));
	pool_checkin(pool, one);
	pool_checkin(pool, two);
}

static int check_in_child(struct driver_conn *conn, pid_t parent)
{
	if (roll_call(config, entries, MOST) != 1 || entries[0].opener != parent)
		return 1;
	pool_checkin(pool, conn);
	if (roll_call(config, entries, MOST) != 0)
		return 2;
	conn = must_checkout();
	return roll_call(config, entries, MOST) != 1 || entries[0].opener != getpid() ? 3 : 0;
}

Test(roll, a_forked_child_sees_whose_connection_it_holds)
{
	struct driver_conn *conn = must_checkout();
	pid_t parent = getpid();
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(check_in_child(conn, parent));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	pool_checkin(pool, conn);
}
