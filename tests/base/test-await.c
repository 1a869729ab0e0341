#include "base/await.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/test.h"

enum { LONG_MS = 3600000 };

/* Stands in for the C library's, so that a test knows when the processor is given
 * away, and can do what a server would do with it. */
static _Thread_local unsigned yields;
static _Thread_local int answers_to = -1; /* what has the processor then */
static _Thread_local bool is_sleeper;
static atomic_bool is_asleep;

static void must_answer(int fd)
{
	cr_assert(eq(int, (int)write(fd, "!", 1), 1));
}

int sched_yield(void)
{
	yields++;
	if (is_sleeper)
		atomic_store(&is_asleep, true);
	if (answers_to >= 0)
		must_answer(answers_to);
	return 0;
}

/* SERVER answers when it gets the processor. The sanitizers yield, too, at other times. */
static int await_server(struct pollfd *wait, int server, int ms, unsigned *ret_yields)
{
	int ready;

	yields = 0;
	answers_to = server;
	ready = await_answer(wait, 1, ms);
	answers_to = -1;
	*ret_yields = yields;
	return ready;
}

static struct pollfd must_open(int *ret_server)
{
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	*ret_server = ends[1];
	return (struct pollfd){ .fd = ends[0], .events = POLLIN };
}

static void close_both(const struct pollfd *wait, int server)
{
	(void)close(wait->fd);
	(void)close(server);
}

Test(await, sees_what_is_answered_while_another_has_the_processor)
{
	int server;
	struct pollfd wait = must_open(&server);
	unsigned n;

	cr_expect(eq(int, await_server(&wait, server, 1, &n), 1));
	cr_expect(eq(int, wait.revents, POLLIN));
	cr_expect(eq(uint, n, 1));
	close_both(&wait, server);
}

Test(await, keeps_the_processor_where_it_may_not_wait)
{
	int server;
	struct pollfd wait = must_open(&server);
	unsigned n;

	cr_expect(zero(int, await_server(&wait, server, 0, &n)));
	cr_expect(zero(uint, n));
	close_both(&wait, server);
}

static void *sleep_on(void *arg)
{
	struct pollfd *wait = arg;

	is_sleeper = true;
	cr_expect(eq(int, await_answer(wait, 1, LONG_MS), 1));
	return NULL;
}

Test(await, keeps_the_processor_where_another_thread_waits)
{
	int server, others;
	struct pollfd wait = must_open(&server), other = must_open(&others);
	pthread_t sleeper;
	unsigned n;

	cr_assert(zero(int, pthread_create(&sleeper, NULL, sleep_on, &other)));
	while (!atomic_load(&is_asleep))
		(void)usleep(100);
	cr_expect(zero(int, await_server(&wait, server, 1, &n)));
	cr_expect(zero(uint, n));
	must_answer(others);
	cr_assert(zero(int, pthread_join(sleeper, NULL)));
	cr_expect(eq(int, await_server(&wait, server, 1, &n), 1));
	cr_expect(eq(uint, n, 1));
	close_both(&wait, server);
	close_both(&other, others);
}

Test(await, tells_how_many_are_ready_and_which)
{
	int servers[3];
	struct pollfd waits[] = { must_open(&servers[0]),
				  must_open(&servers[1]),
				  must_open(&servers[2]),
				  { .fd = -1, .events = POLLIN } };

	must_answer(servers[0]);
	must_answer(servers[2]);
	cr_expect(eq(int, await_answer(waits, 4, LONG_MS), 2));
	cr_expect(eq(int, waits[0].revents, POLLIN));
	cr_expect(zero(int, waits[1].revents));
	cr_expect(eq(int, waits[2].revents, POLLIN));
	cr_expect(zero(int, waits[3].revents));
	for (size_t i = 0; i < 3; i++)
		close_both(&waits[i], servers[i]);
}

Test(await, waits_as_long_as_it_may_and_then_tells_that_nobody_answered)
{
	int server;
	struct pollfd wait = must_open(&server);
	int64_t due = clock_ms() + 30;

	cr_expect(zero(int, await_answer(&wait, 1, 30)));
	cr_expect(zero(int, wait.revents));
	cr_expect(ge(i64, clock_ms(), due));
	close_both(&wait, server);
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* Again and again, since the first may come before it waits. */
static void must_interrupt(int every_us)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	const struct itimerval timer = { { 0, every_us }, { 0, every_us } };

	cr_assert(zero(int, sigaction(SIGALRM, &action, NULL)));
	cr_assert(zero(int, setitimer(ITIMER_REAL, &timer, NULL)));
}

Test(await, tells_of_a_signal)
{
	int server;
	struct pollfd wait = must_open(&server);
	int answer, error;

	must_interrupt(1000);
	answer = await_answer(&wait, 1, LONG_MS);
	error = errno;
	must_interrupt(0);
	cr_expect(eq(int, answer, -1));
	cr_expect(eq(int, error, EINTR));
	close_both(&wait, server);
}
