/* Votes count only if they are certain (I7): each kind of answer is forced
 * from a real server. */
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

TEST_MAIN({ .name = "main" }, { .name = "few", .conf = "max_prepared_transactions = 1" },
	  { .name = "none", .conf = "max_prepared_transactions = 0" })

static int64_t count_work(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM work");
}

static int64_t count_prepared(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM pg_prepared_xacts WHERE database = "
				      "current_database()");
}

/* ---- ask ------------------------------------------------------------------------- */

Test(branch, knows_without_asking_whether_it_changed)
{
	struct driver_conn *conn = must_open(new_database("ask"), NULL);

	must_run(conn, "CREATE TABLE work (i int)");
	must_begin(conn);
	cr_assert(eq(int, pg_driver.ask(conn), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT count(*) FROM work"), 0));
	cr_assert(eq(int, pg_driver.ask(conn), 0));
	must_run(conn, "INSERT INTO work VALUES (1)");
	cr_assert(eq(int, pg_driver.ask(conn), TXN_CHANGED));
	must_run(conn, "INSERT INTO work VALUES (2)");
	cr_assert(eq(int, pg_driver.ask(conn), TXN_CHANGED));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

static void must_run_natively(struct driver_conn *conn, const char *sql)
{
	if (pg_driver.begin_now(conn) != 0)
		must_fail("begin: %s", sqla_error_last()->message);
	PQclear(PQexec(pg_driver.native(conn), sql));
}

Test(branch, asks_when_the_native_handle_was_used)
{
	struct driver_conn *conn = must_open(new_database("native"), NULL);

	must_run(conn, "CREATE TABLE work (i int)");
	must_begin(conn);
	must_run_natively(conn, "SELECT 1");
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), 0));
	must_run_natively(conn, "INSERT INTO work VALUES (1)");
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), TXN_CHANGED));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

/* What is done with the native handle goes unnoticed, so it is asked. */
static void terminate_natively(const char *url, struct driver_conn *conn)
{
	terminate(url, conn);
	(void)pg_driver.native(conn);
}

Test(branch, votes_no_when_it_cannot_be_asked)
{
	const char *url = new_database("unasked");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	terminate_natively(url, conn);
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), SQLA_ECONNECT));
	cr_expect(conn->is_broken);
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), SQLA_ECONNECT));
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_ECONNECT));
	cr_expect(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_ECONNECT));
	pg_driver.close(conn);
}

Test(branch, votes_no_when_the_native_handle_has_seen_the_connection_lost)
{
	const char *url = new_database("seenlost");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	terminate_natively(url, conn);
	must_run_natively(conn, "SELECT 1");
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), SQLA_ECONNECT));
	cr_expect(conn->is_broken);
	pg_driver.close(conn);
}

/* One transaction's work would be lost, and another's committed. */
Test(branch, votes_no_when_the_native_handle_has_begun_another)
{
	struct driver_conn *conn = must_open(new_database("another"), NULL);

	must_change(conn);
	must_run_natively(conn, "COMMIT; BEGIN; INSERT INTO work VALUES (2)");
	cr_expect(lt(int, vote(conn, pg_driver.ask(conn)), 0));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "ended"), NULL), "%s",
		  sqla_error_last()->message);
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(branch, commits_one_that_never_began)
{
	struct driver_conn *conn = must_open(new_database("neverbegan"), NULL);

	must_begin(conn);
	cr_assert(eq(int, pg_driver.commit(conn), 0));
	cr_assert(pg_driver.is_idle(conn));
	pg_driver.close(conn);
}

/* ---- prepare --------------------------------------------------------------------- */

Test(branch, prepares_and_commits)
{
	const char *url = new_database("prepares"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	cr_assert(eq(i64, count_work(url), 0));
	cr_assert(eq(i64, count_prepared(url), 1));
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), 0));
	cr_assert(eq(i64, count_work(url), 1));
	cr_assert(pg_driver.is_idle(conn));
	pg_driver.close(conn);
}

/* What is put off runs in PREPARE, and tells what was set then. */
static void must_prepare_watched(struct driver_conn *conn)
{
	const char *gid = gid_of(UUID_ONE);

	must_begin(conn);
	must_run(conn, "INSERT INTO watched VALUES (1)");
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid)), 0));
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), 0));
}

