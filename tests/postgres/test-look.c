/* Looking at a decider from recovery's side, and from a live coordinator's. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/link.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" }, { .name = "loose", .conf = "fsync = off" })

static int answer(void *arg)
{
	return *(int *)arg;
}

/* PREPARED: what a branch answers. Every look leaves its connection idle. */
static enum driver_look_result look_with(const char *url, struct driver_look look, int prepared)
{
	struct driver_conn *conn = must_open_recovery(url);
	enum driver_look_result result;

	if (!look.uuid)
		look.uuid = UUID_ONE;
	look.still_prepared = answer;
	look.arg = &prepared;
	result = pg_driver.look(conn, &look);
	if (!look.evidence[0])
		must_fail("a look without evidence");
	if (!pg_driver.is_idle(conn))
		must_fail("a look left something open: %s", look.evidence);
	pg_driver.close(conn);
	return result;
}

static enum driver_look_result look_at(const char *url, int prepared)
{
	return look_with(url, (struct driver_look){ .uuid = UUID_ONE }, prepared);
}

static int64_t count_rows(const char *url, const char *verdict)
{
	return must_query_int_at(url,
				 "SELECT count(*) FROM sqlassist.sqlassist_decision WHERE txn = "
				 "'%s' AND verdict = '%s'",
				 UUID_ONE, verdict);
}

static const char *new_site(const char *name)
{
	const char *url = new_database(name);

	pg_driver.close(must_open(url, NULL));
	return url;
}

Test(look, finds_a_decision)
{
	const char *url = new_decision("found");

	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
	cr_assert(eq(int, look_at(url, 0), LOOK_COMMITTED));
	cr_assert(eq(i64, count_rows(url, "committed"), 1));
}

/* Visible is not yet durable. */
Test(look, writes_before_it_believes_a_decision)
{
	const char *url = new_decision("writes");
	int64_t before = must_query_int_at(url,
					   "SELECT xmin::text::bigint FROM "
					   "sqlassist.sqlassist_decision WHERE txn = '%s'",
					   UUID_ONE);

	cr_assert(eq(int, look_with(url, (struct driver_look){ .dry_run = true }, 1),
		     LOOK_COMMITTED));
	cr_assert(eq(i64, before,
		     must_query_int_at(url,
				       "SELECT xmin::text::bigint FROM "
				       "sqlassist.sqlassist_decision WHERE "
				       "txn = '%s'",
				       UUID_ONE)));
	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
	cr_assert(ne(i64, before,
		     must_query_int_at(url,
				       "SELECT xmin::text::bigint FROM "
				       "sqlassist.sqlassist_decision WHERE "
				       "txn = '%s'",
				       UUID_ONE)));
}

Test(look, says_nothing_of_a_decision_that_it_cannot_make_durable)
{
	const char *url = new_decision("locked");
	PGconn *holder = must_connect(url);

	must_exec(holder, "BEGIN; SELECT * FROM sqlassist.sqlassist_decision FOR UPDATE");
	cr_assert(eq(int, look_at(url, 1), LOOK_UNKNOWN));
	PQfinish(holder);
	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
}

/* I1, I3 */
Test(look, buries_what_was_never_decided)
{
	const char *url = new_site("buries");
	struct driver_conn *late = must_open(url, NULL);

	must_change(late);
	cr_assert(eq(int, look_at(url, 1), LOOK_ABORTED));
	cr_assert(eq(i64, count_rows(url, "aborted"), 1));
	/* The coordinator was only slow. */
	cr_assert(eq(int, claim(late, UUID_ONE), SQLA_ERETRY));
	(void)pg_driver.rollback(late);
	cr_assert(eq(int, look_at(url, 0), LOOK_ABORTED));
	pg_driver.close(late);
}

/* The row may have been forgotten after all branches had ended. */
Test(look, says_nothing_when_no_branch_is_prepared)
{
	const char *url = new_site("forgotten");

	cr_assert(eq(int, look_at(url, 0), LOOK_UNKNOWN));
	cr_assert(eq(int, look_at(url, SQLA_ECONNECT), LOOK_UNKNOWN));
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
}

