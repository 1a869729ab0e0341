#include "sqlite/branch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/error.h"
#include "sqlite/lite.h"
#include "sqlite/shim.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static const struct txn_decision one = { .uuid = UUID_ONE, .branches = "site=gid" };

static struct driver_conn *open_with_table(const struct sqla_engine_options *options)
{
	struct driver_conn *conn = must_open("x.db", options);

	must_run(conn, "CREATE TABLE IF NOT EXISTS t(a)");
	return conn;
}

/* Begins, and writes. */
static struct driver_conn *open_changed(const struct sqla_engine_options *options)
{
	struct driver_conn *conn = open_with_table(options);

	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	return conn;
}

static int claim(struct driver_conn *conn)
{
	return lite_driver.claim(conn, &one, NULL, 0, NULL);
}

Test(branch, is_changed_when_it_wrote)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	cr_expect(eq(int, lite_driver.ask(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	cr_expect(eq(int, lite_driver.ask(conn), 0));
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(int, lite_driver.ask(conn), TXN_CHANGED));
	lite_driver.close(conn);
}

Test(branch, is_changed_by_a_native_handle)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	cr_assert(eq(int, lite_driver.begin_now(conn), 0));
	cr_assert(eq(int,
		     sqlite3_exec(lite_driver.native(conn), "INSERT INTO t VALUES (1)", NULL, NULL,
				  NULL),
		     SQLITE_OK));
	cr_expect(eq(int, lite_driver.ask(conn), TXN_CHANGED));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	lite_driver.close(conn);
}

Test(branch, is_unchanged_by_temporary_tables)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	must_run(conn, "CREATE TEMP TABLE u AS SELECT 1 AS x");
	cr_expect(eq(int, lite_driver.ask(conn), 0));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT x FROM u"), 1));
	lite_driver.close(conn);
}

Test(branch, says_no_when_a_readonly_session_wrote)
{
	struct driver_conn *conn = open_with_table(NULL);

	cr_assert(eq(int, lite_driver.begin(conn, true), 0));
	cr_assert(eq(int, lite_driver.begin_now(conn), 0));
	must_run(conn, "PRAGMA query_only = OFF");
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(int, lite_driver.ask(conn), SQLA_EREADONLY));
	cr_expect(zero(int, (int)lite_driver.abilities(conn)));
	lite_driver.close(conn);
}

Test(branch, decides_and_never_prepares)
{
	struct driver_conn *conn = open_changed(NULL);

	cr_expect(eq(int, (int)lite_driver.abilities(conn),
		     TXN_DECIDES | TXN_DECIDES_LOCAL | TXN_FOLLOWS));
	cr_expect(ne(ptr, strstr(lite_driver.why_not(conn, TXN_PREPARES), "no PREPARE"), NULL));
	cr_expect(eq(int, lite_driver.prepare(conn, "gid"), SQLA_EUNSAFE));
	cr_expect(eq(int, lite_driver.commit_prepared(conn, "gid"), SQLA_EUNSAFE));
	cr_expect(eq(int, lite_driver.rollback_prepared(conn, "gid"), SQLA_EUNSAFE));
	lite_driver.close(conn);
}

Test(branch, has_the_abilities_that_its_options_say)
{
	struct sqla_engine_options options = { .decide = SQLA_DECIDE_PREFER,
					       .outcome = SQLA_OUTCOME_ROW };
	struct driver_conn *conn = open_changed(&options);

	cr_expect(eq(int, (int)lite_driver.abilities(conn),
		     TXN_DECIDES | TXN_DECIDES_LOCAL | TXN_PREFERS | TXN_ROW_ALWAYS | TXN_FOLLOWS));
	lite_driver.close(conn);
}

Test(branch, does_not_decide_where_it_must_not)
{
	struct sqla_engine_options never = { .decide = SQLA_DECIDE_NEVER };
	struct driver_conn *conn = open_changed(&never);

	cr_expect(eq(int, (int)lite_driver.abilities(conn), TXN_FOLLOWS));
	cr_expect(ne(ptr, strstr(lite_driver.why_not(conn, TXN_DECIDES), "never"), NULL));
	lite_driver.close(conn);
}

static void expect_undecidable(struct driver_conn *conn, const char *why)
{
	cr_expect(zero(int, (int)lite_driver.abilities(conn) & TXN_DECIDES));
	cr_expect(ne(ptr, strstr(lite_driver.why_not(conn, TXN_DECIDES), why), NULL), "%s",
		  lite_driver.why_not(conn, TXN_DECIDES));
	cr_expect(eq(int, claim(conn), SQLA_EUNSAFE));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
}

