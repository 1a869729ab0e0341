/*
 * What became of a transaction that this file decides.
 *
 *  1. BEGIN IMMEDIATE. Busy: open, somebody writes; it may be the coordinator
 *     between its claim and the end of its COMMIT (I4).
 *     A hot journal that a crash left is rolled back by SQLite here.
 *  2. Is this the file? Table, shape and site are read under the lock (I6).
 *  3. The row is there: committed. It is not there, and a branch is still
 *     prepared: it can never commit (I3).
 *  4. Before either is answered: one synchronous write in this file, and its
 *     COMMIT.
 *
 * Why no tombstone is needed, even if the coordinator is only frozen. It
 * takes the write lock before it sends any PREPARE, and holds it to the end of
 * COMMIT or ROLLBACK. A branch that is prepared, seen while we hold that lock,
 * so has the end of the claiming transaction behind it; were its coordinator to
 * come back, its claim and its COMMIT would find no transaction. A row
 * that was committed is not forgotten while a branch is prepared (I5). Nothing
 * here can change while we ask about the branch, since we hold the lock.
 *
 * Why step 4. A row that we see may not be durable yet: its coordinator may
 * have died between unlinking the journal and syncing the directory, and a
 * power failure would bring the journal back. And a row that we do not see may
 * come yet: in WAL mode a coordinator may die, or its fsync fail, when its
 * frames are in the file and the shared index does not name them. Nobody sees
 * them as long as that index lives, but whoever rebuilds it, after a crash of
 * the machine or of the last client, finds a valid commit. Our own frame is
 * written over the first of them, synced, and breaks their chain of checksums.
 *
 * A crash anywhere leaves nothing that matters: looking is repeated.
 *
 * In model/commit.pml: look with DECIDER_FILE, r_look_locked (3), r_look_buries (4).
 */
#include "sqlite/look.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/site.h"

__attribute__((format(printf, 3, 4))) static enum driver_look_result saw(
	struct driver_look *look, enum driver_look_result result, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(look->evidence, sizeof(look->evidence), format, ap);
	va_end(ap);
	return result;
}

/* Step 1 was refused. */
static enum driver_look_result no_lock(struct lite_conn *conn, struct driver_look *look, int rc)
{
	if (!lite_is_busy(rc))
		return saw(look, LOOK_UNKNOWN, "%s cannot be locked: %s", lite_path(conn),
			   lite_text(conn, rc));
	return saw(
		look, LOOK_OPEN,
		"%s is locked by a process that writes%s; if one hangs, end it: lslocks or fuser "
		"names it",
		lite_path(conn), look->fence_s > 0 ? " (SQLite cannot fence it)" : "");
}

/* Step 4. The version is set to what it is: SQLite writes the page even so. */
static int write_and_commit(struct lite_conn *conn)
{
	int64_t version = 0;
	char sql[64];
	int rc = lite_ask_int(conn, "PRAGMA main.user_version", NULL, &version);

	if (rc != SQLITE_ROW)
		return rc;
	(void)snprintf(sql, sizeof(sql), "PRAGMA main.user_version = %" PRId64, version);
	rc = lite_run(conn, sql);
	if (rc == SQLITE_OK && sqlite3_txn_state(conn->db, "main") != SQLITE_TXN_WRITE)
		rc = SQLITE_INTERNAL;
	return rc == SQLITE_OK ? lite_run(conn, "COMMIT") : rc;
}

static enum driver_look_result settle(struct lite_conn *conn, struct driver_look *look,
				      enum driver_look_result result)
{
	int rc = look->dry_run ? SQLITE_OK : write_and_commit(conn);

	fault_here(look_buried);
	if (rc == SQLITE_OK)
		return result;
	return saw(look, LOOK_UNKNOWN, "%s: what is there could not be made durable: %s",
		   lite_path(conn), lite_text(conn, rc));
}

