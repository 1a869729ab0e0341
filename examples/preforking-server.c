/*
 * preforking-server.c - counts visitors with several processes. The parent
 * registers the database, uses it, and forks; the workers just go on. Nothing is
 * to be done after fork: a child never touches a connection of its parent, and
 * opens its own at first use.
 *
 *	printf 'ann\nbob\nann\n' | preforking-server sqlite:///visits.db
 *
 * Each line is a request that one of the workers answers, with a name and how
 * often it came. postgresql:///... works as well.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>

#define WORKERS 4

static int complain(int r)
{
	fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
		sqla_error_last()->hint);
	return 1;
}

static int make_table(void *unused)
{
	struct sqla_session *s;
	int r = sqla_session_open(NULL, &s);

	(void)unused;
	if (r < 0)
		return r;
	r = sqla_exec(s, "CREATE TABLE IF NOT EXISTS visit("
			 "name varchar(80) PRIMARY KEY, times integer NOT NULL)");
	sqla_session_close(s);
	return r;
}

/* ---- a worker ---------------------------------------------------------------- */

struct visit {
	const char *name;
	int64_t times;
};

static int count_visit(void *arg)
{
	struct visit *visit = arg;
	struct sqla_session *s;
	struct sqla_rows *rows = NULL;
	int end, r;

	r = sqla_session_open(NULL, &s);
	if (r < 0)
		return r;
	r = sqla_query(s, &rows,
		       "INSERT INTO visit(name, times) VALUES ($1, 1) "
		       "ON CONFLICT (name) DO UPDATE SET times = visit.times + 1 RETURNING times",
		       sqla_text(visit->name));
	while (r >= 0 && (r = sqla_rows_next(rows)) == 1)
		visit->times = sqla_rows_int(rows, 0);
	end = sqla_rows_close(rows);
	sqla_session_close(s);
	return r < 0 ? r : end;
}

/* Until the parent has closed its end. What is answered is committed. */
static int serve(int requests)
{
	char name[81];
	ssize_t length;

	/* sqla_engine_reinit(NULL) here would say what happens by itself. */
	while ((length = recv(requests, name, sizeof(name) - 1, 0)) > 0) {
		struct visit visit = { .name = name };
		int r;

		name[length] = '\0';
		r = txn_run(20, count_visit, &visit);
		if (r < 0)
			return complain(r);
		printf("%s %lld\n", name, (long long)visit.times);
		fflush(stdout);
	}
	sqla_engine_unregister(NULL); /* the worker's own connections */
	return length < 0;
}

/* ---- the parent ---------------------------------------------------------------- */

static int hand_out(int requests)
{
	char line[81];

	while (fgets(line, sizeof(line), stdin)) {
		size_t length = strcspn(line, "\n");

		if (length > 0 && send(requests, line, length, MSG_NOSIGNAL) < 0)
			return 1;
	}
	return ferror(stdin) != 0;
}

static int run(void)
{
	int ends[2];
	int failed, status;

	/* Packets: each is read whole, by one of those who wait for it. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		return 1;
	for (int i = 0; i < WORKERS; i++) {
		if (fork() == 0) {
			close(ends[1]);
			_exit(serve(ends[0]));
		}
	}
	close(ends[0]);
	failed = hand_out(ends[1]);
	close(ends[1]);
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}

int main(int argc, char **argv)
{
	const struct sqla_engine_options options = { .pool_pre_ping = SQLA_YES };
	int failed, r;

	if (argc != 2)
		return fprintf(stderr, "usage: preforking-server URL <REQUESTS\n"), 2;
	r = sqla_engine_register("visits", argv[1], &options);
	if (r >= 0)
		r = txn_run(5, make_table, NULL);
	if (r < 0)
		return complain(r);
	failed = run();
	sqla_engine_unregister(NULL);
	return failed;
}
