/*
 * Whatever an application gets wrong, it is told what (engine, cause, remedy),
 * and abort works and leaves nothing behind.
 */
#include <sqlassist.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist/resource.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static char *path; /* of engine "till" */

static void setup(void)
{
	path = must_file_engine("till", NULL);
}

static void teardown(void)
{
	(void)txn_abort();
	(void)sqla_session_remove("till");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(bad_input, .init = setup, .fini = teardown);
TestSuite(bad_engine);

/* STATUS is EXPECTED, and the detail says the same, why, and what to do. */
static void expect_told(int status, int expected, const char *what)
{
	const struct sqla_error *error = sqla_error_last();

	cr_expect(eq(int, status, expected), "%s: %s", what, error->message);
	cr_expect(eq(int, error->status, expected), "%s", what);
	cr_expect(ne(int, error->message[0], 0), "%s", what);
	cr_expect(eq(ptr, strstr(error->message, "secret"), NULL), "%s", error->message);
}

static void expect_remedy(const char *what)
{
	cr_expect(ne(int, sqla_error_last()->hint[0], 0), "%s: no remedy for: %s", what,
		  sqla_error_last()->message);
}

/* ---- engine.h -------------------------------------------------------------------- */

static void refuse_url(const char *url)
{
	expect_told(sqla_engine_register("bad", url, NULL), SQLA_ECONFIG, url);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bad"), "%s", url);
	expect_remedy(url);
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 0));
}

Test(bad_engine, a_malformed_url_is_refused_and_named)
{
	static const char *const urls[] = {
		"",
		"till.db",
		"sqlite:",
		"sqlite:/",
		"sqlite:///",
		"sqlite://host/x.db",
		"sqlite:///x.db?mode=memory",
		"mysql://u:secret@host/x",
		"SQLITE:///x.db",
		" sqlite:///x.db",
#ifdef SQLA_WITH_LIBPQ
		"postgresql:",
		"postgresql:/x",
		"postgresql://u:secret@[::1/x",
		"postgresql://host:port/x?nonsense=1&password=secret",
		"postgresql:///x?sslmode",
		"postgresql:///%zz",
#endif
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		refuse_url(urls[i]);
}

Test(bad_engine, an_unknown_name_is_refused_everywhere)
{
	struct sqla_session *s = NULL;

	expect_told(sqla_session_open("nobody", &s), SQLA_ENOTFOUND, "open");
	expect_told(sqla_session_open(NULL, &s), SQLA_ENOTFOUND, "open the default");
	expect_told(sqla_session_remove("nobody"), SQLA_ENOTFOUND, "remove");
	expect_told(sqla_engine_reinit("nobody"), SQLA_ENOTFOUND, "reinit");
	expect_told(sqla_engine_unregister("nobody"), SQLA_ENOTFOUND, "unregister");
	expect_told(sqla_engine_set_scope("nobody", NULL), SQLA_ENOTFOUND, "set_scope");
	expect_told(sqla_doctor("nobody", NULL, NULL), SQLA_ENOTFOUND, "doctor");
	expect_told(sqla_doctor_purge_tombstones("nobody"), SQLA_ENOTFOUND, "purge");
	cr_expect(eq(ptr, sqla_doctor_sql("nobody"), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_ENOTFOUND));
	cr_expect(eq(ptr, s, NULL));
	cr_expect(eq(ptr, (void *)sqla_engine_default(), NULL));
}

Test(bad_engine, options_that_make_no_sense_are_refused_and_named)
{
	static const struct {
		const char *name;
		struct sqla_engine_options options;
	} bad[] = {
		{ "pool_size", { .pool_size = -7 } },
		{ "busy_timeout_ms", { .busy_timeout_ms = -3 } },
		{ "decide", { .decide = (enum sqla_decide)9 } },
		{ "joined", { .joined = (enum sqla_choice)3 } },
		{ "outcome", { .outcome = (enum sqla_outcome)(-1) } },
		{ "isolation", { .isolation = "chaos" } },
		{ "reserved", { .reserved = { 0, 1 } } },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_told(sqla_engine_register("bad", "sqlite:///x.db", &bad[i].options),
			    SQLA_ECONFIG, bad[i].name);
		cr_expect(error_says(bad[i].name), "%s", sqla_error_last()->message);
	}
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 0));
}

