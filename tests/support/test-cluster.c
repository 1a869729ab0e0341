#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "shared" }, { .name = "odd", .conf = "max_prepared_transactions = 0" })

Test(cluster, answers_in_every_test_process)
{
	struct cluster *c = cluster_get("shared");
	char *url = cluster_database(c, "answers");

	cr_assert(eq(i64, must_query_int_at(url, "SELECT 42"), 42));
	free(url);
	cluster_free(c);
}

Test(cluster, takes_extra_configuration)
{
	struct cluster *c = cluster_get("odd");
	char *url = cluster_url(c, "postgres");

	cr_assert(eq(i64,
		     must_query_int_at(url, "SELECT current_setting("
					    "'max_prepared_transactions')::int"),
		     0));
	free(url);
	cluster_free(c);
}

Test(cluster, writes_through_to_the_disk)
{
	struct cluster *c = cluster_get("shared");
	char *url = cluster_url(c, "postgres");

	cr_assert(eq(i64, must_query_int_at(url, "SELECT (current_setting('fsync') = 'on')::int"),
		     1));
	free(url);
	cluster_free(c);
}

Test(cluster, keeps_what_is_prepared_over_a_crash_and_loses_what_is_open)
{
	struct cluster *c = cluster_start("crashing", NULL);
	char *url = cluster_database(c, "bank");
	PGconn *open = must_connect(url), *prepared = must_connect(url);

	must_exec(open, "CREATE TABLE t (i int)");
	must_exec(open, "BEGIN; INSERT INTO t VALUES (1)");
	must_exec(prepared, "BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'two'");
	cr_assert(eq(i64, cluster_prepared(c), 1));

	cluster_crash(c);
	cr_assert(eq(int, PQping(url), PQPING_NO_RESPONSE));
	cluster_restart(c);

	cr_assert(eq(i64, cluster_prepared(c), 1));
	must_exec_at(url, "COMMIT PREPARED 'two'");
	cr_assert(eq(i64, must_query_int_at(url, "SELECT sum(i) FROM t"), 2));
	PQfinish(open);
	PQfinish(prepared);
	free(url);
	cluster_free(c);
}

Test(cluster, ends_in_order_and_restarts)
{
	struct cluster *c = cluster_start("stopping", NULL);
	char *url = cluster_url(c, "postgres");

	cluster_stop(c);
	cr_assert(eq(int, PQping(url), PQPING_NO_RESPONSE));
	cluster_restart(c);
	cr_assert(eq(int, PQping(url), PQPING_OK));
	free(url);
	cluster_free(c);
}

Test(cluster, rolls_back_what_is_prepared_in_one_database_only)
{
	struct cluster *c = cluster_start("cleaning", NULL);
	char *one = cluster_database(c, "one"), *two = cluster_database(c, "two");

	must_exec_at(one, "BEGIN; CREATE TABLE t (i int); PREPARE TRANSACTION 'a'");
	must_exec_at(two, "BEGIN; CREATE TABLE t (i int); PREPARE TRANSACTION 'b'");
	cr_assert(eq(i64, cluster_rollback_prepared(c, "one"), 1));
	cr_assert(eq(i64, cluster_prepared(c), 1));
	free(one);
	free(two);
	cluster_free(c);
}

Test(cluster, is_another_system_than_its_neighbours)
{
	static const char who[] = "SELECT system_identifier FROM pg_control_system()";
	struct cluster *c = cluster_get("shared"), *d = cluster_get("odd");
	char *one = cluster_url(c, "postgres"), *two = cluster_url(d, "postgres");

	cr_assert(ne(i64, must_query_int_at(one, who), must_query_int_at(two, who)));
	free(one);
	free(two);
	cluster_free(c);
	cluster_free(d);
}

Test(cluster, can_be_a_standby)
{
	struct cluster *c = cluster_get("shared"), *standby = cluster_start_standby("standby", c);
	char *url = cluster_url(standby, "postgres");

	cr_assert(eq(i64, must_query_int_at(url, "SELECT pg_is_in_recovery()::int"), 1));
	free(url);
	cluster_free(standby);
	cluster_free(c);
}

/* Until the folder is away, which comes last. */
static bool goes_away(const char *folder)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < 1000 && access(folder, F_OK) == 0; i++)
		(void)nanosleep(&pause, NULL);
	return access(folder, F_OK) < 0;
}

Test(cluster, is_gone_when_its_test_is_killed)
{
	char folder[256] = "";
	int pipes[2];
	pid_t child;

	cr_assert(eq(int, pipe2(pipes, O_CLOEXEC), 0));
	child = fork();
	if (child == 0) {
		static struct cluster *volatile orphan; /* reachable, for the leak checkers */
		const char *text = cluster_folder(orphan = cluster_start("orphan", NULL));

		if (write(pipes[1], text, strlen(text)) > 0)
			(void)raise(SIGKILL);
		_exit(1);
	}
	(void)close(pipes[1]);
	cr_assert(gt(long, read(pipes[0], folder, sizeof(folder) - 1), 0));
	cr_assert(eq(int, waitpid(child, NULL, 0), child));
	cr_expect(goes_away(folder));
	(void)close(pipes[0]);
}
