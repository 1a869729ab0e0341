#include "sqlite/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

struct findings {
	const char *wanted;
	enum sqla_severity severity;
	char message[256];
	int n;
};

static void keep(const struct sqla_finding *finding, void *arg)
{
	struct findings *findings = arg;

	findings->n++;
	if (finding->severity != SQLA_FINDING_OK && !finding->remedy[0])
		must_fail("%s: a finding without a remedy", finding->check);
	if (strcmp(finding->check, findings->wanted) != 0)
		return;
	findings->severity = finding->severity;
	(void)snprintf(findings->message, sizeof(findings->message), "%s", finding->message);
}

/* What is found under WANTED. */
static struct findings examine(const char *file, const char *wanted,
			       const struct sqla_engine_options *options, int *ret_worst)
{
	struct findings findings = { .wanted = wanted, .severity = (enum sqla_severity) - 1 };
	char *url = scratch_sqlite_url(file);
	struct engine_config *config = lite_config_of(url, options);

	*ret_worst = lite_driver.doctor(config, keep, &findings);
	config_unref(config);
	free(url);
	return findings;
}

static void exec_in(const char *file, const char *sql)
{
	char *path = scratch_path(file);

	must_exec_file(path, "%s", sql);
	free(path);
}

Test(doctor, finds_a_good_file_good)
{
	int worst;
	struct findings found;

	lite_driver.close(must_open("x.db", NULL));
	found = examine("x.db", "decision-table", NULL, &worst);
	cr_expect(lt(int, worst, SQLA_FINDING_ERROR));
	cr_expect(eq(int, found.severity, SQLA_FINDING_OK));
	cr_expect(ne(ptr, strstr(found.message, "site "), NULL));
	cr_expect(ge(int, found.n, 7));
}

Test(doctor, makes_nothing)
{
	int worst;
	char *path = scratch_path("x.db");

	(void)examine("x.db", "open", NULL, &worst);
	cr_expect(eq(int, worst, SQLA_FINDING_ERROR));
	cr_expect(ne(int, access(path, F_OK), 0));
	exec_in("x.db", "CREATE TABLE t(a)");
	cr_expect(ne(ptr,
		     strstr(examine("x.db", "decision-table", NULL, &worst).message, "first used"),
		     NULL));
	cr_expect(eq(i64, must_query_int_file(path, "SELECT count(*) FROM sqlite_schema"), 1));
	free(path);
}

Test(doctor, finds_a_missing_table_where_it_is_made_by_hand)
{
	struct sqla_engine_options manual = { .decision_table = SQLA_TABLE_MANUAL };
	int worst;

	exec_in("x.db", "CREATE TABLE t(a)");
	cr_expect(eq(int, examine("x.db", "decision-table", &manual, &worst).severity,
		     SQLA_FINDING_ERROR));
	cr_expect(eq(int, worst, SQLA_FINDING_ERROR));
}

Test(doctor, finds_a_trigger_on_the_table)
{
	int worst;

	lite_driver.close(must_open("x.db", NULL));
	exec_in("x.db", "CREATE TRIGGER s AFTER INSERT ON sqlassist_decision BEGIN SELECT 1; END");
	cr_expect(eq(int, examine("x.db", "decision-table", NULL, &worst).severity,
		     SQLA_FINDING_ERROR));
}

Test(doctor, finds_a_file_that_is_damaged)
{
	char *path = scratch_path("x.db");
	FILE *file;
	int worst;

	lite_driver.close(must_open("x.db", NULL));
	exec_in("x.db", "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(20000))");
	file = fopen(path, "r+");
	cr_assert(ne(ptr, file, NULL));
	(void)fseek(file, -9000, SEEK_END);
	for (int i = 0; i < 9000; i++)
		(void)fputc('x', file);
	(void)fclose(file);
	cr_expect(eq(int, examine("x.db", "integrity", NULL, &worst).severity, SQLA_FINDING_ERROR));
	free(path);
}

Test(doctor, finds_a_second_name_of_the_file)
{
	char *path = scratch_path("x.db"), *other = scratch_path("y.db");
	int worst;

	lite_driver.close(must_open("x.db", NULL));
	cr_assert(eq(int, link(path, other), 0));
	cr_expect(eq(int, examine("x.db", "links", NULL, &worst).severity, SQLA_FINDING_ERROR));
	free(path);
	free(other);
}

Test(doctor, finds_a_memory_database_undurable)
{
	struct engine_config *config = lite_config_of("sqlite://", NULL);
	struct findings found = { .wanted = "durability" };

	cr_expect(eq(int, lite_driver.doctor(config, keep, &found), SQLA_FINDING_ERROR));
	cr_expect(ne(ptr, strstr(found.message, "memory"), NULL));
	config_unref(config);
}
