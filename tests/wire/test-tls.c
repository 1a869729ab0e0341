/*
 * What a URL says of TLS holds for every connection: a server lets nobody in by TCP
 * who shows no certificate of its authority, and what gets in is a session, the pool,
 * recovery, the doctor, the command. What does not fit is refused, and nothing is
 * sent in the clear instead.
 */
#include <sqlassist.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session/helper.h"
#include "session/servers.h"
#include "support/files.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"
#include "wire/proxy.h"

#define FOLDER "SQLASSIST_TEST_TLS" /* where the certificates are; of the environment */
#define HOST "db.sqlassist.test"

enum { WORDS_MAX = 32 };

/* ---- certificates -------------------------------------------------------- */

static char *in_folder(const char *name)
{
	return must_printf("%s/%s", getenv(FOLDER), name);
}

/* Runs openssl in the folder, with the words of FORMAT. */
__attribute__((format(printf, 1, 2))) static void openssl(const char *format, ...)
{
	char *argv[WORDS_MAX] = { (char *)"openssl" };
	va_list args;
	char *words, *rest;

	va_start(args, format);
	if (vasprintf(&words, format, args) < 0)
		must_fail("out of memory");
	va_end(args);
	rest = words;
	for (int i = 1; rest && i < WORDS_MAX - 1; i++)
		argv[i] = strsep(&rest, " ");
	if (files_run(argv) != 0)
		must_fail("openssl %s failed: install openssl", format);
	free(words);
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3"

static void make_authority(const char *name)
{
	const char *f = getenv(FOLDER);

	openssl("req -x509 " NEW_KEY " -keyout %s/%s.key -out %s/%s.crt -subj /CN=%s", f, name, f,
		name, name);
}

static void make_certificate(const char *authority, const char *name, const char *subject)
{
	const char *f = getenv(FOLDER);

	openssl("req -new " NEW_KEY " -keyout %s/%s.key -out %s/%s.csr -subj /CN=%s", f, name, f,
		name, subject);
	openssl("x509 -req -days 3 -in %s/%s.csr -out %s/%s.crt -CA %s/%s.crt -CAkey %s/%s.key "
		"-CAcreateserial",
		f, name, f, name, f, authority, f, authority);
}

/* The server reads its key as its own user, and wants nobody else to. */
static void give_to_server(const char *name)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
	char *path = in_folder(name);

	if (chmod(path, 0600) < 0 || (user && chown(path, user->pw_uid, user->pw_gid) < 0))
		must_fail("%s: %s", path, strerror(errno));
	free(path);
}

static void write_hba(void)
{
	char *path = in_folder("hba.conf");
	FILE *file = fopen(path, "we");

	if (!file || fprintf(file, "local all all trust\nhostssl all all 127.0.0.0/8 cert\n") < 0 ||
	    fclose(file) != 0)
		must_fail("%s: %s", path, strerror(errno));
	free(path);
}

/* An address of this process alone, so that the port may be everybody's. */
static char *address(void)
{
	int n = (int)getppid();

	return must_printf("127.%d.%d.%d", 100 + n / 62500 % 100, 1 + n / 250 % 250, 1 + n % 250);
}

static char *make_all(void)
{
	const char *f = getenv(FOLDER);
	char *where = address(), *conf;

	make_authority("authority");
	make_authority("stranger");
	make_certificate("authority", "server", HOST);
	make_certificate("authority", "client", "postgres");
	make_certificate("stranger", "forged", "postgres");
	give_to_server("server.key");
	write_hba();
	conf = must_printf("listen_addresses = '%s'\nssl = on\nssl_cert_file = '%s/server.crt'\n"
			   "ssl_key_file = '%s/server.key'\nssl_ca_file = '%s/authority.crt'\n"
			   "hba_file = '%s/hba.conf'\nlog_connections = on\n",
			   where, f, f, f, f);
	if (setenv("SQLASSIST_TEST_TLS_ADDRESS", where, 1) < 0)
		must_fail("out of memory");
	free(where);
	return conf;
}

int main(int argc, char *argv[])
{
	char *folder = files_temporary(), *conf;
	int result;

	if (!folder || setenv(FOLDER, folder, 1) < 0)
		must_fail("no folder");
	conf = make_all();
	result = test_main(argc, argv, 0,
			   (const struct test_cluster[]){ { .name = "tls", .conf = conf }, { 0 } });
	(void)files_remove_tree(folder);
	free(conf);
	free(folder);
	return result;
}

/* ---- engines ------------------------------------------------------------- */

static char *database;

static void setup(void)
{
	struct cluster *c = cluster_get("tls");
	char *url;

	database = must_printf("tls_%d", (int)getpid());
	url = cluster_database(c, database);
	must_exec_at(url, "CREATE TABLE t(id serial PRIMARY KEY, v int)");
	free(url);
	cluster_free(c);
}

static void teardown(void)
{
	(void)txn_abort();
	(void)sqla_engine_unregister(NULL);
	free(database);
}

TestSuite(tls, .init = setup, .fini = teardown);

