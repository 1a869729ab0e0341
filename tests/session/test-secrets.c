/* A password, wherever libpq takes one from, is in nothing that the library says. */
#include <sqlassist.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/main.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

TEST_MAIN_JOBS(1, { .name = "one" })

#define SECRET "s3cr3t-w0rd"

/* Everything that was said, one behind the other. */
static FILE *said;
static char *text;
static size_t size;

static void say(const char *words)
{
	(void)fprintf(said, "%s\n", words ? words : "");
}

static void say_error(void)
{
	say(sqla_error_last()->message);
	say(sqla_error_last()->hint);
}

static void on_log(enum sqla_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	say(line);
}

static void on_finding(const struct sqla_finding *finding, void *arg)
{
	(void)arg;
	say(finding->message);
	say(finding->remedy);
}

static void on_unreachable(const char *engine, const char *reason, const char *hint, void *arg)
{
	(void)arg;
	say(engine);
	say(reason);
	say(hint);
}

static void setup(void)
{
	said = open_memstream(&text, &size);
	if (!said)
		must_fail("out of memory");
	sqla_log_set(SQLA_LOG_DEBUG, on_log, NULL);
}

static void teardown(void)
{
	sqla_log_set(SQLA_LOG_DEBUG, NULL, NULL);
	(void)sqla_engine_unregister(NULL);
	(void)fclose(said);
	free(text);
}

TestSuite(secrets, .init = setup, .fini = teardown);

static void say_panel(void)
{
	static char *(*const readings[])(const struct sqla_panel *) = { sqla_panel_json,
									sqla_panel_html,
									sqla_panel_prometheus };
	struct sqla_panel *panel = NULL;

	cr_assert(zero(int, sqla_panel_take(NULL, &panel)));
	for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		char *reading = readings[i](panel);

		say(reading);
		free(reading);
	}
	sqla_panel_free(panel);
}

/* Work that succeeds where it can, and fails. */
static void work(void)
{
	struct sqla_session *s = NULL;

	if (sqla_session_open("bank", &s) < 0 || sqla_exec(s, "INSERT INTO t(v) VALUES (1)") < 0)
		say_error();
	if (s && sqla_exec(s, "no statement") < 0)
		say_error();
	if (txn_commit() < 0)
		say_error();
	(void)txn_abort();
	sqla_session_close(s);
}

static void administrate(void)
{
	static const struct sqla_recover_options now = { .grace_s = -1,
							 .unreachable = on_unreachable };
	char *sql;

	if (sqla_recover(&now, NULL, NULL, NULL) < 0 || sqla_in_doubt(NULL, NULL) < 0)
		say_error();
	if (sqla_doctor(NULL, on_finding, NULL) < 0)
		say_error();
	sql = sqla_doctor_sql("bank");
	say(sql);
	free(sql);
	say_panel();
}

/* IS_THERE: a server answers at the URL. */
static void check_url(const char *url, bool is_there)
{
	static const struct sqla_engine_options chatty = { .echo = SQLA_YES,
							   .connect_timeout_ms = 5000 };
	size_t before = (size_t)ftell(said);

	if (sqla_engine_register("bank", url, &chatty) < 0)
		say_error();
	work();
	administrate();
	(void)sqla_engine_unregister("bank");
	(void)fflush(said);
	cr_expect(eq(ptr, strstr(text + before, SECRET), NULL), "%s", text + before);
	cr_expect(is_there == !strstr(text + before, "cannot connect"), "%s", text + before);
}

/* The URL of the server, and that of one that is not there. */
static void check_both(const char *format, const char *database, const char *folder)
{
	char *url = must_printf(format, database, folder);
	char *nowhere = must_printf(format, database, "/nowhere");

	check_url(url, true);
	check_url(nowhere, false);
	free(nowhere);
	free(url);
}

static void must_write(const char *path, const char *format, const char *folder)
{
	FILE *out = fopen(path, "w");

	if (!out || fprintf(out, format, folder) < 0 || fclose(out) != 0 || chmod(path, 0600) < 0)
		must_fail("cannot write %s", path);
}

static const char *make_database(char **ret_folder)
{
	struct cluster *c = cluster_get("one");
	char *url = cluster_database(c, "secrets");

	must_exec_at(url, "CREATE TABLE t(v int)");
	*ret_folder = must_printf("%s", cluster_folder(c));
	free(url);
	cluster_free(c);
	return "secrets";
}

Test(secrets, in_a_url_are_not_told)
{
	static const char *const forms[] = {
		"postgresql://postgres:" SECRET "@/%s?host=%s",
		"postgresql:///%s?host=%s&user=postgres&password=" SECRET,
		"postgresql:///%s?host=%s&user=postgres&pass%%77ord=" SECRET,
		"postgresql:///%s?host=%s&user=postgres&sslpassword=" SECRET,
	};
	char *folder;
	const char *database = make_database(&folder);

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		check_both(forms[i], database, folder);
	free(folder);
}

Test(secrets, in_the_environment_are_not_told)
{
	char *folder;
	const char *database = make_database(&folder);

	cr_assert(zero(int, setenv("PGPASSWORD", SECRET, 1)));
	check_both("postgresql:///%s?host=%s&user=postgres", database, folder);
	free(folder);
}

Test(secrets, in_files_are_not_told)
{
	char *passwords = scratch_path("pgpass"), *services = scratch_path("services"), *folder;
	const char *database = make_database(&folder);
	char *url = must_printf("postgresql:///%%s?host=%%s&user=postgres&passfile=%s", passwords);

	must_write(passwords, "*:*:*:*:" SECRET "\n%s", "");
	check_both(url, database, folder);
	must_write(services, "[bank]\nhost=%s\nuser=postgres\npassword=" SECRET "\n", folder);
	cr_assert(zero(int, setenv("PGSERVICEFILE", services, 1)));
	check_url("postgresql:///secrets?service=bank", true);
	free(url);
	free(services);
	free(passwords);
	free(folder);
}

/* It does not get far enough to be parsed. */
Test(secrets, in_what_is_no_url_are_not_told)
{
	static const char *const wrong[] = {
		"postgresql://u:" SECRET "@h/db?password=" SECRET "&nothing=1",
		"mysql://u:" SECRET "@h/db",
		"postgresql://u:" SECRET "@h@i/db",
		("host=h password=" SECRET),
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect(lt(int, sqla_engine_register("bank", wrong[i], NULL), 0), "%s", wrong[i]);
		say_error();
	}
	(void)fflush(said);
	cr_expect(eq(ptr, strstr(text, SECRET), NULL), "%s", text);
}
