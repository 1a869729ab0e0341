#include "sqlite/turn.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite/driver.h"
#include "sqlite/lite.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

/* None of these waits ends by itself while a test is awaited. */
enum { FOR_EVER_MS = 3600000 };

struct waiter {
	struct turn turn;
	pthread_t thread;
	atomic_bool is_back;
};

static void *wait_long(void *arg)
{
	struct waiter *w = arg;

	turn_wait(&w->turn, FOR_EVER_MS);
	atomic_store(&w->is_back, true);
	return NULL;
}

static void come(struct waiter *w, ino_t inode)
{
	atomic_init(&w->is_back, false);
	turn_init(&w->turn);
	w->turn.inode = inode;
	turn_come(&w->turn);
}

/* Returns when it waits. */
static void start(struct waiter *w)
{
	cr_assert(zero(int, pthread_create(&w->thread, NULL, wait_long, w)));
	while (!turn_is_waiting(&w->turn))
		(void)sched_yield();
}

static void join(struct waiter *w)
{
	cr_assert(zero(int, pthread_join(w->thread, NULL)));
}

static void pass(ino_t inode)
{
	struct turn turn;

	turn_init(&turn);
	turn.inode = inode;
	turn_pass(&turn);
}

Test(turn, is_given_to_who_waits_when_somebody_lets_go)
{
	struct waiter w;

	come(&w, 1);
	start(&w);
	pass(1);
	join(&w);
}

Test(turn, is_not_waited_for_when_somebody_has_let_go_since_the_last_try)
{
	struct waiter w;

	come(&w, 1);
	pass(1);
	turn_wait(&w.turn, FOR_EVER_MS);
}

Test(turn, is_of_those_who_came_first_whoever_waits_first)
{
	struct waiter first, second;

	come(&first, 1);
	come(&second, 1);
	start(&second);
	start(&first);
	pass(1);
	join(&first);
	cr_expect(not(atomic_load(&second.is_back)));
	pass(1);
	join(&second);
}

/* 65 falls into the lane of 1. */
Test(turn, is_the_files_own)
{
	struct waiter one, other;

	come(&one, 1);
	come(&other, 65);
	start(&one);
	start(&other);
	pass(65);
	join(&other);
	cr_expect(not(atomic_load(&one.is_back)));
	pass(1);
	join(&one);
}

Test(turn, is_not_taken_by_who_is_called_in_the_same_way)
{
	struct waiter one, other;

	come(&one, 1);
	come(&other, 2);
	other.turn.number = one.turn.number + 64; /* they share a condition */
	start(&one);
	start(&other);
	pass(2);
	join(&other);
	cr_expect(not(atomic_load(&one.is_back)));
	pass(1);
	join(&one);
}

Test(turn, is_wanted_while_somebody_waits_for_the_file)
{
	struct turn same, another;
	struct waiter w;

	turn_init(&same);
	turn_init(&another);
	same.inode = 1;
	another.inode = 2;
	cr_expect(not(turn_is_wanted(&same)));
	come(&w, 1);
	start(&w);
	cr_expect(turn_is_wanted(&same));
	cr_expect(not(turn_is_wanted(&another)));
	pass(1);
	join(&w);
	cr_expect(not(turn_is_wanted(&same)));
}

Test(turn, is_waited_for_only_for_a_moment)
{
	struct turn turn;

	turn_init(&turn);
	turn_come(&turn);
	turn_wait(&turn, 1);
	cr_expect(not(turn_is_waiting(&turn)));
}

/* Nobody of the parent's is first there. */
Test(turn, is_free_in_a_forked_child)
{
	struct waiter w, child;
	int status = -1;
	pid_t pid;

	come(&w, 1);
	start(&w);
	pid = fork();
	if (pid == 0) {
		come(&child, 1);
		pass(1);
		turn_wait(&child.turn, FOR_EVER_MS);
		_exit(0);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	pass(1);
	join(&w);
}

/* ---- with files ------------------------------------------------------------------ */

enum { THREADS = 6, EACH = 20 };

static void *count_up(void *path)
{
	struct driver_conn *conn = must_open_path(path, NULL);

	for (int i = 0; i < EACH; i++) {
		must_begin(conn);
		must_run(conn, "UPDATE t SET n = n + 1");
		if (lite_driver.commit(conn) < 0)
			must_fail("%s", sqla_error_last()->message);
	}
	lite_driver.close(conn);
	return NULL;
}

Test(turn, comes_to_every_thread_that_writes)
{
	struct driver_conn *conn = must_open("x.db", NULL);
	char *path = scratch_path("x.db");
	pthread_t threads[THREADS];

	must_run(conn, "CREATE TABLE t(n)");
	must_run(conn, "INSERT INTO t VALUES (0)");
	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, count_up, path)));
	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(int, pthread_join(threads[i], NULL)));
	cr_expect(eq(i64, must_int(conn, "SELECT n FROM t"), THREADS * EACH));
	lite_driver.close(conn);
	free(path);
}