/* Only a coordinator that looks for its own knows that it cannot be forgotten yet. */
Test(look, says_nothing_when_there_is_no_branch_to_ask_about)
{
	const char *url = new_site("nobranch");
	struct driver_conn *conn = must_open_recovery(url);
	struct driver_look look = { .uuid = UUID_ONE };

	cr_expect(eq(int, pg_driver.look(conn, &look), LOOK_UNKNOWN));
	cr_expect(eq(i64, count_rows(url, "aborted"), 0));
	look.is_own = true;
	cr_expect(eq(int, pg_driver.look(conn, &look), LOOK_ABORTED));
	cr_expect(eq(i64, count_rows(url, "aborted"), 1));
	pg_driver.close(conn);
}

Test(look, leaves_nothing_when_it_is_dry)
{
	const char *url = new_site("dry");

	cr_assert(
		eq(int, look_with(url, (struct driver_look){ .dry_run = true }, 1), LOOK_ABORTED));
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
}

/* I4 */
Test(look, leaves_an_open_decider_alone)
{
	const char *url = new_site("open");
	struct driver_conn *decider = must_open(url, NULL);

	must_claim(decider, UUID_ONE);
	cr_assert(eq(int, look_at(url, 1), LOOK_OPEN));
	cr_assert(eq(int, look_with(url, (struct driver_look){ .fence_s = 3600 }, 1), LOOK_OPEN));
	cr_assert(eq(int, vote(decider, pg_driver.decide(decider)), 0));
	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
	pg_driver.close(decider);
}

Test(look, fences_a_decider_that_stays_open)
{
	const char *url = new_site("fence");
	struct driver_conn *decider = must_open(url, NULL);

	must_claim(decider, UUID_ONE);
	must_exec_at(url, "SELECT pg_sleep(1.2)");
	cr_assert(eq(int, look_with(url, (struct driver_look){ .fence_s = 1, .dry_run = true }, 1),
		     LOOK_OPEN));
	cr_assert(eq(int, look_with(url, (struct driver_look){ .fence_s = 1 }, 1), LOOK_ABORTED));
	cr_assert(eq(int, vote(decider, pg_driver.decide(decider)), SQLA_EINDOUBT));
	cr_assert(eq(i64, count_rows(url, "committed"), 0));
	pg_driver.close(decider);
}

static void *commit_soon(void *arg)
{
	struct driver_conn *decider = arg;

	(void)poll(NULL, 0, 800);
	if (vote(decider, pg_driver.decide(decider)) != 0)
		must_fail("decide: %s", sqla_error_last()->message);
	return NULL;
}

Test(look, sees_a_decision_that_is_made_while_it_waits)
{
	const char *url = new_site("meanwhile");
	struct driver_conn *decider = must_open(url, NULL);
	pthread_t thread;

	must_claim(decider, UUID_ONE);
	cr_assert(eq(int, pthread_create(&thread, NULL, commit_soon, decider), 0));
	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	pg_driver.close(decider);
}

/* Its connection is gone, but the server has not noticed. */
Test(look, ends_the_lost_backend_of_its_own_coordinator)
{
	const char *url = new_site("own");
	struct driver_conn *decider = must_open(url, NULL);

	must_claim(decider, UUID_ONE);
	cr_assert(eq(int, look_with(url, (struct driver_look){ .is_own = true }, 1), LOOK_ABORTED));
	cr_assert(eq(i64, count_rows(url, "aborted"), 1));
	cr_assert(eq(i64, must_query_int_at(url, "SELECT count(*) FROM work"), 0));
	pg_driver.close(decider);
}

/* I6 */
Test(look, says_nothing_of_another_site)
{
	const char *url = new_decision("othersite");

	cr_assert(
		eq(int, look_with(url, (struct driver_look){ .site = UUID_TWO }, 1), LOOK_UNKNOWN));
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
}

