/* A server that is none: what it sends never comes to an end. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "postgres/driver.h"
#include "postgres/pg.h"
#include "support/must.h"
#include "support/test.h"

/* Long enough for a slow machine to say hello in. */
static const struct sqla_engine_options impatient = { .connect_timeout_ms = 700 };

static int listener;
static bool lets_in;

/* Where libpq looks for "@NAME", which is in no folder. */
static char *must_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *name = must_printf("sqlassist-hostile-%d", (int)getpid());
	int length =
		snprintf(address.sun_path, sizeof(address.sun_path), "@%s/.s.PGSQL.5432", name);
	char *url = must_printf("postgresql:///x?host=%%40%s&port=5432&user=u&sslmode=disable"
				"&gssencmode=disable",
				name);

	address.sun_path[0] = '\0';
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) < 0 ||
	    listen(listener, 1) < 0)
		must_fail("cannot listen");
	free(name);
	return url;
}

/* Notices, until nobody hears them any more. */
static void *talk(void *arg)
{
	static const char welcome[] = "R\0\0\0\10\0\0\0\0K\0\0\0\14\0\0\0\1\0\0\0\1Z\0\0\0\5I";
	static const char notice[] = "N\0\0\0\42SNOTICE\0VNOTICE\0C00000\0Mwell\0";
	char startup[1024];
	int client = accept(listener, NULL, NULL);

	(void)arg;
	(void)recv(client, startup, sizeof(startup), 0);
	if (lets_in)
		(void)send(client, welcome, sizeof(welcome) - 1, MSG_NOSIGNAL);
	while (send(client, notice, sizeof(notice), MSG_NOSIGNAL) > 0)
		;
	(void)close(client);
	return NULL;
}

static void expect_given_up(bool when_let_in)
{
	struct engine_config *config;
	struct driver_conn *conn = NULL;
	pthread_t thread;
	char *url = must_listen();

	lets_in = when_let_in;
	cr_assert(zero(int, pthread_create(&thread, NULL, talk, NULL)));
	config = pg_config_of(url, &impatient);
	cr_expect(eq(int, pg_driver.open(config, DRIVER_SESSION, &conn), SQLA_ECONNECT));
	cr_expect(eq(ptr, conn, NULL));
	cr_assert(zero(int, pthread_join(thread, NULL)));
	config_unref(config);
	(void)close(listener);
	free(url);
}

Test(hostile, a_server_that_only_talks_is_given_up_when_it_should_let_us_in, .timeout = 60)
{
	expect_given_up(false);
}

Test(hostile, a_server_that_only_talks_is_given_up_when_it_should_answer, .timeout = 60)
{
	expect_given_up(true);
}
