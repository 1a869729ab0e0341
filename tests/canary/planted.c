/*
 * Each test plants one mistake that Criterion itself does not see. canary.sh
 * builds this under each tool, and asks run-test.sh to fail it.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Hides a pointer's life and a value's origin from the compiler. */
static void *volatile kept;
static volatile int sink;

Test(planted, nothing)
{
	kept = malloc(16);
	free(kept);
}

static void lose_a_block(void)
{
	kept = malloc(100);
	kept = NULL;
}

Test(planted, leak)
{
	lose_a_block();
}

/* A leak in a process that the test starts, as crash tests do. */
Test(planted, leak_in_child)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		lose_a_block();
		exit(0);
	}
	cr_assert(waitpid(pid, &status, 0) == pid);
}

Test(planted, overread)
{
	char *block = malloc(16);

	kept = block;
	sink = ((volatile char *)kept)[16];
	free(block);
}

Test(planted, overflow)
{
	volatile int32_t big = INT32_MAX;

	sink = big + 1;
}

static void *write_sink(void *arg)
{
	*(int *)arg = *(int *)arg + 1;
	return NULL;
}

Test(planted, race)
{
	static int shared;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		cr_assert(pthread_create(&threads[i], NULL, write_sink, &shared) == 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