Test(look, says_nothing_where_there_is_no_table)
{
	cr_assert(eq(int, look_at(new_database("notable"), 1), LOOK_UNKNOWN));
}

Test(look, says_nothing_where_there_is_no_site)
{
	const char *url = new_decision("nosite");

	must_exec_at(url, "DELETE FROM sqlassist.sqlassist_decision WHERE verdict = 'site'");
	cr_assert(eq(int, look_at(url, 1), LOOK_UNKNOWN));
}

Test(look, says_nothing_where_nothing_is_durable)
{
	const char *url = url_on("loose", "postgres");

	pg_driver.close(must_open(url, NULL));
	cr_assert(eq(int, look_at(url, 1), LOOK_UNKNOWN));
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
}

/* A tombstone needs all of them, and so does the answer that a row is durable. */
Test(look, says_nothing_without_the_rights_to)
{
	static const char *const rights[] = { "INSERT, UPDATE", "SELECT, UPDATE",
					      "SELECT, INSERT" };
	const char *url = new_decision("looknorights");
	char *stranger = must_printf("%s%suser=looker", url, strchr(url, '?') ? "&" : "?");

	must_exec_at(url, "DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN; "
			  "GRANT USAGE ON SCHEMA sqlassist TO looker");
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		must_exec_at(url,
			     "REVOKE ALL ON sqlassist.sqlassist_decision FROM looker; "
			     "GRANT %s ON sqlassist.sqlassist_decision TO looker",
			     rights[i]);
		cr_expect(eq(int, look_at(stranger, 1), LOOK_UNKNOWN), "%s", rights[i]);
	}
	must_exec_at(url, "DROP OWNED BY looker");
	free(stranger);
}

Test(look, says_nothing_on_a_connection_that_was_lost)
{
	struct driver_conn *conn = must_open_recovery(new_decision("looklost"));
	struct driver_look look = { .uuid = UUID_ONE };

	conn->is_broken = true;
	cr_expect(eq(int, pg_driver.look(conn, &look), LOOK_UNKNOWN));
	pg_driver.close(conn);
}

Test(look, says_nothing_of_a_copy)
{
	const char *url = new_decision("lookoriginal");

	must_exec_at(url_on("main", "postgres"), "DROP DATABASE IF EXISTS lookcopy");
	must_exec_at(url_on("main", "postgres"), "CREATE DATABASE lookcopy TEMPLATE lookoriginal");
	cr_assert(eq(int, look_at(url_on("main", "lookcopy"), 1), LOOK_UNKNOWN));
	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
}

Test(look, says_nothing_where_a_trigger_interferes)
{
	const char *url = new_site("looktrigger");

	must_exec_at(url, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
			  "$$BEGIN RETURN NULL; END$$; CREATE TRIGGER t BEFORE INSERT ON "
			  "sqlassist.sqlassist_decision FOR EACH ROW EXECUTE FUNCTION f()");
	cr_assert(eq(int, look_at(url, 1), LOOK_UNKNOWN));
}

static void set_standby_names(const char *url, const char *names)
{
	must_exec_at(url, "ALTER SYSTEM SET synchronous_standby_names = '%s'", names);
	must_exec_at(url, "SELECT pg_reload_conf()");
	/* It takes effect when a background process says so. */
	must_exec_at(url, "SELECT pg_sleep(0.5)");
}

/* The user gives up waiting for a standby that is away: committed here, and
 * lost if that standby takes over. */
