#include "sqlite/site.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static int64_t tables_in(const char *file)
{
	char *path = scratch_path(file);
	int64_t n = must_query_int_file(path, "SELECT count(*) FROM sqlite_schema "
					      "WHERE name = 'sqlassist_decision'");

	free(path);
	return n;
}

static void exec_in(const char *file, const char *sql)
{
	char *path = scratch_path(file);

	must_exec_file(path, "%s", sql);
	free(path);
}

Test(site, is_made_when_a_joined_engine_is_first_opened)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	char one[TXN_SITE_MAX + 1], two[TXN_SITE_MAX + 1];

	cr_assert(eq(int, lite_driver.site(conn, one), 0));
	cr_expect(eq(sz, strlen(one), 36));
	lite_driver.close(conn);
	conn = must_open("x.db", NULL);
	cr_assert(eq(int, lite_driver.site(conn, two), 0));
	cr_expect(eq(str, one, two));
	lite_driver.close(conn);
}

Test(site, is_not_made_where_it_is_not_wanted)
{
	static const struct sqla_engine_options options[] = {
		{ .joined = SQLA_NO },
		{ .decision_table = SQLA_TABLE_MANUAL },
		{ .decide = SQLA_DECIDE_NEVER },
	};

	for (size_t i = 0; i < 3; i++) {
		struct driver_conn *conn = must_open("x.db", &options[i]);
		char site[TXN_SITE_MAX + 1] = "untouched";

		must_run(conn, "CREATE TABLE IF NOT EXISTS t(a)");
		cr_expect(eq(int, lite_driver.site(conn, site), SQLA_EUNSAFE));
		cr_expect(eq(str, site, (char *)"untouched"));
		cr_expect(zero(int, (int)lite_driver.abilities(conn) & TXN_DECIDES));
		lite_driver.close(conn);
	}
	cr_expect(eq(i64, tables_in("x.db"), 0));
}

Test(site, is_not_made_by_recovery)
{
	exec_in("x.db", "CREATE TABLE t(a)");
	lite_driver.close(must_open_recovery("x.db"));
	cr_expect(eq(i64, tables_in("x.db"), 0));
}

Test(site, can_be_made_by_an_administrator)
{
	struct sqla_engine_options manual = { .decision_table = SQLA_TABLE_MANUAL };
	struct driver_conn *conn = must_open("x.db", &manual);
	char *sql = lite_driver.doctor_sql(conn->config);
	char site[TXN_SITE_MAX + 1];

	cr_assert(ne(ptr, sql, NULL));
	exec_in("x.db", sql);
	exec_in("x.db", sql);
	cr_expect(eq(int, lite_driver.site(conn, site), 0));
	must_begin(conn);
	cr_expect(eq(int, (int)lite_driver.abilities(conn),
		     TXN_DECIDES | TXN_DECIDES_LOCAL | TXN_FOLLOWS));
	free(sql);
	lite_driver.close(conn);
}

Test(site, is_made_later_when_the_file_was_busy)
{
	struct sqla_engine_options options = { .busy_timeout_ms = 50 };
	struct sqla_engine_options unjoined = { .joined = SQLA_NO };
	struct driver_conn *writer = must_open("x.db", &unjoined);
	struct driver_conn *conn;

	must_begin(writer);
	must_run(writer, "CREATE TABLE t(a)");
	conn = must_open("x.db", &options);
	must_begin(conn);
	cr_expect(eq(i64, must_int(conn, "SELECT 1"), 1));
	cr_expect(zero(int, (int)lite_driver.abilities(conn) & TXN_DECIDES));
	cr_expect(ne(ptr, strstr(lite_driver.why_not(conn, TXN_DECIDES), "could not be written"),
		     NULL));
	cr_expect(eq(int, lite_driver.rollback(conn), 0));
	cr_expect(eq(int, lite_driver.commit(writer), 0));
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1)");
	cr_expect(eq(int, (int)lite_driver.abilities(conn),
		     TXN_DECIDES | TXN_DECIDES_LOCAL | TXN_FOLLOWS));
	lite_driver.close(conn);
	lite_driver.close(writer);
}

static void *open_and_read(void *arg)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	if (lite_driver.site(conn, arg) < 0)
		must_fail("site: %s", sqla_error_last()->message);
	lite_driver.close(conn);
	return NULL;
}

Test(site, is_one_when_many_open_at_once)
{
	char sites[8][TXN_SITE_MAX + 1];
	pthread_t threads[8];

	(void)scratch_dir();
	for (size_t i = 0; i < 8; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, open_and_read, sites[i]), 0));
	for (size_t i = 0; i < 8; i++)
		(void)pthread_join(threads[i], NULL);
	for (size_t i = 1; i < 8; i++)
		cr_expect(eq(str, sites[0], sites[i]));
}

