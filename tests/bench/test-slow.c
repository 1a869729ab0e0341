/* The slow network of the benchmarks is slow, and loses nothing. */
#include "slow.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "support/main.h"
#include "support/must.h"
#include "support/test.h"
#include "wire.h"

enum { DELAY_MS = 20 };

TEST_MAIN({ .name = "server" })

static PGconn *connect_slowly(struct slow **ret_slow)
{
	struct cluster *server = cluster_get("server");
	char *url;
	PGconn *conn;

	*ret_slow = slow_start(cluster_folder(server), DELAY_MS);
	url = must_printf("postgresql:///postgres?host=%s&port=5432&user=postgres",
			  slow_folder(*ret_slow));
	conn = must_connect(url);
	free(url);
	cluster_free(server);
	return conn;
}

Test(slow, takes_the_delay_twice_for_an_answer)
{
	struct slow *slow;
	PGconn *conn = connect_slowly(&slow);
	int64_t began = now_ns();

	cr_expect(eq(int, (int)must_query_int(conn, "SELECT 42"), 42));
	cr_expect(ge(int, (int)((now_ns() - began) / 1000000), 2 * DELAY_MS));
	PQfinish(conn);
	slow_stop(slow);
}

Test(slow, passes_long_answers_on_as_they_are)
{
	struct slow *slow;
	PGconn *conn = connect_slowly(&slow);
	char *sum = must_query_text(conn, "SELECT md5(repeat('abcdefg', 100000))");
	char *body = must_query_text(conn, "SELECT repeat('abcdefg', 100000)");
	char *echo = must_query_text(conn, "SELECT md5('%s')", body);

	cr_expect(eq(str, echo, sum));
	free(sum);
	free(body);
	free(echo);
	PQfinish(conn);
	slow_stop(slow);
}

Test(slow, tells_the_server_that_a_client_left)
{
	static const char others[] = "SELECT count(*) FROM pg_stat_activity WHERE "
				     "application_name = 'left'";
	struct cluster *server = cluster_get("server");
	char *url = cluster_url(server, "postgres");
	struct slow *slow;
	PGconn *conn = connect_slowly(&slow), *watch = must_connect(url);

	must_exec(conn, "SET application_name = 'left'");
	cr_expect(eq(int, (int)must_query_int(watch, "%s", others), 1));
	PQfinish(conn);
	while (must_query_int(watch, "%s", others) > 0)
		;
	PQfinish(watch);
	slow_stop(slow);
	free(url);
	cluster_free(server);
}
