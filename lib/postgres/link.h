/*
 * A link: our end of a connection to PostgreSQL. The driver's own object,
 * shared by the files of this folder.
 *
 * Its transaction goes through these states:
 *
 *   idle --begin--> due --first statement--> begun --commit, decide--> idle
 *			|			  |--prepare--> idle, prepared
 *			`-------- rollback -------'-- rollback --> idle
 *
 * due: BEGIN travels with the next statement. PQtransactionStatus is the
 * truth about what the server thinks, and is asked before anything counts.
 */
#ifndef POSTGRES_LINK_H
#define POSTGRES_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "engine/driver.h"
#include "postgres/talk.h"

enum {
	PG_XID_SIZE = 24, /* a 64-bit number as text */
	PG_AUXILIARY_MAX = 16,
	PG_RECOVERY_MS = 15000, /* recovery waits no longer for an answer */
	PG_ROLLBACK_MS = 10000,
};

struct pg_canceller;
struct pg_statements;

/* What the probe learned (probe.h). */
struct pg_server {
	int64_t probed_ms;
	int backend_pid;	    /* of the latest transaction that was asked */
	int version;		    /* 150004 */
	char system_identifier[24]; /* "" where the role may not see it */
	char database_oid[12];
	char started[40];		 /* the postmaster, as text */
	int auxiliary[PG_AUXILIARY_MAX]; /* process ids */
	unsigned n_auxiliary;
	int max_prepared;
	bool is_standby;
	bool is_fsync;
	bool is_pooled; /* another program sits in between: pooled.h */
	char who[64];	/* which database, behind a pooler: pg_who_sql */

	char table_oid[12];   /* "" without a decision table */
	char table_fault[80]; /* why the table arbitrates nothing, or "" */
	bool has_schema;
	bool may_read;
	bool may_insert;
	bool may_update;
	bool may_delete;
	char site[TXN_SITE_MAX + 1]; /* of the table, "" for none */
	char site_home[48];	     /* which system and database the site belongs to */

	char reason[160]; /* why this engine cannot decide, or "" */
	char remedy[500];
};

/* What claims leave for the next (claim.c). */
struct pg_claim {
	char *insert, *check, *brief;	     /* SQL, or NULL */
	unsigned n_brief;		     /* more claims may be made in brief */
	const struct txn_decision *decision; /* of the claim under way; borrowed */
};

struct pg_link {
	struct driver_conn base;
	enum driver_purpose purpose;
	PGconn *native;
	struct pg_canceller *canceller;
	char *table; /* the decision table, quoted, for SQL */
	struct pg_statements *statements;
	struct pg_claim claim;
	unsigned decisions; /* transactions in a row that decided with a row */
	bool may_be_async;  /* synchronous_commit may be off: somebody has set something */
	char begin[2][64];  /* its SQL, of transactions that may write and that may not */
	struct pg_server server;

	/* The transaction. */
	bool is_begin_due;
	bool is_readonly;
	bool is_unsure;		   /* work may have been done behind our back */
	bool is_ended_by_hand;	   /* the application ended it in SQL */
	bool is_transient;	   /* the latest failure may pass */
	unsigned outermost;	   /* lowest live savepoint, or 0 */
	char xid[PG_XID_SIZE];	   /* "" while none is known; kept after it ended */
	bool is_xid_open;	   /* statements were sent that it was not asked for (xid.h) */
	bool has_changed;	   /* one of them has written rows */
	bool is_unsent;		   /* COMMIT waits for it; kept like it */
	struct sqla_error failure; /* what made the transaction fail */

	/* Behind a pooler: pooled.h. */
	bool is_guarded;  /* the transaction is where it should be; true if direct */
	bool is_moved;	  /* the pooler leads elsewhere: no use any more */
	bool is_held;	  /* an empty transaction keeps hold of the server */
	const char *who;  /* a guard's parameter */
	char setting[80]; /* a command that is being sent */

	/* The step under way. */
	struct pg_talk talk;
	int (*conclude)(struct pg_link *link);
	char gid[TXN_GID_MAX + 1];
	bool is_committing; /* the prepared branch, or else rolled back */
	unsigned attempts;

	char why[700];
};

static inline struct pg_link *pg_link_of(struct driver_conn *conn)
{
	return (struct pg_link *)conn;
}

static inline const char *pg_name(const struct pg_link *link)
{
	return link->base.config->name;
}

/* Lost or unknown: closes both directions at once, so that nothing that is
 * still buffered goes out later, and the server learns of it soon. */
void pg_break(struct pg_link *link);

/* Forgets the transaction on our side; xid stays for those who ask later. */
void pg_forget_transaction(struct pg_link *link);

/*
 * IDENTIFIER in double quotes; new text or NULL (no memory). And the name of
 * the decision table in SCHEMA.
 */
char *pg_quote(const char *identifier);
char *pg_table_name(const char *schema);

/* SQL about the decision table, whose name goes between BEFORE and AFTER; new text or
 * NULL, with the error set. */
char *pg_table_sql(const struct pg_link *link, const char *before, const char *after);

/* The literal of an array of N words that need no quotes, such as uuids and gids;
 * new text or NULL, with the error set. */
char *pg_array(const char *const words[], size_t n);

#endif
