#include "support/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/must.h"

struct cluster {
	char *folder;
	pid_t keeper; /* 0: another process's child */
	pid_t owner;  /* whose child the keeper is */
	int lifeline; /* the keeper ends when this is closed */
};

static char *variable(const char *name)
{
	return must_printf("SQLASSIST_TEST_CLUSTER_%s", name);
}

/*
 * Counts the clusters of this process and those above, as new text: each gets a
 * system identifier that none of the others has, as if it was made by initdb.
 */
static char *next_number(void)
{
	static const char name[] = "SQLASSIST_TEST_CLUSTERS";
	const char *before = getenv(name);
	int number = before ? atoi(before) : 0;
	char *after = must_printf("%d", number + 1);

	if (setenv(name, after, 1) < 0)
		must_fail("out of memory");
	free(after);
	return must_printf("%d", number);
}

/* Spawns the keeper and returns the stream of what it says. */
static FILE *spawn_keeper(struct cluster *c, const char *extra_conf, const char *primary)
{
	static const char program[] = TESTS_BUILDDIR "/support/keeper";
	static const char cache[] = TESTS_BUILDDIR "/support/cache";
	char *number = next_number();
	char *const argv[] = { (char *)program,	   (char *)cache,   number,
			       (char *)extra_conf, (char *)primary, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2], error;
	FILE *said;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO) != 0)
		must_fail("no pipes for the keeper");
	error = posix_spawn(&c->keeper, program, &actions, NULL, argv, environ);
	if (error != 0)
		must_fail("%s: %s", program, strerror(error));
	free(number);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	c->lifeline = in[1];
	c->owner = getpid();
	said = fdopen(out[0], "r");
	if (!said)
		must_fail("out of memory");
	return said;
}

static struct cluster *start(const char *name, const char *extra_conf, const char *primary)
{
	struct cluster *c = calloc(1, sizeof(*c));
	static const char ready[] = "ready ";
	char *env = variable(name), line[PATH_MAX];
	FILE *said;

	if (!c)
		must_fail("out of memory");
	said = spawn_keeper(c, extra_conf, primary);
	if (!fgets(line, sizeof(line), said) || strncmp(line, ready, strlen(ready)) != 0)
		must_fail("cluster %s did not start", name);
	(void)fclose(said);
	line[strcspn(line, "\n")] = '\0';
	c->folder = must_printf("%s", line + strlen(ready));
	if (setenv(env, c->folder, 1) < 0)
		must_fail("out of memory");
	free(env);
	return c;
}

struct cluster *cluster_start(const char *name, const char *extra_conf)
{
	return start(name, extra_conf ? extra_conf : "", NULL);
}

struct cluster *cluster_start_standby(const char *name, const struct cluster *primary)
{
	return start(name, "", primary->folder);
}

struct cluster *cluster_get(const char *name)
{
	struct cluster *c = calloc(1, sizeof(*c));
	char *env = variable(name);
	const char *folder = getenv(env);

	if (!c || !folder)
		must_fail("there is no cluster %s", name);
	c->folder = must_printf("%s", folder);
	c->lifeline = -1;
	free(env);
	return c;
}

/* Sends COMMAND and waits until it is done. */
static void command(const struct cluster *c, const char *word)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char reply[16] = "";

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", c->folder);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		must_fail("%s: %s", address.sun_path, strerror(errno));
	if (write(fd, word, strlen(word)) < 0 || read(fd, reply, sizeof(reply) - 1) < 0 ||
	    strcmp(reply, "ok") != 0)
		must_fail("cluster in %s: %s: %s", c->folder, word, reply);
	(void)close(fd);
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	if (c->keeper && c->owner == getpid()) {
		command(c, "quit");
		(void)waitpid(c->keeper, NULL, 0);
	}
	if (c->lifeline >= 0)
		(void)close(c->lifeline);
	free(c->folder);
	free(c);
}

char *cluster_url(const struct cluster *c, const char *database)
{
	return must_printf("postgresql:///%s?host=%s&port=5432&user=postgres", database, c->folder);
}

char *cluster_database(const struct cluster *c, const char *database)
{
	char *url = cluster_url(c, "postgres");
	PGconn *conn = must_connect(url);

	must_exec(conn, "DROP DATABASE IF EXISTS \"%s\" WITH (FORCE)", database);
	must_exec(conn, "CREATE DATABASE \"%s\"", database);
	PQfinish(conn);
	free(url);
	return cluster_url(c, database);
}

void cluster_crash(struct cluster *c)
{
	command(c, "crash");
}

void cluster_stop(struct cluster *c)
{
	command(c, "stop");
}

void cluster_restart(struct cluster *c)
{
	command(c, "start");
}

int64_t cluster_prepared(const struct cluster *c)
{
	char *url = cluster_url(c, "postgres");
	int64_t n = must_query_int_at(url, "SELECT count(*) FROM pg_prepared_xacts");

	free(url);
	return n;
}

int64_t cluster_rollback_prepared(const struct cluster *c, const char *database)
{
	static const char first[] = "SELECT coalesce((SELECT gid FROM pg_prepared_xacts WHERE "
				    "database = current_database() LIMIT 1), '')";
	char *url = cluster_url(c, database);
	PGconn *conn = must_connect(url);
	int64_t n = 0;
	char *gid;

	for (gid = must_query_text(conn, first); *gid; gid = must_query_text(conn, first)) {
		must_exec(conn, "ROLLBACK PREPARED '%s'", gid);
		free(gid);
		n++;
	}
	free(gid);
	PQfinish(conn);
	free(url);
	return n;
}

const char *cluster_folder(const struct cluster *c)
{
	return c->folder;
}