Test(branch, raises_synchronous_commit_wherever_it_may_have_been_set)
{
	const char *url = new_database("raises");
	struct driver_conn *conn = must_open(url, NULL);
	PGresult *set;

	must_exec_at(url, "CREATE TABLE watched (i int); CREATE TABLE seen (setting text); "
			  "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT "
			  "INTO seen SELECT current_setting('synchronous_commit'); RETURN NULL; "
			  "END$$; CREATE CONSTRAINT TRIGGER t AFTER INSERT ON watched DEFERRABLE "
			  "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_prepare_watched(conn);
	cr_expect(not(pg_link_of(conn)->may_be_async), "and it is not asked for any more");
	must_prepare_watched(conn);
	must_run(conn, "SET synchronous_commit = off");
	must_prepare_watched(conn);
	must_prepare_watched(conn);
	must_run(conn, "DISCARD ALL");
	must_prepare_watched(conn);
	set = PQexec(pg_driver.native(conn), "SET synchronous_commit = off");
	cr_assert(eq(int, (int)PQresultStatus(set), PGRES_COMMAND_OK));
	PQclear(set);
	must_prepare_watched(conn);
	cr_expect(eq(i64, must_query_int_at(url, "SELECT count(*) FROM seen WHERE setting = 'on'"),
		     6));
	pg_driver.close(conn);
}

Test(branch, prepares_and_rolls_back)
{
	const char *url = new_database("undoes"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	cr_assert(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gid)), 0));
	cr_assert(eq(i64, count_work(url), 0));
	cr_assert(eq(i64, count_prepared(url), 0));
	pg_driver.close(conn);
}

Test(branch, survives_its_connection_once_prepared)
{
	const char *url = new_database("survives"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	terminate(url, conn);
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EINDOUBT));
	cr_assert(conn->is_broken);
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EINDOUBT));
	pg_driver.close(conn);
	cr_assert(eq(i64, count_prepared(url), 1));
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
}

static void check_refusal(const char *name, const char *table, const char *work,
			  const char *sqlstate, const char *hint)
{
	const char *url = new_database(name);
	struct driver_conn *conn = must_open(url, NULL);

	must_run(conn, table);
	must_change(conn);
	must_run(conn, work);
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, (char *)sqlstate));
	cr_assert(ne(ptr, strstr(sqla_error_last()->hint, hint), NULL), "%s",
		  sqla_error_last()->hint);
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(pg_driver.is_idle(conn));
	cr_assert(eq(i64, count_prepared(url), 0));
	pg_driver.close(conn);
}

Test(branch, votes_no_when_a_deferred_constraint_fails)
{
	check_refusal("deferred", "CREATE TABLE d (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
		      "INSERT INTO d VALUES (1), (1)", "23505", "");
}

Test(branch, votes_no_after_notify)
{
	check_refusal("notify", "SELECT 1", "NOTIFY news", "0A000", "must_decide");
}

Test(branch, votes_no_with_a_temporary_table)
{
	check_refusal("temporary", "SELECT 1", "CREATE TEMPORARY TABLE t (i int)", "0A000",
		      "must_decide");
}

Test(branch, votes_no_with_a_cursor_that_outlives_it)
{
	check_refusal("hold", "SELECT 1", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "0A000",
		      "must_decide");
}

/* The server says COMMAND_OK: only the tag tells. */
Test(branch, votes_no_when_a_prepare_is_answered_with_rollback)
{
	const char *url = new_database("tag");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	cr_assert(eq(int, pg_driver.begin_now(conn), 0));
	PQclear(PQexec(pg_driver.native(conn), "SELECT 1/0"));
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EFAILED));
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EFAILED));
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), SQLA_EFAILED));
	(void)pg_driver.rollback(conn);
	cr_assert(eq(i64, count_work(url), 0));
	cr_assert(eq(i64, count_prepared(url), 0));
	pg_driver.close(conn);
}

Test(branch, votes_no_when_the_gid_is_taken)
{
	const char *url = new_database("duplicate"), *gid = gid_of(UUID_ONE);
	struct driver_conn *one = must_open(url, NULL), *two = must_open(url, NULL);

	must_prepare(one, gid);
	must_change(two);
	cr_assert(eq(int, vote(two, pg_driver.prepare(two, gid)), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "42710"));
	(void)pg_driver.rollback(two);
	cr_assert(eq(int, vote(one, pg_driver.rollback_prepared(one, gid)), 0));
	pg_driver.close(one);
	pg_driver.close(two);
}

