/*
 * A vote counts only if the server says so in full (I7): each way in which a
 * real server says no, and that then nothing is committed anywhere.
 */
#include <sqlassist.h>

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist/resource.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" },
	       { .name = "narrow", .conf = "max_prepared_transactions = 1" },
	       { .name = "none", .conf = "max_prepared_transactions = 0" })

static struct pair pair;

static void setup(void)
{
	pair_open(&pair, NULL, NULL);
}

static void teardown(void)
{
	pair_close(&pair);
}

TestSuite(votes, .init = setup, .fini = teardown);
TestSuite(votes_elsewhere);

static void expect_commit(int status)
{
	cr_expect(eq(int, txn_commit(), status), "%s", sqla_error_last()->message);
}

static void expect_last(const char *engine, const char *sqlstate)
{
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)engine));
	cr_expect(eq(str, (char *)sqla_error_last()->sqlstate, (char *)sqlstate), "%s",
		  sqla_error_last()->message);
}

/* After a no everything is as before, and the next transaction commits. */
static void expect_nothing_and_go_on(void)
{
	cr_assert(eq(int, txn_abort(), 0), "%s", sqla_error_last()->message);
	cr_expect(pair_has(&pair, 0));
	cr_expect(eq(i64, decisions_at(pair.bank, "committed"), 0));
	cr_expect(eq(int, recover_now(NULL), 0), "%s", sqla_error_last()->message);
	pair_work(&pair);
	expect_commit(0);
	cr_expect(pair_has(&pair, 1));
}

/* ---- deferred constraints ------------------------------------------------------ */

#define DEFERRED "CREATE TABLE c(t int REFERENCES t DEFERRABLE INITIALLY DEFERRED)"

Test(votes, a_deferred_constraint_that_fails_at_prepare_aborts_all)
{
	must_exec_at(pair.shop, DEFERRED);
	pair_work(&pair);
	must_run(pair.s, "INSERT INTO c VALUES (77)");
	expect_commit(SQLA_EDATABASE);
	expect_last("shop", "23503");
	expect_nothing_and_go_on();
}

Test(votes, a_deferred_constraint_of_the_decider_fails_before_anything_is_decided)
{
	must_exec_at(pair.bank, DEFERRED);
	pair_work(&pair);
	must_run(pair.b, "INSERT INTO c VALUES (77)");
	expect_commit(SQLA_EDATABASE);
	expect_last("bank", "23503");
	expect_nothing_and_go_on();
}

Test(votes, a_deferred_constraint_that_fails_at_commit_aborts_one_alone)
{
	must_exec_at(pair.bank, DEFERRED);
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.b, "INSERT INTO c VALUES (77)");
	expect_commit(SQLA_EDATABASE);
	expect_last("bank", "23503");
	expect_nothing_and_go_on();
}

/* ---- slots --------------------------------------------------------------------- */

Test(votes, too_few_slots_for_prepared_transactions_abort_and_say_so)
{
	char *url = must_server_engine("narrow", "narrow", NULL);
	struct sqla_session *s = must_open("narrow");

	must_exec_at(url, "BEGIN; INSERT INTO t(v) VALUES (5); PREPARE TRANSACTION 'other'");
	pair_work(&pair);
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EDATABASE);
	expect_last("narrow", "53200");
	cr_expect(error_says("max_prepared_transactions"));
	cr_assert(eq(int, txn_abort(), 0));
	must_exec_at(url, "ROLLBACK PREPARED 'other'");
	cr_expect(eq(i64, rows_at(url) + prepared_at(url), 0));
	expect_nothing_and_go_on();
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(url), 1));
	sqla_session_close(s);
	free(url);
}

Test(votes, a_server_without_slots_decides)
{
	char *url = must_server_engine("none", "none", NULL);
	struct sqla_session *s = must_open("none");

	pair_work(&pair);
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(pair_has(&pair, 1));
	cr_expect(eq(i64, rows_at(url), 1));
	cr_expect(eq(i64, decisions_at(url, "committed"), 1));
	sqla_session_close(s);
	free(url);
}

