/*
 * What cannot carry a decision does not: another branch decides, or the
 * commit is refused before anything durable happens (I6), and says why.
 */
#include <sqlassist.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/helper.h"
#include "session/servers.h"
#include "sqlite/shim.h"
#include "support/main.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" }, { .name = "two" }, { .name = "lazy", .conf = "fsync = off" })

static struct pair pair;

static void setup(void)
{
	pair_open(&pair, NULL, NULL);
}

static void teardown(void)
{
	pair_close(&pair);
}

TestSuite(unsafe, .init = setup, .fini = teardown);

static void expect_commit(int status)
{
	cr_expect(eq(int, txn_commit(), status), "%s", sqla_error_last()->message);
}

/* ---- a decision table that arbitrates nothing -------------------------------------- */

/* The table is made at the first use. */
static void must_use_both(void)
{
	must_run(pair.b, "SELECT 1");
	must_run(pair.s, "SELECT 1");
	if (txn_commit() != 0)
		must_fail("%s", sqla_error_last()->message);
}

static void spoil(const char *url, const char *sql)
{
	must_exec_at(url, "SET search_path = sqlassist, public; %s", sql);
	/* What is pooled has judged the table before. */
	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
}

/* The bank prefers to decide and may not: the shop does; without it nobody. */
static void check_spoilt(const char *sql, const char *reason)
{
	must_use_both();
	spoil(pair.bank, sql);
	pair_work(&pair);
	expect_commit(0);
	cr_expect(pair_has(&pair, 1));
	cr_expect(eq(i64, decisions_at(pair.shop, "committed"), 1));

	spoil(pair.shop, sql);
	pair_work(&pair);
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says(reason), "%s", sqla_error_last()->message);
	cr_expect(ne(str, (char *)sqla_error_last()->engine, ""));
	cr_expect(ne(str, (char *)sqla_error_last()->hint, ""));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(pair_has(&pair, 1));

	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(pair.bank), 2));
}

Test(unsafe, a_table_with_a_trigger_does_not_decide)
{
	check_spoilt("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		     "'BEGIN RETURN NULL; END'; "
		     "CREATE TRIGGER own BEFORE INSERT ON sqlassist_decision FOR EACH ROW "
		     "EXECUTE FUNCTION f()",
		     "trigger");
}

Test(unsafe, a_table_with_a_rule_does_not_decide)
{
	check_spoilt("CREATE RULE own AS ON INSERT TO sqlassist_decision DO INSTEAD NOTHING",
		     "rule");
}

Test(unsafe, an_unlogged_table_does_not_decide)
{
	check_spoilt("ALTER TABLE sqlassist_decision SET UNLOGGED", "unlogged");
}

Test(unsafe, a_table_with_a_deferrable_key_does_not_decide)
{
	check_spoilt("ALTER TABLE sqlassist_decision DROP CONSTRAINT sqlassist_decision_pkey; "
		     "ALTER TABLE sqlassist_decision ADD PRIMARY KEY (txn) "
		     "DEFERRABLE INITIALLY DEFERRED",
		     "key");
}

Test(unsafe, a_table_with_row_security_does_not_decide)
{
	check_spoilt("ALTER TABLE sqlassist_decision ENABLE ROW LEVEL SECURITY", "row security");
}

/* Found out by the claim itself, since the connection has judged it before. */
Test(unsafe, a_trigger_that_comes_later_is_noticed_by_the_claim)
{
	must_use_both();
	pair_work(&pair);
	must_exec_at(pair.bank,
		     "SET search_path = sqlassist; "
		     "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
		     "'BEGIN RETURN NULL; END'; "
		     "CREATE TRIGGER own BEFORE INSERT ON sqlassist_decision FOR EACH ROW "
		     "EXECUTE FUNCTION f()");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(eq(str, (char *)sqla_error_last()->engine, "bank"));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(pair_has(&pair, 0));
}

/* ---- copies and standbys ---------------------------------------------------------------- */

