/* Looking for many branches at once: what comes of it is what would come of one
 * look after the other, or nothing. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/link.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

#define UUID_THREE "33333333-3333-4333-8333-333333333333"
#define TABLE "sqlassist.sqlassist_decision"

enum { N = 4 };

static const char *const uuids[N] = { UUID_ONE, UUID_TWO, UUID_THREE, UUID_THREE };

/* What the branches of this thread's looks answer, and of how many it was asked. */
static _Thread_local int are_prepared = 1;
static _Thread_local size_t n_asked;

static int answer(void *const args[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(args[i], UUID_ONE) == 0)
			must_fail("a branch was asked about whose row is there");
	n_asked = n;
	return are_prepared;
}

struct looked {
	int status;
	enum driver_look_result results[N];
	struct driver_look items[N];
};

static struct looked look_on(struct driver_conn *conn, struct driver_look like)
{
	struct looked looked = { .status = 0 };
	struct driver_looks looks = { .items = looked.items,
				      .results = looked.results,
				      .n = N,
				      .all_prepared = answer };

	for (size_t i = 0; i < N; i++) {
		looked.items[i] = like;
		looked.items[i].uuid = uuids[i];
		looked.items[i].arg = (char *)(uintptr_t)uuids[i];
		looked.results[i] = LOOK_UNKNOWN;
	}
	n_asked = 0;
	looked.status = pg_driver.look_at_all(conn, &looks);
	if (looked.status == 0 && !pg_driver.is_idle(conn))
		must_fail("looking left something open");
	return looked;
}

static struct looked look_with(const char *url, struct driver_look like)
{
	struct driver_conn *conn = must_open_recovery(url);
	struct looked looked = look_on(conn, like);

	pg_driver.close(conn);
	return looked;
}

static struct looked look(const char *url)
{
	return look_with(url, (struct driver_look){ .site = NULL });
}

static int64_t count_rows(const char *url, const char *verdict)
{
	return must_query_int_at(url, "SELECT count(*) FROM " TABLE " WHERE verdict = '%s'",
				 verdict);
}

static void must_have_found_all(const struct looked *looked)
{
	cr_assert(eq(int, looked->status, 0), "%s", sqla_error_last()->message);
	cr_assert(eq(int, looked->results[0], LOOK_COMMITTED));
	for (size_t i = 1; i < N; i++)
		cr_assert(eq(int, looked->results[i], LOOK_ABORTED));
	for (size_t i = 0; i < N; i++)
		cr_assert(ne(int, looked->items[i].evidence[0], 0));
}

/* And nothing is left of the attempt. */
static void must_have_found_nothing(const char *url, const struct looked *looked)
{
	for (size_t i = 0; i < N; i++)
		cr_assert(eq(int, looked->results[i], LOOK_UNKNOWN));
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
	cr_assert(eq(i64, count_rows(url, "committed"), 1));
}

Test(looks, find_what_was_decided_and_bury_what_was_not)
{
	const char *url = new_decision("looksfind");
	struct looked looked = look(url);

	must_have_found_all(&looked);
	cr_assert(eq(sz, n_asked, 3));
	cr_assert(eq(i64, count_rows(url, "aborted"), 2));
	/* The tombstones and the row that was written again. */
	cr_assert(eq(i64,
		     must_query_int_at(url, "SELECT count(DISTINCT xmin::text) FROM " TABLE
					    " WHERE verdict <> 'site'"),
		     1),
		  "it was more than one transaction");
	looked = look(url);
	must_have_found_all(&looked);
	cr_assert(eq(sz, n_asked, 0));
}

/* I1 */
Test(looks, leave_tombstones_that_a_late_coordinator_meets)
{
	const char *url = new_decision("lookslate");
	struct driver_conn *late = must_open(url, NULL);
	struct looked looked;

	must_change(late);
	looked = look(url);
	must_have_found_all(&looked);
	cr_assert(eq(int, claim(late, UUID_TWO), SQLA_ERETRY));
	(void)pg_driver.rollback(late);
	pg_driver.close(late);
}

Test(looks, leave_nothing_when_they_are_dry)
{
	const char *url = new_decision("looksdry");
	int64_t before = must_query_int_at(url, "SELECT sum(xmin::text::bigint) FROM " TABLE);
	struct looked looked = look_with(url, (struct driver_look){ .dry_run = true });

	must_have_found_all(&looked);
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
	cr_assert(eq(i64, before,
		     must_query_int_at(url, "SELECT sum(xmin::text::bigint) FROM " TABLE)));
}

