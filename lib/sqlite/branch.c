/*
 * A branch on SQLite never prepares; it decides, or it commits alone, or with
 * others of its kind (group.c).
 *
 *  1. ask	Has the file changed? SQLite's write lock says so.
 *		Crash: SQLite rolls back when the file is opened next.
 *  2. claim	The decision row is inserted into the session's own write
 *		transaction (I1). Before any PREPARE is sent the write lock is
 *		held, without interruption until step 3 or a rollback: whoever
 *		obtains the lock knows that the transaction has ended (look.c).
 *		So the row of a file that was written to goes in while the
 *		PREPAREs are under way, and the lock is held that much shorter.
 *		Where nothing was written yet the claim takes the lock, and
 *		comes first: else a recoverer could obtain it, find no row, and
 *		roll a branch back that the claim then commits (I3).
 *		Crash: as above, no row.
 *  3. decide	COMMIT: the row and the work become durable together (I2).
 *		Crash: SQLite's journal makes it all or nothing.
 */
#include "sqlite/branch.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/group.h"
#include "sqlite/site.h"
#include "sqlite/transact.h"

/* ---- what has changed ------------------------------------------------------- */

static bool is_written(struct lite_conn *conn, const char *schema)
{
	return sqlite3_txn_state(conn->db, schema) == SQLITE_TXN_WRITE;
}

/* Number 0 is main, 1 is temp, which leaves nothing behind, then ATTACHed. */
static const char *written_attached(struct lite_conn *conn)
{
	const char *schema;

	for (int i = 2; (schema = sqlite3_db_name(conn->db, i)); i++)
		if (is_written(conn, schema))
			return schema;
	return NULL;
}

int lite_ask(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	int status = lite_ready(conn);

	if (status < 0)
		return status;
	if (!conn->is_begun || (!is_written(conn, "main") && !written_attached(conn)))
		return 0;
	if (conn->is_readonly)
		return error_set(SQLA_EREADONLY, lite_name(conn),
				 "Write through an engine that is not readonly.",
				 "a readonly session has written (%s)", lite_path(conn));
	return TXN_CHANGED;
}

/* ---- what it can do ----------------------------------------------------------- */

/* To whatever another branch, or a decision row, depends on. */
static const char *obstacle(struct lite_conn *conn)
{
	const struct sqla_engine_options *options = &lite_config(conn)->options;
	const char *attached = written_attached(conn);

	if (options->readonly == SQLA_YES || conn->is_readonly)
		return "it is readonly: use an engine that is not";
	if (attached) {
		(void)snprintf(conn->why, sizeof(conn->why),
			       "the ATTACHed database %s was written to: write to it through an "
			       "engine of its own",
			       attached);
		return conn->why;
	}
	return lite_durable_obstacle(conn);
}

static bool may_decide(const struct lite_conn *conn)
{
	return lite_config(conn)->options.decide != SQLA_DECIDE_NEVER;
}

static const char *obstacle_to_deciding(struct lite_conn *conn)
{
	const char *why;

	if (!may_decide(conn))
		return "decide is never: change that option";
	why = obstacle(conn);
	return why ? why : lite_table_obstacle(conn, conn->site);
}

static const char *obstacle_to_following(struct lite_conn *conn)
{
	const char *why = obstacle(conn);

	return why ? why : lite_group_obstacle(conn);
}

unsigned lite_abilities(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	const struct sqla_engine_options *options = &lite_config(conn)->options;
	unsigned abilities = 0;

	conn->is_checked = false;
	if (lite_ready(conn) < 0 || obstacle(conn))
		return 0;
	if (!lite_group_obstacle(conn))
		abilities |= TXN_FOLLOWS;
	if (!may_decide(conn) || lite_table_obstacle(conn, conn->site))
		return abilities;
	abilities |= TXN_DECIDES | TXN_DECIDES_LOCAL;
	conn->is_checked = is_written(conn, "main");
	if (options->decide == SQLA_DECIDE_PREFER)
		abilities |= TXN_PREFERS;
	if (options->outcome == SQLA_OUTCOME_ROW)
		abilities |= TXN_ROW_ALWAYS;
	return abilities;
}

const char *lite_why_not(struct driver_conn *head, enum txn_ability ability)
{
	const char *why = NULL;

	if (ability == TXN_PREPARES)
		return "SQLite has no PREPARE: it can only decide";
	if (ability == TXN_DECIDES)
		why = obstacle_to_deciding(lite_conn_of(head));
	if (ability == TXN_FOLLOWS)
		why = obstacle_to_following(lite_conn_of(head));
	return why ? why : "";
}

/* Every step is done when its function returns. */
int lite_advance(struct driver_conn *head, struct pollfd *wait)
{
	(void)wait;
	return error_set(SQLA_EMISUSE, lite_name(lite_conn_of(head)), NULL,
			 "no step of SQLite is under way");
}

void lite_give_up(struct driver_conn *head)
{
	head->is_broken = true;
}

static int no_prepare(struct driver_conn *head)
{
	return error_set(SQLA_EUNSAFE, lite_name(lite_conn_of(head)), "Let this branch decide.",
			 "SQLite has no PREPARE");
}