Test(site, is_refused_without_its_row_or_with_a_strange_one)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	char site[TXN_SITE_MAX + 1];

	exec_in("x.db", "UPDATE sqlassist_decision SET txn = 'here' WHERE verdict = 'site'");
	cr_expect(eq(int, lite_driver.site(conn, site), SQLA_EUNSAFE));
	exec_in("x.db", "DELETE FROM sqlassist_decision");
	cr_expect(eq(int, lite_driver.site(conn, site), SQLA_EUNSAFE));
	lite_driver.close(conn);
}

Test(site, cannot_have_two_rows)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	cr_expect(eq(int,
		     run(conn, "INSERT INTO sqlassist_decision(txn, verdict, branches) "
			       "VALUES ('" UUID_ONE "', 'site', '')"),
		     SQLA_EDATABASE));
	lite_driver.close(conn);
}

/* ---- rows -------------------------------------------------------------------- */

struct seen {
	int n;
	int answer;
	char last[128];
};

static int see(void *arg, const struct driver_row *row)
{
	struct seen *seen = arg;

	seen->n++;
	(void)snprintf(seen->last, sizeof(seen->last), "%s %s %s", row->uuid, row->verdict,
		       row->branches);
	return seen->answer;
}

static void make_rows(void)
{
	lite_driver.close(must_open("x.db", NULL));
	exec_in("x.db", "INSERT INTO sqlassist_decision VALUES "
			"('" UUID_ONE "', 'committed', 'a=b', strftime('%s', 'now') - 100), "
			"('" UUID_TWO "', 'aborted', '', strftime('%s', 'now'))");
}

Test(site, lists_rows_by_age_and_never_itself)
{
	struct driver_conn *conn;
	struct seen seen = { 0 };

	make_rows();
	conn = must_open_recovery("x.db");
	cr_expect(eq(int, lite_driver.list_rows(conn, 0, see, &seen), 0));
	cr_expect(eq(int, seen.n, 2));
	seen.n = 0;
	cr_expect(eq(int, lite_driver.list_rows(conn, 60, see, &seen), 0));
	cr_expect(eq(int, seen.n, 1));
	cr_expect(eq(str, seen.last, (char *)UUID_ONE " committed a=b"));
	seen = (struct seen){ .answer = SQLA_ENOMEM };
	cr_expect(eq(int, lite_driver.list_rows(conn, 0, see, &seen), SQLA_ENOMEM));
	cr_expect(eq(int, seen.n, 1));
	lite_driver.close(conn);
}

Test(site, lists_no_rows_without_a_table)
{
	struct driver_conn *conn;
	struct seen seen = { 0 };

	exec_in("x.db", "CREATE TABLE t(a)");
	conn = must_open_recovery("x.db");
	cr_expect(eq(int, lite_driver.list_rows(conn, 0, see, &seen), 0));
	cr_expect(eq(int, lite_driver.forget_rows(conn, NULL, 0), 0));
	cr_expect(eq(int, lite_driver.purge_tombstones(conn), 0));
	cr_expect(eq(int, seen.n, 0));
	lite_driver.close(conn);
}

/* I5 */
Test(site, forgets_decisions_and_no_tombstones)
{
	static const char *const uuids[] = { UUID_ONE, UUID_TWO, "nobody's" };
	struct driver_conn *conn;

	make_rows();
	conn = must_open_recovery("x.db");
	cr_expect(eq(int, lite_driver.forget_rows(conn, uuids, 3), 0));
	cr_expect(not(has_row("x.db", UUID_ONE)));
	cr_expect(has_row("x.db", UUID_TWO));
	cr_expect(eq(int, lite_driver.purge_tombstones(conn), 1));
	cr_expect(not(has_row("x.db", UUID_TWO)));
	lite_driver.close(conn);
}

Test(site, forgets_nothing_while_somebody_writes)
{
	static const char *const uuids[] = { UUID_ONE };
	struct driver_conn *writer, *conn;

	make_rows();
	writer = must_open("x.db", NULL);
	conn = must_open_recovery("x.db");
	must_begin(writer);
	must_run(writer, "CREATE TABLE t(a)");
	cr_expect(eq(int, lite_driver.forget_rows(conn, uuids, 1), SQLA_ERETRY));
	cr_expect(eq(int, lite_driver.purge_tombstones(conn), SQLA_ERETRY));
	lite_driver.close(writer);
	lite_driver.close(conn);
}
