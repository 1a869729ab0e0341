#include "sqlite/orphan.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static char *path_of_x(void)
{
	static char path[256];
	char *made = scratch_path("x.db");

	(void)snprintf(path, sizeof(path), "%s", made);
	free(made);
	return path;
}

static void make_file(const char *mode)
{
	char *path = path_of_x();

	lite_driver.close(must_open("x.db", NULL));
	must_exec_file(path, "PRAGMA journal_mode = %s", mode);
	must_exec_file(path, "CREATE TABLE t(a, b)");
	must_exec_file(path, "INSERT INTO t VALUES (0, zeroblob(50000))");
}

static struct driver_conn *open_x(const char *path, int busy_ms)
{
	struct sqla_engine_options options = { .busy_timeout_ms = busy_ms };

	return must_open_path(path, &options);
}

static void wait_for(pid_t pid)
{
	int status = 0;

	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, status, 0), "the child says %d", WEXITSTATUS(status));
}

static void must_be(bool is_so, int where)
{
	if (!is_so)
		_exit(where);
}

static void signal_to(int fd)
{
	must_be(write(fd, "", 1) == 1, 90);
}

static void wait_at(int fd)
{
	char byte;

	must_be(read(fd, &byte, 1) == 1, 91);
}

/*
 * The parent has written in a transaction when it forks. The child abandons,
 * opens the file anew: it must see the parent's lock, since it is the
 * kernel's and not the table's that it inherited; the parent commits; the
 * child goes on.
 */
static void child_of_a_writer(struct driver_conn *inherited, const char *path, int from, int to)
{
	struct driver_conn *conn;

	lite_driver.abandon(inherited);
	conn = open_x(path, 50);
	must_begin(conn);
	must_be(must_int(conn, "SELECT count(*) FROM t") == 1, 1);
	must_be(run(conn, "INSERT INTO t VALUES (9, 9)") == SQLA_ERETRY, 2);
	must_be(lite_driver.rollback(conn) == 0, 3);
	signal_to(to);
	wait_at(from);
	must_begin(conn);
	must_be(must_int(conn, "SELECT count(*) FROM t") == 2, 4);
	must_run(conn, "INSERT INTO t VALUES (2, 2)");
	must_be(lite_driver.commit(conn) == 0, 5);
	lite_driver.close(conn);
	_exit(0);
}

static void fork_while_writing(const char *mode)
{
	int to_child[2], to_parent[2];
	struct driver_conn *conn;
	const char *path = path_of_x();
	pid_t pid;

	make_file(mode);
	cr_assert(eq(int, pipe(to_child), 0));
	cr_assert(eq(int, pipe(to_parent), 0));
	conn = must_open("x.db", NULL);
	must_begin(conn);
	must_run(conn, "PRAGMA cache_size = 2"); /* some pages go to the file now */
	must_run(conn, "INSERT INTO t VALUES (1, zeroblob(50000))");
	must_run(conn, "UPDATE t SET b = zeroblob(60000)");
	pid = fork();
	if (pid == 0)
		child_of_a_writer(conn, path, to_child[0], to_parent[1]);
	wait_at(to_parent[0]);
	cr_expect(eq(int, lite_driver.commit(conn), 0), "%s", sqla_error_last()->message);
	signal_to(to_child[1]);
	wait_for(pid);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 3));
	cr_expect(eq(i64,
		     must_int(conn, "SELECT count(*) FROM pragma_integrity_check "
				    "WHERE integrity_check = 'ok'"),
		     1));
	lite_driver.close(conn);
}

Test(orphan, leaves_the_transaction_of_the_parent_alone_in_wal_mode)
{
	fork_while_writing("WAL");
}

/* A reader's lock: the child's own must be taken from the kernel, or a writer
 * would not see it. The parent ends first. */
static void child_of_a_reader(struct driver_conn *inherited, const char *path, int from, int to)
{
	struct driver_conn *conn;

	lite_driver.abandon(inherited);
	conn = open_x(path, 50);
	must_begin(conn);
	must_be(must_int(conn, "SELECT count(*) FROM t") == 1, 1);
	signal_to(to);
	wait_at(from);
	must_be(must_int(conn, "SELECT count(*) FROM t") == 1, 2);
	must_be(lite_driver.commit(conn) == 0, 3);
	must_run(conn, "INSERT INTO t VALUES (2, 2)");
	lite_driver.close(conn);
	_exit(0);
}

static void fork_while_reading(const char *mode, int commit_expected)
{
	int to_child[2], to_parent[2];
	struct driver_conn *conn;
	const char *path = path_of_x();
	pid_t pid;

	make_file(mode);
	cr_assert(eq(int, pipe(to_child), 0));
	cr_assert(eq(int, pipe(to_parent), 0));
	conn = open_x(path, 50);
	must_begin(conn);
	cr_assert(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 1));
	pid = fork();
	if (pid == 0)
		child_of_a_reader(conn, path, to_child[0], to_parent[1]);
	wait_at(to_parent[0]);
	must_run(conn, "INSERT INTO t VALUES (1, 1)");
	cr_expect(eq(int, lite_driver.commit(conn), commit_expected));
	signal_to(to_child[1]);
	wait_for(pid);
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), commit_expected == 0 ? 3 : 2));
	lite_driver.close(conn);
}

