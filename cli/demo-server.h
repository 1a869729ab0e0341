/*
 * demo-server.h - a PostgreSQL server of the demo's own: made by initdb in the
 * demo's folder, reached by a Unix socket in that folder only, and gone when
 * the demo ends, however it ends.
 *
 * Order: new -> start -> stop, free. Functions that fail have told why on
 * stderr.
 */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include <stdbool.h>

struct server;

/* Finds PostgreSQL's programs, and gives FOLDER (borrowed) to the server's user.
 * Returns new, or NULL. */
struct server *server_new(const char *folder);

/*
 * Makes a database cluster and starts the server. Returns at once when
 * somebody wants to stop (moment.h). Blocks for some seconds. 0 or -1.
 */
int server_start(struct server *server);

/* Whether the server process runs. */
bool server_is_running(struct server *server);

/* PostgreSQL's version as its own text, such as "15.18". Borrowed. */
const char *server_version(const struct server *server);

/* Where sqla_engine_register finds the server. Borrowed. */
const char *server_url(const struct server *server);

/* Ends the server, frees. NULL is allowed. */
void server_free(struct server *server);

#endif
