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
 * Many looks take the steps together: one lock, one question about all branches
 * without a row, and one write. Any trouble, and nothing is said of any of them.
 *
 * In model/commit.pml: look with DECIDER_FILE, r_look_locked (3), r_look_buries (4).
 */
#include "sqlite/look.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

static int bury(struct lite_conn *conn, bool dry_run)
{
	int rc = dry_run ? SQLITE_OK : write_and_commit(conn);

	fault_here(look_buried);
	return rc;
}

static enum driver_look_result settle(struct lite_conn *conn, struct driver_look *look,
				      enum driver_look_result result)
{
	int rc = bury(conn, look->dry_run);

	if (rc == SQLITE_OK)
		return result;
	return saw(look, LOOK_UNKNOWN, "%s: what is there could not be made durable: %s",
		   lite_path(conn), lite_text(conn, rc));
}

static enum driver_look_result saw_no_row(struct lite_conn *conn, struct driver_look *look,
					  bool is_alone)
{
	return saw(look, LOOK_ABORTED, "no row in %s while its write lock was ours%s",
		   lite_path(conn), is_alone ? "" : " and a branch was prepared");
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
	return settle(conn, look, saw_no_row(conn, look, is_alone));
}

/* A verdict that is not one of the two to its last byte is shown, and not taken:
 * as a C string, a blob or a text with a NUL in it could be taken for one. */
static const char ask_verdict[] =
	"SELECT CASE WHEN verdict IN ('committed', 'aborted') THEN verdict"
	" ELSE substr(quote(verdict), 1, 15) END FROM main.sqlassist_decision WHERE txn = ?1";

/* Step 3: SQLITE_ROW, and what it says; SQLITE_DONE, and there is none; or neither. */
static int read_row(struct lite_conn *conn, struct driver_look *look,
		    enum driver_look_result *ret_result)
{
	char verdict[16] = "";
	int rc = lite_ask_text(conn, ask_verdict, look->uuid, NULL, verdict, sizeof(verdict));

	if (rc != SQLITE_ROW)
		return rc;
	*ret_result = saw(look, LOOK_UNKNOWN, "the row in %s says %s", lite_path(conn), verdict);
	if (strcmp(verdict, "committed") == 0)
		*ret_result = LOOK_COMMITTED;
	if (strcmp(verdict, "aborted") == 0)
		*ret_result = LOOK_ABORTED;
	return rc;
}

/* Steps 2 and 3; the write lock is held. */
static enum driver_look_result look_locked(struct lite_conn *conn, struct driver_look *look)
{
	enum driver_look_result result = LOOK_UNKNOWN;
	char site[TXN_SITE_MAX + 1];
	const char *why = lite_durable_obstacle(conn);
	int rc;

	if (!why)
		why = lite_table_obstacle(conn, site);
	if (why)
		return saw(look, LOOK_UNKNOWN, "%s: %s", lite_path(conn), why);
	if (look->site && strcmp(look->site, site) != 0)
		return saw(look, LOOK_UNKNOWN, "%s is another site: %s", lite_path(conn), site);
	rc = read_row(conn, look, &result);
	if (rc == SQLITE_DONE)
		return without_row(conn, look);
	if (rc != SQLITE_ROW)
		return saw(look, LOOK_UNKNOWN, "%s cannot be read: %s", lite_path(conn),
			   lite_text(conn, rc));
	return result == LOOK_UNKNOWN ? result : settle(conn, look, result);
}

static void end_look(struct lite_conn *conn)
{
	if (!sqlite3_get_autocommit(conn->db) && lite_run(conn, "ROLLBACK") != SQLITE_OK)
		conn->head.is_broken = true;
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
	end_look(conn);
	return result;
}

/* ---- many looks ----------------------------------------------------------------- */

/* Step 2 for all. */
static bool is_site_of_all(struct lite_conn *conn, const struct driver_looks *looks)
{
	char site[TXN_SITE_MAX + 1];

	if (lite_durable_obstacle(conn) || lite_table_obstacle(conn, site))
		return false;
	for (size_t i = 0; i < looks->n; i++)
		if (looks->items[i].site && strcmp(looks->items[i].site, site) != 0)
			return false;
	return true;
}

/* Step 3 for all; ARGS has room for each. False: something is not as it should be. */
static bool look_for_all(struct lite_conn *conn, struct driver_looks *looks, void *args[])
{
	size_t n = 0;

	for (size_t i = 0; i < looks->n; i++) {
		struct driver_look *look = &looks->items[i];
		int rc = read_row(conn, look, &looks->results[i]);

		if (rc == SQLITE_DONE) {
			looks->results[i] = saw_no_row(conn, look, false);
			args[n++] = look->arg;
		}
		if (looks->results[i] == LOOK_UNKNOWN)
			return false;
	}
	return n == 0 || looks->all_prepared(args, n) == 1;
}

int lite_look_at_all(struct driver_conn *head, struct driver_looks *looks)
{
	struct lite_conn *conn = lite_conn_of(head);
	void **args = calloc(looks->n, sizeof(*args));
	bool is_said = false;

	fault_here(look_before);
	if (args && lite_run(conn, "BEGIN IMMEDIATE") == SQLITE_OK) {
		is_said = is_site_of_all(conn, looks) && look_for_all(conn, looks, args) &&
			  bury(conn, looks->items[0].dry_run) == SQLITE_OK;
		end_look(conn);
	}
	for (size_t i = 0; !is_said && i < looks->n; i++)
		looks->results[i] = LOOK_UNKNOWN;
	free(args);
	return 0;
}

/* ---- what it has not ------------------------------------------------------------- */

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