static char *must_clone(const char *url, const char *name)
{
	struct cluster *c = cluster_get("one");
	char *postgres = cluster_url(c, "postgres");
	int length = (int)strcspn(strstr(url, "///") + 3, "?");
	char *original = must_printf("%.*s", length, strstr(url, "///") + 3);
	char *result = cluster_url(c, name);

	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
	must_exec_at(postgres,
		     "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
		     "WHERE datname = '%s'",
		     original);
	must_exec_at(postgres, "DROP DATABASE IF EXISTS \"%s\"", name);
	must_exec_at(postgres, "CREATE DATABASE \"%s\" TEMPLATE \"%s\"", name, original);
	free(original);
	free(postgres);
	cluster_free(c);
	return result;
}

Test(unsafe, a_database_that_was_cloned_does_not_decide_and_is_told_why)
{
	struct sqla_engine_options prefer = { .decide = SQLA_DECIDE_PREFER };
	struct sqla_session *s, *o;
	char *clone, *other;

	must_use_both();
	clone = must_clone(pair.bank, "clone");
	other = must_clone(pair.bank, "other");
	cr_assert(eq(int, sqla_engine_register("clone", clone, &prefer), 0));
	cr_assert(eq(int, sqla_engine_register("other", other, &prefer), 0));
	s = must_open("clone");
	o = must_open("other");

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(clone), 1));
	cr_expect(eq(i64, decisions_at(clone, "committed"), 0));
	cr_expect(eq(i64, decisions_at(pair.shop, "committed"), 1));

	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(o, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says("copy"), "%s", sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(other), 0));

	/* The original goes on, and its site is its own. */
	pair_work(&pair);
	expect_commit(0);
	cr_expect(eq(i64, decisions_at(pair.bank, "committed"), 1));
	cr_expect(eq(int, recover_now(NULL), 0), "%s", sqla_error_last()->message);
	sqla_session_close(s);
	sqla_session_close(o);
	free(clone);
	free(other);
}

struct heard {
	enum sqla_verdict verdict;
	char evidence[256];
};

static void hear(const struct sqla_in_doubt *branch, void *arg)
{
	struct heard *heard = arg;

	heard->verdict = branch->verdict;
	(void)snprintf(heard->evidence, sizeof(heard->evidence), "%s", branch->evidence);
}

/* The URL of what ORIGINAL is on the standby. */
static char *on_standby(const struct cluster *standby, const char *original)
{
	char *name = must_printf("%.*s", (int)strcspn(strstr(original, "///") + 3, "?"),
				 strstr(original, "///") + 3);
	char *url = cluster_url(standby, name);

	free(name);
	return url;
}

static void lose_shop(void *backend)
{
	must_await(pair.shop, "SELECT count(*) FROM pg_prepared_xacts");
	must_terminate(pair.shop, *(int *)backend);
}

Test(unsafe, a_standby_reads_and_proves_nothing)
{
	struct sqla_recover_options now = { .grace_s = -1 };
	struct heard heard = { .verdict = 0 };
	struct cluster *one = cluster_get("one"), *standby;
	struct sqla_session *s;
	int backend;
	char *url;

	must_use_both();
	standby = cluster_start_standby("standby", one);
	url = on_standby(standby, pair.bank);
	cr_assert(eq(int, sqla_engine_register("standby", url, NULL), 0));
	s = must_open("standby");
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 0));
	pair_work(&pair);
	backend = backend_of(pair.s);
	must_intervene(lose_shop, &backend);
	expect_commit(SQLA_PENDING);
	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_EREADONLY));
	cr_expect(ne(str, (char *)sqla_error_last()->hint, ""));
	cr_assert(eq(int, txn_abort(), 0));

	/* The decision is there, and on the standby nobody believes it. */
	sqla_session_close(s);
	sqla_session_close(pair.b);
	pair.b = NULL;
	cr_assert(eq(int, sqla_engine_unregister("bank"), 0));
	must_await(url, "SELECT count(*) FROM t");
	cr_expect(eq(int, sqla_recover(&now, hear, &heard, NULL), SQLA_PENDING));
	cr_expect(eq(int, (int)heard.verdict, SQLA_VERDICT_UNKNOWN));
	cr_expect(eq(i64, prepared_at(pair.shop), 1));
	cr_assert(eq(int, sqla_engine_register("primary", pair.bank, NULL), 0));
	cr_expect(eq(int, sqla_recover(&now, hear, &heard, NULL), 0), "%s", heard.evidence);
	cr_expect(pair_has(&pair, 1));
	cluster_free(standby);
	cluster_free(one);
	free(url);
}

/* ---- durability --------------------------------------------------------------------------- */

