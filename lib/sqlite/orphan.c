#include "sqlite/orphan.h"

#include <string.h>

#include <utlist.h>

#include "base/fork.h"
#include "sqlite/rows.h"

static struct fork_lock lock = FORK_LOCK_INITIALIZER;
/* Guarded by lock: */
static struct lite_conn *tracked;
static struct lite_conn *graveyard; /* abandoned; reachable, never used again */

void lite_orphan_track(struct lite_conn *conn)
{
	fork_lock_take(&lock);
	DL_APPEND(tracked, conn);
	fork_lock_give(&lock);
}

void lite_orphan_untrack(struct lite_conn *conn)
{
	fork_lock_take(&lock);
	if (conn->prev)
		DL_DELETE(tracked, conn);
	conn->prev = NULL;
	fork_lock_give(&lock);
}

static bool is_stock_vfs(sqlite3 *db, const char *schema)
{
	char *name = NULL;
	bool is_stock;

	if (sqlite3_file_control(db, schema, SQLITE_FCNTL_VFSNAME, &name) != SQLITE_OK)
		return false;
	is_stock = name && strcmp(name, "sqlassist/unix") == 0;
	sqlite3_free(name);
	return is_stock;
}

static void close_file(sqlite3 *db, const char *schema, int which)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, schema, which, &file) != SQLITE_OK || !file || !file->pMethods)
		return;
	if (file->pMethods->iVersion >= 2 && file->pMethods->xShmUnmap)
		(void)file->pMethods->xShmUnmap(file, 0);
	(void)file->pMethods->xClose(file);
	file->pMethods = NULL;
}

/* The journal pointer is the rollback journal, or the WAL. Number 1 is temp:
 * its files belong to nobody else, and have no locks. */
static void release_files(struct lite_conn *conn)
{
	const char *schema;

	if (conn->is_orphan)
		return;
	conn->is_orphan = true;
	for (int i = 0; (schema = sqlite3_db_name(conn->db, i)); i++) {
		if (i == 1 || !is_stock_vfs(conn->db, schema))
			continue;
		close_file(conn->db, schema, SQLITE_FCNTL_JOURNAL_POINTER);
		close_file(conn->db, schema, SQLITE_FCNTL_FILE_POINTER);
	}
}

void lite_orphan_release_all(void)
{
	struct lite_conn *conn;

	fork_lock_take(&lock);
	DL_FOREACH(tracked, conn)
		if (fork_is_foreign(conn->head.generation))
			release_files(conn);
	fork_lock_give(&lock);
}

void lite_abandon(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);

	if (!conn)
		return;
	lite_orphan_release_all();
	lite_rows_forsake_all(conn);
	fork_lock_take(&lock);
	DL_DELETE(tracked, conn);
	DL_APPEND(graveyard, conn);
	fork_lock_give(&lock);
	config_unref(conn->head.config);
	conn->head.config = NULL;
}
