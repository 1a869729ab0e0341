/*
 * The prepared statements of a connection, so that the server parses and plans
 * once what is sent many times.
 *
 * The library's own are known by the address of their SQL and are prepared at
 * their first use. Those of the application are known by their text and the
 * types of their values, and are prepared at their second use: what is sent
 * once would only cost memory at both ends. Two lists, both bounded and the
 * least recently used first: what was seen once cannot drive out what is used.
 *
 * Behind a transaction-mode pooler nothing is prepared: the next transaction
 * may be on another server connection.
 */
#ifndef POSTGRES_STATEMENT_H
#define POSTGRES_STATEMENT_H

#include <stdbool.h>

#include <libpq-fe.h>

#define PG_STATEMENT_PREFIX "sqlassist_" /* of their names on the server */

struct pg_command;
struct pg_statements;

enum {
	PG_STATEMENT_NAME_SIZE = 24,
	PG_STATEMENT_TEXT_MAX = 65536, /* longer ones are not kept */
};

struct pg_statement {
	char name[PG_STATEMENT_NAME_SIZE]; /* on the server */
	bool is_prepared;
	bool takes_xid; /* where it wrote rows, the transaction had a number then */
};

/* Keeps at most LIMIT of the application's; 0: nothing is prepared at all.
 * Returns new ones, or NULL with the error set. */
struct pg_statements *pg_statements_new(unsigned limit);
void pg_statements_free(struct pg_statements *all);

/* The statement to send COMMAND as, prepared or to be prepared first; borrowed
 * until the next call here. NULL: it is sent as it is. */
struct pg_statement *pg_statement_of(struct pg_statements *all, const struct pg_command *command);

/* The statement that COMMAND was sent as before, or NULL. */
const struct pg_statement *pg_statement_known(struct pg_statements *all,
					      const struct pg_command *command);

/* COMMAND was sent as it was and may be prepared when it comes again. */
void pg_statement_seen(struct pg_statements *all, const struct pg_command *command);

/* COMMAND is prepared anew when it comes again. */
void pg_statement_drop(struct pg_statements *all, const struct pg_command *command);

/* The server has none of them any more. */
void pg_statements_forget(struct pg_statements *all);

/* What they refer to may have changed: the application's are prepared anew. */
void pg_statements_renew(struct pg_statements *all);

/* The name of one that was dropped and that the server still has, or NULL; and
 * it has it no longer. */
const char *pg_statement_dropped(const struct pg_statements *all);
void pg_statement_closed(struct pg_statements *all);

#endif
