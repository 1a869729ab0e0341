#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

struct found {
	int n;
	char gid[TXN_GID_MAX + 1];
	char owner[64];
	char database[64];
	char xid[32];
	int64_t age_s;
	int blocked;
	bool is_endable;
};

static int take(void *arg, const struct driver_prepared *prepared)
{
	struct found *found = arg;

	found->n++;
	(void)snprintf(found->gid, sizeof(found->gid), "%s", prepared->gid);
	(void)snprintf(found->owner, sizeof(found->owner), "%s", prepared->owner);
	(void)snprintf(found->database, sizeof(found->database), "%s", prepared->database);
	(void)snprintf(found->xid, sizeof(found->xid), "%s", prepared->xid);
	found->age_s = prepared->age_s;
	found->blocked = prepared->blocked;
	found->is_endable = prepared->is_endable;
	return 0;
}

/* Of UUID_ONE only: other tests prepare on the same cluster. */
static const char *wanted;

static int take_wanted(void *arg, const struct driver_prepared *prepared)
{
	return strcmp(prepared->gid, wanted) == 0 ? take(arg, prepared) : 0;
}

static struct found list(const char *url, const char *gid)
{
	struct driver_conn *conn = must_open_recovery(url);
	struct found found = { 0 };

	wanted = gid;
	if (pg_driver.list_prepared(conn, take_wanted, &found) < 0)
		must_fail("list: %s", sqla_error_last()->message);
	pg_driver.close(conn);
	return found;
}

static const char *new_gid(unsigned number)
{
	char *gid = must_printf("sqla1.%s.%u.site.bank", UUID_ONE, number);

	return gid;
}

static void prepare(const char *url, const char *gid)
{
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	pg_driver.close(conn);
}

Test(list, tells_what_is_prepared)
{
	const char *url = new_database("listed"), *gid = new_gid(1);
	struct found found;

	prepare(url, gid);
	must_exec_at(url, "BEGIN; CREATE TABLE foreign_gid (i int); PREPARE TRANSACTION "
			  "'sqla1.but not ours'");
	found = list(url, gid);
	cr_assert(eq(int, found.n, 1));
	cr_assert(eq(str, found.gid, (char *)gid));
	cr_assert(eq(str, found.database, "listed"));
	cr_assert(eq(int, found.blocked, 0));
	cr_assert(found.is_endable);
	cr_assert(ge(i64, found.age_s, 0));
	cr_assert(lt(i64, found.age_s, 60));
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	must_exec_at(url, "ROLLBACK PREPARED 'sqla1.but not ours'");
	free((char *)gid);
}

Test(list, tells_those_of_other_databases_and_that_they_cannot_be_ended)
{
	const char *url = new_database("here"), *other = new_database("there"), *gid = new_gid(2);
	struct driver_conn *conn = must_open_recovery(url);
	struct found found;

	prepare(other, gid);
	found = list(url, gid);
	cr_assert(eq(str, found.database, "there"));
	cr_assert(not(found.is_endable));
	cr_assert(lt(int, pg_driver.end_prepared(conn, gid, false, found.xid), 0));
	cr_assert(eq(int, pg_driver.is_prepared(conn, gid), 1));
	pg_driver.close(conn);
	must_exec_at(other, "ROLLBACK PREPARED '%s'", gid);
	free((char *)gid);
}

Test(list, tells_those_of_other_owners_and_that_they_cannot_be_ended)
{
	const char *url = new_database("owners"), *gid = new_gid(3);
	char *stranger = must_printf("%s%suser=lister", url, strchr(url, '?') ? "&" : "?");
	struct driver_conn *conn;
	struct found found;

	must_exec_at(url, "DROP ROLE IF EXISTS lister; CREATE ROLE lister LOGIN");
	prepare(url, gid);
	found = list(stranger, gid);
	cr_assert(eq(int, found.n, 1));
	cr_assert(not(found.is_endable));
	conn = must_open_recovery(stranger);
	cr_assert(lt(int, pg_driver.end_prepared(conn, gid, true, found.xid), 0));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "42501"));
	pg_driver.close(conn);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	free(stranger);
	free((char *)gid);
}

