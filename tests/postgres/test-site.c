#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postgres/driver.h"
#include "postgres/link.h"
#include "postgres/pg.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "main" }, { .name = "loose", .conf = "fsync = off" })

static unsigned decides(struct driver_conn *conn)
{
	return pg_driver.abilities(conn) & TXN_DECIDES;
}

static void check_cannot(struct driver_conn *conn, const char *why)
{
	cr_assert(eq(uint, decides(conn), 0));
	cr_assert(ne(ptr, strstr(pg_driver.why_not(conn, TXN_DECIDES), why), NULL), "%s",
		  pg_driver.why_not(conn, TXN_DECIDES));
	must_begin(conn);
	cr_assert(eq(int, claim(conn, UUID_ONE), SQLA_EUNSAFE));
	(void)pg_driver.rollback(conn);
	pg_driver.close(conn);
}

static int64_t count_tables(const char *url)
{
	return must_query_int_at(url, "SELECT count(*) FROM pg_class WHERE relname = "
				      "'sqlassist_decision'");
}

/* A role that may do nothing but connect. */
static char *url_of_stranger(const char *url)
{
	must_exec_at(url, "DO $$BEGIN CREATE ROLE stranger LOGIN; EXCEPTION WHEN duplicate_object "
			  "THEN NULL; WHEN unique_violation THEN NULL; END$$");
	return must_printf("%s%suser=stranger", url, strchr(url, '?') ? "&" : "?");
}

Test(site, is_made_at_the_first_connection)
{
	const char *url = new_database("made");
	struct driver_conn *conn = must_open(url, NULL), *again = must_open(url, NULL);
	char site[TXN_SITE_MAX + 1], same[TXN_SITE_MAX + 1];

	cr_assert(eq(uint, decides(conn), TXN_DECIDES));
	cr_assert(eq(int, pg_driver.site(conn, site), 0));
	cr_assert(eq(sz, strlen(site), 36));
	cr_assert(eq(int, pg_driver.site(again, same), 0));
	cr_assert(eq(str, site, same));
	pg_driver.close(conn);
	pg_driver.close(again);
}

Test(site, is_made_once_by_many_at_the_same_time)
{
	const char *url = new_database("race");
	enum { N = 8 };
	pid_t children[N];
	int status;

	for (int i = 0; i < N; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct driver_conn *conn = must_open(url, NULL);
			bool is_made = decides(conn);

			pg_driver.close(conn);
			_exit(is_made ? 0 : 1);
		}
	}
	for (int i = 0; i < N; i++) {
		cr_assert(eq(int, waitpid(children[i], &status, 0), children[i]));
		cr_assert(eq(int, status, 0));
	}
	cr_assert(eq(i64,
		     must_query_int_at(url, "SELECT count(*) FROM "
					    "sqlassist.sqlassist_decision"),
		     1));
}

Test(site, stands_in_the_schema_that_is_configured)
{
	const struct sqla_engine_options options = { .decision_schema = "odd \"name\"; --" };
	const char *url = new_database("schema");
	struct driver_conn *conn = must_open(url, &options);

	cr_assert(eq(uint, decides(conn), TXN_DECIDES));
	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	cr_assert(eq(i64,
		     must_query_int_at(url, "SELECT count(*) FROM "
					    "\"odd \"\"name\"\"; --\".sqlassist_decision"),
		     2));
	pg_driver.close(conn);
}

Test(site, is_not_made_where_the_options_say_no)
{
	const struct sqla_engine_options none[] = {
		{ .decision_table = SQLA_TABLE_MANUAL },
		{ .decide = SQLA_DECIDE_NEVER },
		{ .joined = SQLA_NO },
		{ .readonly = SQLA_YES },
	};
	const char *url = new_database("notmade");
	struct driver_conn *conn;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		conn = must_open(url, &none[i]);
		cr_assert(eq(uint, decides(conn), 0));
		pg_driver.close(conn);
	}
	conn = must_open_recovery(url);
	pg_driver.close(conn);
	cr_assert(eq(i64, count_tables(url), 0));
}

Test(site, is_the_identity_of_the_database_where_there_is_no_table)
{
	const struct sqla_engine_options options = { .decide = SQLA_DECIDE_NEVER };
	const char *url = new_database("identity");
	struct driver_conn *conn = must_open(url, &options);
	char site[TXN_SITE_MAX + 1];
	char *wanted;
	PGconn *native = pg_driver.native(conn);

	wanted = must_query_text(native, "SELECT system_identifier || '-' || oid FROM "
					 "pg_control_system(), pg_database WHERE datname = "
					 "current_database()");
	cr_assert(eq(int, pg_driver.site(conn, site), 0));
	cr_assert(eq(str, site, wanted));
	free(wanted);
	pg_driver.close(conn);
}

