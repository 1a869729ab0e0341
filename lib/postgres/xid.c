#include "postgres/xid.h"

#include <string.h>

#include "base/copy.h"
#include "postgres/link.h"
#include "postgres/pooled.h"
#include "postgres/statement.h"

/* So often in a row a connection must have decided to be expected to do it again. */
#define DECISIONS_MIN 3

static const char ask_sql[] = "SELECT pg_catalog.pg_current_xact_id_if_assigned()";

struct pg_command pg_xid_command(struct pg_link *link)
{
	if (!link->is_guarded)
		return pg_ask_guarded(link);
	return (struct pg_command){ .sql = ask_sql,
				    .how = PG_SEND_OWN,
				    .columns = 1,
				    .wants_row = true };
}

void pg_xid_note(struct pg_link *link, unsigned i)
{
	copy_text(link->xid, sizeof(link->xid), pg_talk_value(link, i));
	link->is_xid_open = false;
	link->has_changed = false;
	pg_note_guarded(link, i);
}

bool pg_xid_is_expected(struct pg_link *link, const struct pg_command *command)
{
	const struct pg_statement *statement;

	if (link->decisions < DECISIONS_MIN || !link->is_guarded || link->is_unsure || !command ||
	    command->how != PG_SEND_KEPT)
		return false;
	statement = pg_statement_known(link->statements, command);
	return statement && statement->takes_xid;
}

/* What a view's trigger or a foreign table has written is no change of this database,
 * and is told in the same way: only those that took a number are known to. */
void pg_xid_rows_written(struct pg_link *link, unsigned at, bool had)
{
	struct pg_statement *statement = link->talk.statements[at];

	if (link->is_xid_open)
		link->has_changed = true;
	else if (statement && !had && *link->xid)
		statement->takes_xid = true;
}

bool pg_xid_is_same(struct pg_link *link)
{
	const struct pg_command ask = pg_xid_command(link);

	return pg_talk_run(link, &ask, 1, 0, "cannot ask for the transaction") == 0 &&
	       strcmp(pg_talk_value(link, 0), link->xid) == 0;
}

int pg_xid_close(struct pg_link *link)
{
	struct pg_command ask;
	int status;

	if (!link->is_xid_open)
		return 0;
	ask = pg_xid_command(link);
	status = pg_talk_run(link, &ask, 1, 0, "cannot ask what has changed");
	if (status == 0)
		pg_xid_note(link, 0);
	pg_talk_clear(link);
	return status;
}

void pg_xid_decides(struct pg_link *link, bool with_row)
{
	if (!with_row || !pg_has_own_backend(link))
		link->decisions = 0;
	else if (link->decisions < DECISIONS_MIN)
		link->decisions++;
}