static enum driver_look_result without_row(struct lite_conn *conn, struct driver_look *look)
{
	/* A decider alone has no branch to ask about; its coordinator asks within
	 * keep_decisions, so that its row cannot have been forgotten yet. */
	bool is_alone = look->is_own && !look->still_prepared;
	int prepared = is_alone;

	if (look->still_prepared)
		prepared = look->still_prepared(look->arg);
	if (prepared < 0)
		return saw(
			look, LOOK_UNKNOWN,
			"no row in %s, and whether a branch is still prepared cannot be said now",
			lite_path(conn));
	if (prepared == 0)
		return saw(look, LOOK_UNKNOWN,
			   "no row in %s, and no branch is prepared: it may have been forgotten",
			   lite_path(conn));
	(void)saw(look, LOOK_ABORTED, "no row in %s while its write lock was ours%s",
		  lite_path(conn), is_alone ? "" : " and a branch was prepared");
	return settle(conn, look, LOOK_ABORTED);
}

/* A verdict that is not one of the two to its last byte is shown, and not taken:
 * as a C string, a blob or a text with a NUL in it could be taken for one. */
static const char ask_verdict[] =
	"SELECT CASE WHEN verdict IN ('committed', 'aborted') THEN verdict"
	" ELSE substr(quote(verdict), 1, 15) END FROM main.sqlassist_decision WHERE txn = ?1";

/* Steps 2 and 3; the write lock is held. */
static enum driver_look_result look_locked(struct lite_conn *conn, struct driver_look *look)
{
	char site[TXN_SITE_MAX + 1], verdict[16] = "";
	const char *why = lite_durable_obstacle(conn);
	int rc;

	if (!why)
		why = lite_table_obstacle(conn, site);
	if (why)
		return saw(look, LOOK_UNKNOWN, "%s: %s", lite_path(conn), why);
	if (look->site && strcmp(look->site, site) != 0)
		return saw(look, LOOK_UNKNOWN, "%s is another site: %s", lite_path(conn), site);
	rc = lite_ask_text(conn, ask_verdict, look->uuid, NULL, verdict, sizeof(verdict));
	if (rc == SQLITE_DONE)
		return without_row(conn, look);
	if (rc != SQLITE_ROW)
		return saw(look, LOOK_UNKNOWN, "%s cannot be read: %s", lite_path(conn),
			   lite_text(conn, rc));
	(void)saw(look, LOOK_UNKNOWN, "the row in %s says %s", lite_path(conn), verdict);
	if (strcmp(verdict, "committed") == 0)
		return settle(conn, look, LOOK_COMMITTED);
	if (strcmp(verdict, "aborted") == 0)
		return settle(conn, look, LOOK_ABORTED);
	return LOOK_UNKNOWN;
}

enum driver_look_result lite_look(struct driver_conn *head, struct driver_look *look)
{
	struct lite_conn *conn = lite_conn_of(head);
	enum driver_look_result result;
	int rc;

	fault_here(look_before);
	rc = lite_run(conn, "BEGIN IMMEDIATE");
	if (rc != SQLITE_OK)
		return no_lock(conn, look, rc);
	result = look_locked(conn, look);
	if (!sqlite3_get_autocommit(conn->db) && lite_run(conn, "ROLLBACK") != SQLITE_OK)
		head->is_broken = true;
	return result;
}

int lite_list_prepared(struct driver_conn *head, driver_prepared_fn *fn, void *arg)
{
	(void)head;
	(void)fn;
	(void)arg;
	return 0;
}

int lite_is_prepared(struct driver_conn *head, const char *gid)
{
	(void)head;
	(void)gid;
	return 0;
}

int lite_end_prepared(struct driver_conn *head, const char *gid, bool commit, const char *xid)
{
	(void)commit;
	(void)xid;
	return error_set(SQLA_EMISUSE, lite_name(lite_conn_of(head)), NULL,
			 "SQLite has no prepared branch %s", gid);
}
