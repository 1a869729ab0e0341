/*
 * ledger.h - databases behind taps, transactions across them, and what must be
 * true of each transaction whatever happened on the wire: it is in all of them
 * or in none, as was told; nothing is in doubt, no money is lost or made, the
 * decision row says what happened, and no connection is left over.
 */
#ifndef WIRE_LEDGER_H
#define WIRE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlassist.h>

#include "wire/tap.h"

/*
 * Who takes part, one letter for each engine: "p" and "r" are PostgreSQL databases
 * on cluster "one", "q" one on cluster "two", "s" is a SQLite file. A capital only
 * reads.
 */
struct shape {
	const char *name;
	const char *parties;
	bool is_deferred; /* TXN_FINISH_DEFERRED */
	bool with_row;	  /* outcome = row */
	bool aborts;	  /* txn_abort instead of txn_commit */
	int n_others;	  /* that recovery finds beside what is in doubt: ledger_crowd */
	bool forgets;	  /* decision rows may be forgotten by recovery: ledger_age_row */
};

enum { PARTIES_MAX = 4 };

struct ledger;

/* Registers the engines, each behind a tap, and makes clean transactions until
 * another one is like the last. */
struct ledger *ledger_open(const struct shape *shape);
void ledger_close(struct ledger *l);

const struct shape *ledger_shape(const struct ledger *l);

/* The tap of party I, NULL for a file. */
size_t ledger_parties(const struct ledger *l);
struct tap *ledger_tap(const struct ledger *l, size_t i);

/* Begins a transaction that writes to everyone who does; all of it must work. */
void ledger_work(struct ledger *l);

/* Ends it as the shape says, and returns what was answered. */
int ledger_end(struct ledger *l);

/* What an operator would do: recovers until nothing is left. NULL, or new text
 * of why that is not possible. */
char *ledger_recover(void);

/* Makes the latest decision row old enough to be forgotten, and the only one. */
void ledger_age_row(const struct ledger *l);

/* Prepares N more beside each branch in doubt, of transactions that were never decided. */
void ledger_crowd(const struct ledger *l, int n);

/* How many branches are prepared in its databases. */
int64_t ledger_prepared(const struct ledger *l);

/* Waits until no server works for anybody but idle connections of the pools.
 * NULL, or new text of who is left over. */
char *ledger_calm(struct ledger *l);

/* All of the above about the latest transaction, of which STATUS was told; recovers
 * if need be. NULL, or new text of the first thing that is not true. */
char *ledger_violation(struct ledger *l, int status);

/* Of a server that lies nothing can be asked but this: what was told to be committed
 * is, everywhere, when recovery has been there. NULL, or new text. */
char *ledger_false_word(struct ledger *l, int status);

/* Takes away whatever a lie has left: branches, entries. */
void ledger_forgive(struct ledger *l);

#endif
