/* Rows of a statement, stepped as they are read. */
#ifndef SQLITE_ROWS_H
#define SQLITE_ROWS_H

#include "sqlite/conn.h"

/*
 * Takes STMT, which was stepped once with the result RC (SQLITE_ROW or
 * SQLITE_DONE). NULL: out of memory, and STMT stays the caller's.
 */
struct driver_rows *lite_rows_new(struct lite_conn *conn, sqlite3_stmt *stmt, int rc);

/*
 * Steps a statement that stands on its first row to its end, and keeps the
 * rows in memory: one that writes (RETURNING) counts its changes, and without
 * BEGIN commits, only there.
 */
int lite_rows_read_all(struct driver_rows *rows);

/* Ends every open statement; its rows object then only answers misuse. */
void lite_rows_end_all(struct lite_conn *conn);

/* The same in a forked child, where no statement may be touched. */
void lite_rows_forsake_all(struct lite_conn *conn);

#endif
