#include "fuzz/liar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz/liar-wire.h"
#include "support/must.h"

enum { STREAMS_MAX = 12, MESSAGE_MAX = 1 << 20, CANCEL = 80877102 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gone = PTHREAD_COND_INITIALIZER;
static int listener;
/* Guarded by lock: */
static int clients, accepted;
static struct fuzz_input input;
static struct liar_database databases[2];

struct liar_database *liar_lock(const struct liar_conn *conn)
{
	(void)pthread_mutex_lock(&lock);
	return &databases[conn->database == 'b'];
}

void liar_unlock(void)
{
	(void)pthread_mutex_unlock(&lock);
}

/* ---- sending ----------------------------------------------------------------- */

void wire_put_raw(struct liar_conn *conn, const void *bytes, size_t size)
{
	if (size)
		(void)fwrite(bytes, 1, size, conn->into);
}

static void put_number(struct liar_conn *conn, uint32_t number)
{
	number = htonl(number);
	wire_put_raw(conn, &number, sizeof(number));
}

static void put_short(struct liar_conn *conn, unsigned number)
{
	uint16_t bytes = htons((uint16_t)number);

	wire_put_raw(conn, &bytes, sizeof(bytes));
}

static void put_head(struct liar_conn *conn, char type, size_t size)
{
	wire_put_raw(conn, &type, 1);
	put_number(conn, (uint32_t)size + 4);
}

void wire_put(struct liar_conn *conn, char type, const void *body, size_t size)
{
	put_head(conn, type, size);
	wire_put_raw(conn, body, size);
}

void wire_put_text(struct liar_conn *conn, char type, const char *text)
{
	wire_put(conn, type, text, strlen(text) + 1);
}

void wire_put_report(struct liar_conn *conn, char type, const char *severity, const char *state)
{
	put_head(conn, type,
		 2 * (strlen(severity) + 2) + strlen(state) + 2 + sizeof("Mlie") + 1 + 1);
	(void)fprintf(conn->into, "S%s%cV%s%cC%s%cMa lie%c%c", severity, 0, severity, 0, state, 0,
		      0, 0);
}

void wire_put_ready(struct liar_conn *conn, char status)
{
	wire_put(conn, 'Z', &status, 1);
}

void wire_put_columns(struct liar_conn *conn, const char *const names[], unsigned n)
{
	static const unsigned char text_column[18] = { [9] = 25, [10] = 0xff, [11] = 0xff };
	size_t size = 2;

	for (unsigned i = 0; i < n; i++)
		size += strlen(names[i]) + 1 + sizeof(text_column);
	put_head(conn, 'T', size);
	put_short(conn, n);
	for (unsigned i = 0; i < n; i++) {
		wire_put_raw(conn, names[i], strlen(names[i]) + 1);
		wire_put_raw(conn, text_column, sizeof(text_column));
	}
}

void wire_put_row(struct liar_conn *conn, const char *const values[], unsigned n)
{
	size_t size = 2;

	for (unsigned i = 0; i < n; i++)
		size += 4 + (values[i] ? strlen(values[i]) : 0);
	put_head(conn, 'D', size);
	put_short(conn, n);
	for (unsigned i = 0; i < n; i++) {
		put_number(conn, values[i] ? (uint32_t)strlen(values[i]) : UINT32_MAX);
		if (values[i])
			wire_put_raw(conn, values[i], strlen(values[i]));
	}
}

static void begin_output(struct liar_conn *conn)
{
	conn->into = open_memstream(&conn->out, &conn->size);
	if (!conn->into)
		must_fail("out of memory");
}

static void flush(struct liar_conn *conn)
{
	size_t sent = 0;

	(void)fclose(conn->into);
	while (sent < conn->size) {
		ssize_t n = send(conn->fd, conn->out + sent, conn->size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	free(conn->out);
	begin_output(conn);
}

/* ---- receiving ----------------------------------------------------------------- */

static bool receive(struct liar_conn *conn, void *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = recv(conn->fd, (char *)to + got, size - got, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* Returns new text: the rest of a message, whose length comes first. */
static char *receive_body(struct liar_conn *conn)
{
	uint32_t size;
	char *body;

	if (!receive(conn, &size, sizeof(size)))
		return NULL;
	size = ntohl(size);
	fuzz_must(size >= 4 && size < MESSAGE_MAX);
	body = calloc(1, size);
	if (!body)
		must_fail("out of memory");
	if (receive(conn, body, size - 4))
		return body;
	free(body);
	return NULL;
}

/* ---- what it is told --------------------------------------------------------------- */

static unsigned find_statement(struct liar_conn *conn, const char *name)
{
	unsigned i = 0;

	while (i < STATEMENTS_MAX - 1 && conn->statements[i].sql &&
	       strcmp(conn->statements[i].name, name) != 0)
		i++;
	return i;
}

/* Body: its name, its text. */
static void parse(struct liar_conn *conn, const char *body)
{
	unsigned i = find_statement(conn, body);

	free(conn->statements[i].sql);
	(void)snprintf(conn->statements[i].name, sizeof(conn->statements[i].name), "%s", body);
	conn->statements[i].sql = strdup(body + strlen(body) + 1);
	wire_put(conn, '1', NULL, 0);
}

/* Body: the portal, the statement's name. */
static void bind_it(struct liar_conn *conn, const char *body)
{
	conn->bound = find_statement(conn, body + strlen(body) + 1);
	wire_put(conn, '2', NULL, 0);
}

static void execute(struct liar_conn *conn)
{
	const char *sql = conn->statements[conn->bound].sql;

	liar_answer(conn, sql ? sql : "");
}

static void ready(struct liar_conn *conn)
{
	conn->is_skipping = false;
	wire_put_ready(conn, conn->status);
	flush(conn);
}

static void take(struct liar_conn *conn, char type, const char *body)
{
	if (type == 'S' || type == 'X') {
		conn->is_closing = conn->is_closing || type == 'X';
		if (type == 'S')
			ready(conn);
		return;
	}
	if (conn->is_skipping)
		return;
	if (type == 'P') {
		parse(conn, body);
	} else if (type == 'B') {
		bind_it(conn, body);
	} else if (type == 'E') {
		execute(conn);
	} else if (type == 'Q') {
		liar_answer(conn, body);
		ready(conn);
	}
}

/* ---- connections --------------------------------------------------------------------- */

static void welcome(struct liar_conn *conn)
{
	static const char encoding[] = "client_encoding\0UTF8";
	static const char strings[] = "standard_conforming_strings\0on";
	uint32_t key[2] = { htonl((uint32_t)conn->number + 100), htonl(1) };

	wire_put(conn, 'R', "\0\0\0", 4);
	wire_put(conn, 'S', encoding, sizeof(encoding));
	wire_put(conn, 'S', strings, sizeof(strings));
	wire_put(conn, 'K', key, sizeof(key));
	ready(conn);
}

/* The pieces before its own are those of the connections before. */
static void enlist(struct liar_conn *conn)
{
	(void)pthread_mutex_lock(&lock);
	conn->number = accepted++;
	if (conn->number < STREAMS_MAX) {
		size_t size = fuzz_byte(&input);

		conn->lies.at = input.at;
		conn->lies.left = size < input.left ? size : input.left;
		input.at += conn->lies.left;
		input.left -= conn->lies.left;
	}
	(void)pthread_mutex_unlock(&lock);
}

/* Body: the version, and pairs of texts. One that only cancels is none. */
static bool greet(struct liar_conn *conn)
{
	char *body = receive_body(conn), *at;
	uint32_t code;
	bool is_client;

	if (!body)
		return false;
	memcpy(&code, body, sizeof(code));
	is_client = ntohl(code) != CANCEL;
	conn->database = 'a';
	for (at = body + sizeof(code); is_client && *at; at += strlen(at) + 1) {
		bool is_database = strcmp(at, "database") == 0;

		at += strlen(at) + 1;
		if (is_database)
			conn->database = *at;
	}
	free(body);
	if (is_client)
		enlist(conn);
	return is_client;
}

static void leave(struct liar_conn *conn)
{
	(void)close(conn->fd);
	(void)fclose(conn->into);
	free(conn->out);
	for (unsigned i = 0; i < STATEMENTS_MAX; i++)
		free(conn->statements[i].sql);
	free(conn);
	(void)pthread_mutex_lock(&lock);
	clients--;
	(void)pthread_cond_signal(&gone);
	(void)pthread_mutex_unlock(&lock);
}

static void *serve(void *arg)
{
	struct liar_conn *conn = arg;
	char type, *body;

	begin_output(conn);
	conn->status = 'I';
	if (greet(conn))
		welcome(conn);
	else
		conn->is_closing = true;
	while (!conn->is_closing && receive(conn, &type, 1) && (body = receive_body(conn))) {
		take(conn, type, body);
		free(body);
	}
	flush(conn);
	leave(conn);
	return NULL;
}

static void *accept_all(void *arg)
{
	(void)arg;
	for (;;) {
		struct liar_conn *conn = calloc(1, sizeof(*conn));
		pthread_t thread;

		if (!conn)
			must_fail("out of memory");
		conn->fd = accept(listener, NULL, NULL);
		(void)pthread_mutex_lock(&lock);
		clients++;
		(void)pthread_mutex_unlock(&lock);
		if (conn->fd < 0 || pthread_create(&thread, NULL, serve, conn) != 0)
			must_fail("cannot serve: %s", strerror(errno));
		(void)pthread_detach(thread);
	}
	return NULL;
}

/* Where libpq looks for "@NAME": in no folder. */
static char *socket_name(void)
{
	return must_printf("@sqlassist-liar-%d", (int)getpid());
}

void liar_start(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *name = socket_name();
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", name);
	pthread_t thread;

	address.sun_path[0] = '\0';
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) < 0 ||
	    listen(listener, STREAMS_MAX) < 0 ||
	    pthread_create(&thread, NULL, accept_all, NULL) != 0)
		must_fail("cannot listen: %s", strerror(errno));
	(void)pthread_detach(thread);
	free(name);
}

char *liar_url(const char *database)
{
	char *name = socket_name();
	char *url = must_printf("postgresql:///%s?host=%%40%s&port=5432&user=u&sslmode=disable"
				"&gssencmode=disable",
				database, name + 1);

	free(name);
	return url;
}

void liar_listen(const uint8_t *data, size_t size)
{
	(void)pthread_mutex_lock(&lock);
	input = (struct fuzz_input){ data, size };
	accepted = 0;
	memset(databases, 0, sizeof(databases));
	(void)pthread_mutex_unlock(&lock);
}

void liar_rest(struct liar_claims ret_claims[2])
{
	(void)pthread_mutex_lock(&lock);
	while (clients > 0)
		(void)pthread_cond_wait(&gone, &lock);
	ret_claims[0] = databases[0].claims;
	ret_claims[1] = databases[1].claims;
	(void)pthread_mutex_unlock(&lock);
}
