#include "base/fault.h"

#ifdef SQLA_FAULT_POINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static const struct {
	const char *name;
	const char *text;
} points[] = {
#define FAULT_POINT(name, text) { #name, text },
#include "base/faultpoints.def"
#undef FAULT_POINT
};

enum what { KILL, STOP, FAIL, REFUSE, DELAY };

static const char *const whats[] = { "kill", "stop", "fail", "refuse", "delay" };

/* Guards all below; armed once, by the environment or by a test. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_read;
static int armed = -1;
static enum what what;
static long left;

const char *fault_name(enum fault_point point)
{
	return points[point].name;
}

const char *fault_text(enum fault_point point)
{
	return points[point].text;
}

/* An unknown word must not pass for a test that found nothing. */
static void parse(const char *spec)
{
	char name[64], action[16];

	armed = -1;
	left = 0;
	if (!spec || !*spec)
		return;
	if (sscanf(spec, "%63[a-z_]:%15[a-z]:%ld", name, action, &left) < 2)
		abort();
	for (int i = 0; i < FAULT_POINTS; i++)
		if (strcmp(points[i].name, name) == 0)
			armed = i;
	for (what = KILL; what <= DELAY; what++)
		if (strcmp(whats[what], action) == 0)
			break;
	if (armed < 0 || what > DELAY)
		abort();
}

void fault_arm(const char *spec)
{
	(void)pthread_mutex_lock(&lock);
	is_read = true;
	parse(spec);
	(void)pthread_mutex_unlock(&lock);
}

static void record(enum fault_point point)
{
	const char *path = getenv("SQLASSIST_FAULT_LOG");
	char line[80];
	int fd, length;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		abort();
	length = snprintf(line, sizeof(line), "%s\n", points[point].name);
	if (write(fd, line, (size_t)length) != length)
		abort();
	(void)close(fd);
}

/* Whether the armed action is due; disarms it, so that it happens once. */
static bool is_due(enum fault_point point, enum what *ret_what)
{
	bool due = false;

	(void)pthread_mutex_lock(&lock);
	if (!is_read) {
		is_read = true;
		parse(getenv("SQLASSIST_FAULT"));
	}
	record(point);
	if (armed == (int)point && left-- <= 0) {
		due = true;
		armed = -1;
		*ret_what = what;
	}
	(void)pthread_mutex_unlock(&lock);
	return due;
}

enum fault_action fault_pass(enum fault_point point)
{
	const struct timespec moment = { .tv_nsec = 100000000 };
	enum what action;

	if (!is_due(point, &action))
		return FAULT_NONE;
	log_info("fault point %s: %s", points[point].name, whats[action]);
	switch (action) {
	case KILL:
		(void)raise(SIGKILL);
		break;
	case STOP:
		(void)raise(SIGSTOP);
		break;
	case DELAY:
		(void)nanosleep(&moment, NULL);
		break;
	case FAIL:
		return FAULT_FAIL;
	case REFUSE:
		return FAULT_REFUSE;
	}
	return FAULT_NONE;
}

#else

/* ISO C wants a declaration in every file. */
extern const int fault_points_are_absent;
const int fault_points_are_absent = 1;

#endif
