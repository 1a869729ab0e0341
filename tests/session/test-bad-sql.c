/*
 * Statements that real servers refuse in the middle of a transaction of two:
 * the cause is told, abort works, and nothing is left on either side.
 */
#include <sqlassist.h>

#include <stdlib.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" })

static struct pair pair;

static void setup(void)
{
	pair_open(&pair, NULL, NULL);
}

static void teardown(void)
{
	pair_close(&pair);
}

TestSuite(bad_sql, .init = setup, .fini = teardown);

static void fail_in_the_middle(const char *sql, int status, const char *sqlstate)
{
	must_run(pair.b, "INSERT INTO t(id, v) VALUES (1, 1)");
	must_run(pair.s, "INSERT INTO t(id, v) VALUES (1, 1)");
	cr_expect(eq(int, sqla_exec(pair.s, sql), status), "%s: %s", sql,
		  sqla_error_last()->message);
	cr_expect(eq(int, sqla_error_last()->status, status), "%s", sql);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "shop"), "%s", sql);
	cr_expect(eq(str, (char *)sqla_error_last()->sqlstate, (char *)sqlstate), "%s", sql);
	cr_expect(ne(int, sqla_error_last()->message[0], 0), "%s", sql);
	if (*sqlstate) {
		cr_expect(lt(int, txn_commit(), 0), "%s", sql);
		cr_expect(eq(str, (char *)sqla_error_last()->engine, "shop"), "%s", sql);
	}
	cr_expect(eq(int, txn_abort(), 0), "%s: %s", sql, sqla_error_last()->message);
	cr_expect(pair_has(&pair, 0), "%s", sql);
}

static void expect_going_on(void)
{
	pair_work(&pair);
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(pair_has(&pair, 1));
}

Test(bad_sql, a_refused_statement_is_told_with_its_sqlstate_and_can_be_aborted)
{
	fail_in_the_middle("nonsense", SQLA_EDATABASE, "42601");
	fail_in_the_middle("SELECT 1; SELECT 2", SQLA_EDATABASE, "42601");
	fail_in_the_middle("SELECT 1/0", SQLA_EDATABASE, "22012");
	fail_in_the_middle("INSERT INTO nowhere VALUES (1)", SQLA_EDATABASE, "42P01");
	fail_in_the_middle("INSERT INTO t(id) VALUES (1)", SQLA_EDATABASE, "23505");
	fail_in_the_middle("SELECT pg_terminate_backend(pg_backend_pid())", SQLA_ECONNECT, "57P01");
	expect_going_on();
}

Test(bad_sql, an_end_that_was_typed_commits_nothing_of_the_other_side)
{
	static const char *const ends[] = { "COMMIT", "ROLLBACK", "COMMIT AND CHAIN",
					    "PREPARE TRANSACTION 'mine'" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
		must_run(pair.s, "INSERT INTO t(v) VALUES (1)");
		(void)sqla_exec(pair.s, ends[i]);
		cr_expect(lt(int, txn_commit(), 0), "%s", ends[i]);
		cr_expect(eq(str, (char *)sqla_error_last()->engine, "shop"), "%s", ends[i]);
		cr_expect(eq(int, txn_abort(), 0), "%s", ends[i]);
		cr_expect(eq(i64, rows_at(pair.bank), 0), "%s", ends[i]);
	}
	must_exec_at(pair.shop, "ROLLBACK PREPARED 'mine'");
}

static void *use_elsewhere(void *arg)
{
	struct sqla_session *s = arg;

	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (2)"), SQLA_EMISUSE));
	cr_expect(error_says("txn_resume"), "%s", sqla_error_last()->hint);
	cr_expect(eq(ptr, (void *)sqla_session_pg(s), NULL));
	cr_expect(eq(int, sqla_session_rollback(s), SQLA_EMISUSE));
	return NULL;
}

Test(bad_sql, a_joined_session_is_refused_on_another_thread)
{
	pair_work(&pair);
	in_thread(use_elsewhere, pair.s);
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(pair_has(&pair, 1));
}

static int use_in_child(void *arg)
{
	struct sqla_session *s = arg;

	if (sqla_exec(s, "INSERT INTO t(v) VALUES (2)") != SQLA_EFORKED ||
	    sqla_session_commit(s) != SQLA_EFORKED || sqla_session_pg(s) ||
	    txn_commit() != SQLA_EFORKED)
		return 1;
	sqla_session_close(s);
	return txn_abort() < 0 ? 2 : 0;
}

Test(bad_sql, a_child_ends_nothing_of_its_parent)
{
	pair_work(&pair);
	cr_expect(eq(int, in_child(use_in_child, pair.s), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(pair_has(&pair, 1));
}

Test(bad_sql, values_that_do_not_fit_are_refused)
{
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	cr_expect(lt(int, sqla_exec(pair.s, "SELECT $1::int, $2::int", sqla_int(1)), 0));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(lt(int, sqla_exec(pair.s, "SELECT $1::int", sqla_text("one")), 0));
	cr_expect(eq(str, (char *)sqla_error_last()->sqlstate, "22P02"));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(
		eq(int, sqla_exec(pair.s, "SELECT $1::text", sqla_text("\xff\xfe")), SQLA_EMISUSE));
	cr_assert(eq(int, txn_abort(), 0));
	expect_going_on();
}
