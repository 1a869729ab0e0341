#include "support/install.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/files.h"

struct install {
	char *folder;  /* of the programs */
	char *version; /* "15.4" */
};

static const char user_name[] = "postgres";

/* What COMMAND prints first, as new text without the newline, or NULL. */
static char *first_line(const char *command)
{
	FILE *pipe = popen(command, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (!pipe)
		return NULL;
	n = getline(&line, &size, pipe);
	if (pclose(pipe) != 0 || n <= 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static bool has_server(const char *folder)
{
	static const char *const names[] = { "postgres", "initdb" };
	bool has = true;

	for (size_t i = 0; has && i < sizeof(names) / sizeof(names[0]); i++) {
		char *path;

		if (asprintf(&path, "%s/%s", folder, names[i]) < 0)
			return false;
		has = access(path, X_OK) == 0;
		free(path);
	}
	return has;
}

/* The version is in the path: compare as versions, not as text. */
static char *newest_of(const char *pattern)
{
	char *best = NULL;
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return NULL;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (!has_server(found.gl_pathv[i]))
			continue;
		if (best && strverscmp(found.gl_pathv[i], best) < 0)
			continue;
		free(best);
		best = strdup(found.gl_pathv[i]);
	}
	globfree(&found);
	return best;
}

static char *find_folder(void)
{
	static const char *const patterns[] = { "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
						"/usr/local/pgsql/bin" };
	char *folder = first_line("pg_config --bindir 2>/dev/null");

	if (folder && has_server(folder))
		return folder;
	free(folder);
	folder = NULL;
	for (size_t i = 0; !folder && i < sizeof(patterns) / sizeof(patterns[0]); i++)
		folder = newest_of(patterns[i]);
	return folder;
}

static char *find_version(const char *folder)
{
	static const char before[] = "postgres (PostgreSQL) ";
	char *command, *line, *version = NULL;

	if (asprintf(&command, "'%s/postgres' --version", folder) < 0)
		return NULL;
	line = first_line(command);
	if (line && strncmp(line, before, strlen(before)) == 0)
		version = strndup(line + strlen(before), strcspn(line + strlen(before), " "));
	free(line);
	free(command);
	return version;
}

struct install *install_find(void)
{
	struct install *install = calloc(1, sizeof(*install));

	if (!install)
		return NULL;
	install->folder = find_folder();
	if (!install->folder) {
		(void)fputs("no PostgreSQL server is installed (initdb and postgres are needed): "
			    "apt-get install postgresql\n",
			    stderr);
		goto out;
	}
	install->version = find_version(install->folder);
	if (!install->version) {
		(void)fprintf(stderr, "%s/postgres does not tell its version\n", install->folder);
		goto out;
	}
	return install;
out:
	install_free(install);
	return NULL;
}

void install_free(struct install *install)
{
	if (!install)
		return;
	free(install->folder);
	free(install->version);
	free(install);
}

char *install_program(const struct install *install, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", install->folder, name) < 0 ? NULL : path;
}

int install_become_user(void)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return 0;
	user = getpwnam(user_name);
	if (!user) {
		(void)fprintf(stderr, "there is no user %s, as whom root runs the server\n",
			      user_name);
		return -1;
	}
	if (initgroups(user_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0) {
		(void)fprintf(stderr, "cannot become %s: %s\n", user_name, strerror(errno));
		return -1;
	}
	return 0;
}

static int give_to_user(const char *path)
{
	char *const argv[] = { "chown", "-R", (char *)user_name, "--", (char *)path, NULL };

	return geteuid() == 0 ? files_run(argv) : 0;
}

/* In the child; never returns. What the program says to stdout is not shown. */
static void exec_program(const struct install *install, char *argv[])
{
	char *program = install_program(install, argv[0]);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (program && null >= 0 && dup2(null, STDOUT_FILENO) >= 0 && install_become_user() == 0 &&
	    chdir("/") == 0) {
		/* It finds its own files by it, and need not be in PATH. */
		argv[0] = program;
		(void)execv(program, argv);
	}
	_exit(127);
}

/* Runs a program of the server as its user. */
static int run(const struct install *install, char *argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		exec_program(install, argv);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
		(void)fprintf(stderr, "%s failed\n", argv[0]);
		return -1;
	}
	return 0;
}

static int initdb(const struct install *install, const char *path)
{
	char *argv[] = {
		"initdb",
		"-D",
		(char *)path,
		"-U",
		(char *)user_name,
		"-A",
		"trust",
		"-E",
		"UTF8",
		"--locale=C",
		"--wal-segsize=1",
		"--no-sync",
		"--no-instructions",
		NULL,
	};

	return run(install, argv);
}

int install_standby(const struct install *install, const char *primary, const char *path)
{
	char *argv[] = {
		"pg_basebackup",   "-h", (char *)primary, "-p", "5432", "-U",
		(char *)user_name, "-D", (char *)path,	  "-R", "-c",	"fast",
		"--no-sync",	   NULL,
	};

	return run(install, argv);
}

/* Where the server's user can write, which the cache need not be. */
static int make_template(const struct install *install, const char *path)
{
	char *folder = files_temporary(), *fresh = NULL, *copy = NULL;
	int result = -1;

	if (!folder || give_to_user(folder) != 0)
		goto out;
	if (asprintf(&fresh, "%s/data", folder) < 0 || asprintf(&copy, "%s.new", path) < 0)
		goto out;
	if (initdb(install, fresh) < 0 || files_remove_tree(copy) < 0)
		goto out;
	if (files_copy_tree(fresh, copy) < 0 || rename(copy, path) < 0)
		goto out;
	result = 0;
out:
	if (folder)
		(void)files_remove_tree(folder);
	free(folder);
	free(fresh);
	free(copy);
	return result;
}

/* Opens and locks CACHE: another test program may be making the template. */
static int lock_cache(const char *cache)
{
	int fd;

	if (mkdir(cache, 0755) < 0 && errno != EEXIST)
		return -1;
	fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

int install_cluster(const struct install *install, const char *cache, int number, const char *path)
{
	char *template = NULL;
	int result = -1, lock = lock_cache(cache);

	if (lock < 0 ||
	    asprintf(&template, "%s/postgresql-%s-%d", cache, install->version, number) < 0)
		goto out;
	if (access(template, F_OK) < 0 && make_template(install, template) < 0)
		goto out;
	if (files_copy_tree(template, path) < 0 || give_to_user(path) != 0)
		goto out;
	result = 0;
out:
	if (result < 0)
		(void)fprintf(stderr, "cannot make a cluster at %s (cache %s)\n", path, cache);
	if (lock >= 0)
		(void)close(lock);
	free(template);
	return result;
}
