#include "sqlite/look.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "sqlite/shim.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static void make_file(const char *file, const char *journal_mode)
{
	struct driver_conn *conn = must_open(file, NULL);
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode = %s", journal_mode);
	must_run(conn, sql);
	must_run(conn, "CREATE TABLE work(uuid TEXT)");
	lite_driver.close(conn);
}

static void decide(const char *file, const char *uuid)
{
	struct driver_conn *conn = must_open(file, NULL);

	must_claim(conn, uuid);
	if (lite_driver.decide(conn) < 0)
		must_fail("decide: %s", sqla_error_last()->message);
	lite_driver.close(conn);
}

static enum driver_look_result look_with(const char *file, struct driver_look *look)
{
	struct driver_conn *conn = must_open_recovery(file);
	enum driver_look_result result = lite_driver.look(conn, look);

	lite_driver.close(conn);
	return result;
}

static int is_prepared(void *arg)
{
	(void)arg;
	return 1;
}

Test(look, finds_what_was_committed)
{
	make_file("x.db", "DELETE");
	decide("x.db", UUID_ONE);
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_COMMITTED));
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 0), LOOK_COMMITTED));
}

/* I4 */
Test(look, finds_a_live_coordinator_open)
{
	struct driver_look look = { .uuid = UUID_ONE, .still_prepared = is_prepared, .fence_s = 5 };
	struct driver_conn *conn = must_open("x.db", NULL);

	must_claim(conn, UUID_ONE);
	cr_expect(eq(int, look_with("x.db", &look), LOOK_OPEN));
	cr_expect(ne(ptr, strstr(look.evidence, "cannot fence"), NULL));
	cr_expect(ne(ptr, strstr(look.evidence, "lslocks"), NULL));
	cr_expect(eq(int, lite_driver.decide(conn), 0));
	cr_expect(eq(int, look_with("x.db", &look), LOOK_COMMITTED));
	lite_driver.close(conn);
}

/* I3 */
Test(look, finds_it_aborted_when_a_branch_is_prepared_and_nobody_writes)
{
	make_file("x.db", "DELETE");
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_ABORTED));
	cr_expect(not(has_row("x.db", UUID_ONE)));
}

Test(look, cannot_say_when_no_branch_is_prepared)
{
	make_file("x.db", "DELETE");
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 0), LOOK_UNKNOWN));
	cr_expect(eq(int, look_at("x.db", UUID_ONE, SQLA_ECONNECT), LOOK_UNKNOWN));
}

Test(look, knows_of_its_own_transaction_even_without_branches)
{
	struct driver_look look = { .uuid = UUID_ONE, .is_own = true };

	make_file("x.db", "DELETE");
	cr_expect(eq(int, look_with("x.db", &look), LOOK_ABORTED));
}

Test(look, believes_a_tombstone)
{
	char *path = scratch_path("x.db");

	make_file("x.db", "DELETE");
	must_exec_file(path, "INSERT INTO sqlassist_decision(txn, verdict, branches) "
			     "VALUES ('" UUID_ONE "', 'aborted', '')");
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 0), LOOK_ABORTED));
	free(path);
}

/* I6 */
Test(look, cannot_say_at_another_site)
{
	struct driver_look look = { .uuid = UUID_ONE, .site = UUID_TWO };

	make_file("x.db", "DELETE");
	decide("x.db", UUID_ONE);
	cr_expect(eq(int, look_with("x.db", &look), LOOK_UNKNOWN));
	cr_expect(ne(ptr, strstr(look.evidence, "another site"), NULL));
}

Test(look, cannot_say_without_a_table)
{
	char *path = scratch_path("x.db");

	must_exec_file(path, "CREATE TABLE t(a)");
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_UNKNOWN));
	free(path);
}

Test(look, cannot_say_where_it_may_not_write)
{
	struct sqla_engine_options readonly = { .readonly = SQLA_YES };
	struct driver_look look = { .uuid = UUID_ONE, .still_prepared = is_prepared };
	struct driver_conn *conn;

	make_file("x.db", "DELETE");
	conn = must_open("x.db", &readonly);
	cr_expect(eq(int, lite_driver.look(conn, &look), LOOK_UNKNOWN));
	cr_expect(ne(int, look.evidence[0], 0));
	lite_driver.close(conn);
}

