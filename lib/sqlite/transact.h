/* A connection's own transaction: begin, savepoints, and the two ends. */
#ifndef SQLITE_TRANSACT_H
#define SQLITE_TRANSACT_H

#include "sqlite/conn.h"

/* Members of struct driver. */
int lite_begin(struct driver_conn *head, bool readonly);
int lite_begin_now(struct driver_conn *head);
int lite_savepoint(struct driver_conn *head, enum driver_savepoint verb, unsigned number);
int lite_rollback(struct driver_conn *head);

/*
 * Sends COMMIT: 0; a refusal, and all is rolled back; or SQLA_EINDOUBT, and
 * the connection is broken (I7). A transaction that has not begun ends with 0.
 */
int lite_commit(struct driver_conn *head);

/*
 * COMMIT in three: statements are ended, and the transaction is there to be
 * committed; somebody sends COMMIT; the transaction is over, however it ended.
 */
int lite_commit_begin(struct lite_conn *conn);
void lite_commit_end(struct lite_conn *conn);

/* Lets no statement write, or all that may. Returns SQLite's result code. */
int lite_query_only(struct lite_conn *conn, bool on);

/* Makes sure that nothing is open any more; false: closing it will. */
bool lite_undo(struct lite_conn *conn);

/* Releases all savepoints of ours, keeping the work. */
int lite_release_savepoints(struct lite_conn *conn);

#endif