/* A URL with a password, which nobody asks for, and what else the test says of it. */
static char *url_of(const char *host, const char *authority, const char *client)
{
	const char *f = getenv(FOLDER);
	char *certificate =
		client ? must_printf("&sslcert=%s/%s.crt&sslkey=%s/%s.key", f, client, f, client) :
			 must_printf("&sslcert=%s/none.crt", f);
	char *url = must_printf("postgresql://postgres:hunter2@/%s?host=%s&hostaddr=%s"
				"&sslmode=verify-full&sslrootcert=%s/%s.crt%s",
				database, host, getenv("SQLASSIST_TEST_TLS_ADDRESS"), f, authority,
				certificate);

	free(certificate);
	return url;
}

static void must_register(const char *host, const char *authority, const char *client)
{
	char *url = url_of(host, authority, client);

	if (sqla_engine_register("vault", url, NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(url);
}

static void register_well(void)
{
	must_register(HOST, "authority", "client");
}

static const char is_encrypted[] =
	"SELECT (ssl AND client_dn = '/CN=postgres')::int FROM pg_stat_ssl WHERE pid = "
	"pg_backend_pid()";

/* ---- everybody who connects ---------------------------------------------- */

Test(tls, holds_for_sessions_and_for_what_the_pool_opens_again)
{
	struct sqla_session *s;

	register_well();
	s = must_open("vault");
	cr_expect(eq(i64, must_int(s, is_encrypted), 1));
	must_run(s, "INSERT INTO t(v) VALUES (1)");
	cr_expect(eq(int, txn_commit(), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, sqla_engine_reinit("vault"), 0));
	cr_expect(eq(i64, must_int(s, is_encrypted), 1));
	sqla_session_close(s);
}

Test(tls, holds_for_recovery)
{
	struct sqla_recover_report report;

	register_well();
	cr_expect(eq(int, recover_now(&report), 0), "%s", sqla_error_last()->message);
	cr_expect(eq(int, report.unreachable, 0));
}

static void note_error(const struct sqla_finding *finding, void *arg)
{
	int *n = arg;

	*n += finding->severity == SQLA_FINDING_ERROR;
}

Test(tls, holds_for_the_doctor)
{
	int errors = 0;

	register_well();
	cr_expect(ge(int, sqla_doctor("vault", note_error, &errors), 0), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(int, errors, 0));
}

/* Its connections are the library's, by the same URL. */
Test(tls, holds_for_the_command)
{
	char *good = url_of(HOST, "authority", "client"), *bad = url_of(HOST, "stranger", "client");
	char *engine = must_printf("vault=%s", good), *other = must_printf("vault=%s", bad);
	char *const well[] = { (char *)COMMAND, (char *)"--engine", engine, (char *)"status",
			       NULL };
	char *const ill[] = { (char *)COMMAND, (char *)"--engine", other, (char *)"status", NULL };

	cr_expect(eq(int, files_run(well), 0));
	cr_expect(eq(int, files_run(ill), 3));
	free(good);
	free(bad);
	free(engine);
	free(other);
}

/* ---- what does not fit --------------------------------------------------- */

static void expect_refused(const char *why)
{
	struct sqla_recover_report report;
	struct sqla_session *s = must_open("vault");
	const struct sqla_error *e = sqla_error_last();

	cr_expect(eq(int, sqla_exec(s, "INSERT INTO t(v) VALUES (1)"), SQLA_ECONNECT));
	cr_expect(eq(str, (char *)e->engine, "vault"));
	cr_expect(error_says(why), "%s", e->message);
	cr_expect(not(error_says("hunter2")), "%s", e->message);
	cr_expect(eq(int, recover_now(&report), SQLA_PENDING));
	cr_expect(eq(int, report.unreachable, 1));
	sqla_session_close(s);
}

Test(tls, refuses_a_server_whose_authority_is_a_stranger)
{
	must_register(HOST, "stranger", "client");
	expect_refused("certificate verify failed");
}

Test(tls, refuses_a_server_of_another_name)
{
	must_register("bank.sqlassist.test", "authority", "client");
	expect_refused("bank.sqlassist.test");
}

Test(tls, is_refused_without_a_certificate_of_ones_own)
{
	must_register(HOST, "authority", NULL);
	expect_refused("certificate");
}

Test(tls, is_refused_with_a_forged_certificate)
{
	must_register(HOST, "authority", "forged");
	expect_refused("");
}

/* Whether anything but the request for TLS was said. */
static bool note_startup(void *arg, struct proxy_wire *wire, const struct wire_message *m)
{
	bool *has_started = arg;

	*has_started = *has_started || wire_is_startup(m);
	proxy_pass(wire, m);
	return true;
}

/* The proxy leads to the server's socket, which speaks no TLS and asks for nothing. */
Test(tls, is_not_given_up_for_a_connection_in_the_clear)
{
	struct cluster *c = cluster_get("tls");
	bool has_started = false;
	struct proxy *proxy = proxy_start(c, note_startup, &has_started);
	char *plain = proxy_url(proxy, database);
	char *url = must_printf("%s?sslmode=verify-full&password=hunter2", plain);

	cr_assert(eq(int, sqla_engine_register("vault", url, NULL), 0));
	expect_refused("SSL");
	proxy_free(proxy);
	cr_expect(not(has_started));
	cluster_free(c);
	free(plain);
	free(url);
}
