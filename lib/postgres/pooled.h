/*
 * Behind a pooler, such as PgBouncer. Our connection ends at the pooler; which
 * server process answers is known for the length of a transaction only. So
 *
 *   - nothing is set for longer than a transaction, or strangers would get it;
 *   - every transaction, and every question whose answer proves something (I6),
 *     asserts that it is put to the database that was probed: a pooler may have
 *     been led elsewhere, and its clients do not notice;
 *   - a prepared branch keeps hold of its server process until it is ended, or
 *     else those who wait for its locks could occupy all that there are.
 *
 * In session pooling all of that is merely unnecessary. The mode cannot be told
 * for certain from here, so none is assumed; only statement pooling, which
 * knows no transactions, is refused. A direct link pays for none of it.
 */
#ifndef POSTGRES_POOLED_H
#define POSTGRES_POOLED_H

#include <stdbool.h>

#include <libpq-fe.h>

#include "postgres/talk.h"

struct pg_link;

/*
 * Whether the server process behind LINK is its own for as long as it lives:
 * what is made for a session there (prepared statements, settings) lasts.
 */
bool pg_has_own_backend(const struct pg_link *link);

/* SQL for which database this is, and whether it is a standby, as server.who has
 * it. May the role identify the system? */
const char *pg_who_sql(bool may_identify);

/* What follows BEGIN for the application's settings: fills COMMANDS and returns
 * how many; texts live in LINK. */
enum { PG_SETTINGS_MAX = 2 };
unsigned pg_pooled_settings(struct pg_link *link, struct pg_command commands[PG_SETTINGS_MAX]);
/* The same for a statement that is a transaction of its own: what has to be set
 * in that, for want of a BEGIN. */
unsigned pg_settings_alone(struct pg_link *link, struct pg_command commands[PG_SETTINGS_MAX]);

/* Asks for the xid (xid.h) and asserts where the transaction is, which is known when
 * the answer I has come. */
struct pg_command pg_ask_guarded(struct pg_link *link);
void pg_note_guarded(struct pg_link *link, unsigned i);

/*
 * Asserts where we are, with recovery's settings until the transaction ends;
 * answers with the number of the server process. Whatever follows in the same
 * talk is not done elsewhere.
 */
struct pg_command pg_guard_command(struct pg_link *link);

/* Runs one command of recovery's, which may be a transaction of its own, behind
 * such a guard where one is needed; its answer is the first and only one. */
int pg_recovery_run(struct pg_link *link, const struct pg_command *command, const char *doing);

/* Whether FAILURE is that of a guard, and its own text for it. */
bool pg_is_moved(const PGresult *failure);
int pg_fail_moved(struct pg_link *link);

/* Whether FAILURE is PgBouncer's for having waited query_wait_timeout. */
bool pg_is_waited_out(const PGresult *failure);

/* Whether the latest failure is PgBouncer's refusal of transactions. */
bool pg_is_statement_pooling(void);
int pg_fail_statement_pooling(struct pg_link *link);

#endif
