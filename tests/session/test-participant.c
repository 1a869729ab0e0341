/*
 * A SQLite decider beside a branch that is prepared, which notes what whoever
 * looked at that moment would find (I4).
 */
#include <sqlassist.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/helper.h"
#include "support/must.h"
#include "support/test.h"
#include "txn/recorder.h"

static char *path; /* of engine "till" */
static struct sqla_session *till;
static struct recorder other;

/* When the other branch was told to prepare: */
static int lock_answer; /* SQLite's, when a look asked for the lock */
static int changes;	/* made to the till since the commit began */

static sqlite3 *handle; /* the till's */
static int changes_before;

static int try_lock(void)
{
	sqlite3 *db;
	int rc;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		must_fail("%s: %s", path, sqlite3_errmsg(db));
	rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return rc;
}

static int prepare(void *self, const char *gid)
{
	lock_answer = try_lock();
	changes = sqlite3_total_changes(handle) - changes_before;
	(void)snprintf(((struct recorder *)self)->gid, sizeof(other.gid), "%s", gid);
	return ((struct recorder *)self)->prepare;
}

static void setup(void)
{
	path = must_file_engine("till", NULL);
	recorder_init(&other, "other");
	other.ops.prepare = prepare;
	lock_answer = changes = -1;
	must_join(&other);
	till = must_open("till");
}

static void teardown(void)
{
	(void)txn_abort();
	sqla_session_close(till);
	recorder_close(&other);
	cr_expect(eq(int, sqla_session_remove(NULL), 0));
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(path);
}

TestSuite(participant, .init = setup, .fini = teardown);

static void expect_commit(int status)
{
	handle = sqla_session_sqlite(till);
	changes_before = sqlite3_total_changes(handle);
	cr_expect(eq(int, txn_commit(), status), "%s", sqla_error_last()->message);
}

static bool happened(const char *step)
{
	return strstr(recorder_log, step) != NULL;
}

static int64_t decisions(void)
{
	return must_query_int_file(path, "SELECT count(*) FROM sqlassist_decision "
					 "WHERE verdict = 'committed'");
}

Test(participant, I4_a_file_that_is_locked_makes_its_row_when_others_are_preparing)
{
	must_run(till, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_OK);
	cr_expect(eq(int, lock_answer, SQLITE_BUSY));
	cr_expect(zero(int, changes), "the row was made in front of PREPARE");
	cr_expect(eq(i64, decisions(), 1));
	cr_expect(eq(i64, rows_in(path), 1));
	cr_expect(happened("other.commit_prepared"));
}

/* Without the lock a recoverer could look, find no row, and roll back what the
 * claim then commits. */
Test(participant, I4_a_file_that_is_not_locked_makes_its_row_before_others_prepare)
{
	cr_assert(eq(int, sqla_session_mark_changed(till), 0));
	must_int(till, "SELECT count(*) FROM t");
	expect_commit(SQLA_OK);
	cr_expect(eq(int, lock_answer, SQLITE_BUSY));
	cr_expect(eq(int, changes, 1), "the row was not there in front of PREPARE");
	cr_expect(eq(i64, decisions(), 1));
	cr_expect(happened("other.commit_prepared"));
}

static void bury(void)
{
	char *sql = must_printf("INSERT INTO sqlassist_decision(txn, verdict, branches) "
				"VALUES ('%s', 'aborted', '')",
				txn_uuid(txn_current()));

	must_run(till, sql);
	free(sql);
}

Test(participant, I1_a_row_that_meets_a_tombstone_late_aborts_what_was_prepared)
{
	must_run(till, "INSERT INTO t(v) VALUES (1)");
	bury();
	expect_commit(SQLA_ERETRY);
	cr_expect(eq(int, lock_answer, SQLITE_BUSY));
	cr_expect(happened("other.rollback_prepared"));
	cr_expect(not(happened("other.commit_prepared")));
	cr_expect(eq(i64, rows_in(path), 0));
}

/* Nobody is asked for a row that was not made yet. */
Test(participant, a_no_of_another_undoes_a_file_whatever_became_of_its_row)
{
	other.prepare = SQLA_EDATABASE;
	must_run(till, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EDATABASE);
	cr_expect(eq(i64, decisions(), 0));
	cr_expect(eq(i64, rows_in(path), 0));
	cr_expect(zero(int, try_lock()), "the file is still locked");
}
