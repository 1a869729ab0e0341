/*
 * Connections on which a COMMIT PREPARED is under way that nobody waits for
 * (TXN_FINISH_DEFERRED). Each is its engine's, and left here until its answer
 * is in; then it goes back to the pool.
 *
 * Whoever comes first reads the answer: the thread that left it, when it turns
 * to the engine again and must see what it has committed, one that needs a
 * connection when there is no other, or a thread of the library's, a moment later.
 */
#ifndef SESSION_FINISH_H
#define SESSION_FINISH_H

#include <stdbool.h>

#include "engine/engine.h"

/* Takes CONN, on which a step answered TXN_WAIT, with its place in the pool.
 * ENDED is called with the vote, once, on any thread. False: nothing is taken. */
bool finish_leave(struct engine *engine, struct driver_conn *conn, txn_ended_fn *ended, void *arg);

/* Waits for what this thread has left of ENGINE. */
void finish_await(struct engine *engine);

/* Where all of ENGINE's connections are out: waits for one that was left, whoever
 * left it, and no longer than it would take the library's thread to read it. */
void finish_hurry(struct engine *engine);

#endif
