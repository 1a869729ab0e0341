/*
 * A group of files decides for a PostgreSQL server, too: a process is killed at
 * every call to the file system of such a commit, and another one recovers. The
 * server has the transfer then if the files have it.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlassist.h>

#include "group/trio.h"
#include "support/disk.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "a" })

struct bank {
	const struct trio_modes *modes;
	char *url; /* of the server's database */
	PGconn *conn;
	struct result {
		int killed;
		int had_it, did_not;	    /* when the server's branch was prepared */
		int committed, rolled_back; /* of those, where a WAL was guarded */
	} result;
};

static int rounds(void)
{
	return getenv("SQLA_TEST_LONG") ? 20 : 1;
}

/* ---- the three processes --------------------------------------------------------- */

static void register_server(const struct bank *bank)
{
	if (sqla_engine_register("server", bank->url, NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
}

/* Killed at call KILL_AT of its commit, or it says what that answered. */
static void transfer(const struct bank *bank, int number, unsigned kill_at)
{
	struct sqla_session *server;
	int status;

	disk_watch(trio_folder());
	register_server(bank);
	trio_open(bank->modes);
	if (sqla_session_open("server", &server) < 0 ||
	    sqla_exec(server, "INSERT INTO done VALUES ($1)", sqla_int(number)) < 0 ||
	    trio_try(number) < 0)
		must_fail("transfer %d: %s", number, sqla_error_last()->message);
	disk_count(kill_at);
	status = txn_commit();
	disk_stop();
	_exit(status == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* It has only the names of the files and the address of the server. */
static void recover(const struct bank *bank)
{
	const struct sqla_recover_options at_once = { .grace_s = -1 };

	trio_register();
	register_server(bank);
	if (sqla_recover(&at_once, NULL, NULL, NULL) != 0)
		must_fail("recovery: %s", sqla_error_last()->message);
	_exit(EXIT_SUCCESS);
}

static int await(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		must_fail("no child");
	return status;
}

/* ---- one kill -------------------------------------------------------------------- */

/* What the dead one sent last may still be under way. */
static void await_server(const struct bank *bank)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (must_query_int(bank->conn, "SELECT count(*) FROM pg_stat_activity WHERE datname ="
					  " current_database() AND pid <> pg_backend_pid()") > 0)
		(void)nanosleep(&pause, NULL);
}

static bool is_prepared(const struct bank *bank)
{
	return must_query_int(bank->conn, "SELECT count(*) FROM pg_prepared_xacts WHERE database ="
					  " current_database()") > 0;
}

static void note(struct result *result, bool has, bool was_guarded)
{
	result->had_it += has;
	result->did_not += !has;
	result->committed += was_guarded && has;
	result->rolled_back += was_guarded && !has;
}

static void check(const struct bank *bank, int number, unsigned kill_at)
{
	char *violation = trio_violation();
	int64_t n = must_query_int(bank->conn, "SELECT count(*) FROM done WHERE id = %d", number);

	cr_assert(eq(ptr, violation, NULL), "%s, call %u: %s", bank->modes->name, kill_at,
		  violation);
	cr_assert(eq(i64, n, trio_has(number)), "%s, call %u", bank->modes->name, kill_at);
	cr_assert(not(is_prepared(bank)), "%s, call %u", bank->modes->name, kill_at);
	cr_assert(zero(int, trio_guarded()), "%s, call %u", bank->modes->name, kill_at);
}

/* Whether it was killed. A stock client that comes first, every other time, deals with
 * what it may deal with, and so has no say in the decision. */
static bool kill_once(struct bank *bank, int number, unsigned kill_at)
{
	bool was_prepared, was_guarded;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		transfer(bank, number, kill_at);
	status = await(pid);
	await_server(bank);
	was_prepared = is_prepared(bank);
	was_guarded = trio_guarded() > 0;
	if (kill_at % 2)
		trio_visit_with_shell((int)kill_at);
	pid = fork();
	if (pid == 0)
		recover(bank);
	cr_assert(zero(int, await(pid)), "%s, call %u", bank->modes->name, kill_at);
	check(bank, number, kill_at);
	if (was_prepared)
		note(&bank->result, trio_has(number), was_guarded);
	if (WIFSIGNALED(status))
		return true;
	cr_assert(zero(int, status));
	cr_assert(eq(int, trio_has(number), 1));
	return false;
}

static struct bank open_bank(const struct trio_modes *modes, const char *database)
{
	struct cluster *cluster = cluster_get("a");
	struct bank bank = { .modes = modes, .url = cluster_database(cluster, database) };

	cluster_free(cluster);
	bank.conn = must_connect(bank.url);
	must_exec(bank.conn, "CREATE TABLE done (id bigint PRIMARY KEY)");
	trio_make();
	trio_visit_with_library(modes);
	return bank;
}

static struct result sweep(const struct trio_modes *modes, const char *database)
{
	struct bank bank = open_bank(modes, database);
	struct result *result = &bank.result;
	int number = 0;

	for (int i = 0; i < rounds(); i++)
		for (unsigned at = 1; kill_once(&bank, ++number, at); at++)
			result->killed++;
	(void)printf("%s: %d kills, %d of %d prepared branches committed, %d of %d with guarded "
		     "WALs\n",
		     modes->name, result->killed, result->had_it, result->had_it + result->did_not,
		     result->committed, result->committed + result->rolled_back);
	(void)printf("count %d groups of SQLite files killed\n", result->killed);
	cr_expect(gt(int, result->killed, 30));
	cr_expect(gt(int, result->had_it, 1));
	cr_expect(gt(int, result->did_not, 10));
	PQfinish(bank.conn);
	free(bank.url);
	return bank.result;
}

Test(server, beside_files_with_wals_ends_as_they_do)
{
	struct result result = sweep(&trio_wal, "wals");

	cr_expect(gt(int, result.committed, 1));
	cr_expect(gt(int, result.rolled_back, 1));
}

Test(server, beside_files_with_wals_and_a_journal_ends_as_they_do)
{
	struct result result = sweep(&trio_half_wal, "half_wals");

	cr_expect(gt(int, result.committed, 1));
	cr_expect(gt(int, result.rolled_back, 1));
}

Test(server, beside_files_with_one_journal_of_each_kind_ends_as_they_do)
{
	if (!getenv("SQLA_TEST_LONG"))
		cr_skip("make check-long");
	(void)sweep(&trio_mixed, "journals");
}
