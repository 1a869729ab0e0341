/* What a crash has left beside a file, in words: a member of struct driver. */
#ifndef SQLITE_LEFTOVER_H
#define SQLITE_LEFTOVER_H

#include "sqlite/conn.h"

/*
 * Tells of each. The file is opened and not read: SQLite would deal with its
 * journal, which is to be told of as it is. What a living process is working
 * with is not told.
 */
void lite_leftovers(struct engine_config *config, sqla_leftover_fn *fn, void *arg);

/* Member of struct driver: removes what nobody needs any more. */
void lite_tidy(struct driver_conn *head);

/*
 * Before the first statement on CONN: SQLA_ECONNECT if its journal must not be
 * dealt with now, since SQLite would take the super-journal that it names for
 * gone, whose folder is not to be seen.
 */
int lite_leftover_check(struct lite_conn *conn);

#endif