/* ---- visible is not yet durable -------------------------------------------- */

static void expect_a_synchronous_write(const char *mode, enum driver_look_result expected)
{
	struct driver_look look = { .uuid = UUID_ONE, .still_prepared = is_prepared };
	struct driver_look dry = { .uuid = UUID_ONE,
				   .still_prepared = is_prepared,
				   .dry_run = true };
	struct driver_conn *conn;
	int64_t version;

	shim_install();
	make_file("x.db", mode);
	if (expected == LOOK_COMMITTED)
		decide("x.db", UUID_ONE);
	conn = must_open_recovery("x.db");
	must_run(conn, "PRAGMA user_version = -7");
	memset(&shim, 0, sizeof(shim));
	cr_expect(eq(int, lite_driver.look(conn, &dry), expected));
	cr_expect(eq(int, shim.syncs, 0));
	cr_expect(eq(int, lite_driver.look(conn, &look), expected));
	cr_expect(ge(int, shim.writes, 1));
	cr_expect(ge(int, shim.syncs, 1));
	version = must_int(conn, "PRAGMA user_version");
	cr_expect(eq(i64, version, -7));
	lite_driver.close(conn);
}

Test(look, makes_a_committed_row_durable_first)
{
	expect_a_synchronous_write("DELETE", LOOK_COMMITTED);
}

Test(look, makes_a_committed_row_durable_first_in_wal_mode)
{
	expect_a_synchronous_write("WAL", LOOK_COMMITTED);
}

Test(look, writes_before_it_says_aborted)
{
	expect_a_synchronous_write("TRUNCATE", LOOK_ABORTED);
}

Test(look, writes_before_it_says_aborted_in_wal_mode)
{
	expect_a_synchronous_write("WAL", LOOK_ABORTED);
}

Test(look, cannot_say_when_that_write_fails)
{
	struct driver_look look = { .uuid = UUID_ONE, .still_prepared = is_prepared };
	struct driver_conn *conn;

	shim_install();
	make_file("x.db", "WAL");
	decide("x.db", UUID_ONE);
	conn = must_open_recovery("x.db");
	shim.fails_wal_sync = true;
	cr_expect(eq(int, lite_driver.look(conn, &look), LOOK_UNKNOWN));
	cr_expect(ne(ptr, strstr(look.evidence, "durable"), NULL));
	lite_driver.close(conn);
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_COMMITTED));
}

static void copy_file(const char *from, const char *to)
{
	char *one = scratch_path(from), *two = scratch_path(to);
	char command[512];

	(void)snprintf(command, sizeof(command), "cp '%s' '%s'", one, two);
	if (system(command) != 0)
		must_fail("%s", command);
	free(one);
	free(two);
}

/* What the machine finds after a crash now: file and WAL, and no index. */
static bool has_row_after_a_crash(const char *as)
{
	char wal[32];

	(void)snprintf(wal, sizeof(wal), "%s-wal", as);
	copy_file("x.db", as);
	copy_file("x.db-wal", wal);
	return has_row(as, UUID_ONE);
}

/* A coordinator that is killed when its commit is in the WAL file, and the
 * index, which a bystander keeps alive, does not tell of it. */
static void die_in_commit(const char *path, int go)
{
	struct driver_conn *conn;
	char byte;

	shim_install();
	if (read(go, &byte, 1) != 1)
		_exit(1);
	conn = must_open_path(path, NULL);
	must_claim(conn, UUID_ONE);
	shim.kills_at_wal_sync = true;
	(void)lite_driver.decide(conn);
	_exit(2);
}

Test(look, buries_a_commit_that_only_a_crash_would_bring_to_light)
{
	struct driver_conn *bystander;
	char *path = scratch_path("x.db");
	int go[2], status = 0;
	pid_t pid;

	make_file("x.db", "WAL");
	cr_assert(eq(int, pipe(go), 0));
	pid = fork();
	if (pid == 0)
		die_in_commit(path, go[0]);
	bystander = must_open("x.db", NULL);
	cr_assert(eq(i64, must_int(bystander, "SELECT count(*) FROM work"), 0));
	cr_assert(eq(int, (int)write(go[1], "", 1), 1));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(ne(int, WIFSIGNALED(status), 0));

	cr_expect(not(has_row("x.db", UUID_ONE)), "the index tells of it");
	cr_expect(has_row_after_a_crash("before.db"), "the WAL does not hold it");
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_ABORTED));
	cr_expect(not(has_row_after_a_crash("after.db")));
	lite_driver.close(bystander);
	(void)close(go[0]);
	(void)close(go[1]);
	free(path);
}

