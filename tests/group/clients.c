#include "group/clients.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group/trio.h"
#include "support/must.h"

#define PATIENCE_MS 20000
#define PAUSE_US 2000

struct clients {
	pid_t reader, writer;
	int ask, answer; /* the reader's pipes */
};

static sqlite3 *files[TRIO];

static void connect_all(void)
{
	for (int i = 0; i < TRIO; i++)
		if (sqlite3_open(trio_path(i), &files[i]) != SQLITE_OK ||
		    sqlite3_busy_timeout(files[i], PATIENCE_MS) != SQLITE_OK)
			must_fail("cannot open %s", trio_path(i));
}

/* The first column of the only row; aborts when the file says no. */
static int query(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int n;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		must_fail("%s: %s", sql, sqlite3_errmsg(db));
	n = sqlite3_column_int(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

static int count_transfers(void)
{
	static const char sql[] = "SELECT count(*) FROM done WHERE id < 1000000";
	int n = query(files[0], sql);

	for (int i = 1; i < TRIO; i++)
		if (query(files[i], sql) != n)
			return -1;
	return n;
}

static void read_for_ever(int ask, int answer)
{
	char word;
	int n;

	connect_all();
	(void)count_transfers();
	while (read(ask, &word, 1) == 1) {
		n = count_transfers();
		if (write(answer, &n, sizeof(n)) != (ssize_t)sizeof(n))
			break;
	}
	_exit(0);
}

/* A WAL that is guarded is not for stock clients, until this library has opened
 * it; BUSY and PROTOCOL are of those that wait for the same. */
static bool may_pass(int rc)
{
	return rc == SQLITE_OK || rc == SQLITE_CANTOPEN || rc == SQLITE_BUSY ||
	       rc == SQLITE_PROTOCOL;
}

/* It gives the others time to come by. */
static void write_for_ever(void)
{
	connect_all();
	for (int number = TRIO_ALONE;; number++) {
		char *sql = must_printf("INSERT INTO done VALUES (%d)", number);

		if (!may_pass(sqlite3_exec(files[number % TRIO], sql, NULL, NULL, NULL)))
			must_fail("%s: %s", sql, sqlite3_errmsg(files[number % TRIO]));
		free(sql);
		(void)usleep(PAUSE_US);
	}
}

struct clients *clients_start(void)
{
	struct clients *clients = malloc(sizeof(*clients));
	int ask[2], answer[2];

	if (!clients || pipe(ask) < 0 || pipe(answer) < 0)
		must_fail("no pipes");
	clients->reader = fork();
	if (clients->reader == 0) {
		(void)close(ask[1]);
		read_for_ever(ask[0], answer[1]);
	}
	clients->writer = fork();
	if (clients->writer == 0)
		write_for_ever();
	if (clients->reader < 0 || clients->writer < 0)
		must_fail("no clients");
	(void)close(ask[0]);
	(void)close(answer[1]);
	clients->ask = ask[1];
	clients->answer = answer[0];
	return clients;
}

int clients_read(struct clients *clients)
{
	int n;

	if (write(clients->ask, "?", 1) != 1 ||
	    read(clients->answer, &n, sizeof(n)) != (ssize_t)sizeof(n))
		must_fail("the reader does not answer");
	return n;
}

void clients_stop(struct clients *clients)
{
	int status = 0;

	/* It works until it is killed: it must not have ended by itself. */
	if (kill(clients->writer, SIGKILL) < 0 ||
	    waitpid(clients->writer, &status, 0) != clients->writer || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGKILL)
		must_fail("the writer ended with %d", status);
	(void)kill(clients->reader, SIGKILL);
	(void)waitpid(clients->reader, NULL, 0);
	(void)close(clients->ask);
	(void)close(clients->answer);
	free(clients);
}
