/*
 * The transaction's number (xid). That there is one says that something has changed;
 * and it tells how a commit whose answer was lost has ended, or a branch that is
 * gone. So it is asked for behind each statement until there is one.
 *
 * Who decides with a row needs neither: the claim is made either way, and the row
 * tells. A connection that has decided again and again sends a statement without the
 * question that is known to take a number. Then the number is open: rows that were
 * written stand for it, and it is asked for as soon as anybody needs it, at the cost
 * of a round trip: ahead of a one-phase COMMIT or of PREPARE, of a statement that
 * might end the transaction, and before the native handle is given away.
 */
#ifndef POSTGRES_XID_H
#define POSTGRES_XID_H

#include "postgres/talk.h"

struct pg_link;

/* The question, with the guard where one is due (pooled.h); and takes answer I to it. */
struct pg_command pg_xid_command(struct pg_link *link);
void pg_xid_note(struct pg_link *link, unsigned i);

/* COMMAND is sure to take a number, and nobody is likely to need it; nor can anybody
 * end the transaction behind our back, which only the number would tell. */
bool pg_xid_is_expected(struct pg_link *link, const struct pg_command *command);

/* Command AT has written rows; the transaction HAD its number before, or an open one. */
void pg_xid_rows_written(struct pg_link *link, unsigned at, bool had);

/* Asks for one that is open, and awaits the answer. */
int pg_xid_close(struct pg_link *link);

/* Asks whether the transaction is still that of the number that is known. */
bool pg_xid_is_same(struct pg_link *link);

/* The transaction decides with a row; or it does not. */
void pg_xid_decides(struct pg_link *link, bool with_row);

#endif
