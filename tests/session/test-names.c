/* Names that nobody would choose: they are names on every engine, and SQL on none. */
#include <sqlassist.h>

#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" })

#define LONGEST "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

/* Of databases, roles, schemas, files and engines. */
static const char *const names[] = {
	"'; DROP TABLE t; --",
	"\"; DROP TABLE t; --",
	"\\'; DROP TABLE t; -- %s%n $1 ?",
	"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\nnew\tline",
	LONGEST,
};

/* As a URL has it. */
static char *escaped(const char *name)
{
	char *text = NULL;
	size_t size = 0;
	FILE *into = open_memstream(&text, &size);

	for (const char *c = name; into && *c; c++)
		if (isalnum((unsigned char)*c))
			(void)fputc(*c, into);
		else
			(void)fprintf(into, "%%%02X", (unsigned)(unsigned char)*c);
	if (!into || fclose(into) != 0)
		must_fail("out of memory");
	return text;
}

static char *quoted(const char *url, const char *name)
{
	PGconn *conn = must_connect(url);
	char *libpqs = PQescapeIdentifier(conn, name, strlen(name));
	char *text = must_printf("%s", libpqs);

	PQfreemem(libpqs);
	PQfinish(conn);
	return text;
}

/* A database, a role that owns it, and its URL. */
static char *must_make(const char *name)
{
	struct cluster *c = cluster_get("one");
	char *admin = cluster_url(c, "postgres");
	char *identifier = quoted(admin, name), *part = escaped(name);
	char *url = must_printf("postgresql://%s@/%s%s", part, part, strchr(admin, '?'));

	must_exec_at(admin, "DROP DATABASE IF EXISTS %s", identifier);
	must_exec_at(admin, "DROP ROLE IF EXISTS %s", identifier);
	must_exec_at(admin, "CREATE ROLE %s LOGIN SUPERUSER", identifier);
	must_exec_at(admin, "CREATE DATABASE %s OWNER %s", identifier, identifier);
	must_exec_at(url, "CREATE TABLE t(id serial PRIMARY KEY, v int)");
	free(part);
	free(identifier);
	free(admin);
	cluster_free(c);
	return url;
}

/* Returns new text: the engine's name. */
static char *must_register_file(const char *name)
{
	char *part = escaped(name), *url = scratch_sqlite_url(part);
	char *path = scratch_path(name), *engine = must_printf("%.58s.file", name);

	must_exec_file(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, v int)");
	cr_assert(zero(int, sqla_engine_register(engine, url, NULL)));
	free(path);
	free(url);
	free(part);
	return engine;
}

/* Writes on both engines, and commits. */
static void transfer(const char *decider, const char *other)
{
	struct sqla_session *one = must_open(decider), *two = must_open(other);

	must_run(one, "INSERT INTO t(v) VALUES (1)");
	must_run(two, "INSERT INTO t(v) VALUES (1)");
	cr_expect(zero(int, txn_commit()), "%s: %s", decider, sqla_error_last()->message);
	sqla_session_close(one);
	sqla_session_close(two);
}

/* As a coordinator leaves it that has died before it decided. */
static void must_leave_branch(const char *at, const char *decider, const char *schema)
{
	PGconn *conn = must_connect(decider);
	char *site = must_query_text(conn,
				     "SELECT txn FROM %s.sqlassist_decision WHERE verdict = 'site'",
				     schema);

	must_exec_at(at,
		     "BEGIN; INSERT INTO t(v) VALUES (2); PREPARE TRANSACTION "
		     "'sqla1.01234567-89ab-4def-8123-456789abcdef.1.%s.x'",
		     site);
	PQfinish(conn);
	free(site);
}

static void hear(const struct sqla_finding *finding, void *arg)
{
	(void)arg;
	cr_expect(ne(int, (int)finding->severity, SQLA_FINDING_ERROR), "%s: %s", finding->check,
		  finding->message);
}

/* What an administrator would do with it. */
static void check_administration(const char *name, const char *plain, const char *schema)
{
	char *sql = sqla_doctor_sql(name);

	cr_assert(ne(ptr, sql, NULL));
	must_exec_at(plain, "%s", sql);
	cr_expect(zero(i64, must_query_int_at(plain,
					      "SELECT count(*) FROM %s.sqlassist_decision "
					      "WHERE verdict <> 'site'",
					      schema)));
	cr_expect(ge(int, sqla_doctor(name, hear, NULL), 0), "%s", sqla_error_last()->message);
	cr_expect(ge(int, sqla_doctor_purge_tombstones(name), 0));
	free(sql);
}