Test(look, says_nothing_of_a_decision_that_is_not_replicated)
{
	struct cluster *c = cluster_start("alone", NULL);
	char *url = cluster_database(c, "bank");
	struct driver_conn *decider = must_open(url, NULL);

	must_claim(decider, UUID_ONE);
	set_standby_names(url, "nobody");
	cr_assert(eq(int, pg_driver.decide(decider), TXN_WAIT));
	while (must_query_int_at(url, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity "
				      "WHERE wait_event = 'SyncRep'") == 0)
		(void)poll(NULL, 0, 20);
	cr_assert(eq(int, vote(decider, TXN_WAIT), SQLA_EINDOUBT));
	cr_assert(eq(i64, count_rows(url, "committed"), 1));
	{
		struct driver_look look = { .uuid = UUID_ONE, .is_own = true };
		struct driver_conn *conn = must_open_recovery(url);

		cr_assert(eq(int, pg_driver.look(conn, &look), LOOK_UNKNOWN));
		pg_driver.close(conn);
	}
	set_standby_names(url, "");
	cr_assert(eq(int, look_at(url, 1), LOOK_COMMITTED));
	pg_driver.close(decider);
	free(url);
	cluster_free(c);
}

static void *look_in_thread(void *arg)
{
	return (void *)(intptr_t)look_at(arg, 1);
}

Test(look, agrees_with_others_that_look_at_the_same_time)
{
	const char *url = new_site("together");
	enum { N = 6 };
	pthread_t threads[N];
	void *result;

	for (int i = 0; i < N; i++)
		cr_assert(
			eq(int, pthread_create(&threads[i], NULL, look_in_thread, (void *)url), 0));
	for (int i = 0; i < N; i++) {
		cr_assert(eq(int, pthread_join(threads[i], &result), 0));
		cr_assert(eq(int, (int)(intptr_t)result, LOOK_ABORTED));
	}
	cr_assert(eq(i64, count_rows(url, "aborted"), 1));
}

/* ---- forgetting ------------------------------------------------------------------------ */

static int count_one(void *arg, const struct driver_row *row)
{
	int *n = arg;

	if (strcmp(row->uuid, UUID_ONE) != 0 || row->age_s < 0)
		must_fail("a strange row %s", row->uuid);
	(*n)++;
	return 0;
}

Test(decisions, are_listed_and_forgotten)
{
	static const char *const uuids[] = { UUID_ONE, UUID_TWO };
	const char *url = new_decision("forget");
	struct driver_conn *conn = must_open_recovery(url);
	int n = 0;

	cr_assert(eq(int, pg_driver.list_rows(conn, 3600, count_one, &n), 0));
	cr_assert(eq(int, n, 0));
	cr_assert(eq(int, pg_driver.list_rows(conn, 0, count_one, &n), 0));
	cr_assert(eq(int, n, 1));
	cr_assert(eq(int, pg_driver.forget_rows(conn, uuids, 2), 0));
	cr_assert(eq(int, pg_driver.list_rows(conn, 0, count_one, &n), 0));
	cr_assert(eq(int, n, 1));
	pg_driver.close(conn);
}

Test(decisions, of_no_table_are_none)
{
	static const char *const uuids[] = { UUID_ONE };
	struct driver_conn *conn = must_open_recovery(new_database("norows"));

	cr_assert(eq(int, pg_driver.list_rows(conn, 0, NULL, NULL), 0));
	cr_assert(eq(int, pg_driver.forget_rows(conn, uuids, 1), 0));
	cr_assert(eq(int, pg_driver.purge_tombstones(conn), 0));
	pg_driver.close(conn);
}

/* I5 */
Test(decisions, keep_tombstones_when_rows_are_forgotten)
{
	static const char *const uuids[] = { UUID_ONE };
	const char *url = new_site("keeptombstones");
	struct driver_conn *conn = must_open_recovery(url);

	cr_assert(eq(int, look_at(url, 1), LOOK_ABORTED));
	cr_assert(eq(int, pg_driver.forget_rows(conn, uuids, 1), 0));
	cr_assert(eq(i64, count_rows(url, "aborted"), 1));
	pg_driver.close(conn);
}

