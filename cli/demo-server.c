#include "demo-server.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo-folder.h"
#include "moment.h"

#define SERVER_USER "postgres"
#define READY_WITHIN_MS 30000

extern char **environ;

struct server {
	char *bindir;	    /* of initdb and postgres */
	const char *folder; /* borrowed */
	char *url;
	char version[32];
	uid_t uid; /* whom the server runs as */
	gid_t gid;
	pid_t pid; /* the server, or 0 */
};

/* ---- finding PostgreSQL -------------------------------------------------- */

static bool has_programs(const char *bindir)
{
	static const char *const programs[] = { "initdb", "postgres" };
	bool found = true;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		char *path;

		if (asprintf(&path, "%s/%s", bindir, programs[i]) < 0)
			return false;
		found = found && access(path, X_OK) == 0;
		free(path);
	}
	return found;
}

/* The first line that COMMAND prints, or NULL; new. */
static char *first_line_of(const char *command)
{
	FILE *pipe = popen(command, "r");
	char *line = NULL;
	size_t size = 0;

	if (!pipe)
		return NULL;
	if (getline(&line, &size, pipe) < 1) {
		free(line);
		line = NULL;
	} else {
		line[strcspn(line, "\n")] = '\0';
	}
	pclose(pipe);
	return line;
}

/* The folder of the newest version that PATTERN finds, or NULL; new. */
static char *newest_of(const char *pattern)
{
	const char *newest = NULL;
	char *copy = NULL;
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return NULL;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];

		if (has_programs(path) && (!newest || strverscmp(path, newest) > 0))
			newest = path;
	}
	if (newest)
		copy = strdup(newest);
	globfree(&found);
	return copy;
}

static char *find_bindir(void)
{
	char *bindir = first_line_of("pg_config --bindir 2>/dev/null");

	if (bindir && has_programs(bindir))
		return bindir;
	free(bindir);
	bindir = newest_of("/usr/lib/postgresql/*/bin");
	if (!bindir)
		bindir = newest_of("/usr/pgsql-*/bin");
	if (!bindir)
		fprintf(stderr,
			"sqlassist demo: no PostgreSQL server is installed (initdb and postgres"
			" were not found).\n"
			"On Debian and Ubuntu: apt-get install postgresql\n");
	return bindir;
}

static int read_version(struct server *server)
{
	char *command, *line;
	int r = -1;

	if (asprintf(&command, "'%s/postgres' --version", server->bindir) < 0)
		return -1;
	line = first_line_of(command);
	if (line && sscanf(line, "postgres (PostgreSQL) %31s", server->version) == 1)
		r = 0;
	else
		fprintf(stderr, "sqlassist demo: %s does not work\n", command);
	free(line);
	free(command);
	return r;
}

/* ---- its user, and its place --------------------------------------------- */

/* PostgreSQL refuses to run as root. */
static int choose_user(struct server *server)
{
	const struct passwd *user;

	server->uid = geteuid();
	server->gid = getegid();
	if (server->uid != 0)
		return 0;
	user = getpwnam(SERVER_USER);
	if (!user) {
		fprintf(stderr,
			"sqlassist demo: PostgreSQL does not run as root, and there is no user \"" SERVER_USER
			"\" to run it as.\nRun the demo as an ordinary user.\n");
		return -1;
	}
	server->uid = user->pw_uid;
	server->gid = user->pw_gid;
	return 0;
}

static int take_folder(const struct server *server)
{
	if (geteuid() != 0 || chown(server->folder, server->uid, server->gid) == 0)
		return 0;
	fprintf(stderr, "sqlassist demo: cannot give %s to " SERVER_USER ": %s\n", server->folder,
		strerror(errno));
	return -1;
}

static int make_url(struct server *server)
{
	char encoded[3 * sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	char *out = encoded;

	/* A temporary folder may be called anything; a URL may not. */
	for (const char *in = server->folder; *in; in++) {
		if (isalnum((unsigned char)*in) || strchr("/-._", *in))
			*out++ = *in;
		else
			out += sprintf(out, "%%%02X", (unsigned char)*in);
	}
	*out = '\0';
	if (asprintf(&server->url, "postgresql:///postgres?host=%s&port=5432&user=" SERVER_USER,
		     encoded) < 0) {
		server->url = NULL;
		return -1;
	}
	return 0;
}

/* Settings of the user's own servers must not reach ours. */
static void forget_libpq_environment(void)
{
	char **entry = environ;

	while (*entry) {
		char *name = strncmp(*entry, "PG", 2) == 0 ? strdup(*entry) : NULL;

		if (!name) {
			entry++;
			continue;
		}
		name[strcspn(name, "=")] = '\0';
		unsetenv(name);
		free(name);
	}
}

struct server *server_new(const char *folder)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->folder = folder;
	forget_libpq_environment();
	server->bindir = find_bindir();
	if (!server->bindir || read_version(server) < 0 || choose_user(server) < 0 ||
	    take_folder(server) < 0 || make_url(server) < 0) {
		server_free(server);
		return NULL;
	}
	return server;
}

