/*
 * Helpers that must work: a test that calls them is about something else. A
 * failure prints what and where, and aborts the process, which fails the test.
 */
#ifndef SUPPORT_MUST_H
#define SUPPORT_MUST_H

#include <stdint.h>

__attribute__((format(printf, 1, 2), noreturn)) void must_fail(const char *format, ...);

/* Returns new text. */
__attribute__((format(printf, 1, 2))) char *must_printf(const char *format, ...);

#ifdef SQLA_WITH_LIBPQ
struct pg_conn;

/* Returns a new connection; end it with PQfinish. */
struct pg_conn *must_connect(const char *url);

/* Runs statements and forgets what they answer. */
__attribute__((format(printf, 2, 3))) void must_exec(struct pg_conn *conn, const char *format, ...);

/* The first column of the first row: there must be one. NULL is 0. */
__attribute__((format(printf, 2, 3))) int64_t must_query_int(struct pg_conn *conn,
							     const char *format, ...);

/* The same as new text; NULL is "". */
__attribute__((format(printf, 2, 3))) char *must_query_text(struct pg_conn *conn,
							    const char *format, ...);

/* The same on a connection of its own. */
__attribute__((format(printf, 2, 3))) void must_exec_at(const char *url, const char *format, ...);
__attribute__((format(printf, 2, 3))) int64_t must_query_int_at(const char *url, const char *format,
								...);
#endif

#ifdef SQLA_WITH_SQLITE
/* On a SQLite file at PATH, opened for the call; a busy one is waited for. */
__attribute__((format(printf, 2, 3))) void must_exec_file(const char *path, const char *format,
							  ...);
__attribute__((format(printf, 2, 3))) int64_t must_query_int_file(const char *path,
								  const char *format, ...);
#endif

#endif
