/* A claim counts only where its row arbitrates (I1): whatever would keep it from
 * that is done to a real table. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/driver.h"
#include "postgres/link.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" })

static int64_t count_work(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM work");
}

static int64_t count_rows(const char *url, const char *verdict)
{
	return must_query_int_at(url,
				 "SELECT count(*) FROM sqlassist.sqlassist_decision WHERE txn = "
				 "'%s' AND verdict = '%s'",
				 UUID_ONE, verdict);
}

Test(claim, releases_savepoints_before_it_claims)
{
	const char *url = new_database("claimsavepoint");
	struct driver_conn *conn = must_open(url, NULL);

	must_change(conn);
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 1), 0));
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 2), 0));
	cr_assert(eq(int, claim(conn, UUID_ONE), 0));
	cr_assert(eq(int, pg_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 1), SQLA_EDATABASE));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

Test(claim, claims_in_a_transaction_that_has_not_begun)
{
	const char *url = new_database("claimfirst");
	struct driver_conn *conn = must_open(url, NULL);

	must_begin(conn);
	cr_assert(eq(int, claim(conn, UUID_ONE), 0));
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_assert(eq(i64, count_rows(url, "committed"), 1));
	pg_driver.close(conn);
}

/* I1 */
static void check_tombstone_under(const char *database, const char *isolation)
{
	const struct sqla_engine_options options = { .isolation = isolation };
	const char *url = new_database(database);
	struct driver_conn *conn = must_open(url, &options);

	must_change(conn);
	must_exec_at(url, "INSERT INTO sqlassist.sqlassist_decision VALUES ('%s', 'aborted', '')",
		     UUID_ONE);
	cr_assert(eq(int, claim(conn, UUID_ONE), SQLA_ERETRY));
	cr_assert(eq(int, pg_driver.rollback(conn), 0));
	cr_assert(eq(i64, count_rows(url, "aborted"), 1));
	cr_assert(eq(i64, count_work(url), 0));
	pg_driver.close(conn);
}

Test(claim, aborts_on_a_tombstone_in_read_committed)
{
	check_tombstone_under("tombstone1", "read committed");
}

Test(claim, aborts_on_a_tombstone_in_repeatable_read)
{
	check_tombstone_under("tombstone2", "repeatable read");
}

Test(claim, aborts_on_a_tombstone_in_serializable)
{
	check_tombstone_under("tombstone3", "serializable");
}

