#include "sqlite/lite.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/config.h"
#include "sqlite/driver.h"
#include "support/must.h"
#include "support/scratch.h"

struct engine_config *lite_config_of(const char *url, const struct sqla_engine_options *options)
{
	struct engine_config *config = NULL;

	if (config_new("till", url, options, &config) < 0)
		must_fail("config %s: %s", url, sqla_error_last()->message);
	return config;
}

static int open_as(const char *url, const struct sqla_engine_options *options,
		   enum driver_purpose purpose, struct driver_conn **ret_conn)
{
	struct engine_config *config = lite_config_of(url, options);
	int status = lite_driver.open(config, purpose, ret_conn);

	config_unref(config);
	return status;
}

static struct driver_conn *must_open_as(const char *url, const struct sqla_engine_options *options,
					enum driver_purpose purpose)
{
	struct driver_conn *conn = NULL;

	if (open_as(url, options, purpose, &conn) < 0)
		must_fail("open %s: %s", url, sqla_error_last()->message);
	return conn;
}

struct driver_conn *must_open(const char *file, const struct sqla_engine_options *options)
{
	char *url = scratch_sqlite_url(file);
	struct driver_conn *conn = must_open_as(url, options, DRIVER_SESSION);

	free(url);
	return conn;
}

struct driver_conn *must_open_path(const char *path, const struct sqla_engine_options *options)
{
	char *url = must_printf("sqlite:///%s", path);
	struct driver_conn *conn = must_open_as(url, options, DRIVER_SESSION);

	free(url);
	return conn;
}

struct driver_conn *must_open_recovery(const char *file)
{
	char *url = scratch_sqlite_url(file);
	struct driver_conn *conn = must_open_as(url, NULL, DRIVER_RECOVERY);

	free(url);
	return conn;
}

int try_open(const char *url, const struct sqla_engine_options *options)
{
	struct driver_conn *conn = NULL;
	int status = open_as(url, options, DRIVER_SESSION, &conn);

	lite_driver.close(conn);
	return status;
}

int run_values(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
	       size_t n)
{
	return lite_driver.execute(conn, sql, values, n, NULL, NULL);
}

int run(struct driver_conn *conn, const char *sql)
{
	return run_values(conn, sql, NULL, 0);
}

void must_begin(struct driver_conn *conn)
{
	if (lite_driver.begin(conn, false) < 0)
		must_fail("begin: %s", sqla_error_last()->message);
}

void must_run(struct driver_conn *conn, const char *sql)
{
	if (run(conn, sql) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
}

int64_t must_int(struct driver_conn *conn, const char *sql)
{
	struct driver_rows *rows = NULL;
	int64_t value = 0;

	if (lite_driver.execute(conn, sql, NULL, 0, &rows, NULL) < 0 ||
	    rows->ops->next(rows) != 1 || rows->ops->get_int(rows, 0, &value) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
	rows->ops->free(rows);
	return value;
}

void must_claim(struct driver_conn *conn, const char *uuid)
{
	struct txn_decision decision = { .uuid = uuid, .branches = "site=gid" };
	bool took;

	must_begin(conn);
	must_run(conn, "CREATE TABLE IF NOT EXISTS work(uuid TEXT)");
	if (lite_driver.claim(conn, &decision, NULL, 0, &took) < 0)
		must_fail("claim: %s", sqla_error_last()->message);
}

static int answer(void *arg)
{
	return *(int *)arg;
}

enum driver_look_result look_at(const char *file, const char *uuid, int prepared)
{
	struct driver_look look = { .uuid = uuid, .still_prepared = answer, .arg = &prepared };
	struct driver_conn *conn = must_open_recovery(file);
	enum driver_look_result result = lite_driver.look(conn, &look);

	if (!look.evidence[0])
		must_fail("a look without evidence");
	lite_driver.close(conn);
	return result;
}

bool has_row(const char *file, const char *uuid)
{
	char *path = scratch_path(file);
	int64_t n = must_query_int_file(path,
					"SELECT count(*) FROM sqlassist_decision WHERE txn = '%s'",
					uuid);

	free(path);
	return n == 1;
}
