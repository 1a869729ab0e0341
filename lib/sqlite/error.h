/* SQLite's result codes as statuses and texts. */
#ifndef SQLITE_ERROR_H
#define SQLITE_ERROR_H

#include "sqlite/conn.h"

/* The status of the extended result code RC; SQLA_OK for rows and done. */
int lite_status(const struct lite_conn *conn, int rc);

/*
 * Sets the error detail for RC, which the latest call on the connection has
 * returned, while DOING something; returns the status. Remembers whether it
 * may pass.
 */
int lite_fail(struct lite_conn *conn, int rc, const char *doing);

/* The same for a connection that could not be opened. */
int lite_fail_open(struct lite_conn *conn, int rc);

/* What the database is called in texts: the file's absolute path. */
const char *lite_path(const struct lite_conn *conn);

/* Whether RC says that somebody else holds a lock. */
bool lite_is_busy(int rc);

/* SQLite's own words for RC, which the latest call has returned. */
const char *lite_text(const struct lite_conn *conn, int rc);

bool lite_is_transient(const struct driver_conn *head);

#endif
