#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/config.h"
#include "postgres/driver.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

/* ---- registration --------------------------------------------------------------------- */

Test(connect, claims_its_own_urls_only)
{
	cr_assert(pg_driver.claims_url("postgresql://"));
	cr_assert(pg_driver.claims_url("postgres://user@host/db"));
	cr_assert(not(pg_driver.claims_url("sqlite:///x")));
	cr_assert(not(pg_driver.claims_url("postgresql")));
	cr_assert(not(pg_driver.claims_url("")));
}

static int try_config(const char *url, const struct sqla_engine_options *options)
{
	struct engine_config *config = NULL;
	int status = config_new("bank", url, options, &config);

	config_unref(config);
	return status;
}

Test(connect, refuses_a_malformed_url_and_shows_no_password)
{
	static const char *const bad[] = {
		"postgresql://user:s%zzecret@host/db",
		"postgresql://user:s3cret@[::1/db",
		"postgresql://user:s3cret@host/db?nonsense",
		"postgresql://user:s3cret@host/db?nonsense=s3cret",
		"postgresql://user:s3cret@host/db?replication=database",
		"postgresql://user:s3@cret@host/db",
		"postgresql://user:s3/cret@host/db",
		"postgresql://user:s3#x/cret@host/db",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert(eq(int, try_config(bad[i], NULL), SQLA_ECONFIG), "%s", bad[i]);
		cr_assert(eq(ptr, strstr(sqla_error_last()->message, "cret"), NULL), "%s",
			  sqla_error_last()->message);
	}
}