/* ---- crashes of the coordinator ------------------------------------------------ */

/* Claims in a child, which then stops or dies. */
static pid_t claim_in_child(int signal)
{
	char *path = scratch_path("x.db");
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct driver_conn *conn = must_open_path(path, NULL);

		must_claim(conn, UUID_ONE);
		must_run(conn, "INSERT INTO work VALUES (zeroblob(100000))");
		(void)raise(signal);
		(void)lite_driver.decide(conn);
		lite_driver.close(conn);
		free(path);
		_exit(0);
	}
	cr_assert(eq(int, waitpid(pid, &status, WUNTRACED), pid));
	free(path);
	return pid;
}

static void stopped_and_killed(const char *mode)
{
	int status;
	pid_t pid;

	make_file("x.db", mode);
	pid = claim_in_child(SIGSTOP);
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_OPEN));
	cr_assert(eq(int, kill(pid, SIGKILL), 0));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_ABORTED));
}

Test(look, cannot_say_in_a_file_that_was_removed)
{
	struct driver_look look = { .uuid = UUID_ONE };
	struct driver_conn *conn;
	char *path;

	make_file("x.db", "DELETE");
	path = scratch_path("x.db");
	conn = must_open_recovery("x.db");
	cr_assert(eq(int, unlink(path), 0));
	cr_expect(eq(int, lite_driver.look(conn, &look), LOOK_UNKNOWN));
	lite_driver.close(conn);
	free(path);
}

/* Only a coordinator that looks for its own knows that it cannot be forgotten yet. */
Test(look, says_nothing_when_there_is_no_branch_to_ask_about)
{
	struct driver_look look = { .uuid = UUID_ONE };
	struct driver_conn *conn;

	make_file("x.db", "DELETE");
	conn = must_open_recovery("x.db");
	cr_expect(eq(int, lite_driver.look(conn, &look), LOOK_UNKNOWN));
	look.is_own = true;
	cr_expect(eq(int, lite_driver.look(conn, &look), LOOK_ABORTED));
	lite_driver.close(conn);
}

Test(look, waits_for_a_frozen_coordinator_and_not_for_a_dead_one)
{
	stopped_and_killed("DELETE");
}

Test(look, waits_for_a_frozen_coordinator_and_not_for_a_dead_one_in_wal_mode)
{
	stopped_and_killed("WAL");
}

Test(look, finds_the_commit_of_a_coordinator_that_was_frozen)
{
	int status;
	pid_t pid;

	make_file("x.db", "DELETE");
	pid = claim_in_child(SIGSTOP);
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_OPEN));
	cr_assert(eq(int, kill(pid, SIGCONT), 0));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, look_at("x.db", UUID_ONE, 1), LOOK_COMMITTED));
}

/* ---- many looks ------------------------------------------------------------------- */

static int answer_of_all;
static size_t asked_of; /* how many were asked about together */

static int are_prepared(void *const args[], size_t n)
{
	(void)args;
	asked_of = n;
	return answer_of_all;
}

struct two_looks {
	struct driver_look items[2];
	enum driver_look_result results[2];
};

/* At UUID_ONE and UUID_TWO in x.db. */
static struct two_looks look_at_two(struct driver_look how)
{
	struct two_looks two = { .items = { how, how } };
	struct driver_looks looks = { .items = two.items,
				      .results = two.results,
				      .n = 2,
				      .all_prepared = are_prepared };
	struct driver_conn *conn = must_open_recovery("x.db");

	two.items[0].uuid = UUID_ONE;
	two.items[1].uuid = UUID_TWO;
	two.results[0] = two.results[1] = LOOK_UNKNOWN;
	asked_of = 0;
	memset(&shim, 0, sizeof(shim));
	cr_expect(eq(int, lite_driver.look_at_all(conn, &looks), 0));
	cr_expect(lite_driver.is_idle(conn));
	lite_driver.close(conn);
	return two;
}

