#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>

static _Thread_local struct wire wire;
static _Thread_local bool is_talking; /* nothing was heard since */

int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct wire wire_read(void)
{
	return wire;
}

/* In place of the C library's, which do no more than these. */
ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	ssize_t n;

	if (!is_talking) {
		is_talking = true;
		wire.rounds++;
		wire.round_at = now_ns();
	}
	n = sendto(fd, bytes, size, flags, NULL, 0);
	wire.messages += n > 0;
	return n;
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	ssize_t n = recvfrom(fd, bytes, size, flags, NULL, NULL);

	if (n > 0)
		is_talking = false;
	return n;
}