static void *wait_for_lock(void *arg)
{
	must_exec_at(arg, "BEGIN; LOCK TABLE work IN ACCESS EXCLUSIVE MODE; COMMIT");
	return NULL;
}

Test(list, counts_the_sessions_that_wait)
{
	const char *url = new_database("waiters"), *gid = new_gid(4), *other = new_gid(5);
	pthread_t thread;

	prepare(url, gid);
	must_exec_at(url, "CREATE TABLE elsewhere (i int)");
	must_exec_at(url, "BEGIN; INSERT INTO elsewhere VALUES (1); PREPARE TRANSACTION '%s'",
		     other);
	cr_assert(eq(int, pthread_create(&thread, NULL, wait_for_lock, (void *)url), 0));
	while (must_query_int_at(url, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0)
		(void)poll(NULL, 0, 20);
	cr_assert(eq(int, list(url, gid).blocked, 1));
	cr_assert(eq(int, list(url, other).blocked, 0));
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", other);
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	free((char *)gid);
	free((char *)other);
}

/* ---- ending ------------------------------------------------------------------------------ */

Test(list, ends_a_branch_as_often_as_it_is_asked_to)
{
	const char *url = new_database("ends"), *gid = new_gid(6);
	struct driver_conn *conn;
	struct found found;

	prepare(url, gid);
	found = list(url, gid);
	conn = must_open_recovery(url);
	cr_assert(eq(int, pg_driver.is_prepared(conn, gid), 1));
	cr_assert(eq(int, pg_driver.end_prepared(conn, gid, true, found.xid), 0));
	cr_assert(eq(int, pg_driver.is_prepared(conn, gid), 0));
	cr_assert(eq(int, pg_driver.end_prepared(conn, gid, true, found.xid), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT count(*) FROM public.work"), 1));
	/* The other way was somebody else's doing. */
	cr_assert(eq(int, pg_driver.end_prepared(conn, gid, false, found.xid), SQLA_EMIXED));
	cr_assert(eq(int, pg_driver.end_prepared(conn, gid, false, NULL), SQLA_EINDOUBT));
	pg_driver.close(conn);
	free((char *)gid);
}

Test(list, knows_how_a_branch_ended_after_a_crash)
{
	struct cluster *c = cluster_start("crashing", NULL);
	const char *url = cluster_database(c, "crash"), *gid = new_gid(7);
	struct driver_conn *conn;
	struct found found;

	prepare(url, gid);
	cluster_crash(c);
	cluster_restart(c);
	found = list(url, gid);
	cr_assert(eq(int, found.n, 1));
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	conn = must_open_recovery(url);
	cr_assert(eq(int, pg_driver.end_prepared(conn, gid, true, found.xid), SQLA_EMIXED));
	pg_driver.close(conn);
	free((char *)url);
	free((char *)gid);
	cluster_free(c);
}

struct ender {
	const char *url, *gid, *xid;
};

static void *end(void *arg)
{
	struct ender *e = arg;
	struct driver_conn *conn = must_open_recovery(e->url);
	int status = pg_driver.end_prepared(conn, e->gid, true, e->xid);

	pg_driver.close(conn);
	return (void *)(intptr_t)status;
}

Test(list, lets_many_end_the_same_branch_at_once)
{
	const char *url = new_database("ended"), *gid = new_gid(8);
	enum { N = 8 };
	pthread_t threads[N];
	struct found found;
	struct ender ender;
	void *status;

	prepare(url, gid);
	found = list(url, gid);
	ender = (struct ender){ url, gid, found.xid };
	for (int i = 0; i < N; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, end, &ender), 0));
	for (int i = 0; i < N; i++) {
		cr_assert(eq(int, pthread_join(threads[i], &status), 0));
		cr_assert(eq(int, (int)(intptr_t)status, 0));
	}
	free((char *)gid);
}
