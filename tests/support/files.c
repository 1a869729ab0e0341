#include "support/files.h"

#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const char shared_memory[] = "/dev/shm";

static const char *root(void)
{
	const unsigned long long gigabyte = 1ULL << 30;
	const char *tmpdir = getenv("TMPDIR");
	struct statvfs fs;

	if (access(shared_memory, W_OK) == 0 && statvfs(shared_memory, &fs) == 0 &&
	    (unsigned long long)fs.f_bavail * fs.f_frsize >= gigabyte)
		return shared_memory;
	return tmpdir && *tmpdir ? tmpdir : "/tmp";
}

char *files_temporary(void)
{
	char *path;

	if (asprintf(&path, "%s/sqla-XXXXXX", root()) < 0)
		return NULL;
	if (!mkdtemp(path) || chmod(path, 0755) < 0) {
		free(path);
		return NULL;
	}
	return path;
}

int files_run(char *const argv[])
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int files_copy_tree(const char *from, const char *to)
{
	char *const argv[] = { "cp", "-a", "--", (char *)from, (char *)to, NULL };

	return files_run(argv) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int files_remove_tree(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
		return -1;
	return 0;
}