/* ---- running its programs ------------------------------------------------ */

/* In a child: becomes PROGRAM, as the server's user, writing to the log. */
static _Noreturn void become(const struct server *server, const char *program, char *argv[])
{
	char *path = NULL;
	int log;

	/* Away from the terminal's process group: Ctrl-C is for the demo, which
	 * then ends its server in order. */
	setsid();
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(server->gid) < 0 || setuid(server->uid) < 0))
		_exit(127);
	/* The server ends with the demo, even when that is killed; initdb too. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (chdir(server->folder) < 0)
		_exit(127);
	log = open("server.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(127);
	/* They find their own files by it, and need not be in PATH. */
	if (asprintf(&path, "%s/%s", server->bindir, program) > 0) {
		argv[0] = path;
		execv(path, argv);
	}
	_exit(127);
}

static pid_t launch(const struct server *server, const char *program, char *argv[])
{
	pid_t pid = fork();

	if (pid == 0)
		become(server, program, argv);
	if (pid < 0)
		fprintf(stderr, "sqlassist demo: cannot start %s: %s\n", program, strerror(errno));
	return pid;
}

/* For a person who wants to know why. */
static void show_log(const struct server *server)
{
	char *path, line[512];
	FILE *file;

	if (asprintf(&path, "%s/server.log", server->folder) < 0)
		return;
	file = fopen(path, "re");
	free(path);
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		fprintf(stderr, "  %s", line);
	fclose(file);
}

static int run_initdb(const struct server *server)
{
	/* initdb's own files need no fsync: nothing of worth is in them yet. */
	char *argv[] = { "initdb", "-D", "data", "-U",		SERVER_USER, "-A",
			 "trust",  "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions",
			 NULL };
	pid_t pid = launch(server, "initdb", argv);
	int status = 0;

	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
		if (moment_is_stopped())
			kill(pid, SIGKILL);
	}
	if (moment_is_stopped())
		return -1;
	if (status == 0)
		return 0;
	fprintf(stderr, "sqlassist demo: initdb failed:\n");
	show_log(server);
	return -1;
}

/* What pg_ctl waits for too: line 8 of the server's lock file. */
static bool is_ready(const struct server *server)
{
	char *path, line[128];
	bool ready = false;
	FILE *file;

	if (asprintf(&path, "%s/data/postmaster.pid", server->folder) < 0)
		return false;
	file = fopen(path, "re");
	free(path);
	if (!file)
		return false;
	for (int number = 1; number <= 8 && fgets(line, sizeof(line), file); number++)
		ready = number == 8 && strncmp(line, "ready", 5) == 0;
	fclose(file);
	return ready;
}

static int wait_until_ready(struct server *server)
{
	for (int ms = 0; ms < READY_WITHIN_MS; ms += 20) {
		if (moment_is_stopped())
			return -1;
		if (!server_is_running(server))
			break;
		if (is_ready(server))
			return 0;
		moment_sleep_us(20000);
	}
	fprintf(stderr, "sqlassist demo: the private PostgreSQL server did not start:\n");
	show_log(server);
	return -1;
}

int server_start(struct server *server)
{
	char *argv[] = { "postgres",
			 "-D",
			 "data",
			 "-k",
			 (char *)(uintptr_t)server->folder,
			 "-p",
			 "5432",
			 "-c",
			 "listen_addresses=",
			 "-c",
			 "max_prepared_transactions=100",
			 "-c",
			 "fsync=on",
			 "-c",
			 "synchronous_commit=on",
			 NULL };
	pid_t pid;

	if (run_initdb(server) < 0)
		return -1;
	pid = launch(server, "postgres", argv);
	if (pid < 0)
		return -1;
	server->pid = pid;
	return wait_until_ready(server);
}

bool server_is_running(struct server *server)
{
	if (server->pid && waitpid(server->pid, NULL, WNOHANG) == server->pid)
		server->pid = 0;
	return server->pid != 0;
}

const char *server_version(const struct server *server)
{
	return server->version;
}

const char *server_url(const struct server *server)
{
	return server->url;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	if (server->pid) {
		/* An immediate stop: nothing of this cluster is needed again. */
		kill(server->pid, SIGQUIT);
		while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(server->bindir);
	free(server->url);
	free(server);
}
