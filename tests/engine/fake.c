#include "engine/fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "engine/engine.h"

struct fake_counts fake;
bool fake_cannot_open;
bool fake_ping_fails;
bool fake_reset_fails;
int fake_open_ms;

struct fake_conn {
	struct driver_conn head;
	bool is_busy;
};

static void count(int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static bool claims_url(const char *url)
{
	return strncmp(url, "fake://", 7) == 0;
}

static int check(const struct engine_config *config)
{
	if (strcmp(config->url, "fake://bad") == 0)
		return error_set(SQLA_ECONFIG, config->name, "use another", "the URL \"%s\" is bad",
				 config->redacted_url);
	return 0;
}

static void note_most(void)
{
	int open = __atomic_load_n(&fake.opened, __ATOMIC_RELAXED) -
		   __atomic_load_n(&fake.closed, __ATOMIC_RELAXED);
	int most = __atomic_load_n(&fake.most_open, __ATOMIC_RELAXED);

	while (open > most && !__atomic_compare_exchange_n(&fake.most_open, &most, open, false,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
}

static int open(struct engine_config *config, enum driver_purpose purpose,
		struct driver_conn **ret_conn)
{
	struct timespec pause = { .tv_nsec = (long)fake_open_ms * 1000000 };
	struct fake_conn *conn;

	(void)purpose;
	(void)nanosleep(&pause, NULL);
	if (fake_cannot_open)
		return error_set(SQLA_ECONNECT, config->name, NULL, "the fake cannot be opened");
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return error_nomem();
	conn->head.driver = config->driver;
	conn->head.config = config_ref(config);
	conn->head.generation = fork_generation();
	conn->head.opened_ms = clock_ms();
	count(&fake.opened);
	note_most();
	*ret_conn = &conn->head;
	return 0;
}

static void release(struct driver_conn *conn)
{
	config_unref(conn->config);
	free(conn);
}

static void close(struct driver_conn *conn)
{
	count(&fake.closed);
	release(conn);
}

static void abandon(struct driver_conn *conn)
{
	count(&fake.abandoned);
	release(conn);
}

static bool is_idle(const struct driver_conn *conn)
{
	return !((const struct fake_conn *)conn)->is_busy;
}

static int reset(struct driver_conn *conn)
{
	count(&fake.reset);
	if (fake_reset_fails)
		return error_set(SQLA_ECONNECT, conn->config->name, NULL, "the reset failed");
	((struct fake_conn *)conn)->is_busy = false;
	return 0;
}

static int ping(struct driver_conn *conn)
{
	count(&fake.pinged);
	if (fake_ping_fails)
		return error_set(SQLA_ECONNECT, conn->config->name, NULL, "the ping failed");
	return 0;
}

static void describe(struct driver_conn *conn, char *ret_id, size_t size)
{
	(void)conn;
	(void)snprintf(ret_id, size, "fake %d", __atomic_load_n(&fake.opened, __ATOMIC_RELAXED));
}

void fake_make_busy(struct driver_conn *conn)
{
	((struct fake_conn *)conn)->is_busy = true;
}

static const struct driver driver = {
	.name = "fake",
	.claims_url = claims_url,
	.check = check,
	.open = open,
	.close = close,
	.abandon = abandon,
	.is_idle = is_idle,
	.reset = reset,
	.ping = ping,
	.describe = describe,
};

const struct driver *const drivers_all[] = { &driver, NULL };