Test(branch, does_not_decide_without_a_durable_journal)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_run(conn, "PRAGMA journal_mode = MEMORY");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	expect_undecidable(conn, "journal_mode is memory");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(int, lite_driver.ask(conn), TXN_CHANGED));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	lite_driver.close(conn);
}

Test(branch, raises_synchronous_when_a_transaction_begins)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_run(conn, "PRAGMA synchronous = OFF");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(i64, must_int(conn, "PRAGMA synchronous"), 3));
	cr_expect(ne(int, (int)lite_driver.abilities(conn), 0));
	lite_driver.close(conn);
}

Test(branch, does_not_decide_for_a_written_attached_database)
{
	struct driver_conn *conn = open_with_table(NULL);
	char *path = scratch_path("other.db");
	char sql[256];

	(void)snprintf(sql, sizeof(sql), "ATTACH '%s' AS other", path);
	must_run(conn, sql);
	must_run(conn, "CREATE TABLE other.u(a)");
	must_begin(conn);
	must_run(conn, "INSERT INTO u VALUES (1)");
	cr_expect(eq(int, lite_driver.ask(conn), TXN_CHANGED));
	expect_undecidable(conn, "ATTACHed database other");
	must_begin(conn);
	must_run(conn, "INSERT INTO u VALUES (1)");
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	lite_driver.close(conn);
	free(path);
}

Test(branch, does_not_decide_in_a_file_that_was_removed)
{
	struct driver_conn *conn = open_with_table(NULL);
	char *path = scratch_path("x.db");

	must_run(conn, "PRAGMA journal_mode = WAL");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, unlink(path), 0));
	expect_undecidable(conn, "renamed or removed");
	lite_driver.close(conn);
	free(path);
}

Test(branch, does_not_decide_with_strangers_at_its_table)
{
	static const char *const strangers[] = {
		"CREATE TRIGGER s AFTER INSERT ON sqlassist_decision BEGIN SELECT 1; END",
		"CREATE TEMP TRIGGER s AFTER INSERT ON main.sqlassist_decision BEGIN SELECT 1; END",
		"CREATE INDEX s ON sqlassist_decision(made_at)",
	};
	static const char *const cures[] = { "DROP TRIGGER s", "DROP TRIGGER s", "DROP INDEX s" };
	struct driver_conn *conn = open_with_table(NULL);

	for (size_t i = 0; i < 3; i++) {
		must_run(conn, strangers[i]);
		must_begin(conn);
		must_run(conn, "INSERT INTO t VALUES (1)");
		expect_undecidable(conn, "do not belong");
		must_run(conn, cures[i]);
	}
	lite_driver.close(conn);
}

Test(branch, does_not_decide_with_another_table_of_the_name)
{
	struct sqla_engine_options manual = { .decision_table = SQLA_TABLE_MANUAL };
	struct driver_conn *conn = open_with_table(&manual);

	must_run(conn, "CREATE TABLE sqlassist_decision(txn, verdict, branches, made_at)");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	expect_undecidable(conn, "not the table");
	must_run(conn, "DROP TABLE sqlassist_decision");
	must_run(conn, "CREATE VIEW sqlassist_decision AS SELECT 1");
	cr_expect(zero(int, (int)lite_driver.abilities(conn) & TXN_DECIDES));
	lite_driver.close(conn);
}

Test(branch, claims_through_a_shadowing_temporary_table)
{
	struct driver_conn *conn = open_changed(NULL);

	must_run(conn, "CREATE TEMP TABLE sqlassist_decision AS "
		       "SELECT * FROM main.sqlassist_decision WHERE 0");
	cr_expect(eq(int, claim(conn), 0));
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(has_row("x.db", UUID_ONE));
	lite_driver.close(conn);
}

Test(branch, commits_work_and_row_together)
{
	struct driver_conn *conn = open_changed(NULL);

	cr_expect(eq(int, claim(conn), 0));
	cr_expect(not(has_row("x.db", UUID_ONE)));
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(has_row("x.db", UUID_ONE));
	cr_expect(eq(i64,
		     must_int(conn, "SELECT unixepoch() - made_at BETWEEN 0 AND 3600 "
				    "FROM sqlassist_decision WHERE verdict = 'committed'"),
		     1));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	cr_expect(lite_driver.is_idle(conn));
	lite_driver.close(conn);
}

