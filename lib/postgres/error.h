/*
 * What an answer of PostgreSQL means for the caller, and the detail that says
 * so.
 */
#ifndef POSTGRES_ERROR_H
#define POSTGRES_ERROR_H

#include <stdbool.h>

#include <libpq-fe.h>

struct pg_link;

/* I7: an error after which the command may or may not have been carried out.
 * False for what is no error. */
bool pg_is_unknown(const PGresult *result);

/* SQLSTATE of RESULT, "" for none. */
const char *pg_sqlstate(const PGresult *result);
bool pg_has_state(const PGresult *result, const char *sqlstate);

/*
 * Sets the detail for the talk that failed and returns the status. The text
 * begins with DOING; HINT NULL: the server's own, or a known one.
 *   SQLA_ECONNECT   lost or unknown; the link is broken
 *   SQLA_ERETRY     class 40
 *   SQLA_EREADONLY, SQLA_EFAILED, SQLA_EDATABASE
 */
int pg_fail(struct pg_link *link, const char *doing, const char *hint);

/* The same as a vote: unknown is SQLA_EINDOUBT, all else a definite no. */
int pg_refuse(struct pg_link *link, const char *doing, const char *hint);

#endif