static void expect_two(struct two_looks two, enum driver_look_result one,
		       enum driver_look_result other)
{
	cr_expect(eq(int, (int)two.results[0], (int)one), "%s", two.items[0].evidence);
	cr_expect(eq(int, (int)two.results[1], (int)other), "%s", two.items[1].evidence);
}

static void make_and_decide_one(void)
{
	shim_install();
	make_file("x.db", "WAL");
	decide("x.db", UUID_ONE);
	answer_of_all = 1;
}

Test(looks, take_one_write_and_ask_only_about_those_without_a_row)
{
	struct two_looks two;

	make_and_decide_one();
	two = look_at_two((struct driver_look){ 0 });
	expect_two(two, LOOK_COMMITTED, LOOK_ABORTED);
	cr_expect(eq(sz, asked_of, 1));
	cr_expect(ge(int, shim.syncs, 1));
	cr_expect(ne(ptr, strstr(two.items[0].evidence, "committed"), NULL));
	cr_expect(ne(ptr, strstr(two.items[1].evidence, "no row"), NULL));
}

Test(looks, leave_nothing_behind_when_they_must_not)
{
	make_and_decide_one();
	expect_two(look_at_two((struct driver_look){ .dry_run = true }), LOOK_COMMITTED,
		   LOOK_ABORTED);
	cr_expect(eq(int, shim.syncs, 0));
}

Test(looks, say_nothing_when_a_branch_is_gone)
{
	make_and_decide_one();
	answer_of_all = 0;
	expect_two(look_at_two((struct driver_look){ 0 }), LOOK_UNKNOWN, LOOK_UNKNOWN);
	answer_of_all = SQLA_ECONNECT;
	expect_two(look_at_two((struct driver_look){ 0 }), LOOK_UNKNOWN, LOOK_UNKNOWN);
	cr_expect(eq(int, shim.syncs, 0));
}

Test(looks, say_nothing_at_another_site)
{
	make_and_decide_one();
	expect_two(look_at_two((struct driver_look){ .site = "elsewhere" }), LOOK_UNKNOWN,
		   LOOK_UNKNOWN);
}

Test(looks, say_nothing_while_somebody_writes)
{
	struct driver_conn *writer;

	make_and_decide_one();
	writer = must_open("x.db", NULL);
	must_begin(writer);
	must_run(writer, "INSERT INTO work VALUES ('x')");
	expect_two(look_at_two((struct driver_look){ 0 }), LOOK_UNKNOWN, LOOK_UNKNOWN);
	lite_driver.close(writer);
}

/* A verdict that is none is for a person to see. */
Test(looks, say_nothing_when_a_row_says_something_else)
{
	struct driver_conn *conn;

	make_and_decide_one();
	conn = must_open("x.db", NULL);
	must_run(conn, "UPDATE sqlassist_decision SET verdict = 'maybe' WHERE verdict <> 'site'");
	lite_driver.close(conn);
	expect_two(look_at_two((struct driver_look){ 0 }), LOOK_UNKNOWN, LOOK_UNKNOWN);
}

Test(looks, say_nothing_when_their_write_fails)
{
	struct driver_looks looks;
	struct driver_look items[] = { { .uuid = UUID_ONE }, { .uuid = UUID_ONE } };
	enum driver_look_result results[] = { LOOK_UNKNOWN, LOOK_UNKNOWN };
	struct driver_conn *conn;

	make_and_decide_one();
	conn = must_open_recovery("x.db");
	looks = (struct driver_looks){ .items = items,
				       .results = results,
				       .n = 2,
				       .all_prepared = are_prepared };
	shim.fails_wal_sync = true;
	cr_expect(eq(int, lite_driver.look_at_all(conn, &looks), 0));
	cr_expect(eq(int, (int)results[0], LOOK_UNKNOWN));
	cr_expect(eq(int, (int)results[1], LOOK_UNKNOWN));
	shim.fails_wal_sync = false;
	lite_driver.close(conn);
}

Test(look, has_no_prepared_branches)
{
	struct driver_conn *conn = must_open("x.db", NULL);

	cr_expect(eq(int, lite_driver.list_prepared(conn, NULL, NULL), 0));
	cr_expect(eq(int, lite_driver.is_prepared(conn, "gid"), 0));
	cr_expect(eq(int, lite_driver.end_prepared(conn, "gid", true, NULL), SQLA_EMISUSE));
	lite_driver.close(conn);
}