Test(site, can_be_left_to_the_administrator)
{
	const char *url = new_database("admin"), *stranger = url_of_stranger(url);
	struct driver_conn *conn = must_open(stranger, NULL);
	struct engine_config *config = pg_config_of(stranger, NULL);
	char *sql = pg_driver.doctor_sql(config);

	check_cannot(conn, "permission denied");
	must_exec_at(url, "%s", sql);
	must_exec_at(url, "%s", sql); /* may be run again */
	conn = must_open(stranger, NULL);
	cr_assert(eq(uint, decides(conn), TXN_DECIDES));
	must_begin(conn);
	cr_assert(eq(int, claim(conn, UUID_ONE), 0));
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	pg_driver.close(conn);
	free(sql);
	config_unref(config);
	free((char *)stranger);
}

Test(site, tells_what_right_is_missing)
{
	const char *url = new_database("rights"), *stranger = url_of_stranger(url);
	struct driver_conn *conn = must_open(url, NULL);

	pg_driver.close(conn);
	conn = must_open(stranger, NULL);
	check_cannot(conn, "read and insert");
	must_exec_at(url, "GRANT USAGE ON SCHEMA sqlassist TO stranger");
	must_exec_at(url, "GRANT SELECT ON sqlassist.sqlassist_decision TO stranger");
	conn = must_open(stranger, NULL);
	check_cannot(conn, "read and insert");
	free((char *)stranger);
}

Test(site, is_found_by_a_connection_that_was_there_before)
{
	const struct sqla_engine_options manual = { .decision_table = SQLA_TABLE_MANUAL };
	const char *url = new_database("later");
	struct driver_conn *before = must_open(url, &manual), *maker = must_open(url, NULL);

	cr_assert(eq(uint, decides(before), 0));
	pg_link_of(before)->server.probed_ms -= 60000;
	must_begin(before);
	cr_assert(eq(uint, decides(before), TXN_DECIDES));
	pg_driver.close(before);
	pg_driver.close(maker);
}

Test(site, of_a_copy_does_not_decide)
{
	const char *url = new_database("original"), *copy;
	struct driver_conn *conn = must_open(url, NULL);
	char site[TXN_SITE_MAX + 1], other[TXN_SITE_MAX + 1];
	char *remedy;

	cr_assert(eq(int, pg_driver.site(conn, site), 0));
	pg_driver.close(conn);
	must_exec_at(url_on("main", "postgres"), "DROP DATABASE IF EXISTS copy");
	must_exec_at(url_on("main", "postgres"), "CREATE DATABASE copy TEMPLATE original");
	copy = url_on("main", "copy");
	conn = must_open(copy, NULL);
	cr_assert(eq(int, pg_driver.site(conn, other), 0));
	cr_assert(ne(str, site, other));
	remedy = must_printf("%s", strstr(pg_driver.why_not(conn, TXN_DECIDES), "UPDATE"));
	check_cannot(conn, "copy");
	/* As the text says, for a copy. */
	*strstr(remedy, ". If") = '\0';
	must_exec_at(copy, "%s", remedy);
	conn = must_open(copy, NULL);
	cr_assert(eq(uint, decides(conn), TXN_DECIDES));
	cr_assert(eq(int, pg_driver.site(conn, other), 0));
	cr_assert(ne(str, site, other));
	pg_driver.close(conn);
	free(remedy);
}

Test(site, that_has_moved_can_be_bound_again)
{
	const char *url = new_database("moved");
	struct driver_conn *conn = must_open(url, NULL);
	char site[TXN_SITE_MAX + 1], same[TXN_SITE_MAX + 1];
	char *remedy;

	cr_assert(eq(int, pg_driver.site(conn, site), 0));
	pg_driver.close(conn);
	must_exec_at(url, "UPDATE sqlassist.sqlassist_decision SET branches = '1.1'");
	conn = must_open(url, NULL);
	remedy = must_printf("%s", strstr(strstr(pg_driver.why_not(conn, TXN_DECIDES), "moved"),
					  "UPDATE"));
	check_cannot(conn, "copy");
	must_exec_at(url, "%s", remedy);
	conn = must_open(url, NULL);
	cr_assert(eq(uint, decides(conn), TXN_DECIDES));
	cr_assert(eq(int, pg_driver.site(conn, same), 0));
	cr_assert(eq(str, site, same));
	pg_driver.close(conn);
	free(remedy);
}

static void check_improper(const char *database, const char *ddl, const char *why)
{
	const char *url = new_database(database);
	struct driver_conn *conn = must_open(url, NULL);

	pg_driver.close(conn);
	must_exec_at(url, "%s", ddl);
	check_cannot(must_open(url, NULL), why);
}

