/*
 * demo-shop.h - the demo's two databases: the till, a SQLite file with the
 * sales and an outbox of those that are still to be booked, and the ledger,
 * another SQLite file or a PostgreSQL database. The current folder holds the
 * files.
 *
 * Functions that fail have told why on stderr and return a negative status.
 */
#ifndef DEMO_SHOP_H
#define DEMO_SHOP_H

#include <stdbool.h>
#include <stdint.h>

#define SHOP_TILL "till" /* names of the engines */
#define SHOP_LEDGER "ledger"

#define SHOP_LEDGER_FILE "sqlite:///ledger.db" /* the ledger's URL, where it is a file */

enum shop_role {
	SHOP_OWNER,	   /* fills, watches, recovers, proves */
	SHOP_WORKER,	   /* carries sales in transactions over both databases */
	SHOP_NAIVE_WORKER, /* the same, each database committing for itself */
};

/* Registers both engines as that role needs them. */
int shop_register(const char *ledger_url, enum shop_role role);

/* Whether the ledger of that URL is a SQLite file. */
bool shop_is_file(const char *ledger_url);

/* Creates the tables and makes SALES sales, all of them in the outbox. */
int shop_fill(const char *ledger_url, int sales);

/* How many sales the outbox still holds. */
int64_t shop_outbox(void);

/* Whether the ledger has rows that transaction UUID wrote: 1 or 0. */
int shop_has_booked(const char *uuid);

enum shop_sabotage { SHOP_LOSE_ONE, SHOP_DOUBLE_ONE, SHOP_CHANGE_ONE };

/* Spoils the ledger behind everybody's back, so that the proof must notice. */
int shop_sabotage(enum shop_sabotage how);

/* Tells this thread's latest failure on stderr. Returns STATUS. */
int shop_complain(const char *what, int status);

#endif