Test(unsafe, a_server_without_fsync_does_not_decide)
{
	struct sqla_engine_options prefer = { .decide = SQLA_DECIDE_PREFER };
	char *lazy = must_server_engine("lazy", "lazy", &prefer);
	char *idle = must_server_engine("lazy", "idle", &prefer);
	struct sqla_session *l = must_open("lazy");
	struct sqla_session *i = must_open("idle");

	must_run(l, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(lazy), 1));
	cr_expect(eq(i64, decisions_at(pair.shop, "committed"), 1));
	must_run(l, "INSERT INTO t(v) VALUES (1)");
	must_run(i, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says("fsync = off"), "%s", sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_at(idle), 0));
	sqla_session_close(l);
	sqla_session_close(i);
	free(lazy);
	free(idle);
}

/* What is put off to the end of a transaction runs behind what raises it. */
static void must_watch(const char *url)
{
	must_exec_at(url, "CREATE TABLE seen(setting text)");
	must_trigger_at_end(url, "INSERT INTO seen SELECT current_setting('synchronous_commit')");
}

/* The bank decides: its claim, which goes behind the triggers, asserts it. */
Test(unsafe, synchronous_commit_is_raised_where_others_depend_on_it)
{
	must_exec_at(pair.bank, "CREATE TABLE d(v int)");
	must_watch(pair.shop);
	must_run(pair.b, "SET LOCAL synchronous_commit = off");
	must_run(pair.s, "SET LOCAL synchronous_commit = off");
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.s, "INSERT INTO d VALUES (1)");
	expect_commit(0);
	cr_expect(
		eq(i64, must_query_int_at(pair.shop, "SELECT (setting = 'on')::int FROM seen"), 1));
}

/* A deferred trigger of the decider has the last word no more. */
Test(unsafe, synchronous_commit_is_raised_behind_deferred_triggers)
{
	must_trigger_at_end(pair.bank, "PERFORM set_config('synchronous_commit', 'off', true)");
	must_exec_at(pair.shop, "CREATE TABLE d(v int)");
	must_run(pair.b, "INSERT INTO d VALUES (1)");
	must_run(pair.s, "INSERT INTO d VALUES (1)");
	expect_commit(0);
}

/* ---- files --------------------------------------------------------------------------------- */

static void must_set(struct sqla_session *s, const char *pragma)
{
	struct sqla_rows *rows;

	if (sqla_query(s, &rows, pragma) < 0 || sqla_rows_close(rows) < 0 || txn_commit() < 0)
		must_fail("%s: %s", pragma, sqla_error_last()->message);
}

/* Registers engine NAME on URL, and opens a session with a table t. */
static struct sqla_session *must_memory(const char *name, const char *url, const char *pragma)
{
	struct sqla_engine_options kept = { .keep_session = SQLA_YES };
	struct sqla_session *s;

	if (sqla_engine_register(name, url, &kept) < 0)
		must_fail("%s", sqla_error_last()->message);
	s = must_open(name);
	if (pragma)
		must_set(s, pragma);
	must_run(s, "CREATE TABLE t(v)");
	expect_commit(0);
	return s;
}

/* Alone it commits; with others it is refused, or only reads. */
static void check_undurable(struct sqla_session *s, const char *reason)
{
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, must_int(pair.b, "SELECT count(*) FROM t"), 0));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says(reason), "%s", sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, must_int(s, "SELECT count(*) FROM t"), 2));
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_at(pair.bank), 1));
}

Test(unsafe, a_database_in_memory_takes_part_only_alone)
{
	struct sqla_session *s = must_memory("memory", "sqlite://", NULL);

	check_undurable(s, "in memory");
	sqla_session_close(s);
}

Test(unsafe, a_file_without_a_journal_takes_part_only_alone)
{
	char *url = scratch_sqlite_url("off");
	struct sqla_session *s = must_memory("off", url, NULL);

	/* The library forbids it, and a native handle allows it again. */
	must_run(s, "SELECT 1");
	expect_commit(0);
	cr_assert(eq(int,
		     sqlite3_db_config(sqla_session_sqlite(s), SQLITE_DBCONFIG_DEFENSIVE, 0, NULL),
		     SQLITE_OK));
	expect_commit(0);
	must_set(s, "PRAGMA journal_mode = OFF");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.b, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says("journal_mode is off"), "%s", sqla_error_last()->message);
	(void)txn_abort();
	cr_expect(eq(i64, rows_at(pair.bank), 0));
	sqla_session_close(s);
	free(url);
}

