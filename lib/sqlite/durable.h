/* Whether what this connection commits survives a crash of the machine. */
#ifndef SQLITE_DURABLE_H
#define SQLITE_DURABLE_H

#include "sqlite/conn.h"

/*
 * Raises synchronous to EXTRA, which is FULL in WAL mode; outside a
 * transaction only. Returns SQLite's code.
 */
int lite_durable_raise(struct lite_conn *conn);

/*
 * Why a commit here would not be durable, and the remedy, in one line; or
 * NULL. Valid until the next call on the connection. May be called in a
 * transaction.
 */
const char *lite_durable_obstacle(struct lite_conn *conn);

/* The journal mode, in lower case, or "". */
void lite_journal_mode(struct lite_conn *conn, char *ret, size_t size);

#endif
