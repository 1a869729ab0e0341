#include "support/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char shared_memory[] = "/dev/shm";

static const char *root(void)
{
	const unsigned long long gigabyte = 1ULL << 30;
	const char *wanted = getenv("SQLASSIST_TEST_FOLDER"), *tmpdir = getenv("TMPDIR");
	struct statvfs fs;

	if (wanted && *wanted)
		return wanted;
	if (access(shared_memory, W_OK) == 0 && statvfs(shared_memory, &fs) == 0 &&
	    (unsigned long long)fs.f_bavail * fs.f_frsize >= gigabyte)
		return shared_memory;
	return tmpdir && *tmpdir ? tmpdir : "/tmp";
}

/* Who made a folder holds a lock on it for as long as it lives; one so young
 * may not have it yet. */
static bool is_orphaned(const char *path)
{
	enum { YOUNG_S = 600 };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool is;

	if (fd < 0)
		return false;
	is = fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_mtime + YOUNG_S < time(NULL) &&
	     flock(fd, LOCK_EX | LOCK_NB) == 0;
	(void)close(fd);
	return is;
}

static void remove_orphans(const char *folder)
{
	char *pattern;
	glob_t found;

	if (asprintf(&pattern, "%s/sqla-??????", folder) < 0)
		return;
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (is_orphaned(found.gl_pathv[i]))
				(void)files_remove_tree(found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
}

char *files_temporary(void)
{
	char *path;
	int fd;

	remove_orphans(root());
	if (asprintf(&path, "%s/sqla-XXXXXX", root()) < 0)
		return NULL;
	if (!mkdtemp(path) || chmod(path, 0755) < 0)
		goto failed;
	/* Stays open: the lock ends with the process. */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		goto failed;
	return path;
failed:
	free(path);
	return NULL;
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

int files_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int n = 0;

	while (directory && readdir(directory))
		n++;
	return directory && closedir(directory) == 0 ? n : -1;
}