/* I4: nobody waits for long, and nothing is said of the others either. */
Test(looks, find_nothing_while_one_decider_is_open)
{
	const char *url = new_decision("looksopen");
	struct driver_conn *decider = must_open(url, NULL);
	struct looked looked;

	must_claim(decider, UUID_TWO);
	looked = look(url);
	must_have_found_nothing(url, &looked);
	cr_assert(eq(int, vote(decider, pg_driver.decide(decider)), 0));
	looked = look(url);
	cr_assert(eq(int, looked.results[1], LOOK_COMMITTED));
	cr_assert(eq(int, looked.results[2], LOOK_ABORTED));
	pg_driver.close(decider);
}

/* I5: its row may have been forgotten after all branches had ended. */
Test(looks, find_nothing_when_one_branch_is_not_prepared_any_more)
{
	const char *url = new_decision("looksgone");
	struct looked looked;

	are_prepared = 0;
	looked = look(url);
	must_have_found_nothing(url, &looked);
	are_prepared = SQLA_ECONNECT;
	looked = look(url);
	must_have_found_nothing(url, &looked);
}

/* I6 */
Test(looks, find_nothing_at_another_site)
{
	const char *url = new_decision("lookssite");
	struct looked looked = look_with(url, (struct driver_look){ .site = UUID_TWO });

	must_have_found_nothing(url, &looked);
}

Test(looks, find_nothing_behind_a_pooler)
{
	const char *url = new_decision("lookspooled");
	struct driver_conn *conn = must_open_recovery(url);
	struct looked looked;

	pg_link_of(conn)->server.is_pooled = true;
	looked = look_on(conn, (struct driver_look){ .site = NULL });
	must_have_found_nothing(url, &looked);
	pg_driver.close(conn);
}

Test(looks, find_nothing_where_a_verdict_is_strange)
{
	const char *url = new_decision("looksstrange");
	struct looked looked;

	must_exec_at(url,
		     "INSERT INTO " TABLE " (txn, verdict, branches) VALUES ('%s', 'perhaps', '')",
		     UUID_TWO);
	looked = look(url);
	must_have_found_nothing(url, &looked);
}

/* Another recoverer's tombstone blocks the first round, and is read in the second. */
static void *commit_soon(void *arg)
{
	PGconn *other = arg;

	(void)poll(NULL, 0, 100);
	must_exec(other, "COMMIT");
	return NULL;
}

Test(looks, read_what_another_recoverer_writes_meanwhile)
{
	const char *url = new_decision("looksrace");
	PGconn *other = must_connect(url);
	struct looked looked;
	pthread_t thread;

	must_exec(other,
		  "BEGIN; INSERT INTO " TABLE " (txn, verdict, branches) VALUES ('%s', "
		  "'aborted', '')",
		  UUID_THREE);
	cr_assert(eq(int, pthread_create(&thread, NULL, commit_soon, other), 0));
	looked = look(url);
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	/* Where it all takes long, nobody waits for the other's end. */
	if (looked.results[0] == LOOK_UNKNOWN)
		looked = look(url);
	must_have_found_all(&looked);
	PQfinish(other);
}

static void *look_in_thread(void *arg)
{
	struct looked looked = look(arg);

	/* Nothing is an answer, too: each would be looked at alone. */
	if (looked.results[0] != LOOK_UNKNOWN)
		must_have_found_all(&looked);
	return NULL;
}

Test(looks, agree_with_others_at_the_same_time)
{
	const char *url = new_decision("lookstogether");
	pthread_t threads[6];
	struct looked looked;

	for (int i = 0; i < 6; i++)
		cr_assert(eq(int,
			     pthread_create(&threads[i], NULL, look_in_thread,
					    (void *)(uintptr_t)url),
			     0));
	for (int i = 0; i < 6; i++)
		cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
	looked = look(url);
	must_have_found_all(&looked);
	cr_assert(eq(i64, count_rows(url, "aborted"), 2));
}

Test(looks, tell_that_the_connection_was_lost)
{
	const char *url = new_decision("lookslost");
	struct driver_conn *conn = must_open_recovery(url);
	struct looked looked;

	terminate(url, conn);
	looked = look_on(conn, (struct driver_look){ .site = NULL });
	cr_assert(lt(int, looked.status, 0));
	must_have_found_nothing(url, &looked);
	pg_driver.close(conn);
}

/* ---- ending ------------------------------------------------------------------- */