Test(unsafe, a_file_with_its_journal_in_memory_takes_part_only_alone)
{
	char *url = scratch_sqlite_url("journal");
	struct sqla_session *s = must_memory("journal", url, "PRAGMA journal_mode = MEMORY");

	check_undurable(s, "journal_mode is memory");
	sqla_session_close(s);
	free(url);
}

Test(unsafe, two_files_commit_together_with_servers_unless_one_cannot)
{
	char *one = must_file_engine("till", NULL), *other = must_file_engine("stock", NULL);
	struct sqla_session *t = must_open("till"), *s = must_open("stock");

	pair_work(&pair);
	must_run(t, "INSERT INTO t(v) VALUES (1)");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(0);
	cr_expect(eq(i64, rows_in(one) + rows_in(other), 2));
	cr_expect(pair_has(&pair, 1));

	pair_work(&pair);
	must_run(t, "INSERT INTO t(v) VALUES (1)");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_assert(zero(int, sqla_session_must_decide(pair.b)));
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says("sqla_session_must_decide"), "%s", sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(one) + rows_in(other), 2));

	must_exec_file(other, "PRAGMA journal_mode = WAL");
	pair_work(&pair);
	must_run(t, "INSERT INTO t(v) VALUES (1)");
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	expect_commit(SQLA_EUNSAFE);
	cr_expect(error_says("\"till\"") && error_says("\"stock\""), "%s",
		  sqla_error_last()->message);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(one) + rows_in(other), 2));
	cr_expect(pair_has(&pair, 1));
	sqla_session_close(t);
	sqla_session_close(s);
	free(one);
	free(other);
}

/* ---- a disk that fails -------------------------------------------------------------------------- */

/* The file decides; its COMMIT fails half-way. Whatever is in it then counts. */
static void fail_disk(const char *journal_mode, bool *fails, int64_t rows)
{
	char *path = must_file_engine("till", NULL);
	struct sqla_session *till;
	int status;

	must_exec_file(path, "PRAGMA journal_mode = %s", journal_mode);
	shim_install();
	till = must_open("till");
	must_run(till, "INSERT INTO t(v) VALUES (1)");
	must_run(pair.s, "INSERT INTO t(v) VALUES (1)");
	*fails = true;
	status = txn_commit();
	cr_expect(eq(int, status, rows ? SQLA_OK : SQLA_EABORTED), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(int, *fails, false));
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(int, recover_now(NULL), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(i64, rows_in(path), rows));
	cr_expect(eq(i64, rows_at(pair.shop), rows));
	cr_expect(eq(i64, prepared_at(pair.shop), 0));
	sqla_session_close(till);
	free(path);
}

Test(unsafe, a_directory_that_cannot_be_synced_at_commit_is_looked_at_again)
{
	fail_disk("DELETE", &shim.fails_directory_sync, 1);
}

Test(unsafe, a_log_that_cannot_be_synced_at_commit_is_looked_at_again)
{
	fail_disk("WAL", &shim.fails_wal_sync, 0);
}

static void fail_disk_alone(enum sqla_outcome outcome, int status)
{
	struct sqla_engine_options options = { .outcome = outcome };
	char *path = must_file_engine("till", &options);
	struct sqla_session *till;

	must_exec_file(path, "PRAGMA journal_mode = DELETE");
	shim_install();
	till = must_open("till");
	must_run(till, "INSERT INTO t(v) VALUES (1)");
	shim.fails_directory_sync = true;
	expect_commit(status);
	cr_assert(eq(int, txn_abort(), 0));
	cr_expect(eq(i64, rows_in(path), 1));
	sqla_session_close(till);
	free(path);
}

Test(unsafe, a_directory_that_cannot_be_synced_leaves_a_commit_alone_in_doubt)
{
	fail_disk_alone(SQLA_OUTCOME_XID, SQLA_EINDOUBT);
	cr_expect(error_says("outcome = row"), "%s", sqla_error_last()->hint);
}

Test(unsafe, a_directory_that_cannot_be_synced_leaves_no_doubt_with_rows)
{
	fail_disk_alone(SQLA_OUTCOME_ROW, 0);
}