Test(claim, votes_no_when_a_deferred_constraint_fails_before_the_claim)
{
	const char *url = new_database("claimdeferred");
	struct driver_conn *conn = must_open(url, NULL);

	must_run(conn, "CREATE TABLE d (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
	must_change(conn);
	must_run(conn, "INSERT INTO d VALUES (1), (1)");
	cr_assert(eq(int, claim(conn, UUID_ONE), SQLA_EDATABASE));
	(void)pg_driver.rollback(conn);
	cr_assert(eq(i64, count_rows(url, "committed"), 0));
	pg_driver.close(conn);
}

/* It looks like a tombstone, and names no table. */
Test(claim, votes_no_when_a_trigger_speaks_of_a_key)
{
	const char *url = new_database("claimkey");
	struct driver_conn *conn = must_open(url, NULL);

	must_run(conn, "CREATE TABLE d (i int)");
	must_run(conn, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		       "$$BEGIN RAISE unique_violation; END$$");
	must_run(conn, "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY "
		       "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_change(conn);
	must_run(conn, "INSERT INTO d VALUES (1)");
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_EDATABASE));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

/* So that the next claim of CONN is one in brief. */
static void must_claim_before(struct driver_conn *conn)
{
	must_claim(conn, UUID_TWO);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_assert(pg_link_of(conn)->claim.n_brief > 0);
}

/* With a row; and closes CONN. */
static void expect_decided(const char *url, struct driver_conn *conn)
{
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_expect(eq(i64, count_rows(url, "committed"), 1));
	pg_driver.close(conn);
}

static void check_refused(const char *url, struct driver_conn *conn, const char *ddl)
{
	int64_t before;

	must_change(conn);
	before = count_work(url);
	must_exec_at(url, "%s", ddl);
	cr_assert(lt(int, claim(conn, UUID_ONE), 0), "%s", ddl);
	(void)pg_driver.rollback(conn);
	cr_assert(eq(i64, count_work(url), before));
	pg_driver.close(conn);
}

/* Made after the connection, and even after the snapshot. */
static void check_interference(const char *database, const char *isolation, const char *ddl)
{
	const struct sqla_engine_options options = { .isolation = isolation };
	const char *url = new_database(database);
	struct driver_conn *conn = must_open(url, &options);

	if (strcmp(isolation, "read committed") == 0)
		must_claim_before(conn);
	check_refused(url, conn, ddl);
}

#define TRIGGER(when, body)                                                                 \
	"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN " body "; END$$; " \
	"CREATE TRIGGER t " when " INSERT ON sqlassist.sqlassist_decision FOR EACH ROW "    \
	"EXECUTE FUNCTION f()"

Test(claim, does_not_decide_under_a_trigger_that_drops_the_row)
{
	check_interference("drops1", "read committed", TRIGGER("BEFORE", "RETURN NULL"));
	check_interference("drops2", "serializable", TRIGGER("BEFORE", "RETURN NULL"));
}

Test(claim, does_not_decide_under_a_trigger_that_alters_the_row)
{
	check_interference("alters1", "read committed",
			   TRIGGER("BEFORE", "NEW.verdict = 'x'; RETURN NEW"));
	check_interference("alters2", "repeatable read",
			   TRIGGER("BEFORE", "NEW.verdict = 'x'; RETURN NEW"));
}

Test(claim, does_not_decide_under_a_trigger_that_deletes_the_row)
{
#define DELETE "DELETE FROM sqlassist.sqlassist_decision WHERE txn = NEW.txn; RETURN NULL"
	check_interference("deletes1", "read committed", TRIGGER("AFTER", DELETE));
	check_interference("deletes2", "repeatable read", TRIGGER("AFTER", DELETE));
	check_interference("deletes3", "serializable", TRIGGER("AFTER", DELETE));
}

Test(claim, does_not_decide_under_a_trigger_that_deletes_the_row_at_commit)
{
#define LATER                                                                                 \
	"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN " DELETE "; END$$; " \
	"CREATE CONSTRAINT TRIGGER t AFTER INSERT ON sqlassist.sqlassist_decision "           \
	"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()"
	check_interference("later1", "read committed", LATER);
	check_interference("later2", "serializable", LATER);
}

Test(claim, does_not_decide_under_a_rule)
{
	check_interference("rule", "read committed",
			   "CREATE RULE r AS ON INSERT TO sqlassist.sqlassist_decision DO ALSO "
			   "DELETE FROM sqlassist.sqlassist_decision WHERE txn = NEW.txn");
}

Test(claim, does_not_decide_with_an_unlogged_table)
{
	check_interference("unlogged", "read committed",
			   "ALTER TABLE sqlassist.sqlassist_decision SET UNLOGGED");
}

Test(claim, does_not_decide_with_a_table_that_was_replaced)
{
	check_interference("replaced", "read committed",
			   "ALTER TABLE sqlassist.sqlassist_decision RENAME TO old; CREATE TABLE "
			   "sqlassist.sqlassist_decision (LIKE sqlassist.old INCLUDING ALL)");
}

/* The table is as it was, and is no longer the one that the name means. */
Test(claim, does_not_decide_with_a_schema_that_was_replaced)
{
	check_interference("renamed", "read committed",
			   "ALTER SCHEMA sqlassist RENAME TO former; CREATE SCHEMA sqlassist; "
			   "CREATE TABLE sqlassist.sqlassist_decision "
			   "(LIKE former.sqlassist_decision INCLUDING ALL)");
}

Test(claim, does_not_decide_under_row_security)
{
	check_interference("rowsecurity", "read committed",
			   "ALTER TABLE sqlassist.sqlassist_decision ENABLE ROW LEVEL SECURITY");
}

Test(claim, does_not_decide_with_a_deferrable_key)
{
	check_interference("deferrable", "read committed",
			   "ALTER TABLE sqlassist.sqlassist_decision DROP CONSTRAINT "
			   "sqlassist_decision_pkey, ADD PRIMARY KEY (txn) DEFERRABLE INITIALLY "
			   "DEFERRED");
}

Test(claim, does_not_decide_with_a_key_that_is_gone)
{
	check_interference("keyless", "read committed",
			   "ALTER TABLE sqlassist.sqlassist_decision DROP CONSTRAINT "
			   "sqlassist_decision_pkey");
}

Test(claim, does_not_decide_with_a_key_of_another_column)
{
	check_interference("renamed", "read committed",
			   "ALTER TABLE sqlassist.sqlassist_decision RENAME txn TO id; "
			   "ALTER TABLE sqlassist.sqlassist_decision ADD txn uuid, "
			   "ALTER id SET DEFAULT gen_random_uuid()");
}

#define PARENT                                                  \
	"CREATE TABLE parent (txn uuid NOT NULL); ALTER TABLE " \
	"sqlassist.sqlassist_decision INHERIT parent"

Test(claim, does_not_decide_with_a_table_that_inherits)
{
	const char *url = new_database("heir");

	check_refused(url, must_open(url, NULL), PARENT);
}

Test(claim, does_not_decide_with_a_table_that_is_inherited)
{
	check_interference("inherited", "read committed",
			   "CREATE TABLE child () INHERITS (sqlassist.sqlassist_decision)");
}

/* ---- in brief ------------------------------------------------------------------------- */

Test(claim, in_brief_keeps_the_row_as_it_was_given)
{
	const char *url = new_database("brief");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_claim(conn, UUID_ONE);
	cr_expect(pg_link_of(conn)->claim.n_brief > 0);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_expect(eq(i64, count_rows(url, "committed"), 1));
	cr_expect(eq(i64,
		     must_query_int_at(url, "SELECT count(*) FROM sqlassist.sqlassist_decision "
					    "WHERE verdict = 'committed' AND "
					    "branches = 'site=gid'"),
		     2));
	pg_driver.close(conn);
}

/* A GRANT moves the table's row in the catalog, and harms nothing. */
Test(claim, in_brief_is_made_in_full_when_the_catalog_has_moved)
{
	const char *url = new_database("moved");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_exec_at(url, "GRANT SELECT ON sqlassist.sqlassist_decision TO PUBLIC");
	must_claim(conn, UUID_ONE);
	cr_expect(pg_link_of(conn)->claim.n_brief > 0);
	expect_decided(url, conn);
}

/* A parent leaves no mark. The table's rows and its key are its own none the less (I1). */
Test(claim, in_brief_arbitrates_under_a_parent)
{
	const char *url = new_database("heirbrief");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_exec_at(url, PARENT);
	must_change(conn);
	must_exec_at(url, "INSERT INTO sqlassist.sqlassist_decision VALUES ('%s', 'aborted', '')",
		     UUID_ONE);
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_ERETRY));
	cr_expect(zero(int, pg_driver.rollback(conn)));
	pg_driver.close(conn);
}

