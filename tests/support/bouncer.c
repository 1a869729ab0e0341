#include "support/bouncer.h"

#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/cluster.h"
#include "support/files.h"
#include "support/install.h"
#include "support/must.h"

enum { READY_TRIES = 1500, PAUSE_MS = 10 };

struct bouncer {
	char *folder;
	char *mode;
	char *extra;
	pid_t pid; /* 0: not running */
};

/* ---- files --------------------------------------------------------------- */

static void write_file(const struct bouncer *b, const char *name, const char *text)
{
	char *path = must_printf("%s/%s", b->folder, name);
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		must_fail("cannot write %s", path);
	free(path);
}

/* Short waits where the defaults are meant for people; no server connection
 * outlives its use for long, since many databases share few of them. */
static void write_settings(const struct bouncer *b, const char *target)
{
	char *text = must_printf("[databases]\n"
				 "* = host=%s port=5432\n"
				 "[pgbouncer]\n"
				 "listen_port = 6432\n"
				 "unix_socket_dir = %s\n"
				 "logfile = %s/log\n"
				 "auth_type = trust\n"
				 "auth_file = %s/users\n"
				 "auth_user = postgres\n"
				 "admin_users = postgres\n"
				 "pool_mode = %s\n"
				 "default_pool_size = 20\n"
				 "server_idle_timeout = 1\n"
				 "server_login_retry = 0.1\n"
				 "query_wait_timeout = 20\n"
				 "%s\n",
				 target, b->folder, b->folder, b->folder, b->mode, b->extra);

	write_file(b, "settings", text);
	free(text);
}

static void show_log(const struct bouncer *b)
{
	char *path = must_printf("%s/log", b->folder), line[512];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		(void)fputs(line, stderr);
	if (file)
		(void)fclose(file);
	free(path);
}

/* ---- the process ------------------------------------------------------------ */

/* In the child; never returns. A change of the user would undo the signal. */
static void exec_bouncer(const char *settings, pid_t parent)
{
	static const char *const programs[] = { "/usr/sbin/pgbouncer", "/usr/bin/pgbouncer",
						"/usr/local/sbin/pgbouncer",
						"/usr/local/bin/pgbouncer" };

	if (install_become_user() == 0 && chdir("/") == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
			(void)execl(programs[i], programs[i], "-q", settings, (char *)NULL);
	_exit(127);
}

static void reap(struct bouncer *b)
{
	(void)waitpid(b->pid, NULL, 0);
	b->pid = 0;
}

static void fail_start(const struct bouncer *b, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		must_fail("no PgBouncer is installed: apt-get install pgbouncer");
	show_log(b);
	must_fail("PgBouncer did not start");
}

static void await_answer(const struct bouncer *b)
{
	char *url = bouncer_url(b, "pgbouncer");
	int status;

	for (int i = 0; i < READY_TRIES && PQping(url) != PQPING_OK; i++) {
		if (waitpid(b->pid, &status, WNOHANG) != 0)
			fail_start(b, status);
		(void)poll(NULL, 0, PAUSE_MS);
	}
	free(url);
}

static void launch(struct bouncer *b)
{
	char *settings = must_printf("%s/settings", b->folder);
	pid_t self = getpid();

	b->pid = fork();
	if (b->pid == 0)
		exec_bouncer(settings, self);
	free(settings);
	if (b->pid < 0)
		must_fail("no process for PgBouncer");
	await_answer(b);
}

/* ---- for tests ----------------------------------------------------------------- */

struct bouncer *bouncer_start(const struct cluster *c, const char *mode, const char *extra_conf)
{
	struct bouncer *b = calloc(1, sizeof(*b));

	if (!b)
		must_fail("out of memory");
	b->folder = files_temporary();
	if (!b->folder || chmod(b->folder, 0777) < 0)
		must_fail("no folder for PgBouncer");
	b->mode = must_printf("%s", mode);
	b->extra = must_printf("%s", extra_conf ? extra_conf : "");
	write_file(b, "users", "\"postgres\" \"\"\n");
	write_settings(b, cluster_folder(c));
	launch(b);
	return b;
}

void bouncer_free(struct bouncer *b)
{
	if (!b)
		return;
	if (b->pid)
		bouncer_kill(b);
	if (!getenv("SQLASSIST_TEST_KEEP"))
		(void)files_remove_tree(b->folder);
	free(b->folder);
	free(b->mode);
	free(b->extra);
	free(b);
}

char *bouncer_url(const struct bouncer *b, const char *database)
{
	return must_printf("postgresql:///%s?host=%s&port=6432&user=postgres", database, b->folder);
}

void bouncer_kill(struct bouncer *b)
{
	(void)kill(b->pid, SIGKILL);
	reap(b);
}

void bouncer_restart(struct bouncer *b)
{
	launch(b);
}

/* The console knows simple queries only. */
void bouncer_command(const struct bouncer *b, const char *command)
{
	char *url = bouncer_url(b, "pgbouncer");
	struct pg_conn *conn = must_connect(url);

	must_exec(conn, "%s", command);
	PQfinish(conn);
	free(url);
}

void bouncer_point(struct bouncer *b, const struct cluster *c)
{
	write_settings(b, cluster_folder(c));
	bouncer_command(b, "RELOAD");
	bouncer_command(b, "RECONNECT");
}

/* ---- by the environment ----------------------------------------------------------- */

const char *bouncer_mode(void)
{
	return getenv("SQLASSIST_TEST_BOUNCER");
}

static char *variable(const char *cluster_folder)
{
	const char *name = strrchr(cluster_folder, '/');

	return must_printf("SQLASSIST_TEST_BOUNCER_OF_%s", name ? name + 1 : cluster_folder);
}

void bouncer_announce(const struct bouncer *b, const struct cluster *c)
{
	char *env = variable(cluster_folder(c));

	if (setenv(env, b->folder, 1) < 0)
		must_fail("out of memory");
	free(env);
}

/* As cluster_url writes it. */
char *bouncer_route(const char *url)
{
	static const char before[] = "?host=", behind[] = "&port=5432";
	const char *host = strstr(url, before);
	const char *end = host ? strstr(host, behind) : NULL;
	const char *folder = NULL;

	if (end) {
		char *cluster = must_printf("%.*s", (int)(end - host - (int)strlen(before)),
					    host + strlen(before));
		char *env = variable(cluster);

		folder = getenv(env);
		free(env);
		free(cluster);
	}
	if (!folder)
		return must_printf("%s", url);
	return must_printf("%.*s%s%s&port=6432%s", (int)(host - url), url, before, folder,
			   end + strlen(behind));
}
