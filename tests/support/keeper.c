/*
 * keeper CACHE NUMBER EXTRA_CONF [PRIMARY] - keeps one private PostgreSQL cluster for a
 * test, as a standby of the one in the folder PRIMARY where that is given.
 *
 * It is the server's parent and outlives no test: when stdin ends, because
 * whoever started the keeper has died in whatever way, it ends the server and
 * removes the folder. If the keeper itself is killed, the kernel ends the
 * server. Prints "ready FOLDER" when the server answers; takes the commands
 * crash, start, stop and quit on the socket FOLDER/control, from any process.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>
#include <libpq-fe.h>

#include "support/files.h"
#include "support/install.h"

enum { READY_MS = 60000, END_MS = 30000 };

struct keeper {
	struct install *install;
	char *folder;
	char *data;
	char *log;
	char *program; /* the server's */
	pid_t server;  /* 0: not running */
	int listener;
	bool is_done;
};

static void nap_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* ---- starting ------------------------------------------------------------ */

static const char settings[] =
	"listen_addresses = ''\n"
	"fsync = on\n" /* without it the library lets no engine decide */
	"max_prepared_transactions = 64\n"
	"max_connections = 60\n"
	"shared_buffers = 8MB\n"
	"dynamic_shared_memory_type = mmap\n" /* nothing in /dev/shm survives a crash */
	"min_wal_size = 2MB\n"
	"max_wal_size = 64MB\n"
	"checkpoint_timeout = 1h\n"
	"log_checkpoints = off\n"
	"autovacuum = off\n"
	"jit = off\n"
	"timezone = 'UTC'\n"
	"log_timezone = 'UTC'\n"
	"log_line_prefix = '%m [%p] %d '\n";

static int write_settings(const struct keeper *k, const char *extra)
{
	char *path;
	FILE *file;
	int result;

	if (asprintf(&path, "%s/postgresql.auto.conf", k->data) < 0)
		return -1;
	file = fopen(path, "ae");
	free(path);
	if (!file)
		return -1;
	result =
		fprintf(file, "%sunix_socket_directories = '%s'\n%s\n", settings, k->folder, extra);
	return fclose(file) == 0 && result > 0 ? 0 : -1;
}

/* In the child; never returns. Death of the keeper is an immediate shutdown. */
static void exec_server(const struct keeper *k, pid_t keeper)
{
	int log;

	/* Its user may be shut out of where the tests run. */
	if (install_become_user() < 0 || chdir("/") < 0)
		_exit(127);
	log = open(k->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGQUIT) == 0 && getppid() == keeper)
		(void)execl(k->program, k->program, "-D", k->data, "-p", "5432", (char *)NULL);
	_exit(127);
}

static bool answers(const char *conninfo)
{
	return PQping(conninfo) == PQPING_OK;
}

/* Until it answers: a crash recovery may take its time. */
static int wait_ready(struct keeper *k)
{
	char *conninfo;
	int result = -1;

	if (asprintf(&conninfo, "host=%s port=5432 user=postgres dbname=postgres", k->folder) < 0)
		return -1;
	for (int waited = 0; waited < READY_MS; waited += 10) {
		if (answers(conninfo)) {
			result = 0;
			break;
		}
		if (waitpid(k->server, NULL, WNOHANG) != 0) {
			k->server = 0;
			break;
		}
		nap_ms(10);
	}
	free(conninfo);
	if (result < 0)
		(void)fprintf(stderr, "the server did not start, see %s\n", k->log);
	return result;
}

static int start(struct keeper *k)
{
	pid_t self = getpid();

	if (k->server)
		return 0;
	k->server = fork();
	if (k->server == 0)
		exec_server(k, self);
	if (k->server < 0) {
		k->server = 0;
		return -1;
	}
	return wait_ready(k);
}

/* ---- ending -------------------------------------------------------------- */

static pid_t parent_of(const char *pid)
{
	char path[64], line[512];
	const char *end;
	FILE *file;
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* The name in parentheses may hold anything: read on behind it. */
	if (fgets(line, sizeof(line), file)) {
		end = strrchr(line, ')');
		if (!end || sscanf(end, ") %*c %d", &parent) != 1)
			parent = 0;
	}
	(void)fclose(file);
	return parent;
}

static void kill_children(pid_t parent)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && parent_of(entry->d_name) == parent)
			(void)kill((pid_t)pid, SIGKILL);
	}
	(void)closedir(proc);
}