Test(votes, two_servers_without_slots_are_refused_by_name)
{
	char *one = must_server_engine("none", "none", NULL);
	char *other = must_server_engine("none", "nil", NULL);
	struct sqla_session *s = must_open("none");
	struct sqla_session *o = must_open("nil");

	pair_work(&pair);
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(o, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says("\"none\"") && error_says("\"nil\""), "%s",
		  sqla_error_last()->message);
	cr_expect(error_says("max_prepared_transactions is 0"), "%s", sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(one) + rows_at(other), 0));
	expect_nothing_and_go_on();
	sqla_session_close(s);
	sqla_session_close(o);
	free(one);
	free(other);
}

/* ---- what cannot be prepared ------------------------------------------------------ */

static void refuse_then_decide(const char *sql)
{
	pair_work(&pair);
	must_run(pair.s, sql);
	expect_commit(SQLA_EDATABASE);
	expect_last("shop", "0A000");
	cr_expect(error_says("sqla_session_must_decide"), "%s", sqla_error_last()->hint);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(pair_has(&pair, 0));
	pair_work(&pair);
	must_run(pair.s, sql);
	cr_assert(eq(int, sqla_session_must_decide(pair.s), 0));
	expect_commit(0);
	cr_expect(pair_has(&pair, 1));
	cr_expect(eq(i64, decisions_at(pair.shop, "committed"), 1));
}

Test(votes, a_temporary_table_is_a_no_until_the_session_decides)
{
	refuse_then_decide("CREATE TEMP TABLE mine(i int) ON COMMIT DROP");
}

Test(votes, a_cursor_that_outlives_its_transaction_is_a_no_until_the_session_decides)
{
	refuse_then_decide("DECLARE c CURSOR WITH HOLD FOR SELECT 1");
}

static struct pg_conn *must_listen(void)
{
	struct pg_conn *conn = must_connect(pair.shop);

	must_exec(conn, "LISTEN news");
	return conn;
}

/* A statement of its own makes the server send what is due. */
static int heard(struct pg_conn *listener)
{
	PGnotify *notification;
	int n = 0;

	must_exec(listener, "SELECT 1");
	while ((notification = PQnotifies(listener))) {
		PQfreemem(notification);
		n++;
	}
	return n;
}

static void expect_silence(void *listener)
{
	cr_expect(eq(int, heard(listener), 0));
}

Test(votes, a_notification_is_a_no_until_the_session_decides)
{
	struct pg_conn *listener = must_listen();

	refuse_then_decide("NOTIFY news");
	cr_expect(eq(int, heard(listener), 1));
	PQfinish(listener);
}

Test(votes, a_notification_is_heard_only_once_it_is_decided)
{
	struct pg_conn *listener = must_listen();

	pair_work(&pair);
	must_run(pair.s, "NOTIFY news");
	cr_assert(eq(int, sqla_session_must_decide(pair.s), 0));
	must_intervene(expect_silence, listener);
	expect_commit(0);
	cr_expect(eq(int, heard(listener), 1));
	PQfinish(listener);
}

Test(votes, a_notification_of_a_branch_that_changed_nothing_waits_for_the_decision)
{
	struct pg_conn *listener = must_listen();

	must_exec_at(pair.bank, DEFERRED);
	must_run(pair.s, "NOTIFY news");
	must_run(pair.b, "INSERT INTO c VALUES (77)");
	expect_commit(SQLA_EDATABASE);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(int, heard(listener), 0));

	must_run(pair.s, "NOTIFY news");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	must_intervene(expect_silence, listener);
	expect_commit(0);
	cr_expect(eq(int, heard(listener), 1));
	PQfinish(listener);
}

/* ---- a foreign data wrapper ----------------------------------------------------------- */

