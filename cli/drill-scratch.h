/*
 * drill-scratch.h - the engines of a drill, and the two tables that it makes
 * there, works in and drops. Nothing else of the databases is touched.
 */
#ifndef DRILL_SCRATCH_H
#define DRILL_SCRATCH_H

#include "drill-ledger.h"

#define DRILL_ACCOUNT "sqlassist_drill_account"
#define DRILL_TRANSFER "sqlassist_drill_transfer"

/* Of PostgreSQL; else of SQLite. The session has been used. */
bool scratch_is_server(struct sqla_session *s);

/* Whether this thread's latest failure is that somebody holds a lock. */
bool scratch_is_held(int status);

/* One row of SQL in N columns of whole numbers. */
int scratch_numbers(struct sqla_session *s, const char *sql, int64_t ret[], int n);

/* The errands, see drill-errand.h; ARG is not used. */

/* Finds out what the engines of the ledger are; those that take part in no
 * transactions are left out. */
int scratch_describe(struct drill_ledger *ledger, void *arg);

/* Makes the tables on all engines, in one transaction. SQLA_EALREADY: there are
 * some. */
int scratch_create(struct drill_ledger *ledger, void *arg);

/* Drops them wherever they are. All are tried; the first failure is returned, and
 * SQLA_PENDING where something of the drill's still holds them: recover, again. */
int scratch_drop(struct drill_ledger *ledger, void *arg);

/* Ends what a drill has left in doubt that was killed itself: whatever holds
 * locks on its tables. */
int scratch_recover(struct drill_ledger *ledger, void *arg);

#endif