Test(branch, votes_no_when_there_are_no_slots_left)
{
	const char *url = url_on("few", "postgres"), *gid = gid_of(UUID_ONE);
	struct driver_conn *one = must_open(url, NULL), *two = must_open(url, NULL);

	must_prepare(one, gid);
	must_change(two);
	cr_assert(eq(int, vote(two, pg_driver.prepare(two, gid_of(UUID_TWO))), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "53200"));
	cr_assert(ne(ptr, strstr(sqla_error_last()->hint, "max_prepared_transactions"), NULL));
	(void)pg_driver.rollback(two);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid_of(UUID_ONE));
	pg_driver.close(one);
	pg_driver.close(two);
}

Test(branch, cannot_prepare_where_it_is_not_configured)
{
	struct driver_conn *conn = must_open(url_on("none", "postgres"), NULL);

	cr_assert(eq(uint, pg_driver.abilities(conn), TXN_DECIDES));
	cr_assert(ne(ptr,
		     strstr(pg_driver.why_not(conn, TXN_PREPARES), "max_prepared_transactions"),
		     NULL));
	must_change(conn);
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EDATABASE));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(branch, votes_unknown_when_its_backend_dies_during_prepare)
{
	const char *url = new_database("dies");
	struct driver_conn *conn = must_open(url, NULL);

	must_run(conn, "CREATE TABLE d (i int)");
	must_run(conn, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		       "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'");
	must_run(conn, "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY "
		       "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_change(conn);
	must_run(conn, "INSERT INTO d VALUES (1)");
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EINDOUBT));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "57P01"));
	cr_assert(conn->is_broken);
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	pg_driver.close(conn);
}

Test(branch, votes_unknown_when_its_backend_dies_during_commit)
{
	const char *url = new_database("diesincommit");
	struct driver_conn *conn = must_open(url, NULL);

	must_run(conn, "CREATE TABLE d (i int)");
	must_run(conn, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		       "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'");
	must_run(conn, "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY "
		       "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_change(conn);
	must_run(conn, "INSERT INTO d VALUES (1)");
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EINDOUBT));
	cr_assert(eq(int, pg_driver.outcome(conn), SQLA_EABORTED));
	pg_driver.close(conn);
}

static void *cancel_soon(void *conn)
{
	(void)poll(NULL, 0, 300);
	pg_driver.cancel(conn);
	return NULL;
}

/* A statement_timeout does not reach into a PREPARE, a deadline does. */
Test(branch, votes_no_when_the_prepare_is_cancelled)
{
	const char *url = new_database("cancelled");
	struct driver_conn *conn = must_open(url, NULL);
	pthread_t thread;

	must_run(conn, "CREATE TABLE d (i int)");
	must_run(conn, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		       "'BEGIN PERFORM pg_sleep(20); RETURN NULL; END'");
	must_run(conn, "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY "
		       "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_change(conn);
	must_run(conn, "INSERT INTO d VALUES (1)");
	cr_assert(eq(int, pthread_create(&thread, NULL, cancel_soon, conn), 0));
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "57014"));
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	cr_assert(eq(i64, count_prepared(url), 0));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(branch, votes_no_after_a_statement_timeout)
{
	const struct sqla_engine_options options = { .statement_timeout_ms = 200 };
	struct driver_conn *conn = must_open(new_database("timeout"), &options);

	must_change(conn);
	cr_assert(eq(int, run(conn, "SELECT pg_sleep(20)"), SQLA_EDATABASE));
	cr_assert(eq(str, (char *)sqla_error_last()->sqlstate, "57014"));
	cr_assert(eq(int, pg_driver.ask(conn), SQLA_EFAILED));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

/* A deferred trigger that warns looks just like a standby that is missing. */
static void check_warning(const char *database, void (*prepare)(struct driver_conn *conn))
{
	const char *url = new_database(database);
	struct driver_conn *conn = must_open(url, NULL);

	must_run(conn, "CREATE TABLE d (i int)");
	must_run(conn, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		       "'BEGIN RAISE WARNING ''oh''; RETURN NULL; END'");
	must_run(conn, "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY "
		       "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_change(conn);
	prepare(conn);
	must_run(conn, "INSERT INTO d VALUES (1)");
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EINDOUBT));
	cr_assert(conn->is_broken);
	cr_assert(eq(int, pg_driver.outcome(conn), 0));
	pg_driver.close(conn);
}

static void do_nothing(struct driver_conn *conn)
{
	(void)conn;
}

