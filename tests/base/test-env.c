#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/files.h"
#include "support/must.h"
#include "support/test.h"

#define NOBODY 65534

static const char asker[] = TESTS_BUILDDIR "/base/env-asker";

/* New text: a folder that others may enter, where programs may be setuid; NULL:
 * there is none. */
static char *make_folder(void)
{
	static const char *const places[] = { "/tmp", "/var/tmp" };
	struct statvfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *folder;

		if (statvfs(places[i], &fs) < 0 || fs.f_flag & (ST_NOSUID | ST_NOEXEC))
			continue;
		folder = must_printf("%s/sqla-env-XXXXXX", places[i]);
		if (mkdtemp(folder) && chmod(folder, 0755) == 0)
			return folder;
		free(folder);
	}
	return NULL;
}

/* What keeps this test from being made, or NULL. */
static const char *obstacle(const char *folder)
{
	if (geteuid() != 0)
		return "only root makes a setuid program";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return "no program gets new rights here";
	return folder ? NULL : "every file system is mounted nosuid";
}

/* New text: the asker's copy with MODE, of root. */
static char *install(const char *folder, const char *name, mode_t mode)
{
	char *path = must_printf("%s/%s", folder, name);
	char *argv[] = { (char *)"cp", (char *)asker, path, NULL };

	if (files_run(argv) != 0 || chown(path, 0, 0) < 0 || chmod(path, mode) < 0)
		must_fail("cannot install %s: %s", path, strerror(errno));
	return path;
}

/* Runs it as nobody who would switch transactions off: its exit status. */
static int run_as_nobody(const char *path)
{
	char *argv[] = { (char *)path, NULL };
	char *env[] = { (char *)"SQLASSIST_DISABLE_TRANSACTION=1", NULL };
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (setgid(NOBODY) == 0 && setuid(NOBODY) == 0)
			(void)execve(path, argv, env);
		_exit(99);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		must_fail("%s ended with %d", path, status);
	return WEXITSTATUS(status);
}

Test(env, of_who_runs_a_setuid_program_does_not_switch_its_transactions_off)
{
	char *folder = make_folder();
	const char *why = obstacle(folder);
	char *plain, *setuid_one;

	if (why) {
		if (folder)
			(void)rmdir(folder);
		free(folder);
		cr_skip("%s", why);
	}
	plain = install(folder, "plain", 0755);
	setuid_one = install(folder, "setuid", 04755);
	cr_expect(eq(int, run_as_nobody(plain), 1));
	cr_expect(eq(int, run_as_nobody(setuid_one), 0));
	cr_expect(eq(int, files_remove_tree(folder), 0));
	free(setuid_one);
	free(plain);
	free(folder);
}