/* The shop's table far is the table t of another database. */
static char *must_go_far(void)
{
	char *far = must_server_engine("one", "far", NULL);
	char *host = must_printf("%s", strstr(far, "host=") + 5);

	*strchr(host, '&') = '\0';
	must_exec_at(pair.shop, "CREATE EXTENSION postgres_fdw");
	must_exec_at(pair.shop,
		     "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS "
		     "(host '%s', port '5432', dbname '%.*s')",
		     host, (int)strcspn(strstr(far, "///") + 3, "?"), strstr(far, "///") + 3);
	must_exec_at(pair.shop,
		     "CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'postgres')");
	must_exec_at(pair.shop, "CREATE FOREIGN TABLE far(v int) SERVER far OPTIONS "
				"(table_name 't')");
	free(host);
	return far;
}

Test(votes, a_write_through_a_foreign_table_is_a_no_until_the_session_decides)
{
	char *far = must_go_far();

	refuse_then_decide("INSERT INTO far(v) VALUES (1)");
	cr_expect(eq(i64, rows_at(far), 1));
	free(far);
}

Test(votes, a_foreign_write_in_an_unchanged_branch_ends_only_after_the_decision)
{
	char *far = must_go_far();

	must_exec_at(pair.bank, DEFERRED);
	must_run(pair.s, "INSERT INTO far(v) VALUES (1)");
	must_run(pair.b, "INSERT INTO c VALUES (77)");
	expect_commit(SQLA_EDATABASE);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(far), 0));

	must_run(pair.s, "INSERT INTO far(v) VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(far), 1));
	cr_expect(eq(i64, rows_at(pair.bank), 1));
	free(far);
}

Test(votes, a_foreign_write_that_is_marked_takes_part_in_the_vote)
{
	char *far = must_go_far();

	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.s, "INSERT INTO far(v) VALUES (1)");
	cr_assert(eq(int, sqla_session_mark_changed(pair.s), 0));
	expect_commit(SQLA_EDATABASE);
	expect_last("shop", "0A000");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(far) + rows_at(pair.bank), 0));

	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.s, "INSERT INTO far(v) VALUES (1)");
	cr_assert(eq(int, sqla_session_mark_changed(pair.s), 0));
	cr_assert(eq(int, sqla_session_must_decide(pair.s), 0));
	expect_commit(0);
	cr_expect(eq(i64, rows_at(far), 1));
	cr_expect(eq(i64, rows_at(pair.bank), 1));
	free(far);
}

/* ---- a gid that is taken ----------------------------------------------------------------- */

static char *must_text_at(const char *url, const char *sql)
{
	struct pg_conn *conn = must_connect(url);
	char *text = must_query_text(conn, "%s", sql);

	PQfinish(conn);
	return text;
}

static int take_gid(struct txn *txn, void *arg)
{
	char *site = must_text_at(pair.bank, "SELECT txn FROM sqlassist.sqlassist_decision "
					     "WHERE verdict = 'site'");
	char gid[TXN_GID_MAX + 1];

	(void)arg;
	if (txn_gid_format(gid, txn_uuid(txn), 1, site, "bank") < 0)
		must_fail("%s", sqla_error_last()->message);
	must_exec_at(pair.shop, "BEGIN; INSERT INTO t(v) VALUES (9); PREPARE TRANSACTION '%s'",
		     gid);
	free(site);
	return 0;
}

/* Whose branch it is, recovery finds out: it was never decided. */
Test(votes, a_gid_that_is_taken_is_a_no_and_the_other_branch_is_left_alone)
{
	struct sqla_recover_report report;

	pair_work(&pair);
	cr_assert(eq(int, txn_before_commit(txn_current(), take_gid, NULL), 0));
	expect_commit(SQLA_EDATABASE);
	expect_last("shop", "42710");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, prepared_at(pair.shop), 1));
	cr_expect(eq(int, recover_now(&report), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, report.rolled_back, 1));
	expect_nothing_and_go_on();
}

/* ---- time --------------------------------------------------------------------------------- */