Test(branch, leaves_no_row_when_it_rolls_back)
{
	struct driver_conn *conn = open_changed(NULL);

	cr_expect(eq(int, claim(conn), 0));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	cr_expect(not(has_row("x.db", UUID_ONE)));
	lite_driver.close(conn);
}

Test(branch, leaves_no_row_when_it_is_given_up)
{
	struct driver_conn *conn = open_changed(NULL);

	cr_expect(eq(int, claim(conn), 0));
	lite_driver.give_up(conn);
	lite_driver.close(conn);
	cr_expect(not(has_row("x.db", UUID_ONE)));
}

Test(branch, claims_without_work_of_its_own)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	cr_expect(eq(int, claim(conn), 0));
	cr_expect(eq(int, lite_driver.ask(conn), TXN_CHANGED));
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(has_row("x.db", UUID_ONE));
	lite_driver.close(conn);
}

Test(branch, aborts_when_its_claim_meets_a_tombstone)
{
	struct driver_conn *conn = open_changed(NULL);

	must_run(conn, "INSERT INTO sqlassist_decision(txn, verdict, branches) "
		       "VALUES ('" UUID_ONE "', 'aborted', '')");
	cr_expect(eq(int, claim(conn), SQLA_ERETRY));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	lite_driver.close(conn);
}

Test(branch, knows_a_tombstone_though_sqlite_was_told_to_answer_with_less)
{
	struct driver_conn *conn = open_changed(NULL);

	must_run(conn, "INSERT INTO sqlassist_decision(txn, verdict, branches) "
		       "VALUES ('" UUID_ONE "', 'aborted', '')");
	cr_assert(eq(int, sqlite3_extended_result_codes(lite_driver.native(conn), 0), SQLITE_OK));
	cr_expect(eq(int, claim(conn), SQLA_ERETRY));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	lite_driver.close(conn);
}

/* Every INSERT answers with a row then. */
Test(branch, claims_though_sqlite_was_told_to_answer_with_more)
{
	static const char *const due[] = { UUID_TWO };
	struct driver_conn *conn = open_with_table(NULL);

	must_claim(conn, UUID_TWO);
	cr_assert(eq(int, lite_driver.decide(conn), 0));
	must_begin(conn);
	must_run(conn, "PRAGMA count_changes = ON");
	cr_assert(eq(i64, must_int(conn, "INSERT INTO t VALUES (1)"), 1));
	cr_expect(eq(int, lite_driver.claim(conn, &one, due, 1, NULL), 0), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(has_row("x.db", UUID_ONE));
	cr_expect(not(has_row("x.db", UUID_TWO)));
	lite_driver.close(conn);
}

/* The INSERT succeeds, and nothing has gone in. */
Test(branch, does_not_decide_when_a_trigger_swallows_its_row)
{
	struct driver_conn *conn = open_changed(NULL);

	must_run(conn, "CREATE TEMP TRIGGER s BEFORE INSERT ON main.sqlassist_decision "
		       "BEGIN SELECT RAISE(IGNORE); END");
	cr_expect(eq(int, claim(conn), SQLA_EUNSAFE));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "did not go in"), NULL));
	lite_driver.close(conn);
}

Test(branch, can_do_nothing_when_it_was_given_up)
{
	struct driver_conn *conn = open_changed(NULL);
	struct pollfd wait;

	cr_expect(eq(int, lite_driver.advance(conn, &wait), SQLA_EMISUSE), "nothing is under way");
	lite_driver.give_up(conn);
	cr_expect(zero(int, (int)lite_driver.abilities(conn)));
	cr_expect(lt(int, lite_driver.ask(conn), 0));
	cr_expect(lt(int, claim(conn), 0));
	cr_expect(lt(int, lite_driver.decide(conn), 0));
	lite_driver.close(conn);
	conn = must_open("x.db", NULL);
	lite_driver.give_up(conn);
	cr_expect(lt(int, lite_driver.decide(conn), 0), "nor when it had not begun");
	lite_driver.close(conn);
}

Test(branch, claims_only_in_a_transaction)
{
	struct driver_conn *conn = open_with_table(NULL);

	cr_expect(eq(int, claim(conn), SQLA_EMISUSE));
	cr_expect(not(has_row("x.db", UUID_ONE)));
	lite_driver.close(conn);
}

