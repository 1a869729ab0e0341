#include "slow.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utarray.h>
#include <utlist.h>

#include "support/files.h"
#include "support/must.h"
#include "support/scratch.h"
#include "wire.h"

enum { CHUNK_MAX = 16384 };

/* What was read, until it is written. No bytes: the end. */
struct chunk {
	int64_t due;
	size_t size;
	struct chunk *next, *prev;
	char bytes[];
};

/* One direction of a connection. */
struct lane {
	int from, to;
	struct chunk *chunks;
	bool has_read_all, is_done;
};

struct line {
	struct lane there, back;
	struct line *next, *prev;
};

struct slow {
	char *folder, *server;
	int64_t delay_ns;
	int listener, stop;
	pthread_t thread;
	struct line *lines; /* the thread's */
};

/* ---- sockets ----------------------------------------------------------------- */

static struct sockaddr_un socket_in(const char *folder)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", folder);

	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		must_fail("%s is too long for a socket", folder);
	return address;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		must_fail("no socket");
	return fd;
}

static void open_line(struct slow *slow)
{
	struct sockaddr_un address = socket_in(slow->server);
	int client = accept4(slow->listener, NULL, NULL, SOCK_CLOEXEC), server = new_socket();
	struct line *line = calloc(1, sizeof(*line));

	if (!line || client < 0 ||
	    connect(server, (const struct sockaddr *)&address, sizeof(address)) < 0)
		must_fail("no slow connection to %s", slow->server);
	line->there = (struct lane){ .from = client, .to = server };
	line->back = (struct lane){ .from = server, .to = client };
	DL_APPEND(slow->lines, line);
}

static void free_chunks(struct lane *lane)
{
	struct chunk *chunk, *tmp;

	DL_FOREACH_SAFE(lane->chunks, chunk, tmp) {
		DL_DELETE(lane->chunks, chunk);
		free(chunk);
	}
}

static void close_line(struct slow *slow, struct line *line)
{
	DL_DELETE(slow->lines, line);
	free_chunks(&line->there);
	free_chunks(&line->back);
	(void)close(line->there.from);
	(void)close(line->there.to);
	free(line);
}

/* ---- passing on ---------------------------------------------------------------- */

static void take(struct lane *lane, int64_t due)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + CHUNK_MAX);
	ssize_t n;

	if (!chunk)
		must_fail("out of memory");
	n = read(lane->from, chunk->bytes, CHUNK_MAX);
	lane->has_read_all = n <= 0;
	chunk->size = n > 0 ? (size_t)n : 0;
	chunk->due = due;
	DL_APPEND(lane->chunks, chunk);
}

static bool give(const struct lane *lane, const struct chunk *chunk)
{
	for (size_t done = 0; done < chunk->size;) {
		ssize_t n = write(lane->to, chunk->bytes + done, chunk->size - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return chunk->size > 0;
}

/* Passes on what is due. Returns when the next is, or LATEST. */
static int64_t pass_on(struct lane *lane, int64_t now, int64_t latest)
{
	struct chunk *chunk;

	while ((chunk = lane->chunks)) {
		if (chunk->due > now)
			return chunk->due < latest ? chunk->due : latest;
		if (!lane->is_done && !give(lane, chunk)) {
			lane->is_done = true;
			(void)shutdown(lane->to, SHUT_WR);
		}
		DL_DELETE(lane->chunks, chunk);
		free(chunk);
	}
	return latest;
}

/* Passes on what is due on all lines. Returns when the next is. */
static int64_t pass_all(struct slow *slow)
{
	int64_t next = INT64_MAX, now = now_ns();
	struct line *line, *tmp;

	DL_FOREACH_SAFE(slow->lines, line, tmp) {
		next = pass_on(&line->there, now, next);
		next = pass_on(&line->back, now, next);
		if (line->there.is_done && line->back.is_done)
			close_line(slow, line);
	}
	return next;
}

/* ---- the thread ------------------------------------------------------------------ */

static void watch(UT_array *fds, int fd, bool is_wanted)
{
	const struct pollfd entry = { .fd = is_wanted ? fd : -1, .events = POLLIN };

	utarray_push_back(fds, &entry);
}

/* The stop, the listener, and two for each line. */
static void list_fds(const struct slow *slow, UT_array *fds)
{
	const struct line *line;

	utarray_clear(fds);
	watch(fds, slow->stop, true);
	watch(fds, slow->listener, true);
	DL_FOREACH(slow->lines, line) {
		watch(fds, line->there.from, !line->there.has_read_all);
		watch(fds, line->back.from, !line->back.has_read_all);
	}
}

static void wait_until(UT_array *fds, int64_t when)
{
	int64_t left = when - now_ns();
	struct timespec timeout;

	left = left > 0 ? left : 0;
	timeout = (struct timespec){ .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	(void)ppoll((struct pollfd *)utarray_front(fds), utarray_len(fds),
		    when == INT64_MAX ? NULL : &timeout, NULL);
}

static void take_all(struct slow *slow, const struct pollfd *fd)
{
	int64_t due = now_ns() + slow->delay_ns;
	struct line *line;

	DL_FOREACH(slow->lines, line) {
		if ((fd++)->revents)
			take(&line->there, due);
		if ((fd++)->revents)
			take(&line->back, due);
	}
}

static void *run(void *arg)
{
	static const UT_icd pollfd_icd = { sizeof(struct pollfd), NULL, NULL, NULL };
	struct slow *slow = arg;
	const struct pollfd *fd;
	UT_array *fds;

	utarray_new(fds, &pollfd_icd);
	do {
		int64_t next = pass_all(slow);

		list_fds(slow, fds);
		wait_until(fds, next);
		fd = (const struct pollfd *)utarray_front(fds);
		take_all(slow, fd + 2);
		if (fd[1].revents)
			open_line(slow);
	} while (!fd[0].revents);
	utarray_free(fds);
	return NULL;
}

struct slow *slow_start(const char *server, int delay_ms)
{
	struct slow *slow = calloc(1, sizeof(*slow));
	static int number;
	struct sockaddr_un address;

	if (!slow)
		must_fail("out of memory");
	slow->folder = must_printf("%s/slow%d", scratch_dir(), number++);
	slow->server = must_printf("%s", server);
	slow->delay_ns = (int64_t)delay_ms * 1000000;
	slow->stop = eventfd(0, EFD_CLOEXEC);
	slow->listener = new_socket();
	if (mkdir(slow->folder, 0755) < 0)
		must_fail("%s cannot be made", slow->folder);
	address = socket_in(slow->folder);
	if (bind(slow->listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(slow->listener, SOMAXCONN) < 0 || slow->stop < 0 ||
	    pthread_create(&slow->thread, NULL, run, slow) != 0)
		must_fail("%s: no slow network", slow->folder);
	return slow;
}

void slow_stop(struct slow *slow)
{
	struct line *line, *tmp;

	if (!slow)
		return;
	if (eventfd_write(slow->stop, 1) < 0)
		must_fail("the slow network does not stop");
	(void)pthread_join(slow->thread, NULL);
	DL_FOREACH_SAFE(slow->lines, line, tmp)
		close_line(slow, line);
	(void)close(slow->listener);
	(void)close(slow->stop);
	(void)files_remove_tree(slow->folder);
	free(slow->folder);
	free(slow->server);
	free(slow);
}

const char *slow_folder(const struct slow *slow)
{
	return slow->folder;
}
