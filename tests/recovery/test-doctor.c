/*
 * What doctor finds between engines, which no engine can find in itself.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlassist.h>

#include "support/must.h"
#include "support/scratch.h"

/* How often a check was told of, and the worst it said. */
struct heard {
	const char *check;
	int n;
	int worst;
	char message[1024];
};

static void hear(const struct sqla_finding *finding, void *arg)
{
	struct heard *heard = arg;

	cr_assert(ne(int, (int)strlen(finding->engine), 0));
	cr_assert(ne(int, (int)strlen(finding->message), 0));
	if (finding->severity != SQLA_FINDING_OK)
		cr_assert(ne(int, (int)strlen(finding->remedy), 0));
	if (strcmp(finding->check, heard->check) != 0)
		return;
	heard->n++;
	if ((int)finding->severity > heard->worst)
		heard->worst = (int)finding->severity;
	(void)snprintf(heard->message, sizeof(heard->message), "%s", finding->message);
}

static void must_register(const char *engine, const char *path)
{
	char *url = must_printf("sqlite:///%s", path);

	if (sqla_engine_register(engine, url, NULL) < 0)
		must_fail("cannot register %s: %s", url, sqla_error_last()->message);
	free(url);
}

/* A new file with a site, registered as ENGINE; its path. */
static char *make_till(const char *engine)
{
	char *path = scratch_path(engine);
	char *sql;

	must_exec_file(path, "CREATE TABLE t(x)");
	must_register(engine, path);
	sql = sqla_doctor_sql(engine);
	if (!sql)
		must_fail("no SQL: %s", sqla_error_last()->message);
	must_exec_file(path, "%s", sql);
	free(sql);
	return path;
}

Test(doctor, finds_that_two_engines_can_neither_prepare)
{
	struct heard heard = { .check = "pair" };
	char *one = make_till("one"), *two = make_till("two");

	must_exec_file(two, "PRAGMA journal_mode = WAL");
	cr_assert(ge(int, sqla_doctor("one", hear, &heard), 0));
	cr_assert(eq(int, heard.n, 0));
	cr_assert(eq(int, sqla_doctor(NULL, hear, &heard), SQLA_FINDING_WARNING));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_WARNING));
	cr_assert(ne(ptr, strstr(heard.message, "\"two\""), NULL));
	cr_assert(eq(int, sqla_doctor(NULL, NULL, NULL), SQLA_FINDING_WARNING));
	free(one);
	free(two);
}

Test(doctor, finds_that_two_files_commit_together)
{
	struct heard heard = { .check = "pair" };
	char *one = make_till("one"), *two = make_till("two");

	cr_assert(ge(int, sqla_doctor(NULL, hear, &heard), 0));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_OK));
	free(one);
	free(two);
}

Test(doctor, warns_of_two_files_in_different_folders)
{
	struct heard heard = { .check = "pair" };
	char *folder = scratch_path("folder");
	char *one, *two;

	cr_assert(zero(int, mkdir(folder, 0755)));
	one = make_till("one");
	two = make_till("folder/two");
	cr_assert(eq(int, sqla_doctor(NULL, hear, &heard), SQLA_FINDING_WARNING));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_WARNING));
	cr_assert(ne(ptr, strstr(heard.message, "different folders"), NULL));
	free(folder);
	free(one);
	free(two);
}

Test(doctor, tells_of_a_hot_journal_before_it_opens_the_file)
{
	static const char header[] = { (char)0xd9, (char)0xd5, 0x05, (char)0xf9 };
	struct heard heard = { .check = "journal" };
	char *one = make_till("one"), *journal = must_printf("%s-journal", one);
	FILE *file = fopen(journal, "w");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(eq(sz, fwrite(header, 1, sizeof(header), file), sizeof(header)));
	cr_assert(zero(int, fclose(file)));
	cr_assert(eq(int, sqla_doctor("one", hear, &heard), SQLA_FINDING_WARNING));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(ne(ptr, strstr(heard.message, "rolls the file back"), NULL));
	heard = (struct heard){ .check = "journal" };
	cr_assert(ge(int, sqla_doctor("one", hear, &heard), 0));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_OK));
	free(journal);
	free(one);
}

Test(doctor, finds_a_copy_of_a_database)
{
	struct heard heard = { .check = "copy" };
	char *one = make_till("one"), *copy = scratch_path("copy");

	must_exec_file(one, "VACUUM INTO '%s'", copy);
	must_register("copy", copy);
	cr_assert(eq(int, sqla_doctor(NULL, hear, &heard), SQLA_FINDING_ERROR));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_ERROR));
	free(one);
	free(copy);
}

Test(doctor, takes_no_offence_at_two_names_of_one_database)
{
	struct heard heard = { .check = "names" };
	char *one = make_till("one");

	must_register("other name", one);
	cr_assert(ge(int, sqla_doctor(NULL, hear, &heard), 0));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_OK));
	free(one);
}

Test(doctor, finds_that_a_file_is_missing)
{
	struct heard heard = { .check = "open" };
	char *path = scratch_path("missing");

	must_register("missing", path);
	cr_assert(eq(int, sqla_doctor(NULL, hear, &heard), SQLA_FINDING_ERROR));
	cr_assert(eq(int, heard.worst, SQLA_FINDING_ERROR));
	cr_assert(eq(int, sqla_doctor_purge_tombstones("missing"), SQLA_ECONNECT));
	free(path);
}

Test(doctor, knows_only_registered_engines)
{
	cr_assert(eq(int, sqla_doctor(NULL, hear, NULL), SQLA_FINDING_OK));
	cr_assert(eq(int, sqla_doctor("nobody", hear, NULL), SQLA_ENOTFOUND));
	cr_assert(eq(ptr, sqla_doctor_sql("nobody"), NULL));
	cr_assert(eq(int, sqla_error_last()->status, SQLA_ENOTFOUND));
	cr_assert(eq(int, sqla_doctor_purge_tombstones("nobody"), SQLA_ENOTFOUND));
}

Test(doctor, purges_no_decision)
{
	char *one = make_till("one");

	cr_assert(eq(int, sqla_doctor_purge_tombstones("one"), 0));
	must_exec_file(one, "INSERT INTO sqlassist_decision(txn, verdict, branches) VALUES "
			    "('0b8d6f6e-2f6f-4d0c-9a51-0a6d54d1a0e1', 'committed', '')");
	cr_assert(eq(int, sqla_doctor_purge_tombstones("one"), 0));
	cr_assert(eq(int,
		     (int)must_query_int_file(one, "SELECT count(*) FROM sqlassist_decision "
						   "WHERE verdict = 'committed'"),
		     1));
	free(one);
}