/* Then the marks would not tell of a trigger that is made, or of a key that is gone. */
static void check_unmarked(const char *database, const char *ddl)
{
	const char *url = new_database(database);
	struct driver_conn *conn = must_open(url, NULL);

	must_exec_at(url, "%s", ddl);
	must_claim(conn, UUID_TWO);
	cr_expect(not(pg_link_of(conn)->claim.n_brief > 0), "%s", ddl);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	pg_driver.close(conn);
}

Test(claim, is_in_full_where_the_table_leaves_no_marks)
{
#define TABLE "sqlassist.sqlassist_decision"
	check_unmarked("hadtrigger",
		       "CREATE TRIGGER t BEFORE DELETE ON " TABLE " EXECUTE FUNCTION "
		       "suppress_redundant_updates_trigger(); DROP TRIGGER t ON " TABLE);
	check_unmarked("hadheir", "CREATE TABLE heir () INHERITS (" TABLE "); DROP TABLE heir");
	check_unmarked("noidentity", "ALTER TABLE " TABLE " REPLICA IDENTITY FULL");
	check_unmarked("otheridentity", "CREATE UNIQUE INDEX other ON " TABLE " (txn); "
					"ALTER TABLE " TABLE " REPLICA IDENTITY USING INDEX other");
}

/* The table's row may come back to where it was, and is another one then. */
Test(claim, in_brief_knows_the_row_by_who_wrote_it)
{
	const char *url = new_database("cameback");
	struct driver_conn *conn = must_open(url, NULL);
	PGconn *other = must_connect(url);
	char *place = must_query_text(other, "SELECT ctid::text FROM pg_class WHERE oid = '" TABLE
					     "'::regclass");

	must_claim_before(conn);
	must_exec_at(url, TRIGGER("AFTER", DELETE));
	for (int i = 10; must_query_int_at(url,
					   "SELECT count(*) FROM pg_class WHERE ctid = '%s' "
					   "AND oid = '" TABLE "'::regclass",
					   place) == 0;
	     i++) {
		cr_assert(lt(int, i, 100), "nothing is at %s", place);
		must_exec_at(url, "VACUUM pg_class");
		must_exec_at(url, "ALTER TABLE " TABLE " SET (fillfactor = %d)", i);
	}
	must_change(conn);
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_EUNSAFE));
	cr_expect(zero(int, pg_driver.rollback(conn)));
	PQfinish(other);
	free(place);
	pg_driver.close(conn);
}

