/* How a one-phase commit ended whose answer was lost. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/link.h"
#include "postgres/outcome.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

/* The COMMIT goes out, and its answer is not waited for. */
static struct driver_conn *commit_and_lose(const char *url)
{
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	if (pg_driver.commit(conn) != TXN_WAIT)
		must_fail("commit: %s", sqla_error_last()->message);
	must_exec_at(url, "SELECT pg_sleep(0.3)");
	pg_driver.give_up(conn);
	return conn;
}

Test(outcome, of_a_commit_whose_answer_was_lost_is_committed)
{
	struct driver_conn *conn = commit_and_lose(new_database("committed"));

	cr_assert(eq(int, pg_driver.outcome(conn), 0));
	pg_driver.close(conn);
}

Test(outcome, of_a_lost_connection_is_aborted)
{
	const char *url = new_database("aborted");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	terminate(url, conn);
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EINDOUBT));
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EABORTED));
	pg_driver.close(conn);
}

/* The server has not noticed: its backend is ended, so that nothing can come. */
Test(outcome, of_a_backend_that_lives_on_is_forced)
{
	const char *url = new_database("liveson");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	conn->is_broken = true;
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EABORTED));
	cr_assert(eq(i64, must_query_int_at(url, "SELECT count(*) FROM work"), 0));
	pg_driver.close(conn);
}

Test(outcome, is_not_known_without_an_xid)
{
	struct driver_conn *conn = must_open(new_database("noxid"), NULL);

	must_begin(conn);
	must_run(conn, "SELECT 1");
	conn->is_broken = true;
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EINDOUBT));
	pg_driver.close(conn);
}

/* An xid that was not flushed is handed out again: it proves nothing. */
Test(outcome, is_not_believed_after_a_crash)
{
	struct cluster *c = cluster_start("crashing", NULL);
	char *url = cluster_database(c, "crash");
	struct driver_conn *conn = commit_and_lose(url);

	cluster_crash(c);
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EINDOUBT));
	cluster_restart(c);
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EINDOUBT));
	cr_assert(ne(ptr, strstr(sqla_error_last()->message, "restarted"), NULL));
	pg_driver.close(conn);
	free(url);
	cluster_free(c);
}

Test(outcome, is_not_believed_after_one_backend_has_crashed)
{
	struct cluster *c = cluster_start("backend", NULL);
	char *url = cluster_database(c, "crash");
	struct driver_conn *conn = commit_and_lose(url);
	char *before, *after;
	PGconn *native = must_connect(url);

	before = must_query_text(native, "SELECT pg_postmaster_start_time()");
	/* The postmaster replaces all its processes, and stays itself. */
	cr_assert(eq(int, kill(PQbackendPID(native), SIGKILL), 0));
	for (int i = 0; i < 500 && PQping(url) == PQPING_OK; i++)
		(void)poll(NULL, 0, 1);
	PQfinish(native);
	for (int i = 0; i < 200 && PQping(url) != PQPING_OK; i++)
		(void)poll(NULL, 0, 50);
	native = must_connect(url);
	after = must_query_text(native, "SELECT pg_postmaster_start_time()");
	cr_assert(eq(str, before, after));
	PQfinish(native);
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EINDOUBT));
	cr_assert(ne(ptr, strstr(sqla_error_last()->message, "crash"), NULL), "%s",
		  sqla_error_last()->message);
	pg_driver.close(conn);
	free(before);
	free(after);
	free(url);
	cluster_free(c);
}

/* ---- the incarnation --------------------------------------------------------------- */

static struct pg_server server(void)
{
	return (struct pg_server){ .system_identifier = "7",
				   .database_oid = "5",
				   .started = "1700000000.5",
				   .auxiliary = { 11, 12, 13, 14 },
				   .n_auxiliary = 4 };
}

static bool is_same(struct pg_server now)
{
	const struct pg_server before = server();
	const char *why = NULL;
	bool same = pg_is_same_incarnation(&before, &now, &why);

	if (!same && !why)
		must_fail("no reason");
	return same;
}

Test(outcome, knows_the_same_incarnation)
{
	struct pg_server now = server();

	cr_assert(is_same(now));
	now.auxiliary[0] = 99;
	now.auxiliary[1] = 98;
	cr_assert(is_same(now));
}

Test(outcome, knows_another_incarnation)
{
	struct pg_server now = server();

	now.auxiliary[0] = 99;
	now.auxiliary[1] = 98;
	now.auxiliary[2] = 97;
	cr_assert(not(is_same(now)), "one number may come round again");
	now = server();
	(void)strcpy(now.started, "1700000001.5");
	cr_assert(not(is_same(now)), "a container gives the same numbers again");
	now = server();
	(void)strcpy(now.system_identifier, "8");
	cr_assert(not(is_same(now)));
	now = server();
	(void)strcpy(now.database_oid, "6");
	cr_assert(not(is_same(now)));
	now = server();
	now.is_standby = true;
	cr_assert(not(is_same(now)));
	now = server();
	now.system_identifier[0] = '\0';
	cr_assert(not(is_same(now)), "it does not say who it is");
}

/* Where no more of them can be seen, one has to do. */
Test(outcome, knows_the_same_incarnation_by_a_single_process)
{
	struct pg_server before = server(), now = server();
	const char *why = NULL;

	before.n_auxiliary = 1;
	cr_expect(pg_is_same_incarnation(&before, &now, &why));
	now.auxiliary[0] = 99;
	cr_expect(not(pg_is_same_incarnation(&before, &now, &why)));
}