Test(site, does_not_decide_with_a_table_that_arbitrates_nothing)
{
	check_improper("improper1", "ALTER TABLE sqlassist.sqlassist_decision SET UNLOGGED",
		       "unlogged");
	check_improper("improper2",
		       "CREATE RULE r AS ON INSERT TO sqlassist.sqlassist_decision DO INSTEAD "
		       "NOTHING",
		       "rules");
	check_improper("improper3",
		       "ALTER TABLE sqlassist.sqlassist_decision ENABLE ROW LEVEL SECURITY",
		       "row security");
	check_improper("improper4",
		       "ALTER TABLE sqlassist.sqlassist_decision DROP CONSTRAINT "
		       "sqlassist_decision_pkey",
		       "primary key");
	check_improper("improper5",
		       "ALTER TABLE sqlassist.sqlassist_decision DROP CONSTRAINT "
		       "sqlassist_decision_pkey, ADD PRIMARY KEY (txn) DEFERRABLE",
		       "deferrable");
	check_improper("improper6", "CREATE TABLE child () INHERITS (sqlassist.sqlassist_decision)",
		       "inherit");
	check_improper("improper7",
		       "DROP TABLE sqlassist.sqlassist_decision; CREATE VIEW "
		       "sqlassist.sqlassist_decision AS SELECT 1 AS i",
		       "plain table");
	check_improper("improper8",
		       "DROP TABLE sqlassist.sqlassist_decision; CREATE TABLE "
		       "sqlassist.sqlassist_decision (txn uuid PRIMARY KEY)",
		       "cannot be read");
	check_improper("improper9",
		       "DROP TABLE sqlassist.sqlassist_decision; "
		       "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
		       "CREATE FOREIGN TABLE sqlassist.sqlassist_decision (txn uuid) SERVER s",
		       "plain table");
	check_improper("improper10",
		       "DROP TABLE sqlassist.sqlassist_decision; CREATE TABLE "
		       "sqlassist.sqlassist_decision (txn uuid PRIMARY KEY, verdict text, "
		       "branches text, made_at timestamptz) PARTITION BY HASH (txn)",
		       "plain table");
}

/* Its owner may have fewer rights than who inserts into it. */
Test(site, does_not_decide_with_a_table_that_runs_code_of_its_owner)
{
	static const char *const codes[] = {
		"ALTER TABLE %s ALTER made_at SET DEFAULT f()",
		"ALTER TABLE %s ALTER made_at SET DEFAULT now() + pg_sleep(0)::text::interval",
		"ALTER TABLE %s ADD extra text DEFAULT query_to_xml('SELECT 1', true, true, '')",
		"ALTER TABLE %s ADD extra int GENERATED ALWAYS AS (length(verdict)) STORED",
		"ALTER TABLE %s ADD CHECK (f() IS NOT NULL)",
		"ALTER TABLE %s ALTER branches TYPE nosy",
		"CREATE INDEX i ON %s (f(txn))",
		"CREATE INDEX i ON %s (txn) WHERE f(txn) > 0",
	};
	static const char functions[] =
		"CREATE FUNCTION f() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'; "
		"CREATE FUNCTION f(uuid) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; "
		"CREATE DOMAIN nosy AS text CHECK (f() IS NOT NULL); ";

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char *format = must_printf("%s%s", functions, codes[i]);
		char *before = must_printf("%.*s", (int)(strstr(format, "%s") - format), format);
		char *ddl = must_printf("%ssqlassist.sqlassist_decision%s", before,
					strstr(format, "%s") + 2);

		check_improper("nosy", ddl, "runs code");
		free(ddl);
		free(before);
		free(format);
	}
}

Test(site, does_not_decide_without_fsync)
{
	check_cannot(must_open(url_on("loose", "postgres"), NULL), "fsync");
}

Test(site, that_may_not_be_identified_does_not_prepare)
{
	const char *url = new_database("unidentified");
	char *stranger = url_of_stranger(url);
	struct driver_conn *conn;

	pg_driver.close(must_open(url, NULL));
	must_exec_at(url, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
	conn = must_open(stranger, NULL);
	cr_expect(zero(uint, pg_driver.abilities(conn)));
	cr_expect(ne(ptr, strstr(pg_driver.why_not(conn, TXN_PREPARES), "pg_control_system"), NULL),
		  "%s", pg_driver.why_not(conn, TXN_PREPARES));
	pg_driver.close(conn);
	free(stranger);
}

Test(site, of_a_standby_neither_decides_nor_prepares)
{
	struct cluster *main_cluster = cluster_get("main");
	struct cluster *standby = cluster_start_standby("standby", main_cluster);
	struct driver_conn *conn = must_open(url_on("standby", "postgres"), NULL);

	cr_assert(eq(uint, pg_driver.abilities(conn), 0));
	cr_assert(ne(ptr, strstr(pg_driver.why_not(conn, TXN_PREPARES), "standby"), NULL));
	cr_assert(eq(int, pg_driver.list_prepared(conn, NULL, NULL), SQLA_EREADONLY));
	cr_assert(eq(int, pg_driver.is_prepared(conn, "x"), SQLA_EREADONLY));
	cr_assert(eq(int, pg_driver.list_rows(conn, 0, NULL, NULL), SQLA_EREADONLY));
	check_cannot(conn, "standby");
	cluster_free(standby);
	cluster_free(main_cluster);
}
