/*
 * identity.h - which database a connection really talks to, whatever it is
 * called and whatever site it shows: to tell a second name of one database
 * from a copy of it (I6).
 */
#ifndef RECOVERY_IDENTITY_H
#define RECOVERY_IDENTITY_H

#include "engine/driver.h"

struct identity {
	/* The running server or the file; "" where it cannot be told. A copy of
	 * a PostgreSQL cluster has its system identifier, never its start. */
	char server[96];
	char database[64];		    /* its name in there */
	char native_site[TXN_SITE_MAX + 1]; /* the site it had before it had a
					  decision table, or "" */
	bool is_standby;		    /* shows no prepared branches */
};

/* Asks CONN, which is idle. What it does not know stays empty. */
int identity_ask(struct driver_conn *conn, struct identity *ret_identity);

/* The same database; false when that cannot be told. */
bool identity_is_same(const struct identity *one, const struct identity *other);

#endif