/* The other branches' gids name the site that was told. */
Test(branch, does_not_decide_when_its_site_has_changed_meanwhile)
{
	struct driver_conn *conn = open_changed(NULL);
	char site[TXN_SITE_MAX + 1];

	cr_assert(eq(int, lite_driver.site(conn, site), 0));
	must_run(conn, "UPDATE sqlassist_decision SET txn = '" UUID_TWO "' WHERE verdict = 'site'");
	cr_expect(eq(int, claim(conn), SQLA_EUNSAFE));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	cr_expect(eq(int, lite_driver.site(conn, site), 0));
	lite_driver.close(conn);
}

/* Without the lock, others may change the table behind what was said of it. */
Test(branch, does_not_decide_when_strangers_came_to_its_table_meanwhile)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	cr_assert(ne(int, (int)(lite_driver.abilities(conn) & TXN_DECIDES), 0));
	cr_assert(not(lite_driver.is_open_to_looks(conn)));
	must_exec_file(lite_path(lite_conn_of(conn)),
		       "CREATE INDEX stranger ON sqlassist_decision(made_at)");
	cr_expect(eq(int, claim(conn), SQLA_EUNSAFE));
	lite_driver.close(conn);
}

Test(branch, is_open_to_looks_from_its_first_write_to_its_end)
{
	struct driver_conn *conn = open_with_table(NULL);

	must_begin(conn);
	must_int(conn, "SELECT count(*) FROM t");
	cr_expect(not(lite_driver.is_open_to_looks(conn)));
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(lite_driver.is_open_to_looks(conn));
	cr_expect(eq(int, (int)look_at("x.db", UUID_ONE, 1), LOOK_OPEN));
	cr_assert(eq(int, claim(conn), 0));
	cr_expect(lite_driver.is_open_to_looks(conn));
	cr_assert(eq(int, lite_driver.decide(conn), 0));
	cr_expect(not(lite_driver.is_open_to_looks(conn)));
	lite_driver.close(conn);
}

Test(branch, claims_outside_its_savepoints)
{
	struct driver_conn *conn = open_changed(NULL);

	cr_assert(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 3), 0));
	cr_assert(eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_SET, 4), 0));
	must_run(conn, "INSERT INTO t VALUES (2)");
	cr_expect(eq(int, claim(conn), 0));
	cr_expect(
		eq(int, lite_driver.savepoint(conn, DRIVER_SAVEPOINT_ROLLBACK, 3), SQLA_EDATABASE));
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(has_row("x.db", UUID_ONE));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 2));
	lite_driver.close(conn);
}

Test(branch, forgets_due_rows_with_its_claim)
{
	static const char *const due[] = { UUID_TWO };
	struct driver_conn *conn = open_with_table(NULL);
	bool took = false;

	must_claim(conn, UUID_TWO);
	cr_assert(eq(int, lite_driver.decide(conn), 0));
	must_begin(conn);
	cr_expect(eq(int, lite_driver.claim(conn, &one, due, 1, &took), 0));
	cr_expect(took);
	cr_expect(has_row("x.db", UUID_TWO));
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(has_row("x.db", UUID_ONE));
	cr_expect(not(has_row("x.db", UUID_TWO)));
	lite_driver.close(conn);
}

Test(branch, holds_the_write_lock_from_claim_to_commit)
{
	struct sqla_engine_options options = { .busy_timeout_ms = 50 };
	struct driver_conn *conn = open_changed(NULL);
	struct driver_conn *other = must_open("x.db", &options);

	cr_assert(eq(int, claim(conn), 0));
	must_begin(other);
	cr_expect(eq(int, run(other, "INSERT INTO t VALUES (2)"), SQLA_ERETRY));
	cr_assert(eq(int, lite_driver.decide(conn), 0));
	cr_expect(eq(int, run(other, "INSERT INTO t VALUES (2)"), 0));
	lite_driver.close(other);
	lite_driver.close(conn);
}