Test(connect, takes_every_form_of_libpq)
{
	static const char *const good[] = {
		"postgresql://",
		"postgres:///db",
		"postgresql://host",
		"postgresql://user@host:5432/db?sslmode=disable&application_name=a@b",
		"postgresql://user:s%40%2Fcret@host/db",
		"postgresql://user:secret@[::1]:5432/db",
		"postgresql://user:secret@one:5432,two:5433/db?target_session_attrs=read-write",
		"postgresql://user@%2Ftmp/db?password=secret",
		"postgresql:///db?host=/tmp&passfile=/x/pgpass&service=shop",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect(eq(int, try_config(good[i], NULL), 0), "%s: %s", good[i],
			  sqla_error_last()->message);
}

Test(connect, refuses_options_of_another_database)
{
	const struct sqla_engine_options bad[] = {
		{ .isolation = "immediate" },
		{ .isolation = "read committed; DROP TABLE x" },
		{ .decision_schema = "a2345678901234567890123456789012345678901234567890123456789"
				     "01234" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(eq(int, try_config("postgresql:///x", &bad[i]), SQLA_ECONFIG));
}

/* ---- opening ---------------------------------------------------------------------------- */

Test(connect, tells_why_it_cannot)
{
	char *no_database = must_printf("%s", url_on("main", "not_there"));
	const char *refused = "postgresql://user:s3cret@127.0.0.1:1/db";

	cr_assert(eq(int, try_open(no_database, NULL), SQLA_ECONNECT));
	cr_assert(ne(ptr, strstr(sqla_error_last()->message, "not_there"), NULL));
	cr_assert(eq(str, (char *)sqla_error_last()->engine, "bank"));
	cr_assert(eq(int, try_open(refused, NULL), SQLA_ECONNECT));
	cr_assert(ne(ptr, strstr(sqla_error_last()->message, "127.0.0.1"), NULL));
	cr_assert(eq(ptr, strstr(sqla_error_last()->message, "s3cret"), NULL));
	free(no_database);
}

/* A port that takes connections and never answers. */
Test(connect, waits_no_longer_than_it_is_told)
{
	const struct sqla_engine_options options = { .connect_timeout_ms = 300 };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t began = clock_ms();
	char *url;

	cr_assert(eq(int, bind(silent, (struct sockaddr *)&address, size), 0));
	cr_assert(eq(int, listen(silent, 1), 0));
	cr_assert(eq(int, getsockname(silent, (struct sockaddr *)&address, &size), 0));
	url = must_printf("postgresql://x@127.0.0.1:%d/x", ntohs(address.sin_port));
	cr_assert(eq(int, try_open(url, &options), SQLA_ECONNECT));
	cr_assert(lt(i64, clock_ms() - began, 3000));
	free(url);
	(void)close(silent);
}

Test(connect, names_itself_unless_the_application_does)
{
	const char *url = new_database("named");
	char *named = must_printf("%s%sapplication_name=till", url, strchr(url, '?') ? "&" : "?");
	struct driver_conn *conn = must_open(url, NULL), *other = must_open(named, NULL);

	cr_assert(eq(i64,
		     must_int(conn, "SELECT (current_setting('application_name') = "
				    "'sqlassist')::int"),
		     1));
	cr_assert(eq(i64,
		     must_int(other, "SELECT (current_setting('application_name') = "
				     "'till')::int"),
		     1));
	pg_driver.close(conn);
	pg_driver.close(other);
	free(named);
}

Test(connect, speaks_utf8_whatever_the_url_says)
{
	const char *url = new_database("utf8");
	char *latin = must_printf("%s%sclient_encoding=LATIN1", url, strchr(url, '?') ? "&" : "?");
	struct driver_conn *conn = must_open(latin, NULL);

	cr_assert(eq(i64,
		     must_int(conn, "SELECT (current_setting('client_encoding') = "
				    "'UTF8')::int"),
		     1));
	pg_driver.close(conn);
	free(latin);
}

/* ---- the pool's questions ------------------------------------------------------------------ */

Test(connect, is_idle_only_without_a_transaction)
{
	struct driver_conn *conn = must_open(new_database("idle"), NULL);

	cr_assert(pg_driver.is_idle(conn));
	cr_assert(eq(int, pg_driver.ping(conn), 0));
	must_begin(conn);
	cr_assert(not(pg_driver.is_idle(conn)));
	must_run(conn, "SELECT 1");
	cr_assert(eq(int, pg_driver.reset(conn), 0));
	cr_assert(pg_driver.is_idle(conn));
	/* One that the application began by itself. */
	must_run(conn, "BEGIN");
	cr_assert(not(pg_driver.is_idle(conn)));
	cr_assert(eq(int, pg_driver.reset(conn), 0));
	cr_assert(pg_driver.is_idle(conn));
	pg_driver.close(conn);
}

Test(connect, is_not_used_again_in_another_encoding)
{
	struct driver_conn *conn = must_open(new_database("encoding"), NULL);

	must_run(conn, "SET client_encoding = 'LATIN1'");
	cr_assert(not(pg_driver.is_idle(conn)));
	cr_assert(lt(int, pg_driver.reset(conn), 0));
	cr_assert(conn->is_broken);
	pg_driver.close(conn);
}

Test(connect, notices_a_dead_server_when_it_pings)
{
	const char *url = new_database("dead");
	struct driver_conn *conn = must_open(url, NULL);

	terminate(url, conn);
	cr_assert(eq(int, pg_driver.ping(conn), SQLA_ECONNECT));
	cr_assert(conn->is_broken);
	cr_assert(not(pg_driver.is_idle(conn)));
	pg_driver.close(conn);
}

Test(connect, rolls_back_when_it_is_closed)
{
	const char *url = new_database("closed");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	pg_driver.close(conn);
	cr_assert(eq(i64, must_query_int_at(url, "SELECT count(*) FROM work"), 0));
	pg_driver.close(NULL);
	pg_driver.abandon(NULL);
}

/* ---- fork ----------------------------------------------------------------------------------- */

static void check_child(struct driver_conn *conn, void (*end)(struct driver_conn *conn))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		end(conn);
		_exit(0);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(eq(int, status, 0));
	must_run(conn, "INSERT INTO work VALUES (2)");
}

Test(connect, of_the_parent_lives_on_when_a_child_abandons_it)
{
	struct driver_conn *conn = must_open(new_database("forked"), NULL);

	must_change(conn);
	check_child(conn, pg_driver.abandon);
	check_child(conn, pg_driver.close);
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT count(*) FROM work"), 3));
	pg_driver.close(conn);
}
