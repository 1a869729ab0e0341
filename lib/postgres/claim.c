/*
 * The claim is the last work of its transaction, outside any savepoint of
 * ours; constraints and triggers that were put off go ahead of it. A crash of
 * ours behind it leaves an open transaction, which the server rolls back when
 * it sees that we are gone (I4 until then).
 *
 * All of it is sent at once:
 *
 *   RELEASE SAVEPOINT		where one is live
 *   SET CONSTRAINTS		what would otherwise run behind the claim
 *   INSERT			the claim (I1); it raises synchronous_commit
 *   check			is the table one that arbitrates, and will the row be durable?
 *
 * The check comes last: the INSERT's lock keeps others from making a trigger
 * or a rule from then on, so that what it sees holds until the commit. It asks
 * the catalog, and whether the row is there as it was inserted, found by its
 * ctid: a transaction with an old snapshot does not see what was done to the
 * table after it began, but it sees its own row. By ctid, because reading the
 * index would make serializable transactions that claim together fail.
 *
 * That check costs the server as much as the rest of the claim together, and so
 * the connection claims in brief from then on: by a statement that it prepares behind
 * the check, in the same transaction, and that inserts only if the table is still the
 * one that was checked. It knows in two ways:
 *
 *   'now' is read when a statement is analysed, and means the start of that transaction.
 *   A prepared statement is analysed again when the table, or anything that hangs on it,
 *   has changed, or might have: the server sees to that once the INSERT has its lock,
 *   in every isolation. While 'now' is still the time of the check, nothing has, and the
 *   server need not even compare: both are constants. (Only a clock that is set back, to
 *   the very microsecond, could make another analysis look like this one.)
 *
 *   Analysed again, or where nothing stays prepared, the marks of the table tell, in
 *   read committed, the only isolation that sees the catalog as it is by then. Marks are the
 *   same after VACUUM and ANALYZE, which make the server analyse again, too.
 *
 * If neither holds, nothing is inserted: then the claim follows in full, and its check
 * decides. It does so now and then in any case, for a new 'now'.
 *
 * That is what DDL does to the table. What a superuser does by hand to the catalog's own
 * rows may tell nobody: a key that was made deferrable in pg_index is seen by the next
 * claim in full, and by no other. No lock keeps anybody from it between a check and the
 * commit either, and so it is not looked for each time.
 */
#include "postgres/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "postgres/branch.h"
#include "postgres/error.h"
#include "postgres/link.h"
#include "postgres/probe.h"
#include "postgres/statement.h"

enum {
	CLAIM_MAX = 4,
	CLAIM_MARKS = 3,
	BRIEF_MAX = 1000, /* claims in brief, until one in full */
};

/*
 * What the table is known by, with c as its pg_class: where that row is, who wrote
 * it, and its primary key. Whatever keeps the table from arbitrating leaves another
 * row there, or another key: that row says what the table is and where it is kept,
 * and has a flag for rules, for row security, for triggers and for heirs; the key is
 * the table's replica identity only while it is valid and not deferrable. Where one of
 * the flags is still set of old, or the identity is another, it is not known by these.
 */
#define TABLE_MARKS                                                                 \
	"CASE WHEN c.relhastriggers OR c.relhassubclass THEN NULL"                  \
	" ELSE c.ctid END, c.xmin, (SELECT i.indexrelid FROM pg_catalog.pg_index i" \
	" WHERE i.indrelid = c.oid AND i.indisprimary AND i.indexrelid ="           \
	" pg_catalog.pg_get_replica_identity_index(c.oid))"

static const char insert_format[] =
	"INSERT INTO %s (txn, verdict, branches) VALUES ($1, 'committed', $2)"
	" RETURNING pg_catalog.set_config('sqlassist.claim', ctid::pg_catalog.text, true),"
	" " PG_RAISED_SYNCHRONOUS_COMMIT;
static const char check_format[] =
	"SELECT " PG_TABLE_FAULT " || CASE WHEN EXISTS (SELECT FROM ONLY %s"
	" WHERE ctid = NULLIF(pg_catalog.current_setting('sqlassist.claim', true), '')"
	"::pg_catalog.tid"
	" AND tableoid = $3 AND txn = $1 AND verdict = 'committed' AND branches = $2)"
	" THEN '' ELSE ' was replaced, or does not keep what is inserted' END"
	" || CASE pg_catalog.current_setting('synchronous_commit') WHEN 'off'"
	" THEN ' would be committed with synchronous_commit = off' ELSE '' END,"
	" pg_catalog.current_setting('transaction_isolation'),"
	" pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC',"
	" 'YYYY-MM-DD HH24:MI:SS.US+00'), " TABLE_MARKS
	" FROM pg_catalog.pg_class c WHERE c.oid = $3";