/* A reader in the way of COMMIT in a rollback-journal mode. */
static void commit_against_a_reader(int (*commit)(struct driver_conn *conn))
{
	struct sqla_engine_options options = { .busy_timeout_ms = 100 };
	struct driver_conn *conn = open_changed(&options);
	struct driver_conn *reader = must_open("x.db", NULL);

	must_begin(reader);
	cr_assert(eq(i64, must_int(reader, "SELECT count(*) FROM t"), 0));
	if (commit == lite_driver.decide)
		cr_assert(eq(int, claim(conn), 0));
	cr_expect(eq(int, commit(conn), SQLA_ERETRY));
	cr_expect(lite_driver.is_transient(conn));
	cr_expect(lite_driver.is_idle(conn));
	lite_driver.close(reader);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 0));
	cr_expect(not(has_row("x.db", UUID_ONE)));
	lite_driver.close(conn);
}

Test(branch, says_no_when_readers_keep_it_from_deciding)
{
	commit_against_a_reader(lite_driver.decide);
}

Test(branch, says_no_when_readers_keep_it_from_committing)
{
	commit_against_a_reader(lite_driver.commit);
}

Test(branch, says_no_when_a_deferred_constraint_fails_at_commit)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	must_run(conn, "CREATE TABLE p(a PRIMARY KEY)");
	must_run(conn, "CREATE TABLE c(a REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
	must_begin(conn);
	must_run(conn, "INSERT INTO c VALUES (1)");
	cr_assert(eq(int, claim(conn), 0));
	cr_expect(eq(int, lite_driver.decide(conn), SQLA_EDATABASE));
	cr_expect(eq(int, sqla_error_last()->sqlite_code, SQLITE_CONSTRAINT_FOREIGNKEY));
	cr_expect(lite_driver.is_idle(conn));
	cr_expect(not(has_row("x.db", UUID_ONE)));
	lite_driver.close(conn);
}

/* I7 */
Test(branch, does_not_know_when_the_directory_cannot_be_synced)
{
	struct driver_conn *conn;

	shim_install();
	conn = open_changed(NULL);
	cr_assert(eq(int, claim(conn), 0));
	shim.fails_directory_sync = true;
	cr_expect(eq(int, lite_driver.decide(conn), SQLA_EINDOUBT));
	cr_expect(not(shim.fails_directory_sync));
	cr_expect(eq(int, sqla_error_last()->sqlite_code, SQLITE_IOERR_DIR_FSYNC));
	cr_expect(conn->is_broken);
	lite_driver.close(conn);
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_COMMITTED));
}

Test(branch, does_not_know_when_the_wal_cannot_be_synced)
{
	struct driver_conn *conn;

	shim_install();
	conn = open_with_table(NULL);
	must_run(conn, "PRAGMA journal_mode = WAL");
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_assert(eq(int, claim(conn), 0));
	shim.fails_wal_sync = true;
	cr_expect(eq(int, lite_driver.decide(conn), SQLA_EINDOUBT));
	cr_expect(conn->is_broken);
	lite_driver.close(conn);
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_ABORTED));
	cr_expect(not(has_row("x.db", UUID_ONE)));
}

Test(branch, has_no_outcome_without_a_row)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	cr_expect(eq(int, lite_driver.outcome(conn), SQLA_EINDOUBT));
	cr_expect(ne(ptr, strstr(sqla_error_last()->hint, "outcome = row"), NULL));
	lite_driver.close(conn);
}

Test(branch, commits_what_never_began)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	must_begin(conn);
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(lite_driver.is_idle(conn));
	cr_expect(eq(int, lite_driver.decide(conn), SQLA_EMISUSE));
	lite_driver.close(conn);
}

/* What is asked of the table stays compiled on the connection, and still tells
 * what has become of the table and of the settings. */
Test(branch, sees_what_was_done_to_the_table_since_the_last_claim)
{
	struct driver_conn *conn = must_open("kept.db", NULL);
	struct driver_conn *other = must_open("kept.db", NULL);

	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, lite_driver.decide(conn), 0));
	cr_assert(ne(int, lite_driver.abilities(conn) & TXN_DECIDES, 0));
	must_run(other, "CREATE TRIGGER t AFTER INSERT ON sqlassist_decision "
			"BEGIN DELETE FROM sqlassist_decision WHERE txn = NEW.txn; END");
	cr_expect(eq(int, lite_driver.abilities(conn) & TXN_DECIDES, 0));
	must_run(other, "DROP TRIGGER t");
	cr_expect(ne(int, lite_driver.abilities(conn) & TXN_DECIDES, 0));
	must_run(conn, "PRAGMA synchronous = OFF");
	cr_expect(eq(int, lite_driver.abilities(conn) & TXN_DECIDES, 0));
	lite_driver.close(other);
	lite_driver.close(conn);
}
