/*
 * A program that forgets to close a session, linked as an application is: for
 * leak.sh, which asks where. Logs to stdout.
 * usage: leaky URL
 */
#include <stdio.h>
#include <time.h>

#include <sqlassist.h>

static int warnings; /* atomic */

int look_up(struct sqla_session **ret_s);
int report_all(void);

static void print_line(enum sqla_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	(void)puts(line);
	__atomic_add_fetch(&warnings, 1, __ATOMIC_RELAXED);
}

/* Named, and known to the linker, so that the script can look for them. */
__attribute__((noinline)) int look_up(struct sqla_session **ret_s)
{
	int r = sqla_session_open("db", ret_s);

	if (r >= 0)
		r = sqla_exec(*ret_s, "SELECT 1"); /* THE LEAK */
	return r;
}

__attribute__((noinline)) int report_all(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	struct sqla_session *s = NULL;
	int r = look_up(&s);

	while (r >= 0 && __atomic_load_n(&warnings, __ATOMIC_RELAXED) == 0)
		(void)nanosleep(&pause, NULL);
	sqla_session_close(s);
	return r;
}

int main(int argc, char **argv)
{
	struct sqla_engine_options options = { .joined = SQLA_NO, .pool_leak_ms = 1 };
	int r = argc == 2 ? 0 : -1;

	sqla_log_set(SQLA_LOG_WARNING, print_line, NULL);
	if (r == 0)
		r = sqla_engine_register("db", argv[1], &options);
	if (r >= 0)
		r = report_all();
	if (r >= 0)
		r = sqla_engine_unregister(NULL);
	return r < 0;
}