/*
 * What is compared with the marks hangs on a column of the row: what does not, the
 * server plans as a node of its own. Without $1 it inserts nothing, and is prepared.
 */
static const char brief_format[] =
	"INSERT INTO %s (txn, verdict, branches)"
	" SELECT $1::pg_catalog.uuid, 'committed', $2::pg_catalog.text"
	" WHERE $1 IS NOT NULL AND ('now'::pg_catalog.timestamptz = '%s'::pg_catalog.timestamptz"
	" OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.ctid = '%s'::pg_catalog.tid"
	" AND CASE WHEN c.xmin = '%s'::pg_catalog.xid AND c.oid = %s::pg_catalog.regclass THEN"
	" pg_catalog.pg_get_replica_identity_index(c.oid) = '%s'::pg_catalog.oid"
	" AND pg_catalog.current_setting('transaction_isolation') = 'read committed' END))"
	" AND (pg_catalog.current_setting('synchronous_commit') <> 'off'"
	" OR pg_catalog.set_config('synchronous_commit', 'on', true) = 'on')";

static struct pg_command brief_command(const struct pg_link *link, const char *const values[2])
{
	return (struct pg_command){ .sql = link->claim.brief,
				    .how = PG_SEND_OWN,
				    .n = 2,
				    .values = values };
}

static void drop_brief(struct pg_link *link)
{
	const struct pg_command command = { .sql = link->claim.brief, .how = PG_SEND_OWN };

	if (link->claim.brief)
		pg_statement_drop(link->statements, &command);
	free(link->claim.brief);
	link->claim.brief = NULL;
	link->claim.n_brief = 0;
}

static bool make_brief(struct pg_link *link, const char *now, const char *const marks[CLAIM_MARKS])
{
	char *name = PQescapeLiteral(link->native, link->table, strlen(link->table));

	if (!name || asprintf(&link->claim.brief, brief_format, link->table, now, marks[0],
			      marks[1], name, marks[2]) < 0)
		link->claim.brief = NULL;
	PQfreemem(name);
	return link->claim.brief;
}

/* Its SQL, made once for the life of the link. */
static bool make_sql(struct pg_link *link)
{
	struct pg_claim *claim = &link->claim;

	if (!claim->insert && asprintf(&claim->insert, insert_format, link->table) < 0)
		claim->insert = NULL;
	if (!claim->check && asprintf(&claim->check, check_format, link->table) < 0)
		claim->check = NULL;
	return claim->insert && claim->check;
}

void pg_claim_free(struct pg_link *link)
{
	free(link->claim.insert);
	free(link->claim.check);
	free(link->claim.brief);
}

/* ---- refusing ---------------------------------------------------------------------- */

static bool is_tombstone(const PGresult *failure)
{
	const char *table = PQresultErrorField(failure, PG_DIAG_TABLE_NAME);

	return pg_has_state(failure, "23505") && table && strcmp(table, "sqlassist_decision") == 0;
}

/* The tombstone of a recoverer that took us for gone: a new attempt is a new
 * transaction (I8). */
static int refuse(struct pg_link *link)
{
	if (link->talk.is_lost || !is_tombstone(pg_talk_failure(link)))
		return pg_refuse(link, "the claim failed", NULL);
	link->is_transient = true;
	error_set(SQLA_ERETRY, pg_name(link), "Abort, and try again.",
		  "recovery has already given this transaction up");
	error_set_sqlstate("23505");
	return SQLA_ERETRY;
}

/* I7: a trigger may have turned the INSERT into nothing. */
static int refuse_tag(struct pg_link *link, const char *tag)
{
	return error_set(SQLA_EUNSAFE, pg_name(link),
			 "Remove what interferes with the decision table.",
			 "the claim was answered with %s", tag);
}

/* ---- in full ----------------------------------------------------------------------- */

static int conclude_prepared(struct pg_link *link)
{
	if (pg_step_has_failed(link))
		return refuse(link);
	link->claim.n_brief = BRIEF_MAX;
	return 0;
}

/* They become part of a statement, which no server may write for us. */
static bool is_plain(const char *mark)
{
	return *mark && strspn(mark, "0123456789(,):.+- ") == strlen(mark);
}

/* By what the check knows the table, claims are made in brief. */
static int prepare_brief(struct pg_link *link, const PGresult *checked)
{
	static const char *const nothing[2] = { NULL, NULL };
	const char *now = pg_cell(checked, 0, 2);
	const char *marks[CLAIM_MARKS];
	bool is_marked = strcmp(pg_cell(checked, 0, 1), "read committed") == 0 && is_plain(now);
	struct pg_command command;

	for (int i = 0; i < CLAIM_MARKS; i++) {
		marks[i] = pg_cell(checked, 0, 3 + i);
		is_marked = is_marked && is_plain(marks[i]);
	}
	drop_brief(link);
	if (!is_marked || !make_brief(link, now, marks))
		return 0;
	if (link->server.is_pooled) {
		link->claim.n_brief = BRIEF_MAX;
		return 0;
	}
	command = brief_command(link, nothing);
	return pg_step_start(link, &command, 1, conclude_prepared, "the claim failed");
}

