#include "sqlite/durable.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/copy.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"

/* Values of PRAGMA synchronous. */
#define SYNC_FULL 2
#define SYNC_EXTRA 3

/*
 * FULL is enough in WAL mode and EXTRA means the same there; rollback-journal
 * modes need EXTRA, or the journal may be back after a power failure and undo
 * what was committed. So a change of the mode needs no care.
 */
int lite_durable_raise(struct lite_conn *conn)
{
	return lite_run(conn, "PRAGMA main.synchronous = EXTRA");
}

/* SQLite's: of the write-ahead log, once the file is in that mode. */
static const void *journal_of(struct lite_conn *conn)
{
	void *journal = NULL;

	(void)sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
	return journal;
}

/*
 * Others can change it to WAL and back, and then there is another journal;
 * all else takes a PRAGMA on this connection.
 */
void lite_journal_mode(struct lite_conn *conn, char *ret, size_t size)
{
	if (conn->has_pragma || !conn->mode[0] || conn->mode_of != journal_of(conn)) {
		if (lite_ask_text(conn, "PRAGMA main.journal_mode", NULL, NULL, conn->mode,
				  sizeof(conn->mode)) != SQLITE_ROW)
			conn->mode[0] = '\0';
		conn->mode_of = journal_of(conn);
	}
	copy_text(ret, size, conn->mode);
}

static bool is_moved(struct lite_conn *conn)
{
	int moved = 0;

	return sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
		       SQLITE_OK &&
	       moved;
}

__attribute__((format(printf, 2, 3))) static const char *because(struct lite_conn *conn,
								 const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(conn->why, sizeof(conn->why), format, ap);
	va_end(ap);
	return conn->why;
}

/* SQLite takes a name that cannot be looked at for one that is gone. */
static const char *moved_text(struct lite_conn *conn, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno != ENOENT && errno != ENOTDIR)
		return because(conn, "%s cannot be looked at: %s", path, strerror(errno));
	if (!is_moved(conn))
		return NULL;
	return because(conn,
		       "%s was renamed or removed while it was open: open it again "
		       "(sqla_engine_reinit)",
		       path);
}

/* Both are of this connection alone, as set when it was opened, unless the
 * application has set them. */
static const char *unsafe_mode(struct lite_conn *conn)
{
	int64_t synchronous = 0;
	char mode[16];

	if (!conn->has_pragma)
		return NULL;
	lite_journal_mode(conn, mode, sizeof(mode));
	if (strcmp(mode, "off") == 0 || strcmp(mode, "memory") == 0)
		return because(conn,
			       "journal_mode is %s, which a crash does not survive: "
			       "PRAGMA journal_mode = DELETE or WAL",
			       mode);
	if (lite_ask_int(conn, "PRAGMA main.synchronous", NULL, &synchronous) != SQLITE_ROW)
		return because(conn, "its settings cannot be read: %s",
			       lite_text(conn, sqlite3_extended_errcode(conn->db)));
	if (synchronous < (strcmp(mode, "wal") == 0 ? SYNC_FULL : SYNC_EXTRA))
		return because(conn, "synchronous was lowered to %d: leave it as it is set",
			       (int)synchronous);
	return NULL;
}

const char *lite_durable_obstacle(struct lite_conn *conn)
{
	const char *path = sqlite3_db_filename(conn->db, "main"), *moved;

	if (!path || !*path)
		return because(conn, "it is in memory: use a file");
	if (sqlite3_db_readonly(conn->db, "main") == 1)
		return because(conn, "%s can only be read: give this user the right to write to it",
			       path);
	moved = is_moved(conn) ? moved_text(conn, path) : NULL;
	return moved ? moved : unsafe_mode(conn);
}