/* Whether the server looks at the catalog when CONN claims in brief. */
static bool is_catalog_asked(struct driver_conn *conn)
{
	PGconn *native = pg_driver.native(conn);
	char *name = must_query_text(native, "SELECT name FROM pg_prepared_statements WHERE "
					     "statement LIKE 'INSERT%%''now''%%'");
	char explain[80];
	PGresult *plan;
	bool is_asked = false;

	must_exec(native, "SET plan_cache_mode = force_generic_plan");
	(void)snprintf(explain, sizeof(explain), "EXPLAIN EXECUTE %s(NULL, NULL)", name);
	plan = PQexec(native, explain);
	cr_assert(gt(int, PQntuples(plan), 0), "%s", PQerrorMessage(native));
	for (int i = 0; i < PQntuples(plan); i++)
		is_asked = is_asked || strstr(PQgetvalue(plan, i, 0), "pg_class");
	PQclear(plan);
	free(name);
	return is_asked;
}

/* The plan itself is what tells that nothing has changed. */
Test(claim, in_brief_asks_the_catalog_only_when_the_table_may_have_changed)
{
	const char *url = new_database("plan");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	cr_expect(not(is_catalog_asked(conn)));
	must_exec_at(url, "ANALYZE " TABLE);
	cr_expect(is_catalog_asked(conn));
	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_expect(eq(uint, pg_link_of(conn)->claim.n_brief, 999));
	pg_driver.close(conn);
}

/* The next one in full prepares it anew, and the server forgets the old one. */
Test(claim, in_brief_is_not_made_for_ever)
{
	const char *url = new_database("renewed");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_exec_at(url, "ANALYZE " TABLE);
	pg_link_of(conn)->claim.n_brief = 0;
	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_expect(eq(uint, pg_link_of(conn)->claim.n_brief, 1000));
	must_change(conn);
	(void)pg_driver.rollback(conn);
	cr_expect(not(is_catalog_asked(conn)));
	cr_expect(eq(i64,
		     must_int(conn, "SELECT count(*) FROM pg_prepared_statements WHERE "
				    "statement LIKE 'INSERT%''now''%'"),
		     1));
	pg_driver.close(conn);
}

