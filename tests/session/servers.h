/*
 * Engines on real servers that commit together, for tests of what goes wrong
 * between them. Recovery asks a server for the branches of all its databases,
 * so programs that use this run one test at a time (TEST_MAIN_JOBS(1, ...)).
 */
#ifndef TESTS_SESSION_SERVERS_H
#define TESTS_SESSION_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlassist.h>

/*
 * Registers engine NAME on a new database, with a table t(id, v), of the
 * cluster of that name. Returns new text: the database's URL.
 */
char *must_server_engine(const char *cluster, const char *name,
			 const struct sqla_engine_options *options);

/* Rows in t; branches prepared there; decisions with VERDICT. */
int64_t rows_at(const char *url);
int64_t prepared_at(const char *url);
int64_t decisions_at(const char *url, const char *verdict);

/* Waits until the query FORMAT is true, ten seconds at most. */
__attribute__((format(printf, 2, 3))) void must_await(const char *url, const char *format, ...);

/* The server process behind S; ends one and waits for its end. */
int backend_of(struct sqla_session *s);
void must_terminate(const char *url, int backend);

/* The function f(), a trigger's, with this body; and a table d(i) on which it
 * runs when the transaction ends. */
void must_trigger_at_end(const char *url, const char *body);

/*
 * "bank" on cluster "one", which decides, and "shop" on cluster "two", which
 * is prepared; with an open session on each.
 */
struct pair {
	char *bank, *shop; /* URLs */
	struct sqla_session *b, *s;
};

void pair_open(struct pair *p, const struct sqla_engine_options *bank,
	       const struct sqla_engine_options *shop);
void pair_close(struct pair *p);

/* A row goes into t on both sides. */
void pair_work(struct pair *p);

/* Whether each side has N rows, and nothing is in doubt. */
bool pair_has(const struct pair *p, int64_t n);

/*
 * Joins a resource that is prepared last, and then calls FN: the claim was
 * sent, every other branch's PREPARE too, and nothing is decided.
 */
void must_intervene(void (*fn)(void *arg), void *arg);

/* Waits, in an intervention, until the claim of this backend is in. */
void must_await_claim(const char *url, int backend);

/* Recovers without a grace period. */
int recover_now(struct sqla_recover_report *ret_report);

/*
 * From now on every COMMIT at this server waits for a standby that is not
 * there, until commits_go. commits_await_held waits until BACKEND does.
 */
void commits_hold(const char *url);
void commits_go(const char *url);
void commits_await_held(const char *url, int backend);

#endif
