/*
 * Cancelling from another thread without blocking it: libpq's cancel opens a
 * connection of its own and waits for it, so it runs in a thread of its own.
 */
#ifndef POSTGRES_CANCEL_H
#define POSTGRES_CANCEL_H

#include <stdbool.h>

#include <libpq-fe.h>

struct pg_canceller;

/* New, for a connection that is open; NULL when out of memory. */
struct pg_canceller *pg_canceller_new(PGconn *native);
/* NULL is allowed. One that runs is freed when it is done. */
void pg_canceller_free(struct pg_canceller *canceller);

/*
 * From any thread, while CANCELLER and its connection are kept. Again and again
 * for as long as the statement runs: if it does not end in some seconds, the
 * server is out of reach, and the connection is shut down, which ends it.
 */
void pg_canceller_fire(struct pg_canceller *canceller);

/* Whether it ever fired: a late cancel may hit any later statement, so that
 * the connection must not be pooled again. */
bool pg_canceller_has_fired(const struct pg_canceller *canceller);

#endif
