#include "wire/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "support/cluster.h"

enum { WIRES_MAX = 200 };

struct proxy_wire {
	int fds[2];	   /* by side: to the client, to the server; -1: closed */
	UT_string said[2]; /* by each, and not yet a whole message */
	bool is_typed;	   /* the startup packet is through */
	bool is_asking;	   /* for TLS: the answer is one byte */
	bool is_frozen;
	struct proxy_wire *prev, *next;
};

struct proxy {
	struct sockaddr_un server;
	proxy_handler *handler;
	void *arg;
	int listener;
	int waker; /* an eventfd: something has changed */
	in_port_t port;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below, and what the handler knows */
	bool is_ending;
	unsigned seen[2]; /* messages, by side */
	int64_t curfew;	  /* clock_ms, or 0: none */
	struct proxy_wire *wires;
};

void proxy_lock(struct proxy *proxy)
{
	(void)pthread_mutex_lock(&proxy->lock);
}

void proxy_unlock(struct proxy *proxy)
{
	(void)pthread_mutex_unlock(&proxy->lock);
}

/* ---- wires --------------------------------------------------------------- */

static enum wire_side other(enum wire_side side)
{
	return side == WIRE_CLIENT ? WIRE_SERVER : WIRE_CLIENT;
}

void proxy_hang_up_on(struct proxy_wire *wire, enum wire_side side, bool by_reset)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd = wire->fds[side];

	if (fd < 0)
		return;
	if (by_reset)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(fd);
	wire->fds[side] = -1;
}

void proxy_hang_up(struct proxy_wire *wire, bool by_reset)
{
	proxy_hang_up_on(wire, WIRE_CLIENT, by_reset);
	proxy_hang_up_on(wire, WIRE_SERVER, by_reset);
}

static void free_wire(struct proxy *proxy, struct proxy_wire *wire)
{
	proxy_hang_up(wire, false);
	DL_DELETE(proxy->wires, wire);
	utstring_done(&wire->said[WIRE_CLIENT]);
	utstring_done(&wire->said[WIRE_SERVER]);
	free(wire);
}

