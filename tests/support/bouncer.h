/*
 * bouncer.h - private PgBouncers in front of a test's clusters.
 *
 * One listens on a Unix socket in a temporary folder only, trusts everybody,
 * leads to all databases of its cluster, and ends with the thread that started
 * it. Every function aborts the test when it does not work; so does a machine
 * without PgBouncer, saying what to install.
 *
 * SQLASSIST_TEST_BOUNCER=session or transaction in the environment: TEST_MAIN
 * puts one in front of each of its clusters, and bouncer_route leads there.
 */
#ifndef SUPPORT_BOUNCER_H
#define SUPPORT_BOUNCER_H

struct cluster;
struct bouncer;

/* MODE: pool_mode. EXTRA_CONF: more lines of [pgbouncer], which win; or NULL. */
struct bouncer *bouncer_start(const struct cluster *c, const char *mode, const char *extra_conf);

/* Ends it and removes its folder. NULL is allowed. */
void bouncer_free(struct bouncer *b);

/* Returns new text: a URL for libpq. */
char *bouncer_url(const struct bouncer *b, const char *database);

/* kill -9; then it can start again, as if by its supervisor. */
void bouncer_kill(struct bouncer *b);
void bouncer_restart(struct bouncer *b);

/* From now on it leads to C: what its clients do next is done there. */
void bouncer_point(struct bouncer *b, const struct cluster *c);

/* What its administration console is told: "RECONNECT", "PAUSE", ... */
void bouncer_command(const struct bouncer *b, const char *command);

/* The mode that the environment asks for, or NULL. */
const char *bouncer_mode(void);

/* Makes bouncer_route lead to B where a URL names C, in children, too. */
void bouncer_announce(const struct bouncer *b, const struct cluster *c);

/* Returns new text: URL, of a cluster, by way of the bouncer that was announced
 * for it, or unchanged where there is none. */
char *bouncer_route(const char *url);

#endif