/* ---- recover.h -------------------------------------------------------------------- */

static int nothing_prepared(void *arg)
{
	(void)arg;
	return 0;
}

Test(bad_input, recovery_takes_null_for_everything_and_refuses_nonsense)
{
	cr_expect(eq(int, sqla_recover(NULL, NULL, NULL, NULL), 0));
	cr_expect(eq(int, sqla_in_doubt(NULL, NULL), 0));
	expect_told(sqla_outcome(NULL, nothing_prepared, NULL), SQLA_EMISUSE, "outcome");
	expect_told(sqla_outcome("nonsense", NULL, NULL), SQLA_EMISUSE, "outcome");
	expect_told(sqla_outcome("nonsense", nothing_prepared, NULL), SQLA_ENOTFOUND, "outcome");
	expect_told(sqla_recoverer_register(NULL, NULL, NULL), SQLA_EMISUSE, "register");
	expect_told(sqla_recoverer_register("store", NULL, NULL), SQLA_EMISUSE, "register");
	cr_expect(lt(int, sqla_recoverer_unregister(NULL), 0));
	expect_told(sqla_recoverer_unregister("nobody"), SQLA_ENOTFOUND, "unregister");
	expect_told(sqla_recovery_start(-1, NULL), SQLA_EMISUSE, "start");
	sqla_recovery_stop();
	cr_expect(ge(int, sqla_doctor("till", NULL, NULL), 0));
	cr_expect(ge(int, sqla_doctor_purge_tombstones("till"), 0));
	cr_expect(ge(int, sqla_doctor_purge_tombstones(NULL), 0));
}

/* ---- error.h ----------------------------------------------------------------------- */

Test(bad_input, every_number_has_a_phrase_and_the_detail_is_never_null)
{
	cr_expect(ne(ptr, (void *)sqla_strerror(12345), NULL));
	cr_expect(ne(ptr, (void *)sqla_strerror(-12345), NULL));
	cr_expect(ne(ptr, (void *)sqla_error_last(), NULL));
	sqla_log_set((enum sqla_log_level)77, NULL, NULL);
}

/* ---- SQL that fails in the middle --------------------------------------------------- */

struct statement {
	const char *sql;
	int status;
};

static void fail_in_the_middle(const char *engine, const struct statement *statement)
{
	struct sqla_session *s = must_open(engine);

	must_run(s, "INSERT INTO t(id, v) VALUES (1, 1)");
	expect_told(sqla_exec(s, statement->sql), statement->status, statement->sql);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, (char *)engine));
	cr_expect(eq(int, txn_abort(), 0), "%s: %s", statement->sql, sqla_error_last()->message);
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0), "%s", statement->sql);
	cr_expect(eq(int, txn_commit(), 0), "%s: %s", statement->sql, sqla_error_last()->message);
	sqla_session_close(s);
}

