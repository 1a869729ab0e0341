#include "session/helper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/must.h"
#include "support/scratch.h"

char *must_file_engine(const char *name, const struct sqla_engine_options *options)
{
	char *path = scratch_path(name);
	char *url = scratch_sqlite_url(name);

	must_exec_file(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
	if (sqla_engine_register(name, url, options) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(url);
	return path;
}

int64_t rows_in(const char *path)
{
	return must_query_int_file(path, "SELECT count(*) FROM t");
}

struct sqla_session *must_open(const char *engine)
{
	struct sqla_session *s;

	if (sqla_session_open(engine, &s) < 0)
		must_fail("%s", sqla_error_last()->message);
	return s;
}

void must_run(struct sqla_session *s, const char *sql)
{
	if (sqla_exec(s, sql) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
}

int64_t must_int(struct sqla_session *s, const char *sql)
{
	struct sqla_rows *rows;
	int64_t value;

	if (sqla_query(s, &rows, sql) < 0 || sqla_rows_next(rows) != 1)
		must_fail("%s: %s", sql, sqla_error_last()->message);
	value = sqla_rows_int(rows, 0);
	if (sqla_rows_close(rows) < 0)
		must_fail("%s: %s", sql, sqla_error_last()->message);
	return value;
}

bool error_says(const char *text)
{
	return strstr(sqla_error_last()->message, text) || strstr(sqla_error_last()->hint, text);
}

int in_child(int (*fn)(void *arg), void *arg)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		must_fail("the child did not end well: %d", status);
	return WEXITSTATUS(status);
}

void in_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, arg) != 0 || pthread_join(thread, NULL) != 0)
		must_fail("no thread");
}

static char collected[8192];

static void collect(enum sqla_log_level level, const char *line, void *arg)
{
	size_t used = strlen(collected);

	(void)level;
	(void)arg;
	(void)snprintf(collected + used, sizeof(collected) - used, "%s\n", line);
}

void log_collect(void)
{
	collected[0] = '\0';
	sqla_log_set(SQLA_LOG_DEBUG, collect, NULL);
}

bool log_has(const char *text)
{
	return strstr(collected, text);
}