Test(votes, a_statement_timeout_in_the_claim_is_a_no)
{
	must_trigger_at_end(pair.bank, "PERFORM pg_sleep(20)");
	must_run(pair.b, "SET LOCAL statement_timeout = '200ms'");
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EDATABASE);
	expect_last("bank", "57014");
	expect_nothing_and_go_on();
}

Test(votes, a_statement_timeout_at_commit_is_a_no)
{
	must_trigger_at_end(pair.bank, "SET LOCAL statement_timeout = '200ms'; "
				       "PERFORM pg_sleep(1); RAISE query_canceled");
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EDATABASE);
	expect_last("bank", "57014");
	expect_nothing_and_go_on();
}

Test(votes, a_statement_timeout_at_prepare_is_a_no)
{
	must_trigger_at_end(pair.shop, "RAISE query_canceled");
	must_run(pair.s, "INSERT INTO d VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EDATABASE);
	expect_last("shop", "57014");
	expect_nothing_and_go_on();
}

Test(votes, a_deadline_that_passes_during_prepare_aborts_all)
{
	must_trigger_at_end(pair.shop, "PERFORM pg_sleep(20)");
	must_run(pair.s, "INSERT INTO d VALUES (1)");
	pair_work(&pair);
	cr_assert(eq(int, txn_set_timeout(txn_current(), 300), 0));
	expect_commit(SQLA_ETIMEOUT);
	expect_nothing_and_go_on();
}

Test(votes, a_deadline_that_passes_during_the_decision_changes_nothing)
{
	must_trigger_at_end(pair.bank, "PERFORM pg_sleep(1)");
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_set_timeout(txn_current(), 300), 0));
	expect_commit(0);
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

/* ---- conflicts ------------------------------------------------------------------------------- */

static void conflict(void *arg)
{
	int backend = *(int *)arg;

	must_await_claim(pair.bank, backend);
	must_exec_at(pair.bank, "BEGIN ISOLATION LEVEL SERIALIZABLE;"
				"SELECT sum(v) FROM t WHERE id >= 100;"
				"UPDATE t SET v = v + 1 WHERE id = 1; COMMIT");
}

/* One changed branch needs no decision row; two do. */
static int64_t decisions_when_shop_reads(const struct sqla_engine_options *shop)
{
	int64_t n;

	pair_open(&pair, NULL, shop);
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.s, "SELECT 1");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(pair.bank), 1));
	cr_expect(eq(i64, prepared_at(pair.shop), 0));
	n = decisions_at(pair.bank, "committed");
	pair_close(&pair);
	return n;
}

Test(votes_elsewhere, an_engine_whose_sessions_begin_changed_always_votes)
{
	struct sqla_engine_options changed = { .initial_state = SQLA_INITIAL_CHANGED };

	cr_expect(eq(i64, decisions_when_shop_reads(&changed), 1));
}

Test(votes_elsewhere, an_engine_whose_sessions_only_read_does_not_vote)
{
	cr_expect(eq(i64, decisions_when_shop_reads(NULL), 0));
}

/* Both read what the other writes; ours finds out in its COMMIT. */
Test(votes_elsewhere, a_serialization_failure_of_the_deciding_commit_aborts_all)
{
	struct sqla_engine_options serializable = { .decide = SQLA_DECIDE_PREFER,
						    .isolation = "serializable" };
	int backend;

	pair_open(&pair, &serializable, NULL);
	must_exec_at(pair.bank, "INSERT INTO t(id, v) VALUES (1, 0), (100, 0)");
	must_exec_at(pair.shop, "INSERT INTO t(id, v) VALUES (1, 0), (100, 0)");
	(void)must_int(pair.b, "SELECT v FROM t WHERE id = 1");
	must_run(pair.b, "UPDATE t SET v = v + 1 WHERE id = 100");
	must_run(pair.s, "UPDATE t SET v = v + 1 WHERE id = 100");
	backend = backend_of(pair.b);
	must_intervene(conflict, &backend);
	expect_commit(SQLA_ERETRY);
	expect_last("bank", "40001");
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, must_query_int_at(pair.bank, "SELECT v FROM t WHERE id = 100"), 0));
	cr_expect(eq(i64, must_query_int_at(pair.shop, "SELECT v FROM t WHERE id = 100"), 0));
	cr_expect(pair_has(&pair, 2));
	pair_close(&pair);
}

