/*
 * How a one-phase commit ended whose answer was lost, by its xid.
 *
 * An xid whose WAL was not flushed is handed out again after a crash: a
 * stranger's commit would be taken for ours. So "aborted" is believed always,
 * and "committed" only of a server that has not restarted since.
 */
#ifndef POSTGRES_OUTCOME_H
#define POSTGRES_OUTCOME_H

#include "engine/driver.h"

struct pg_server;

/* 0 committed and durable, SQLA_EABORTED, or SQLA_EINDOUBT with the evidence. */
int pg_outcome(struct driver_conn *conn);

/* Whether both talk, or talked, to the same server without a restart between.
 * RET_WHY: what tells that it is not, a constant. */
bool pg_is_same_incarnation(const struct pg_server *before, const struct pg_server *now,
			    const char **ret_why);

#endif
