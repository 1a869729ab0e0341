/* Statements: the application's, and the driver's own. */
#ifndef SQLITE_EXEC_H
#define SQLITE_EXEC_H

#include "sqlite/conn.h"

/* Members of struct driver. */
int lite_execute(struct driver_conn *head, const char *sql, const struct sqla_value values[],
		 size_t n, struct driver_rows **ret_rows, int64_t *ret_affected);
void lite_cancel(struct driver_conn *head);

/*
 * Runs the driver's own SQL; returns SQLite's result code. Sets no error.
 */
int lite_run(struct lite_conn *conn, const char *sql);

/*
 * The same for one statement with the texts A and B as ?1 and ?2 (NULL: not
 * used). SQL is a constant: it stays compiled, and is known by its address.
 * SQLITE_ROW: the first row's first column is in RET, as text, "" for NULL.
 * SQLITE_DONE: no row, or nobody wants one: RET is NULL.
 */
int lite_ask_text(struct lite_conn *conn, const char *sql, const char *a, const char *b, char *ret,
		  size_t size);
/* ... as a number. */
int lite_ask_int(struct lite_conn *conn, const char *sql, const char *a, int64_t *ret);

/* The same for one without an answer, such as BEGIN: SQLITE_OK, or what failed. */
int lite_step(struct lite_conn *conn, const char *sql);

/* How often SQL, which stays compiled, was compiled so far, since the schema was
 * another one each time; 0: it is not compiled. */
int lite_own_compilations(const struct lite_conn *conn, const char *sql);

/* Gives up what stays compiled. */
void lite_own_end_all(struct lite_conn *conn);

/* Compiles the driver's own SQL. */
int lite_prepare_own(struct lite_conn *conn, const char *sql, sqlite3_stmt **ret_stmt);

/*
 * To be called behind everything that may have let SQLite end the transaction
 * by itself: remembers that, and why. True: it has.
 */
bool lite_notice_end(struct lite_conn *conn, const char *cause);

/* A statement answered RC: sets the error, and notices if all is lost. */
int lite_statement_failed(struct lite_conn *conn, int rc, const char *doing);

/* SQLA_EFAILED if SQLite has ended the transaction, or what else is wrong. */
int lite_ready(struct lite_conn *conn);

/* The authorizer, for connect.c. */
int lite_authorize(void *arg, int action, const char *one, const char *two, const char *database,
		   const char *trigger);

#endif
