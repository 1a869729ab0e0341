/* One SQLite connection, for the files of this folder. */
#ifndef SQLITE_CONN_H
#define SQLITE_CONN_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "engine/driver.h"
#include "sqlite/turn.h"

struct lite_group;
struct lite_kept;
struct lite_rows;

enum { LITE_OWN_MAX = 16 };

/* A statement of ours that stays compiled. */
struct lite_own {
	const char *sql; /* its address is what it is known by */
	sqlite3_stmt *stmt;
	bool is_used;
};

/* Which statements the authorizer lets through while they are compiled. */
enum lite_sql {
	LITE_SQL_USER = 0, /* no BEGIN, COMMIT or ROLLBACK inside our transaction */
	LITE_SQL_OWN,	   /* the driver's own: everything */
	LITE_SQL_NONE,	   /* nothing: is there a second statement at all? */
};

/*
 * The life of a transaction, as SQLite and we see it:
 *
 *	idle -> begin() -> noted -> first use -> begun -> commit, rollback -> idle
 *						   |
 *						   +-> lost: SQLite ended it by itself
 *
 * head.is_in_transaction is false in idle only; is_begun is true in begun and
 * lost; cause is not empty in lost only.
 */
struct lite_conn {
	struct driver_conn head;
	sqlite3 *db; /* set once, for cancel(); closed with the object */
	int busy_ms;
	int64_t busy_until;	  /* end of the wait for a lock that is under way */
	struct turn turn;	  /* to try for it */
	atomic_bool is_cancelled; /* by any thread: waits for no lock any more */
	enum lite_sql sql;
	bool was_denied; /* the authorizer said no */
	bool is_special; /* it saw more than the reading and writing of rows */
	/* The application has compiled a PRAGMA, and may run it at any time, that sets
	 * what is set or asked for here: nothing is known without asking any more. */
	bool has_pragma;
	/* It may have said that locks are kept when a transaction has ended. */
	bool keeps_locks;
	bool is_query_only;  /* as it was set last, unless has_pragma */
	char mode[16];	     /* of the journal, as it was asked for last, or "" */
	const void *mode_of; /* the journal's file then */
	bool is_begun;
	bool is_readonly;	     /* this transaction */
	bool is_transient;	     /* the latest failure may pass */
	bool is_checked;	     /* it can decide, as was seen under the write lock */
	bool wants_table;	     /* the decision table could not be made yet */
	bool is_orphan;		     /* a forked child has let go of its files */
	unsigned outermost;	     /* the savepoint around all others of ours, or 0 */
	int shape_seen;		     /* see site.c */
	char site[TXN_SITE_MAX + 1]; /* as told to the coordinator, or "" */
	char claimed[37];	     /* uuid of the transaction that is decided here */
	char cause[256];	     /* why SQLite ended the transaction by itself, or "" */
	char why[400];		     /* why it cannot decide, and the remedy */
	struct lite_group *group;    /* that this transaction commits with, or NULL */
	struct lite_rows *rows;	     /* open ones */
	struct lite_kept *kept;	     /* statements of the application */
	struct lite_own own[LITE_OWN_MAX];
	unsigned n_own;
	struct lite_conn *prev, *next; /* orphan.c's list */
};

static inline struct lite_conn *lite_conn_of(struct driver_conn *head)
{
	return (struct lite_conn *)head;
}

static inline const struct engine_config *lite_config(const struct lite_conn *conn)
{
	return conn->head.config;
}

static inline const char *lite_name(const struct lite_conn *conn)
{
	return conn->head.config->name;
}

#endif