static int refuse_table(struct pg_link *link, const char *fault)
{
	return error_set(SQLA_EUNSAFE, pg_name(link),
			 "Restore the table as sqlassist doctor --sql prints it.",
			 "the decision table %s", fault);
}

static int conclude_check(struct pg_link *link)
{
	unsigned check = link->talk.sent - 1;
	const char *fault;

	if (pg_step_has_failed(link))
		return refuse(link);
	fault = pg_talk_value(link, check);
	if (PQntuples(link->talk.results[check]) == 1 && !*fault)
		return prepare_brief(link, link->talk.results[check]);
	return refuse_table(link, *fault ? fault : "was dropped");
}

static int conclude_insert(struct pg_link *link)
{
	unsigned insert = link->talk.sent - 2;

	if (pg_step_has_failed(link))
		return refuse(link);
	if (strcmp(pg_talk_tag(link, insert), "INSERT 0 1") != 0)
		return refuse_tag(link, pg_talk_tag(link, insert));
	return conclude_check(link);
}

/* Behind the first N of COMMANDS. */
static int send_full(struct pg_link *link, struct pg_command commands[CLAIM_MAX], unsigned n)
{
	const struct txn_decision *decision = link->claim.decision;
	const char *values[] = { decision->uuid, decision->branches, link->server.table_oid };

	commands[n++] = (struct pg_command){ .sql = link->claim.insert,
					     .how = PG_SEND_OWN,
					     .n = 2,
					     .values = values };
	commands[n++] = (struct pg_command){ .sql = link->claim.check,
					     .how = PG_SEND_OWN,
					     .n = 3,
					     .values = values,
					     .columns = 3 + CLAIM_MARKS };
	return pg_step_start(link, commands, n, conclude_insert, "the claim failed");
}

/* ---- in brief ---------------------------------------------------------------------- */

static int conclude_brief(struct pg_link *link)
{
	struct pg_command commands[CLAIM_MAX] = { 0 };
	unsigned insert = link->talk.sent - 1;
	const char *tag = pg_talk_tag(link, insert);

	if (pg_step_has_failed(link))
		return refuse(link);
	if (strcmp(tag, "INSERT 0 1") == 0) {
		link->claim.n_brief--;
		return 0;
	}
	drop_brief(link);
	return strcmp(tag, "INSERT 0 0") == 0 ? send_full(link, commands, 0) :
						refuse_tag(link, tag);
}

/* Behind the first N of COMMANDS. */
static int send_brief(struct pg_link *link, struct pg_command commands[CLAIM_MAX], unsigned n)
{
	const struct txn_decision *decision = link->claim.decision;
	const char *const values[] = { decision->uuid, decision->branches };

	commands[n++] = brief_command(link, values);
	return pg_step_start(link, commands, n, conclude_brief, "the claim failed");
}

/* ---- either ------------------------------------------------------------------------ */

static int send(struct pg_link *link)
{
	static const char constraints[] = "SET CONSTRAINTS ALL IMMEDIATE";
	struct pg_command commands[CLAIM_MAX] = { 0 };
	char release[64];
	unsigned n = 0;

	if (link->outermost) {
		(void)snprintf(release, sizeof(release), "RELEASE SAVEPOINT sqlassist_%u",
			       link->outermost);
		commands[n++].sql = release;
	}
	commands[n++] = (struct pg_command){ .sql = constraints, .how = PG_SEND_OWN };
	link->outermost = 0;
	return link->claim.n_brief > 0 ? send_brief(link, commands, n) :
					 send_full(link, commands, n);
}

/*
 * A BEGIN that is still due goes first, and is awaited: the transaction must
 * be open before any branch is prepared, since a tombstone may only be purged
 * when all that was open when it was made has ended (I5).
 */
int pg_claim(struct driver_conn *conn, const struct txn_decision *decision, const char *const due[],
	     size_t n_due, bool *ret_took)
{
	struct pg_link *link = pg_link_of(conn);
	int status = pg_step_begin(link);

	(void)due;
	(void)n_due;
	if (status < 0)
		return status;
	if (*link->server.reason)
		return error_set(SQLA_EUNSAFE, pg_name(link), link->server.remedy,
				 "the engine cannot decide: %s", link->server.reason);
	link->claim.decision = decision;
	status = make_sql(link) ? send(link) : error_nomem();
	if (status >= 0 && ret_took)
		*ret_took = false;
	return status;
}
