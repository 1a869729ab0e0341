#include "support/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fflush(stdout);
	(void)fputs("must: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	abort();
}

static char *print(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		must_fail("out of memory");
	return text;
}

char *must_printf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = print(format, args);
	va_end(args);
	return text;
}

#ifdef SQLA_WITH_LIBPQ

#include <libpq-fe.h>

static void ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

PGconn *must_connect(const char *url)
{
	PGconn *conn = PQconnectdb(url);

	if (PQstatus(conn) != CONNECTION_OK)
		must_fail("%s: %s", url, PQerrorMessage(conn));
	(void)PQsetNoticeProcessor(conn, ignore_notice, NULL);
	return conn;
}

/* Takes SQL. */
static PGresult *run(PGconn *conn, char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		must_fail("%s: %s", sql, PQerrorMessage(conn));
	free(sql);
	return result;
}

static const char *first(PGresult *result)
{
	if (PQntuples(result) < 1 || PQnfields(result) < 1)
		must_fail("a query gave no row");
	return PQgetvalue(result, 0, 0);
}

static int64_t take_int(PGresult *result)
{
	int64_t value = strtoll(first(result), NULL, 10);

	PQclear(result);
	return value;
}

void must_exec(PGconn *conn, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	PQclear(run(conn, print(format, args)));
	va_end(args);
}

int64_t must_query_int(PGconn *conn, const char *format, ...)
{
	va_list args;
	PGresult *result;

	va_start(args, format);
	result = run(conn, print(format, args));
	va_end(args);
	return take_int(result);
}

char *must_query_text(PGconn *conn, const char *format, ...)
{
	va_list args;
	PGresult *result;
	char *text;

	va_start(args, format);
	result = run(conn, print(format, args));
	va_end(args);
	text = must_printf("%s", first(result));
	PQclear(result);
	return text;
}

void must_exec_at(const char *url, const char *format, ...)
{
	PGconn *conn = must_connect(url);
	va_list args;

	va_start(args, format);
	PQclear(run(conn, print(format, args)));
	va_end(args);
	PQfinish(conn);
}

int64_t must_query_int_at(const char *url, const char *format, ...)
{
	PGconn *conn = must_connect(url);
	va_list args;
	int64_t value;

	va_start(args, format);
	value = take_int(run(conn, print(format, args)));
	va_end(args);
	PQfinish(conn);
	return value;
}

#endif

#ifdef SQLA_WITH_SQLITE

#include <sqlite3.h>

static sqlite3 *open_file(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_busy_timeout(db, 10000) != SQLITE_OK)
		must_fail("%s: %s", path, sqlite3_errmsg(db));
	return db;
}

void must_exec_file(const char *path, const char *format, ...)
{
	sqlite3 *db = open_file(path);
	va_list args;
	char *sql;

	va_start(args, format);
	sql = print(format, args);
	va_end(args);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		must_fail("%s: %s: %s", path, sql, sqlite3_errmsg(db));
	free(sql);
	(void)sqlite3_close(db);
}

int64_t must_query_int_file(const char *path, const char *format, ...)
{
	sqlite3 *db = open_file(path);
	sqlite3_stmt *stmt;
	va_list args;
	int64_t value;
	char *sql;

	va_start(args, format);
	sql = print(format, args);
	va_end(args);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		must_fail("%s: %s: %s", path, sql, sqlite3_errmsg(db));
	value = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	free(sql);
	(void)sqlite3_close(db);
	return value;
}

#endif