Test(names, are_names_on_every_engine)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct sqla_engine_options decides = { .decide = SQLA_DECIDE_PREFER,
							     .decision_schema = names[i] };
		struct sqla_recover_report report = { 0 };
		char *url = must_make(names[i]), *schema = quoted(url, names[i]);
		char *plain = must_server_engine("one", "plain", NULL);
		char *file = must_register_file(names[i]);

		cr_assert(zero(int, sqla_engine_register(names[i], url, &decides)), "%s",
			  sqla_error_last()->message);
		transfer(names[i], "plain");
		transfer(file, "plain");
		must_leave_branch(plain, url, schema);
		cr_expect(eq(int, sqla_in_doubt(NULL, NULL), 1), "%s", names[i]);
		cr_expect(zero(int, recover_now(&report)), "%s", sqla_error_last()->message);
		cr_expect(eq(int, report.rolled_back, 1));
		check_administration(names[i], plain, schema);
		cr_expect(eq(i64, rows_at(url), 1));
		cr_expect(eq(i64, rows_at(plain), 2));
		cr_assert(zero(int, sqla_engine_unregister(NULL)));
		free(file);
		free(plain);
		free(schema);
		free(url);
	}
}

/* Whoever may prepare transactions may name them as he likes. */
Test(names, of_foreign_branches_are_left_alone)
{
	static const char *const gids[] = {
		"sqla1.''; DROP TABLE t; --",
		"sqla1.01234567-89ab-4def-8123-456789abcdef.1.site.x''; DROP TABLE t; --",
		"sqla1.01234567-89ab-4def-8123-456789abcdef.01.site.x",
		"sqla1.",
		"sqla1.%s%n\\",
	};
	enum { N = sizeof(gids) / sizeof(gids[0]) };
	char *url = must_server_engine("one", "plain", NULL);
	struct sqla_recover_report report = { 0 };

	for (size_t i = 0; i < N; i++)
		must_exec_at(url, "BEGIN; INSERT INTO t(v) VALUES (1); PREPARE TRANSACTION '%s'",
			     gids[i]);
	cr_expect(zero(int, sqla_in_doubt(NULL, NULL)));
	cr_expect(zero(int, recover_now(&report)), "%s", sqla_error_last()->message);
	cr_expect(zero(int, report.rolled_back + report.committed + report.left));
	cr_expect(eq(i64, prepared_at(url), N));
	for (size_t i = 0; i < N; i++)
		must_exec_at(url, "ROLLBACK PREPARED '%s'", gids[i]);
	cr_expect(zero(i64, rows_at(url)));
	free(url);
}

/* ---- tables ------------------------------------------------------------------------ */

/* The one table that is not declared is still there. */
static void expect_t(const struct sqla_difference *d, void *arg)
{
	(void)arg;
	cr_expect(eq(int, (int)d->kind, SQLA_EXTRA), "%s %s: declared %s, found %s", d->aspect,
		  d->name, d->declared, d->found);
	cr_expect(eq(str, (char *)d->table, (char *)"t"));
}

static void check_table(const char *engine, const char *name)
{
	const struct sqla_column columns[] = {
		{ .name = "id", .type = SQLA_COL_INT, .primary_key = true },
		{ .name = name, .type = SQLA_COL_TEXT, .unique = true, .index = true },
	};
	const struct sqla_table table = { .name = name, SQLA_LIST(columns, columns) };
	struct sqla_metadata *metadata = NULL;

	cr_assert(zero(int, sqla_metadata_new(NULL, &metadata)));
	cr_assert(zero(int, sqla_metadata_add(metadata, &table)), "%s", sqla_error_last()->message);
	cr_expect(eq(int, sqla_metadata_create_all(metadata, engine), 1), "%s: %s", name,
		  sqla_error_last()->message);
	cr_expect(eq(int, sqla_metadata_check(metadata, engine, expect_t, NULL), 1), "%s: %s", name,
		  sqla_error_last()->message);
	cr_expect(eq(int, sqla_metadata_drop_all(metadata, engine), 1), "%s: %s", name,
		  sqla_error_last()->message);
	sqla_metadata_free(metadata);
}

Test(names, are_names_of_tables_and_columns)
{
	char *url = must_server_engine("one", "plain", NULL);
	char *path = must_file_engine("file", NULL);

	for (size_t i = 0; i + 1 < sizeof(names) / sizeof(names[0]); i++) {
		check_table("plain", names[i]);
		check_table("file", names[i]);
	}
	cr_expect(zero(i64, rows_at(url)));
	cr_expect(zero(i64, rows_in(path)));
	cr_assert(zero(int, sqla_engine_unregister(NULL)));
	free(path);
	free(url);
}