Test(decisions, purge_tombstones_only_when_all_that_was_open_has_ended)
{
	const char *url = new_site("purge");
	struct driver_conn *open = must_open(url, NULL), *idle = must_open(url, NULL);
	struct driver_conn *admin = must_open_recovery(url);
	int purged = 0;

	must_begin(open);
	must_run(open, "SELECT 1"); /* no xid yet */
	cr_assert(eq(int, look_at(url, 1), LOOK_ABORTED));
	cr_assert(eq(int, pg_driver.purge_tombstones(admin), 0));
	cr_assert(eq(int, claim(open, UUID_ONE), SQLA_ERETRY));
	(void)pg_driver.rollback(open);
	must_begin(idle);
	must_run(idle, "SELECT 1"); /* later than the tombstone */
	/* Other tests' transactions on the server count, too. */
	for (int i = 0; i < 300 && purged == 0; i++) {
		purged = pg_driver.purge_tombstones(admin);
		(void)poll(NULL, 0, 50);
	}
	cr_assert(eq(int, purged, 1));
	cr_assert(eq(i64, count_rows(url, "aborted"), 0));
	pg_driver.close(open);
	pg_driver.close(idle);
	pg_driver.close(admin);
}

/* What a standby shows may be lost when another takes over. */
Test(look, says_nothing_of_what_a_standby_shows)
{
	const char *url = new_site("look_standby");
	struct cluster *primary = cluster_get("main"), *standby;
	enum driver_look_result result;

	must_exec_at(url, "INSERT INTO sqlassist.sqlassist_decision(txn, verdict, branches) "
			  "VALUES ('" UUID_ONE "', 'committed', '')");
	standby = cluster_start_standby("standby", primary);
	result = look_with(url_on("standby", "look_standby"),
			   (struct driver_look){ .uuid = UUID_ONE, .dry_run = true }, 1);
	cr_expect(eq(int, (int)result, LOOK_UNKNOWN));
	cluster_free(standby);
	cluster_free(primary);
}

static int pass_by(void *arg, const struct driver_prepared *prepared)
{
	(void)arg;
	(void)prepared;
	return 0;
}

/* Whoever may recover is often a superuser, and the path may be one that the owner
 * of the database has set (ALTER DATABASE ... SET search_path). */
Test(look, runs_no_operator_of_the_search_path)
{
	static const char traps[] =
		"CREATE SCHEMA evil; "
		"CREATE FUNCTION evil.trap(anyelement, anyelement) RETURNS bool LANGUAGE plpgsql "
		"AS 'BEGIN RAISE EXCEPTION ''trapped''; END'; "
		"CREATE FUNCTION evil.trap(text, text) RETURNS bool LANGUAGE plpgsql "
		"AS 'BEGIN RAISE EXCEPTION ''trapped''; END'; "
		"CREATE FUNCTION evil.trap(int, int) RETURNS bool LANGUAGE plpgsql "
		"AS 'BEGIN RAISE EXCEPTION ''trapped''; END'; "
		"CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.trap); "
		"CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.trap); "
		"CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.trap); "
		"CREATE OPERATOR evil.<> (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.trap); "
		"CREATE FUNCTION evil.starts_with(text, text) RETURNS bool LANGUAGE plpgsql "
		"AS 'BEGIN RAISE EXCEPTION ''trapped''; END'";
	const char *url = new_site("evil");
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid_of(UUID_ONE));
	pg_driver.close(conn);
	must_exec_at(url, "%s", traps);
	must_exec_at(url, "ALTER DATABASE evil SET search_path = evil, pg_catalog");
	cr_expect(eq(int, look_at(url, 1), LOOK_ABORTED), "%s", sqla_error_last()->message);
	conn = must_open_recovery(url);
	cr_expect(eq(int, pg_driver.is_prepared(conn, gid_of(UUID_ONE)), 1));
	cr_expect(zero(int, pg_driver.list_prepared(conn, pass_by, NULL)));
	cr_expect(zero(int, pg_driver.end_prepared(conn, gid_of(UUID_ONE), false, NULL)));
	cr_expect(ge(int, pg_driver.purge_tombstones(conn), 0), "%s", sqla_error_last()->message);
	pg_driver.close(conn);
}