enum { MANY = 23 }; /* more than go out at once */

struct prepared {
	char gids[MANY][TXN_GID_MAX + 1];
	struct driver_ending endings[MANY];
};

/* Even ones are to be committed. */
static void prepare_many(const char *url, struct prepared *p)
{
	PGconn *conn = must_connect(url);

	must_exec(conn, "CREATE TABLE many(id int)");
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(p->gids[i], sizeof(p->gids[i]), "sqla1.%s.%d.%s.bank", UUID_ONE,
			       i + 1, PQdb(conn));
		p->endings[i] =
			(struct driver_ending){ .gid = p->gids[i], .is_commit = i % 2 == 0 };
		must_exec(conn, "BEGIN; INSERT INTO many VALUES (%d); PREPARE TRANSACTION '%s'", i,
			  p->gids[i]);
	}
	PQfinish(conn);
}

static int64_t count_prepared(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM pg_prepared_xacts "
				      "WHERE database = current_database()");
}

Test(endings, end_each_branch_as_it_was_decided)
{
	const char *url = new_database("endall");
	struct driver_conn *conn = must_open_recovery(url);
	struct prepared p;

	prepare_many(url, &p);
	cr_assert(eq(int, pg_driver.end_all(conn, p.endings, MANY), 0));
	for (int i = 0; i < MANY; i++)
		cr_assert(p.endings[i].is_done);
	cr_assert(pg_driver.is_idle(conn));
	cr_assert(eq(i64, count_prepared(url), 0));
	cr_assert(eq(i64, must_query_int_at(url, "SELECT count(*) FROM many WHERE id %% 2 = 0"),
		     (MANY + 1) / 2));
	cr_assert(
		eq(i64, must_query_int_at(url, "SELECT count(*) FROM many WHERE id %% 2 = 1"), 0));
	pg_driver.close(conn);
}

/* I7: one refusal stops no other, but what was behind it counts for nothing. */
Test(endings, claim_no_more_than_was_answered_ahead_of_a_refusal)
{
	const char *url = new_database("endrefused");
	struct driver_conn *conn = must_open_recovery(url);
	struct prepared p;

	prepare_many(url, &p);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", p.gids[4]);
	cr_assert(eq(int, pg_driver.end_all(conn, p.endings, MANY), 0));
	cr_assert(p.endings[3].is_done);
	cr_assert(not(p.endings[4].is_done));
	cr_assert(not(p.endings[5].is_done));
	cr_assert(p.endings[MANY - 1].is_done);
	cr_assert(pg_driver.is_idle(conn));
	cr_assert(eq(i64, count_prepared(url), 0));
	cr_assert(eq(i64, must_query_int_at(url, "SELECT count(*) FROM many"), (MANY + 1) / 2 - 1));
	pg_driver.close(conn);
}

Test(endings, tell_that_the_connection_was_lost)
{
	const char *url = new_database("endlost");
	struct driver_conn *conn = must_open_recovery(url);
	struct prepared p;

	prepare_many(url, &p);
	terminate(url, conn);
	cr_assert(lt(int, pg_driver.end_all(conn, p.endings, MANY), 0));
	for (int i = 0; i < MANY; i++)
		cr_assert(not(p.endings[i].is_done));
	cr_assert(eq(i64, count_prepared(url), MANY));
	pg_driver.close(conn);
	conn = must_open_recovery(url);
	cr_assert(eq(int, pg_driver.end_all(conn, p.endings, MANY), 0));
	pg_driver.close(conn);
}

Test(endings, are_told_apart_from_what_is_still_prepared)
{
	const char *url = new_database("endsome");
	struct driver_conn *conn = must_open_recovery(url);
	const char *gids[MANY];
	struct prepared p;

	prepare_many(url, &p);
	for (int i = 0; i < MANY; i++)
		gids[i] = p.gids[i];
	cr_assert(eq(int, pg_driver.are_prepared(conn, gids, MANY), 1));
	cr_assert(eq(int, pg_driver.end_all(conn, p.endings + 1, 1), 0));
	cr_assert(eq(int, pg_driver.are_prepared(conn, gids, MANY), 0));
	cr_assert(eq(int, pg_driver.are_prepared(conn, gids, 1), 1));
	cr_assert(eq(int, pg_driver.are_prepared(conn, gids + 1, 1), 0));
	cr_assert(eq(int, pg_driver.end_all(conn, p.endings, MANY), 0));
	pg_driver.close(conn);
}