Test(branch, votes_unknown_when_a_commit_is_answered_with_a_warning)
{
	check_warning("warns", do_nothing);
}

static int n_heard;

static void hear(void *unused, const PGresult *notice)
{
	(void)unused;
	(void)notice;
	n_heard++;
}

static void hear_by_hand(struct driver_conn *conn)
{
	PGconn *native = pg_driver.native(conn);

	(void)PQsetNoticeReceiver(native, hear, NULL);
	must_exec(native, "DO $$BEGIN RAISE NOTICE 'oh'; END$$");
}

/* Theirs hears what they do themselves. */
Test(branch, votes_unknown_when_an_application_would_hear_the_warning)
{
	check_warning("warnsthem", hear_by_hand);
	cr_expect(eq(int, n_heard, 1));
}

Test(branch, leaves_a_step_that_is_given_up_unknown)
{
	const char *url = new_database("givenup");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	cr_assert(eq(int, pg_driver.prepare(conn, gid_of(UUID_ONE)), TXN_WAIT));
	pg_driver.give_up(conn);
	cr_assert(conn->is_broken);
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(not(pg_driver.is_idle(conn)));
	pg_driver.close(conn);
	must_exec_at(url, "SELECT pg_sleep(0.2)");
	if (count_prepared(url) > 0)
		must_exec_at(url, "ROLLBACK PREPARED '%s'", gid_of(UUID_ONE));
}

Test(branch, stays_in_doubt_where_the_native_handle_is_in_use)
{
	const char *url = new_database("inuse"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);
	PGconn *native;

	must_prepare(conn, gid);
	native = pg_driver.native(conn);
	cr_assert(eq(int, PQsendQuery(native, "SELECT 1"), 1));
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EINDOUBT));
	cr_expect(eq(i64, count_prepared(url), 1));
	pg_driver.close(conn);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
}

/* ---- ended by others ----------------------------------------------------------------- */

Test(branch, finds_that_recovery_has_committed_it)
{
	const char *url = new_database("raced"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	must_exec_at(url, "COMMIT PREPARED '%s'", gid);
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), 0));
	pg_driver.close(conn);
}

Test(branch, tells_that_somebody_has_rolled_it_back)
{
	const char *url = new_database("mixed1"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EMIXED));
	cr_assert(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gid)), 0));
	pg_driver.close(conn);
}

Test(branch, tells_that_somebody_has_committed_it)
{
	const char *url = new_database("mixed2"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_prepare(conn, gid);
	must_exec_at(url, "COMMIT PREPARED '%s'", gid);
	cr_assert(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gid)), SQLA_EMIXED));
	pg_driver.close(conn);
}

/* ---- claim, decide --------------------------------------------------------------------- */

static int64_t count_rows(const char *url, const char *verdict)
{
	return must_query_int_at(url,
				 "SELECT count(*) FROM sqlassist.sqlassist_decision WHERE txn = "
				 "'%s' AND verdict = '%s'",
				 UUID_ONE, verdict);
}

Test(branch, commits_its_row_with_its_work)
{
	const char *url = new_database("decides");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim(conn, UUID_ONE);
	cr_assert(eq(i64, count_rows(url, "committed"), 0));
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_assert(eq(i64, count_rows(url, "committed"), 1));
	cr_assert(eq(i64, count_work(url), 1));
	cr_assert(pg_driver.is_idle(conn));
	pg_driver.close(conn);
}

Test(branch, decides_unknown_when_its_backend_is_gone)
{
	const char *url = new_database("gone");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim(conn, UUID_ONE);
	terminate(url, conn);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), SQLA_EINDOUBT));
	cr_assert(conn->is_broken);
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	pg_driver.close(conn);
}

/* Its transaction had no number before PREPARE gave it one, which is what tells. */
Test(branch, knows_how_one_ended_that_had_changed_nothing)
{
	const char *url = new_database("numberless"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);

	must_begin(conn);
	must_run(conn, "SELECT 1");
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid)), 0));
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EMIXED));
	pg_driver.close(conn);
}

