#include "fault/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/must.h"
#include "support/scratch.h"

enum { ARGS_MAX = 32, WAIT_MS = 300000 };

struct child {
	pid_t pid;
	bool is_over; /* and was waited for */
	int output;   /* an unlinked file: nobody need read while it runs */
	char *text;
	struct told *told;
};

static int open_output(void)
{
	int fd = open(scratch_dir(), O_RDWR | O_TMPFILE | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		must_fail("no file for a child's output: %s", strerror(errno));
	return fd;
}

/* Both variables are for this child only; its parent may run threads. */
static void spawn(struct child *c, char *const argv[], const char *fault, const char *passed)
{
	char *armed = must_printf("SQLASSIST_FAULT=%s", fault ? fault : "");
	char *log = must_printf("SQLASSIST_FAULT_LOG=%s", passed ? passed : "/dev/null");
	posix_spawn_file_actions_t actions;
	size_t n = 0;
	char **env;
	int error;

	while (environ[n])
		n++;
	env = calloc(n + 3, sizeof(*env));
	if (!env || posix_spawn_file_actions_init(&actions) != 0)
		must_fail("out of memory");
	env[0] = armed;
	env[1] = log;
	memcpy(env + 2, environ, n * sizeof(*env));
	error = posix_spawn_file_actions_adddup2(&actions, c->output, STDOUT_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, c->output, STDERR_FILENO);
	if (error == 0)
		error = posix_spawn(&c->pid, argv[0], &actions, NULL, argv, env);
	if (error != 0)
		must_fail("%s: %s", argv[0], strerror(error));
	(void)posix_spawn_file_actions_destroy(&actions);
	free(env);
	free(armed);
	free(log);
}

struct child *child_start(const char *const args[], const char *fault, const char *passed)
{
	static const char program[] = TESTS_BUILDDIR "/fault/coordinator";
	char *argv[ARGS_MAX + 2] = { (char *)program };
	struct child *c = calloc(1, sizeof(*c));

	if (!c)
		must_fail("out of memory");
	for (size_t i = 0; args[i]; i++) {
		if (i == ARGS_MAX)
			must_fail("too many arguments");
		argv[i + 1] = (char *)args[i];
	}
	c->output = open_output();
	spawn(c, argv, fault, passed);
	return c;
}

static enum child_state state_of(struct child *c, int status)
{
	if (WIFSTOPPED(status))
		return CHILD_STOPPED;
	c->is_over = true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return CHILD_KILLED;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CHILD_ENDED : CHILD_FAILED;
}

enum child_state child_wait(struct child *c)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	int status;

	for (int waited = 0; waited < 2 * WAIT_MS; waited++) {
		pid_t pid = waitpid(c->pid, &status, WNOHANG | WUNTRACED);

		if (pid == c->pid)
			return state_of(c, status);
		if (pid < 0 && errno != EINTR)
			must_fail("waitpid: %s", strerror(errno));
		(void)nanosleep(&pause, NULL);
	}
	child_signal(c, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	c->is_over = true;
	return CHILD_FAILED;
}

void child_signal(const struct child *c, int signal)
{
	if (!c->is_over)
		(void)kill(c->pid, signal);
}

const char *child_output(struct child *c)
{
	struct stat st;
	ssize_t n;

	if (fstat(c->output, &st) < 0)
		must_fail("fstat: %s", strerror(errno));
	free(c->text);
	c->text = calloc(1, (size_t)st.st_size + 1);
	if (!c->text)
		must_fail("out of memory");
	n = pread(c->output, c->text, (size_t)st.st_size, 0);
	if (n != st.st_size)
		must_fail("pread: %s", strerror(errno));
	return c->text;
}

/* Lines that begin with a number and a space; other lines are for people. */
const struct told *child_told(struct child *c, size_t *ret_n)
{
	const char *line = child_output(c);
	size_t n = 0, lines = 1;

	for (const char *p = line; *p; p++)
		lines += *p == '\n';
	free(c->told);
	c->told = calloc(lines, sizeof(*c->told));
	if (!c->told)
		must_fail("out of memory");
	while (line) {
		char *rest;

		c->told[n].id = strtoll(line, &rest, 10);
		if (rest != line && *rest == ' ') {
			c->told[n].status = (int)strtol(rest, NULL, 10);
			n++;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	*ret_n = n;
	return c->told;
}

int child_recovered(struct child *c)
{
	static const char said[] = "\nrecovered ";
	const char *found = strstr(child_output(c), said);

	if (strncmp(c->text, said + 1, strlen(said + 1)) == 0)
		found = c->text - 1;
	return found ? (int)strtol(found + strlen(said), NULL, 10) : INT_MIN;
}

void child_free(struct child *c)
{
	if (!c)
		return;
	if (!c->is_over) {
		child_signal(c, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	(void)close(c->output);
	free(c->text);
	free(c->told);
	free(c);
}