/* A check in an old snapshot says nothing of later transactions. */
Test(claim, is_in_full_where_each_transaction_has_an_old_snapshot)
{
	const struct sqla_engine_options options = { .isolation = "serializable" };
	struct driver_conn *conn = must_open(new_database("nobrief"), &options);

	must_claim(conn, UUID_ONE);
	cr_expect(zero(uint, pg_link_of(conn)->claim.n_brief));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

/* Its snapshot is older than the trigger, which the brief claim cannot see. */
Test(claim, in_brief_does_not_count_in_an_old_snapshot)
{
	const char *url = new_database("oldsnapshot");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_run(conn,
		 "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ");
	check_refused(url, conn, TRIGGER("AFTER", DELETE));
}

/* The catalog cannot be asked in it, and need not be. */
Test(claim, in_brief_counts_in_an_old_snapshot_when_nothing_has_changed)
{
	const char *url = new_database("unchanged");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_run(conn, "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE");
	must_claim(conn, UUID_ONE);
	cr_expect(eq(uint, pg_link_of(conn)->claim.n_brief, 999));
	expect_decided(url, conn);
}

Test(claim, in_brief_is_checked_in_an_old_snapshot)
{
	const char *url = new_database("snapshot");
	struct driver_conn *conn = must_open(url, NULL);

	must_claim_before(conn);
	must_run(conn, "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE");
	must_exec_at(url, "ANALYZE " TABLE);
	must_claim(conn, UUID_ONE);
	cr_expect(zero(uint, pg_link_of(conn)->claim.n_brief));
	expect_decided(url, conn);
}

/* What it rests on is read behind the lock that it waits for, and not before. */
Test(claim, in_brief_sees_what_was_done_while_it_waited)
{
	const char *url = new_database("waits");
	struct driver_conn *conn = must_open(url, NULL);
	const struct txn_decision decision = { .uuid = UUID_ONE, .branches = "site=gid" };
	PGconn *other = must_connect(url);
	int answer;

	must_claim_before(conn);
	must_change(conn);
	must_exec(other, "BEGIN");
	must_exec(other, TRIGGER("AFTER", DELETE));
	answer = pg_driver.claim(conn, &decision, NULL, 0, NULL);
	cr_assert(eq(int, answer, TXN_WAIT));
	while (must_query_int(other, "SELECT count(*) FROM pg_locks WHERE NOT granted AND "
				     "relation = 'sqlassist.sqlassist_decision'::regclass") == 0)
		must_exec(other, "SELECT pg_sleep(0.01)");
	must_exec(other, "COMMIT");
	cr_assert(eq(int, vote(conn, answer), SQLA_EUNSAFE));
	(void)pg_driver.rollback(conn);
	PQfinish(other);
	pg_driver.close(conn);
}

/* ---- beside others ---------------------------------------------------------------------- */

/* Claims must not make each other fail. */
Test(claim, claims_side_by_side_in_serializable)
{
	const struct sqla_engine_options options = { .isolation = "serializable" };
	const char *url = new_database("sidebyside");
	struct driver_conn *one = must_open(url, &options), *two = must_open(url, &options);

	must_run(one, "CREATE TABLE a (i int)");
	must_run(one, "CREATE TABLE b (i int)");
	must_begin(one);
	must_begin(two);
	must_run(one, "INSERT INTO a VALUES (1)");
	must_run(two, "INSERT INTO b VALUES (1)");
	cr_assert(eq(int, claim(one, UUID_ONE), 0));
	cr_assert(eq(int, claim(two, UUID_TWO), 0));
	cr_assert(eq(int, vote(one, pg_driver.decide(one)), 0));
	cr_assert(eq(int, vote(two, pg_driver.decide(two)), 0));
	pg_driver.close(one);
	pg_driver.close(two);
}

static void check_raised(const char *database, bool in_brief)
{
	const char *url = new_database(database);
	struct driver_conn *conn = must_open(url, NULL);

	if (in_brief)
		must_claim_before(conn);
	must_run(conn, "SET synchronous_commit = off");
	must_claim(conn, UUID_ONE);
	cr_assert(eq(i64,
		     must_int(conn, "SELECT (current_setting('synchronous_commit') = "
				    "'on')::int"),
		     1));
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_assert(eq(i64,
		     must_int(conn, "SELECT (current_setting('synchronous_commit') = "
				    "'off')::int"),
		     1));
	pg_driver.close(conn);
}

Test(claim, raises_synchronous_commit_for_the_claim)
{
	check_raised("sync", false);
	check_raised("syncbrief", true);
}

Test(claim, raises_synchronous_commit_behind_what_was_put_off)
{
	struct driver_conn *conn = must_open(new_database("syncbehind"), NULL);

	must_run(conn, "CREATE TABLE d (i int)");
	must_run(conn, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
		       "PERFORM set_config('synchronous_commit', 'off', true); RETURN NULL; "
		       "END$$");
	must_run(conn, "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON d DEFERRABLE INITIALLY "
		       "DEFERRED FOR EACH ROW EXECUTE FUNCTION f()");
	must_begin(conn);
	must_run(conn, "INSERT INTO d VALUES (1)");
	cr_assert(eq(int, claim(conn, UUID_ONE), 0));
	cr_expect(eq(i64,
		     must_int(conn, "SELECT (current_setting('synchronous_commit') = "
				    "'on')::int"),
		     1));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}
