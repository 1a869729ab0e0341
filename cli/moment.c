#include "moment.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t stopped;
static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

int64_t moment_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t moment_ms(void)
{
	return moment_us() / 1000;
}

void moment_sleep_us(int64_t us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	(void)nanosleep(&t, NULL);
}

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void set_all(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &action, NULL);
}

void moment_catch_signals(void)
{
	set_all(on_signal);
}

bool moment_is_stopped(void)
{
	return stopped;
}

void moment_release_signals(void)
{
	set_all(SIG_DFL);
}

void moment_bar(char *bar, size_t size, double part)
{
	memset(bar, '.', size - 1);
	memset(bar, '#', (size_t)((part < 1 ? part : 1) * (double)(size - 1)));
	bar[size - 1] = '\0';
}