Test(branch, takes_no_gid_that_would_have_to_be_quoted)
{
	char endless[TXN_GID_MAX + 2] = "";
	const char *const gids[] = { "", "it's", "two words", "a;b", endless };
	const char *url = new_database("gids");
	struct driver_conn *conn = must_open(url, NULL);

	memset(endless, 'x', sizeof(endless) - 1);
	for (size_t i = 0; i < sizeof(gids) / sizeof(gids[0]); i++) {
		must_change(conn);
		cr_expect(eq(int, vote(conn, pg_driver.prepare(conn, gids[i])), SQLA_EMISUSE));
		cr_expect(zero(int, pg_driver.rollback(conn)));
		cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gids[i])),
			     SQLA_EMISUSE));
		cr_expect(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gids[i])),
			     SQLA_EMISUSE));
	}
	cr_expect(zero(i64, count_prepared(url)));
	pg_driver.close(conn);
}

/* Large answers and large commands must not stop a step that does not block. */
Test(branch, prepares_after_large_statements)
{
	const char *url = new_database("large"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_open(url, NULL);
	size_t size = 32u << 20;
	char *bytes = calloc(1, size);
	struct sqla_value value = sqla_blob(bytes, size);

	must_run(conn, "CREATE TABLE big (b bytea)");
	must_begin(conn);
	cr_assert(eq(int, run_values(conn, "INSERT INTO big VALUES ($1)", &value, 1), 0));
	cr_assert(eq(int, vote(conn, pg_driver.prepare(conn, gid)), 0));
	cr_assert(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), 0));
	cr_assert(eq(i64, must_int(conn, "SELECT octet_length(b) FROM big"), (int64_t)size));
	free(bytes);
	pg_driver.close(conn);
}

/* ---- without its number ----------------------------------------------------------- */

#define WRITE "INSERT INTO work VALUES (1)"
#define WRITE_SOME "UPDATE work SET i = 1 WHERE i = -1"

/* The connection has decided so often that it is expected to decide again. */
static struct driver_conn *must_decide_often(const char *url)
{
	struct driver_conn *conn = must_open(url, NULL);

	if (pg_link_of(conn)->server.is_pooled)
		cr_skip("behind a pooler the number is always asked for");
	must_exec_at(url, "CREATE TABLE IF NOT EXISTS work (i int)");
	for (int i = 0; i < 6; i++) {
		must_exec_at(url, "INSERT INTO work VALUES (-1)");
		must_begin(conn);
		must_run(conn, i % 2 ? WRITE : WRITE_SOME);
		cr_assert(eq(int, claim(conn, i % 2 ? UUID_ONE : UUID_TWO), 0));
		cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
		must_exec_at(url,
			     "DELETE FROM sqlassist.sqlassist_decision WHERE verdict <> 'site'");
	}
	must_exec_at(url, "TRUNCATE work");
	must_begin(conn);
	return conn;
}

/* ... and has written, without a question. */
static struct driver_conn *must_write_unasked(const char *url)
{
	struct driver_conn *conn = must_decide_often(url);

	must_run(conn, WRITE);
	cr_assert(pg_link_of(conn)->is_xid_open);
	cr_assert(eq(str, pg_link_of(conn)->xid, ""));
	return conn;
}

Test(branch, that_decides_again_needs_no_number)
{
	const char *url = new_database("unasked");
	struct driver_conn *conn = must_write_unasked(url);

	cr_expect(eq(int, pg_driver.ask(conn), TXN_CHANGED));
	cr_expect(eq(int, claim(conn, UUID_ONE), 0));
	cr_expect(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_expect(eq(str, pg_link_of(conn)->xid, ""));
	cr_expect(eq(i64, count_work(url), 1));
	pg_driver.close(conn);
}

Test(branch, that_commits_in_one_phase_after_all_asks_for_its_number_first)
{
	const char *url = new_database("unaskedone");
	struct driver_conn *conn = must_write_unasked(url);

	cr_expect(eq(int, pg_driver.ask(conn), TXN_CHANGED));
	cr_expect(eq(int, vote(conn, pg_driver.commit(conn)), 0));
	cr_expect(ne(str, pg_link_of(conn)->xid, ""));
	cr_expect(eq(i64, count_work(url), 1));
	must_begin(conn);
	must_run(conn, WRITE);
	cr_expect(ne(str, pg_link_of(conn)->xid, ""), "and is not expected to decide any more");
	pg_driver.close(conn);
}

/* Its commit was never sent, and whoever asks is told so. */
static void expect_unsent(const char *url, struct driver_conn *conn)
{
	cr_expect(eq(int, pg_driver.outcome(conn), SQLA_EABORTED));
	cr_expect(eq(i64, count_work(url), 0));
	pg_driver.close(conn);
}

Test(branch, that_is_lost_before_its_commit_was_sent_is_aborted)
{
	const char *url = new_database("unsent");
	struct driver_conn *conn = must_write_unasked(url);

	cr_assert(eq(int, pg_driver.commit(conn), TXN_WAIT));
	pg_driver.give_up(conn);
	expect_unsent(url, conn);
}

Test(branch, whose_backend_is_gone_before_its_commit_was_sent_is_aborted)
{
	const char *url = new_database("unsentgone");
	struct driver_conn *conn = must_write_unasked(url);

	terminate(url, conn);
	cr_expect(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EINDOUBT));
	expect_unsent(url, conn);
}