/* Waits for the server and, as their subreaper, for the orphans it left. */
static void reap_all(void)
{
	for (int waited = 0; waited < END_MS; waited += 5) {
		pid_t pid;

		do
			pid = waitpid(-1, NULL, WNOHANG);
		while (pid > 0);
		if (pid < 0 && errno == ECHILD)
			return;
		nap_ms(5);
	}
	kill_children(getpid());
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* A killed server leaves its lock file and the segment named in it. */
static void clean_up(const struct keeper *k)
{
	char *path, line[256];
	int number = 0, id;
	FILE *file;

	if (asprintf(&path, "%s/postmaster.pid", k->data) < 0)
		return;
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (++number == 7 && sscanf(line, "%*u %d", &id) == 1)
			(void)shmctl(id, IPC_RMID, NULL);
	if (file)
		(void)fclose(file);
	(void)unlink(path);
	free(path);
}

/* As a power cut: nobody gets to say or write anything more. */
static int crash(struct keeper *k)
{
	if (!k->server)
		return -1;
	(void)kill(k->server, SIGSTOP);
	kill_children(k->server);
	(void)kill(k->server, SIGKILL);
	reap_all();
	k->server = 0;
	clean_up(k);
	return 0;
}

static int stop(struct keeper *k, int signal)
{
	if (!k->server)
		return 0;
	(void)kill(k->server, signal);
	reap_all();
	k->server = 0;
	return 0;
}

/* ---- commands ------------------------------------------------------------ */

static int obey(struct keeper *k, const char *command)
{
	if (strcmp(command, "crash") == 0)
		return crash(k);
	if (strcmp(command, "start") == 0)
		return start(k);
	if (strcmp(command, "stop") == 0)
		return stop(k, SIGINT);
	if (strcmp(command, "quit") == 0) {
		k->is_done = true;
		return 0;
	}
	return -1;
}

static void remove_all(struct keeper *k)
{
	(void)stop(k, SIGQUIT);
	clean_up(k);
	if (!getenv("SQLASSIST_TEST_KEEP"))
		(void)files_remove_tree(k->folder);
}

/* "quit" is answered when everything is gone. */
static void serve_one(struct keeper *k)
{
	int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);
	char command[16] = "";
	const char *reply;

	if (fd < 0)
		return;
	if (read(fd, command, sizeof(command) - 1) > 0) {
		reply = obey(k, command) < 0 ? "failed" : "ok";
		if (k->is_done)
			remove_all(k);
		if (write(fd, reply, strlen(reply)) < 0)
			(void)fprintf(stderr, "keeper: %s: %s\n", command, strerror(errno));
	}
	(void)close(fd);
}

static void serve(struct keeper *k)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = k->listener, .events = POLLIN } };

	while (!k->is_done) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			serve_one(k);
		if (fds[0].revents)
			break;
	}
}

static int listen_in(struct keeper *k)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", k->folder);

	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		(void)fprintf(stderr, "%s is too long for a socket: set TMPDIR to a short one\n",
			      k->folder);
		return -1;
	}
	k->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (k->listener < 0 ||
	    bind(k->listener, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return listen(k->listener, 8);
}

/* ARGV: CACHE NUMBER EXTRA_CONF [PRIMARY]. */
static int make_data(const struct keeper *k, char *argv[])
{
	if (argv[3])
		return install_standby(k->install, argv[3], k->data);
	return install_cluster(k->install, argv[0], atoi(argv[1]), k->data);
}

static int set_up(struct keeper *k, char *argv[])
{
	k->install = install_find();
	if (!k->install)
		return -1;
	k->program = install_program(k->install, "postgres");
	k->folder = files_temporary();
	if (!k->program || !k->folder || chmod(k->folder, 0777) < 0)
		return -1;
	if (asprintf(&k->data, "%s/data", k->folder) < 0 ||
	    asprintf(&k->log, "%s/log", k->folder) < 0)
		return -1;
	if (listen_in(k) < 0 || make_data(k, argv) < 0 || write_settings(k, argv[2]) < 0)
		return -1;
	return start(k);
}

int main(int argc, char *argv[])
{
	struct keeper k = { .listener = -1 };
	int result = EXIT_FAILURE;

	if (argc < 4)
		return result;
	/* Ctrl-C is for the test; the orphans of a killed server are ours. */
	(void)setsid();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (set_up(&k, argv + 1) < 0)
		goto out;
	if (printf("ready %s\n", k.folder) < 0 || fclose(stdout) != 0)
		goto out;
	serve(&k);
	result = EXIT_SUCCESS;
out:
	if (k.folder)
		remove_all(&k);
	if (k.listener >= 0)
		(void)close(k.listener);
	install_free(k.install);
	free(k.program);
	free(k.folder);
	free(k.data);
	free(k.log);
	return result;
}