Test(bad_input, a_statement_that_fails_leaves_a_transaction_that_can_be_aborted)
{
	static const struct statement statements[] = {
		{ "nonsense", SQLA_EDATABASE },
		{ "SELECT", SQLA_EDATABASE },
		{ "INSERT INTO nowhere VALUES (1)", SQLA_EDATABASE },
		{ "INSERT INTO t(id) VALUES (1)", SQLA_EDATABASE },
		{ "SELECT 1; SELECT 2", SQLA_EMISUSE },
		{ "SELECT $1", SQLA_EMISUSE },
		{ "COMMIT", SQLA_EMANAGED },
		{ "END", SQLA_EMANAGED },
		{ "ROLLBACK", SQLA_EMANAGED },
		{ "BEGIN", SQLA_EMANAGED },
		{ "PRAGMA nonsense(", SQLA_EDATABASE },
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		fail_in_the_middle("till", &statements[i]);
	cr_expect(eq(i64, rows_in(path), 0));
}

Test(bad_input, too_many_and_too_few_values_are_refused)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_told(sqla_exec(s, "SELECT 1", sqla_int(1)), SQLA_EMISUSE, "too many");
	expect_told(sqla_exec(s, "SELECT $1, $2", sqla_int(1)), SQLA_EMISUSE, "too few");
	cr_expect(eq(int, txn_commit(), 0), "misuse changes no state");
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

/* ---- the wrong thread, the wrong moment ------------------------------------------------ */

static void *use_elsewhere(void *arg)
{
	struct sqla_session *s = arg;
	struct sqla_rows *rows = NULL;

	expect_told(sqla_exec(s, "INSERT INTO t(v) VALUES (2)"), SQLA_EMISUSE, "exec");
	expect_remedy("exec");
	expect_told(sqla_query(s, &rows, "SELECT 1"), SQLA_EMISUSE, "query");
	expect_told(sqla_session_rollback(s), SQLA_EMISUSE, "rollback");
	expect_told(sqla_session_mark_changed(s), SQLA_EMISUSE, "mark_changed");
	expect_told(sqla_session_must_decide(s), SQLA_EMISUSE, "must_decide");
	cr_expect(eq(ptr, (void *)sqla_session_sqlite(s), NULL));
	cr_expect(eq(int, txn_commit(), 0), "it is another manager's");
	cr_expect(eq(int, txn_abort(), 0));
	return NULL;
}

Test(bad_input, a_joined_session_is_refused_on_another_thread)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	in_thread(use_elsewhere, s);
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(bad_input, verbs_at_the_wrong_moment_change_nothing)
{
	struct sqla_session *s = must_open("till");
	struct txn_savepoint *sp;

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_told(txn_begin(), SQLA_EALREADY, "begin");
	expect_told(sqla_session_commit(s), SQLA_EMANAGED, "commit");
	expect_told(txn_resume(NULL), SQLA_EMISUSE, "resume");
	expect_told(txn_suspend(NULL), SQLA_EMISUSE, "suspend");
	expect_told(txn_savepoint(77, &sp), SQLA_EMISUSE, "savepoint");
	expect_told(txn_savepoint(0, NULL), SQLA_EMISUSE, "savepoint");
	expect_told(txn_savepoint_rollback(NULL), SQLA_EMISUSE, "rollback");
	expect_told(txn_join(txn_current(), NULL, NULL), SQLA_EMISUSE, "join");
	expect_told(txn_run(1, NULL, NULL), SQLA_EMISUSE, "run");
	expect_told(sqla_engine_unregister("till"), SQLA_EALREADY, "unregister");
	expect_remedy("unregister");
	cr_expect(eq(int, sqla_engine_reinit("till"), 0));
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(s);
}

Test(bad_input, closing_too_often_harms_nobody)
{
	struct sqla_session *s = must_open("till");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	sqla_session_close(s);
	sqla_session_close(s);
	sqla_session_close(s);
	expect_told(sqla_exec(s, "SELECT 1"), SQLA_EMISUSE, "closed");
	cr_expect(eq(int, txn_commit(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(eq(int, sqla_session_remove("till"), 0));
}

Test(bad_input, rows_outlive_what_they_came_from)
{
	struct sqla_session *s = must_open("till");
	struct sqla_rows *rows;

	must_run(s, "INSERT INTO t(v) VALUES (1), (2)");
	cr_assert(eq(int, sqla_query(s, &rows, "SELECT v FROM t"), 0));
	cr_expect(eq(int, sqla_rows_next(rows), 1));
	cr_expect(eq(int, txn_abort(), 0));
	sqla_session_close(s);
	cr_expect(lt(int, sqla_rows_next(rows), 0));
	cr_expect(eq(ptr, (void *)sqla_rows_session(rows), NULL));
	cr_expect(lt(int, sqla_rows_close(rows), 0));
	cr_expect(eq(int, sqla_rows_close(NULL), 0));
}