Test(branch, that_is_prepared_after_all_knows_its_number)
{
	const char *url = new_database("unaskedprepared"), *gid = gid_of(UUID_ONE);
	struct driver_conn *conn = must_write_unasked(url);

	cr_expect(eq(int, vote(conn, pg_driver.prepare(conn, gid)), 0));
	cr_expect(ne(str, pg_link_of(conn)->xid, ""));
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EMIXED));
	pg_driver.close(conn);
}

/* It takes no number where it finds nothing to write. */
Test(branch, that_wrote_no_row_is_asked_at_the_end)
{
	const char *url = new_database("unwritten");
	struct driver_conn *conn = must_decide_often(url);

	must_run(conn, WRITE_SOME);
	cr_assert(pg_link_of(conn)->is_xid_open);
	cr_expect(zero(int, vote(conn, pg_driver.ask(conn))));
	cr_expect(zero(int, vote(conn, pg_driver.commit(conn))));
	pg_driver.close(conn);
}

Test(branch, whose_number_is_open_is_asked_with_the_next_other_statement)
{
	const char *url = new_database("unaskedothers");
	struct driver_conn *conn = must_decide_often(url);

	must_run(conn, WRITE_SOME);
	cr_assert(pg_link_of(conn)->is_xid_open);
	must_run(conn, "CREATE TABLE more (i int)");
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), TXN_CHANGED));
	cr_expect(ne(str, pg_link_of(conn)->xid, ""));
	(void)pg_driver.rollback(conn);
	must_begin(conn);
	must_run(conn, WRITE);
	must_run(conn, "SAVEPOINT mine");
	must_run(conn, "ROLLBACK TO mine");
	cr_expect(ne(str, pg_link_of(conn)->xid, ""));
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), TXN_CHANGED));
	pg_driver.close(conn);
}

Test(branch, whose_number_is_open_is_not_ended_by_hand_unseen)
{
	const char *url = new_database("unaskedhand");
	struct driver_conn *conn = must_write_unasked(url);
	PGresult *again;

	cr_expect(eq(int, run(conn, "ROLLBACK AND CHAIN"), SQLA_EMANAGED));
	(void)pg_driver.rollback(conn);
	must_begin(conn);
	must_run(conn, WRITE);
	cr_assert(pg_link_of(conn)->is_xid_open);
	cr_assert(zero(int, pg_driver.begin_now(conn)));
	again = PQexec(pg_driver.native(conn), "ROLLBACK; BEGIN; " WRITE);
	PQclear(again);
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), SQLA_EMANAGED));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(branch, whose_native_handle_is_out_is_not_ended_by_hand_unseen)
{
	const char *url = new_database("unaskedout");
	struct driver_conn *conn = must_decide_often(url);
	PGconn *native;

	cr_assert(zero(int, pg_driver.begin_now(conn)));
	native = pg_driver.native(conn);
	must_run(conn, WRITE);
	PQclear(PQexec(native, "ROLLBACK; BEGIN"));
	cr_expect(eq(int, vote(conn, pg_driver.ask(conn)), SQLA_EMANAGED));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

/* The rows are those of the view's trigger, which writes none. */
Test(branch, is_not_taken_for_changed_by_rows_of_a_view)
{
	const char *url = new_database("view");
	struct driver_conn *conn = must_decide_often(url);

	must_exec_at(url, "CREATE VIEW v AS SELECT 1 AS i; CREATE FUNCTION f() RETURNS trigger "
			  "LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; CREATE TRIGGER t INSTEAD "
			  "OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f()");
	for (int i = 0; i < 3; i++) {
		must_run(conn, "INSERT INTO v VALUES (1)");
		cr_expect(zero(int, vote(conn, pg_driver.ask(conn))));
		cr_expect(zero(int, vote(conn, pg_driver.commit(conn))));
		must_begin(conn);
	}
	pg_driver.close(conn);
}