int lite_prepare(struct driver_conn *head, const char *gid)
{
	(void)gid;
	return no_prepare(head);
}

int lite_commit_prepared(struct driver_conn *head, const char *gid)
{
	(void)gid;
	return no_prepare(head);
}

int lite_rollback_prepared(struct driver_conn *head, const char *gid)
{
	(void)gid;
	return no_prepare(head);
}

/* ---- site, claim, decide --------------------------------------------------------- */

/* In a transaction it was read just before, to know whether this file can decide;
 * the claim reads it again, under the write lock. */
int lite_site(struct driver_conn *head, char ret_site[TXN_SITE_MAX + 1])
{
	struct lite_conn *conn = lite_conn_of(head);
	bool is_known = conn->is_begun && conn->site[0];
	const char *why = is_known ? NULL : lite_table_obstacle(conn, conn->site);

	if (why)
		return error_set(SQLA_EUNSAFE, lite_name(conn), NULL, "%s: %s", lite_path(conn),
				 why);
	copy_text(ret_site, TXN_SITE_MAX + 1, conn->site);
	return 0;
}

/* I4: whoever looks needs the write lock, and that is taken from the first write
 * to the end of the transaction. */
bool lite_is_open_to_looks(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);

	return lite_ready(conn) == 0 && is_written(conn, "main");
}

/* What was true when it was asked for must still be, now under the write lock. */
static int check_claim(struct lite_conn *conn)
{
	char told[TXN_SITE_MAX + 1];
	const char *why;

	copy_text(told, sizeof(told), conn->site);
	why = obstacle_to_deciding(conn);
	if (why)
		return error_set(SQLA_EUNSAFE, lite_name(conn), NULL, "%s cannot decide: %s",
				 lite_path(conn), why);
	if (told[0] && strcmp(told, conn->site) != 0)
		return error_set(SQLA_EUNSAFE, lite_name(conn), "Run sqlassist doctor.",
				 "the site of %s was changed meanwhile", lite_path(conn));
	return 0;
}

/* I1: the unique key arbitrates; only one row that went in counts. The column's
 * default is the same time, made by way of a text. */
static int insert_row(struct lite_conn *conn, const struct txn_decision *decision)
{
	int rc = lite_ask_text(
		conn,
		"INSERT INTO main.sqlassist_decision(txn, verdict, branches, made_at) "
		"VALUES (?1, 'committed', ?2, unixepoch())",
		decision->uuid, decision->branches, NULL, 0);

	if (rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		return error_set(SQLA_ERETRY, lite_name(conn), "Abort, and try again.",
				 "recovery has decided that transaction %s is aborted (%s)",
				 decision->uuid, lite_path(conn));
	if (rc != SQLITE_DONE)
		return lite_statement_failed(conn, rc, "the decision row was refused");
	if (sqlite3_changes64(conn->db) != 1 || !is_written(conn, "main"))
		return error_set(SQLA_EUNSAFE, lite_name(conn), "Run sqlassist doctor.",
				 "the decision row did not go in (%s)", lite_path(conn));
	return 0;
}

int lite_claim(struct driver_conn *head, const struct txn_decision *decision,
	       const char *const due[], size_t n_due, bool *ret_took)
{
	struct lite_conn *conn = lite_conn_of(head);
	int status = lite_ready(conn);
	int rc;

	if (status == 0 && !head->is_in_transaction)
		status = error_set(SQLA_EMISUSE, lite_name(conn), NULL,
				   "a claim needs a transaction");
	if (status == 0)
		status = lite_begin_now(head);
	/* A rollback to a savepoint would take the row with it. */
	if (status == 0)
		status = lite_release_savepoints(conn);
	if (status == 0)
		status = insert_row(conn, decision);
	if (status == 0 && !conn->is_checked)
		status = check_claim(conn);
	if (status < 0)
		return status;
	copy_text(conn->claimed, sizeof(conn->claimed), decision->uuid);
	rc = lite_table_forget(conn, due, n_due);
	if (rc != SQLITE_OK)
		return lite_statement_failed(conn, rc, "decision rows cannot be forgotten");
	if (lite_notice_end(conn, "the claim was lost"))
		return lite_ready(conn);
	if (ret_took)
		*ret_took = n_due > 0;
	return 0;
}

/*
 * Behind the decision nobody waits for this thread but its caller, and for who has
 * the file next all others do: that one goes first.
 */
int lite_decide(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	bool is_wanted = turn_is_wanted(&conn->turn);
	int status;

	if (!conn->is_begun && !conn->head.is_broken)
		return error_set(SQLA_EMISUSE, lite_name(conn), NULL, "nothing was claimed here");
	status = conn->group ? lite_group_commit(conn) : lite_commit(head);
	if (is_wanted)
		(void)sched_yield();
	return status;
}

/* Nothing but a row tells what became of a transaction of SQLite. */
int lite_outcome(struct driver_conn *head)
{
	return error_set(SQLA_EINDOUBT, lite_name(lite_conn_of(head)),
			 "Look for the work itself; with outcome = row this is always known.",
			 "no decision row was written that would tell whether it has committed");
}
