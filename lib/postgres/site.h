/*
 * The decision table, and the site: the identity of a database that survives
 * renaming, and that a copy of it does not share.
 */
#ifndef POSTGRES_SITE_H
#define POSTGRES_SITE_H

#include "engine/driver.h"

struct pg_link;

/* Makes the table where it is missing and the engine's options say so, and
 * sets server.reason. Lacking rights are no failure: only deciding is lost. */
int pg_site_prepare(struct pg_link *link);

/* Probes again, and prepares. */
int pg_site_refresh(struct pg_link *link);

/* Whether the table's site is that of this very database. */
bool pg_site_is_valid(const struct pg_link *link);

/* server.reason for the options and facts as they are. */
void pg_site_judge(struct pg_link *link);

/*
 * The SQL that makes the table, in order, each a new text in RET_SQL; the
 * first makes the schema. False: no memory; RET_SQL can be freed either way.
 */
enum { PG_SITE_STEPS = 4 };
bool pg_site_sql(const char *schema, char *ret_sql[PG_SITE_STEPS]);
void pg_site_sql_free(char *sql[PG_SITE_STEPS]);

int pg_site(struct driver_conn *conn, char ret_site[TXN_SITE_MAX + 1]);

#endif
