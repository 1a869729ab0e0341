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
 * That check costs the server as much as the rest of the claim together. It
 * also tells what the table is known by, and from then on the connection claims
 * in brief: an INSERT that takes place only if the table still has these marks, in
 * read committed, the only isolation that sees the catalog as it is once the INSERT
 * has its lock. A table whose marks are others has changed, or something about it
 * has: then the claim follows in full, and its check decides.
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

enum { CLAIM_MAX = 4 };

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
	" pg_catalog.current_setting('transaction_isolation'), " TABLE_MARKS
	" FROM pg_catalog.pg_class c WHERE c.oid = $3";

/*
 * All of the condition hangs on a column of the row: what does not, the server
 * plans as a node of its own, which costs it more than this whole condition.
 */
static const char brief_format[] =
	"INSERT INTO %s (txn, verdict, branches)"
	" SELECT $1::pg_catalog.uuid, 'committed', $2::pg_catalog.text"
	" FROM pg_catalog.pg_class c WHERE c.ctid = $3::pg_catalog.tid"
	" AND CASE WHEN c.xmin = $4::pg_catalog.xid AND c.oid = %s::pg_catalog.regclass THEN"
	" pg_catalog.pg_get_replica_identity_index(c.oid) = $5::pg_catalog.oid"
	" AND pg_catalog.current_setting('transaction_isolation') = 'read committed'"
	" AND coalesce(" PG_RAISED_SYNCHRONOUS_COMMIT ", 'on') = 'on' END";

static bool make_brief(struct pg_link *link)
{
	char *name = PQescapeLiteral(link->native, link->table, strlen(link->table));

	if (!name || asprintf(&link->claim.brief, brief_format, link->table, name) < 0)
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
	return claim->insert && claim->check && (claim->brief || make_brief(link));
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

/* What the check knows the table by, for the next claims to go by. */
static void note_marks(struct pg_link *link, const PGresult *checked)
{
	struct pg_claim *claim = &link->claim;

	claim->is_brief = strcmp(pg_cell(checked, 0, 1), "read committed") == 0;
	for (int i = 0; i < PG_CLAIM_MARKS; i++) {
		const char *mark = pg_cell(checked, 0, 2 + i);

		claim->is_brief = claim->is_brief && *mark;
		(void)snprintf(claim->marks[i], sizeof(claim->marks[i]), "%s", mark);
	}
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
	if (PQntuples(link->talk.results[check]) == 1 && !*fault) {
		note_marks(link, link->talk.results[check]);
		return 0;
	}
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
					     .columns = 2 + PG_CLAIM_MARKS };
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
	link->claim.is_brief = false;
	if (strcmp(tag, "INSERT 0 0") == 0)
		return send_full(link, commands, 0);
	if (strcmp(tag, "INSERT 0 1") != 0)
		return refuse_tag(link, tag);
	link->claim.is_brief = true;
	return 0;
}

/* Behind the first N of COMMANDS. */
static int send_brief(struct pg_link *link, struct pg_command commands[CLAIM_MAX], unsigned n)
{
	const struct pg_claim *claim = &link->claim;
	const char *values[2 + PG_CLAIM_MARKS] = { claim->decision->uuid,
						   claim->decision->branches };

	for (unsigned i = 0; i < PG_CLAIM_MARKS; i++)
		values[2 + i] = claim->marks[i];
	commands[n++] = (struct pg_command){ .sql = claim->brief,
					     .how = PG_SEND_OWN,
					     .n = 2 + PG_CLAIM_MARKS,
					     .values = values };
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
	return link->claim.is_brief ? send_brief(link, commands, n) : send_full(link, commands, n);
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
