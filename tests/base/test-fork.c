#include "base/fork.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

static int called;
static pthread_mutex_t guarded = PTHREAD_MUTEX_INITIALIZER;
static struct fork_lock module_lock = FORK_LOCK_INITIALIZER;

static void count(void *arg)
{
	called += *(int *)arg;
}

static int exit_of(pid_t pid)
{
	int status = -1;

	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

Test(fork, a_child_and_a_grandchild_have_generations_of_their_own)
{
	unsigned mine = fork_generation();
	pid_t pid = fork();

	if (pid == 0) {
		unsigned childs = fork_generation();
		pid_t grandchild = fork();

		if (grandchild == 0)
			_exit(!(fork_is_foreign(mine) && fork_is_foreign(childs)));
		_exit(exit_of(grandchild) || !fork_is_foreign(mine) || fork_is_foreign(childs));
	}
	cr_expect(zero(int, exit_of(pid)));
	cr_expect(not(fork_is_foreign(mine)));
}

Test(fork, a_handler_runs_in_the_child_alone)
{
	int one = 1;
	pid_t pid;

	cr_assert(zero(int, fork_on_child(count, &one)));
	pid = fork();
	if (pid == 0)
		_exit(called != 1);
	cr_expect(zero(int, exit_of(pid)));
	cr_expect(zero(int, called));
}

Test(fork, a_lock_that_is_guarded_twice_is_taken_once)
{
	pid_t pid;

	cr_assert(zero(int, fork_guard(&guarded)));
	cr_assert(zero(int, fork_guard(&guarded)));
	pid = fork();
	if (pid == 0)
		_exit(0);
	cr_expect(zero(int, exit_of(pid)));
}

static void *hold(void *arg)
{
	int *done = arg;

	while (!__atomic_load_n(done, __ATOMIC_RELAXED)) {
		(void)pthread_mutex_lock(&guarded);
		(void)pthread_mutex_unlock(&guarded);
	}
	return NULL;
}

Test(fork, a_guarded_lock_is_never_held_in_the_child)
{
	pthread_t thread;
	int done = 0;

	cr_assert(zero(int, fork_guard(&guarded)));
	cr_assert(zero(int, pthread_create(&thread, NULL, hold, &done)));
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(pthread_mutex_trylock(&guarded));
		cr_expect(zero(int, exit_of(pid)));
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	cr_assert(zero(int, pthread_join(thread, NULL)));
}

static void *take_and_give(void *arg)
{
	int *done = arg;

	while (!__atomic_load_n(done, __ATOMIC_RELAXED)) {
		fork_lock_take(&module_lock);
		fork_lock_give(&module_lock);
	}
	return NULL;
}

/* Nobody has guarded it before. */
Test(fork, a_lock_of_a_module_is_never_held_in_the_child)
{
	pthread_t thread;
	int done = 0;

	fork_lock_take(&module_lock);
	cr_expect(eq(int, pthread_mutex_trylock(&module_lock.mutex), EBUSY));
	fork_lock_give(&module_lock);
	cr_assert(zero(int, pthread_create(&thread, NULL, take_and_give, &done)));
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(pthread_mutex_trylock(&module_lock.mutex));
		cr_expect(zero(int, exit_of(pid)));
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	cr_assert(zero(int, pthread_join(thread, NULL)));
}