/* ---- tombstones ------------------------------------------------------------------------------ */

static int bury(struct txn *txn, void *url)
{
	must_exec_at(url,
		     "INSERT INTO sqlassist.sqlassist_decision(txn, verdict, branches) "
		     "VALUES ('%s', 'aborted', '')",
		     txn_uuid(txn));
	return 0;
}

static void meet_tombstone(const char *isolation)
{
	struct sqla_engine_options options = { .decide = SQLA_DECIDE_PREFER,
					       .isolation = isolation };

	pair_open(&pair, &options, NULL);
	pair_work(&pair);
	cr_assert(eq(int, txn_before_commit(txn_current(), bury, pair.bank), 0));
	expect_commit(SQLA_ERETRY);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bank"));
	expect_nothing_and_go_on();
	cr_expect(eq(i64, decisions_at(pair.bank, "aborted"), 1));
	pair_close(&pair);
}

Test(votes_elsewhere, a_claim_that_meets_a_tombstone_aborts_in_read_committed)
{
	meet_tombstone("read committed");
}

Test(votes_elsewhere, a_claim_that_meets_a_tombstone_aborts_in_repeatable_read)
{
	meet_tombstone("repeatable read");
}

Test(votes_elsewhere, a_claim_that_meets_a_tombstone_aborts_in_serializable)
{
	meet_tombstone("serializable");
}

/* The file is written to after the tombstone: SQLite has one writer. */
static int bury_in_file(struct txn *txn, void *path)
{
	must_exec_file(path,
		       "INSERT INTO sqlassist_decision(txn, verdict, branches) "
		       "VALUES ('%s', 'aborted', '')",
		       txn_uuid(txn));
	return 0;
}

static int write_to_till(struct txn *txn, void *session)
{
	(void)txn;
	return sqla_exec(session, "INSERT INTO t(v) VALUES (1)");
}

Test(votes, a_claim_that_meets_a_tombstone_aborts_in_a_file)
{
	char *path = must_file_engine("till", NULL);
	struct sqla_session *till = must_open("till");

	must_run(till, "SELECT 1");
	must_run(pair.b, "SELECT 1");
	must_run(pair.s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(eq(int, txn_before_commit(txn_current(), bury_in_file, path), 0));
	cr_assert(eq(int, txn_before_commit(txn_current(), write_to_till, till), 0));
	expect_commit(SQLA_ERETRY);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "till"));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(path), 0));
	sqla_session_close(till);
	expect_nothing_and_go_on();
	free(path);
}

/* ---- failed transactions ------------------------------------------------------------------------ */

/* The server answers PREPARE and COMMIT with ROLLBACK, and no error at all. */
static void fail_natively(struct sqla_session *s)
{
	PGconn *native = sqla_session_pg(s);

	cr_assert(ne(ptr, native, NULL));
	PQclear(PQexec(native, "SELECT 1/0"));
}

Test(votes, a_transaction_that_failed_unseen_is_no_yes_at_prepare)
{
	pair_work(&pair);
	fail_natively(pair.s);
	expect_commit(SQLA_EFAILED);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "shop"));
	expect_nothing_and_go_on();
}

Test(votes, a_transaction_that_failed_unseen_is_no_yes_at_the_decision)
{
	pair_work(&pair);
	fail_natively(pair.b);
	expect_commit(SQLA_EFAILED);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bank"));
	expect_nothing_and_go_on();
}

Test(votes, a_transaction_that_failed_unseen_is_no_yes_at_a_commit_alone)
{
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	fail_natively(pair.b);
	expect_commit(SQLA_EFAILED);
	expect_nothing_and_go_on();
}
