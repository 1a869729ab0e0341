/* Several files that commit in one atomic act. */
#ifndef SQLITE_GROUP_H
#define SQLITE_GROUP_H

#include "sqlite/conn.h"

struct lite_group;

/*
 * Why this file, as its transaction stands, cannot be committed together with
 * others, and the remedy, in one line; or NULL. Valid until the next call on
 * the connection. What keeps it from deciding as well is not told here.
 */
const char *lite_group_obstacle(struct lite_conn *conn);

/* Member of struct driver: do the two lie so that S is seen by whoever opens one? */
const char *lite_apart(struct driver_conn *one, struct driver_conn *other, const char **ret_remedy);

/* Member of struct driver: the two, and who follows the same leader, are a
 * group until the transaction of one of them ends. */
int lite_follow(struct driver_conn *head, struct driver_conn *leader);

/*
 * Commits all of the group of LEADER, which has others: 0; a refusal, and all
 * are rolled back; or SQLA_EINDOUBT: all are frozen until this process ends.
 */
int lite_group_commit(struct lite_conn *leader);

/* Removes what commits of groups have left beside the file, and nobody needs. */
void lite_group_tidy(struct lite_conn *conn);

/* The transaction of CONN is over. */
void lite_group_leave(struct lite_conn *conn);

#endif
