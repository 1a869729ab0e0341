/*
 * The application's statements that stay compiled on a connection, known by
 * their text: at most statement_cache, and the least recently used is given up
 * for a new one. Whatever a compiled statement depends on, SQLite watches, and
 * compiles it again. Only what reads and writes rows is kept: of the rest the
 * authorizer must see each use.
 */
#ifndef SQLITE_STATEMENT_H
#define SQLITE_STATEMENT_H

#include "sqlite/conn.h"

/* The one of that text, reset and without values; NULL: there is none that is
 * not in use. The caller ends it. */
sqlite3_stmt *lite_statement_take(struct lite_conn *conn, const char *sql);

/* STMT, which the caller has just compiled and is nothing but its text, stays
 * compiled when it is ended. */
void lite_statement_keep(struct lite_conn *conn, sqlite3_stmt *stmt);

/* The counterpart of both, and of any other statement; NULL is allowed. */
void lite_statement_end(struct lite_conn *conn, sqlite3_stmt *stmt);

/* Gives up all of them; none is in use. */
void lite_statement_end_all(struct lite_conn *conn);

#endif