/* Whoever is gone meanwhile is found so when it is read from. */
void proxy_say(struct proxy_wire *wire, enum wire_side from, const void *bytes, size_t n)
{
	int fd = wire->fds[other(from)];
	const char *rest = bytes;

	while (fd >= 0 && n > 0) {
		ssize_t sent = send(fd, rest, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return;
		rest += sent;
		n -= (size_t)sent;
	}
}

void proxy_say_string(struct proxy_wire *wire, enum wire_side from, UT_string *string)
{
	proxy_say(wire, from, utstring_body(string), utstring_len(string));
	utstring_clear(string);
}

void proxy_pass(struct proxy_wire *wire, const struct wire_message *m)
{
	proxy_say(wire, m->from, m->bytes, m->size);
}

/* ---- messages ------------------------------------------------------------ */

/* The message at the start of what SIDE has said; false: it is not whole. */
static bool find_message(const struct proxy_wire *wire, enum wire_side side, struct wire_message *m)
{
	const UT_string *said = &wire->said[side];
	bool is_byte = side == WIRE_SERVER && wire->is_asking;

	*m = (struct wire_message){ .from = side, .bytes = (const unsigned char *)said->d };
	if (said->i == 0)
		return false;
	m->type = is_byte ? WIRE_BYTE : wire->is_typed ? said->d[0] : WIRE_UNTYPED;
	m->size = is_byte ? 1 : wire_size(m->bytes, said->i, wire->is_typed);
	return m->size > 0 && m->size <= said->i;
}

static void note_startup(struct proxy_wire *wire, const struct wire_message *m)
{
	if (m->type == WIRE_BYTE)
		wire->is_asking = false;
	else if (wire_is_encryption_request(m))
		wire->is_asking = true;
	else if (wire_is_startup(m))
		wire->is_typed = true;
}

static bool is_whole(const struct proxy_wire *wire)
{
	return wire->fds[WIRE_CLIENT] >= 0 && wire->fds[WIRE_SERVER] >= 0;
}

/* Gives the handler what SIDE has said, as far as it is whole. */
static void hand_on(struct proxy *proxy, struct proxy_wire *wire, enum wire_side side)
{
	UT_string *said = &wire->said[side];
	struct wire_message m;

	while (is_whole(wire) && !wire->is_frozen && find_message(wire, side, &m)) {
		m.nth = proxy->seen[side];
		note_startup(wire, &m);
		wire->is_frozen = !proxy->handler(proxy->arg, wire, &m);
		if (wire->is_frozen)
			return;
		proxy->seen[side]++;
		said->i -= m.size;
		memmove(said->d, said->d + m.size, said->i);
	}
}

/* Of what is cut on the other side nobody hears any more. */
static void receive(struct proxy *proxy, struct proxy_wire *wire, enum wire_side side)
{
	char chunk[65536];
	ssize_t n = recv(wire->fds[side], chunk, sizeof(chunk), 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		proxy_hang_up(wire, false);
		return;
	}
	if (!is_whole(wire))
		return;
	utstring_bincpy(&wire->said[side], chunk, (size_t)n);
	hand_on(proxy, wire, side);
}

/* ---- the thread ---------------------------------------------------------- */

/* A server that is down refuses, and so do we. */
static void take_client(struct proxy *proxy)
{
	struct proxy_wire *wire = calloc(1, sizeof(*wire));
	const int on = 1;

	if (!wire)
		must_fail("out of memory");
	utstring_init(&wire->said[WIRE_CLIENT]);
	utstring_init(&wire->said[WIRE_SERVER]);
	wire->fds[WIRE_CLIENT] = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
	wire->fds[WIRE_SERVER] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	DL_APPEND(proxy->wires, wire);
	if (wire->fds[WIRE_CLIENT] < 0 || wire->fds[WIRE_SERVER] < 0 ||
	    connect(wire->fds[WIRE_SERVER], (const struct sockaddr *)&proxy->server,
		    sizeof(proxy->server)) < 0) {
		proxy_hang_up(wire, false);
		return;
	}
	(void)setsockopt(wire->fds[WIRE_CLIENT], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void bury(struct proxy *proxy)
{
	struct proxy_wire *wire, *next;

	DL_FOREACH_SAFE(proxy->wires, wire, next)
		if (wire->fds[WIRE_CLIENT] < 0 && wire->fds[WIRE_SERVER] < 0)
			free_wire(proxy, wire);
}

/* What is awaited: the waker, new clients, then both sides of each wire. poll
 * ignores a negative fd, that of a frozen wire. */
static nfds_t list_fds(const struct proxy *proxy, struct pollfd fds[2 + 2 * WIRES_MAX])
{
	const struct proxy_wire *wire;
	nfds_t n = 2;

	fds[0] = (struct pollfd){ .fd = proxy->waker, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = proxy->listener, .events = POLLIN };
	DL_FOREACH(proxy->wires, wire) {
		if (n >= 2 + 2 * WIRES_MAX)
			must_fail("too many connections");
		for (int side = 0; side < 2; side++)
			fds[n++] = (struct pollfd){ .fd = wire->is_frozen ? -1 : wire->fds[side],
						    .events = POLLIN };
	}
	return n;
}

static bool is_readable(struct pollfd fd)
{
	return fd.fd >= 0 && (fd.revents & (POLLIN | POLLHUP | POLLERR));
}

static void serve(struct proxy *proxy, const struct pollfd fds[], nfds_t n)
{
	struct proxy_wire *wire;
	nfds_t i = 2;
	uint64_t count;

	if (fds[0].revents && read(proxy->waker, &count, sizeof(count)) < 0)
		must_fail("cannot be woken: %s", strerror(errno));
	/* A handler may have hung up on the other side, and fds come again. */
	DL_FOREACH(proxy->wires, wire) {
		for (int side = 0; i < n && side < 2; side++, i++)
			if (is_readable(fds[i]) && wire->fds[side] == fds[i].fd && !wire->is_frozen)
				receive(proxy, wire, (enum wire_side)side);
	}
	if (fds[1].revents)
		take_client(proxy);
	bury(proxy);
}

static void close_up(struct proxy *proxy)
{
	struct proxy_wire *wire;

	proxy->curfew = 0;
	DL_FOREACH(proxy->wires, wire)
		proxy_hang_up(wire, false);
	bury(proxy);
}

static void *run(void *arg)
{
	struct pollfd fds[2 + 2 * WIRES_MAX];
	struct proxy *proxy = arg;

	proxy_lock(proxy);
	while (!proxy->is_ending) {
		nfds_t n = list_fds(proxy, fds);
		int patience = clock_left(proxy->curfew);

		proxy_unlock(proxy);
		while (poll(fds, n, patience) < 0)
			if (errno != EINTR)
				must_fail("poll: %s", strerror(errno));
		proxy_lock(proxy);
		serve(proxy, fds, n);
		if (clock_left(proxy->curfew) == 0)
			close_up(proxy);
	}
	proxy_unlock(proxy);
	return NULL;
}

static void wake(struct proxy *proxy)
{
	const uint64_t one = 1;

	if (write(proxy->waker, &one, sizeof(one)) < 0)
		must_fail("cannot wake: %s", strerror(errno));
}

/* ---- for tests ----------------------------------------------------------- */

static void listen_at_port(struct proxy *proxy)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (proxy->listener < 0 ||
	    bind(proxy->listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(proxy->listener, 64) < 0 ||
	    getsockname(proxy->listener, (struct sockaddr *)&address, &size) < 0)
		must_fail("the proxy cannot listen: %s", strerror(errno));
	proxy->port = ntohs(address.sin_port);
}

struct proxy *proxy_start(const struct cluster *c, proxy_handler *handler, void *arg)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	int n;

	if (!proxy)
		must_fail("out of memory");
	proxy->handler = handler;
	proxy->arg = arg;
	proxy->server.sun_family = AF_UNIX;
	n = snprintf(proxy->server.sun_path, sizeof(proxy->server.sun_path), "%s/.s.PGSQL.5432",
		     cluster_folder(c));
	if (n < 0 || (size_t)n >= sizeof(proxy->server.sun_path))
		must_fail("%s is too long for a socket", cluster_folder(c));
	listen_at_port(proxy);
	proxy->waker = eventfd(0, EFD_CLOEXEC);
	if (proxy->waker < 0 || pthread_mutex_init(&proxy->lock, NULL) != 0 ||
	    pthread_create(&proxy->thread, NULL, run, proxy) != 0)
		must_fail("the proxy does not start");
	return proxy;
}

void proxy_free(struct proxy *proxy)
{
	if (!proxy)
		return;
	proxy_lock(proxy);
	proxy->is_ending = true;
	proxy_unlock(proxy);
	wake(proxy);
	(void)pthread_join(proxy->thread, NULL);
	while (proxy->wires)
		free_wire(proxy, proxy->wires);
	(void)close(proxy->listener);
	(void)close(proxy->waker);
	(void)pthread_mutex_destroy(&proxy->lock);
	free(proxy);
}

/* It asks for TLS first, as URLs that do not say otherwise do. */
char *proxy_url(const struct proxy *proxy, const char *database)
{
	return must_printf("postgresql://postgres@127.0.0.1:%d/%s", (int)proxy->port, database);
}

void proxy_watch(struct proxy *proxy)
{
	proxy_lock(proxy);
	proxy->seen[WIRE_CLIENT] = proxy->seen[WIRE_SERVER] = 0;
	proxy_unlock(proxy);
}

/* Called by the thread itself, or before what the thread wakes up for. */
void proxy_set_curfew(struct proxy *proxy, int ms)
{
	proxy->curfew = clock_ms() + ms;
}

void proxy_settle(struct proxy *proxy)
{
	struct proxy_wire *wire;

	proxy_lock(proxy);
	proxy->curfew = 0;
	DL_FOREACH(proxy->wires, wire) {
		bool was_frozen = wire->is_frozen;

		wire->is_frozen = false;
		if (!is_whole(wire))
			proxy_hang_up(wire, false);
		else if (was_frozen)
			for (int side = 0; side < 2; side++)
				hand_on(proxy, wire, (enum wire_side)side);
	}
	proxy_unlock(proxy);
	wake(proxy);
}

unsigned proxy_wires(struct proxy *proxy)
{
	struct proxy_wire *wire;
	unsigned n;

	proxy_lock(proxy);
	DL_COUNT(proxy->wires, wire, n);
	proxy_unlock(proxy);
	return n;
}