Test(orphan, takes_locks_of_its_own)
{
	fork_while_reading("DELETE", SQLA_ERETRY);
}

Test(orphan, takes_locks_of_its_own_in_wal_mode)
{
	fork_while_reading("WAL", 0);
}

/* In a rollback-journal mode a child that rolled back, or closed by SQLite's
 * own ways, would take the journal away under the parent. */
Test(orphan, leaves_the_journal_of_the_parent_alone)
{
	const char *path = path_of_x();
	struct driver_conn *conn;
	char journal[300];
	pid_t pid;

	make_file("DELETE");
	(void)snprintf(journal, sizeof(journal), "%s-journal", path);
	conn = must_open("x.db", NULL);
	must_begin(conn);
	must_run(conn, "INSERT INTO t VALUES (1, zeroblob(50000))");
	cr_assert(eq(int, access(journal, F_OK), 0));
	pid = fork();
	if (pid == 0) {
		struct driver_conn *mine;

		lite_driver.abandon(conn);
		mine = open_x(path, 50);
		must_begin(mine);
		must_be(must_int(mine, "SELECT count(*) FROM t") == 1, 1);
		must_be(run(mine, "INSERT INTO t VALUES (9, 9)") == SQLA_ERETRY, 2);
		lite_driver.close(mine);
		_exit(0);
	}
	wait_for(pid);
	cr_expect(eq(int, access(journal, F_OK), 0));
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	cr_expect(eq(i64, must_int(conn, "SELECT count(*) FROM t"), 2));
	lite_driver.close(conn);
}

/* Another pool may abandon its connections later than the first one opens. */
Test(orphan, lets_go_of_all_files_before_it_opens_one)
{
	const char *path = path_of_x();
	struct driver_conn *reader, *writer;
	pid_t pid;

	make_file("DELETE");
	reader = must_open("x.db", NULL);
	writer = must_open("x.db", NULL);
	must_begin(reader);
	cr_assert(eq(i64, must_int(reader, "SELECT count(*) FROM t"), 1));
	must_begin(writer);
	must_run(writer, "INSERT INTO t VALUES (1, 1)");
	pid = fork();
	if (pid == 0) {
		struct driver_conn *mine = open_x(path, 50);

		must_begin(mine);
		must_be(must_int(mine, "SELECT count(*) FROM t") == 1, 1);
		must_be(run(mine, "INSERT INTO t VALUES (9, 9)") == SQLA_ERETRY, 2);
		lite_driver.abandon(reader);
		lite_driver.close(writer);
		must_be(must_int(mine, "SELECT count(*) FROM t") == 1, 3);
		lite_driver.close(mine);
		_exit(0);
	}
	wait_for(pid);
	cr_expect(eq(int, lite_driver.commit(reader), 0));
	cr_expect(eq(int, lite_driver.commit(writer), 0));
	lite_driver.close(reader);
	lite_driver.close(writer);
}

Test(orphan, frees_rows_without_touching_the_statement)
{
	struct driver_conn *conn;
	struct driver_rows *rows = NULL, *early = NULL;
	pid_t pid;

	make_file("DELETE");
	conn = must_open("x.db", NULL);
	must_begin(conn);
	cr_assert(eq(int, lite_driver.execute(conn, "SELECT a FROM t", NULL, 0, &rows, NULL), 0));
	cr_assert(eq(int, lite_driver.execute(conn, "SELECT a FROM t", NULL, 0, &early, NULL), 0));
	pid = fork();
	if (pid == 0) {
		early->ops->free(early);
		lite_driver.abandon(conn);
		must_be(rows->ops->next(rows) == SQLA_EMISUSE, 1);
		rows->ops->free(rows);
		_exit(0);
	}
	wait_for(pid);
	cr_expect(eq(int, rows->ops->next(rows), 1));
	rows->ops->free(rows);
	early->ops->free(early);
	cr_expect(eq(int, lite_driver.commit(conn), 0));
	lite_driver.close(conn);
}

Test(orphan, keeps_memory_databases_away_from_files)
{
	struct engine_config *config = lite_config_of("sqlite://", NULL);
	struct driver_conn *conn = NULL;
	pid_t pid;

	cr_assert(eq(int, lite_driver.open(config, DRIVER_SESSION, &conn), 0));
	must_run(conn, "CREATE TABLE t(a)");
	pid = fork();
	if (pid == 0) {
		lite_driver.abandon(conn);
		_exit(0);
	}
	wait_for(pid);
	must_run(conn, "INSERT INTO t VALUES (1)");
	lite_driver.close(conn);
	config_unref(config);
}
