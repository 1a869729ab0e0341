#include "sqlite/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

bool lite_is_busy(int rc)
{
	/* PROTOCOL: gave up a race for the locks of a WAL's index. */
	return (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED ||
	       (rc & 0xff) == SQLITE_PROTOCOL;
}

static bool is_cancelled(const struct lite_conn *conn)
{
	return atomic_load(&conn->is_cancelled);
}

int lite_status(const struct lite_conn *conn, int rc)
{
	if (lite_is_busy(rc))
		return is_cancelled(conn) ? SQLA_ETIMEOUT : SQLA_ERETRY;
	if (rc == SQLITE_IOERR_NOMEM)
		return SQLA_ENOMEM;
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return SQLA_OK;
	case SQLITE_NOMEM:
		return SQLA_ENOMEM;
	case SQLITE_READONLY:
		return SQLA_EREADONLY;
	case SQLITE_INTERRUPT:
		return is_cancelled(conn) ? SQLA_ETIMEOUT : SQLA_EDATABASE;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return SQLA_EMISUSE;
	default:
		return SQLA_EDATABASE;
	}
}

static const char *readonly_hint(const struct lite_conn *conn, int rc)
{
	if (rc == SQLITE_READONLY_DBMOVED)
		return "The file was renamed or removed under us: end the transaction, and open it "
		       "again (sqla_engine_reinit).";
	if (conn->is_readonly)
		return "This session only reads: write through an engine that is not readonly.";
	if (lite_config(conn)->options.readonly == SQLA_YES)
		return "The engine is registered with readonly = yes.";
	return "Give this user the right to write to the file and to its directory.";
}

/* What the system has refused, where it was to open a file; 0: it did not. That it
 * knows no such file is of an earlier call, if the file is there: a guarded WAL
 * cannot be opened. */
static int system_error(const struct lite_conn *conn, int rc)
{
	int system = (rc & 0xff) == SQLITE_CANTOPEN && conn->db ? sqlite3_system_errno(conn->db) :
								  0;

	return system == ENOENT && access(lite_path(conn), F_OK) == 0 ? 0 : system;
}

static const char *cannot_open_hint(int system)
{
	if (system == EMFILE || system == ENFILE)
		return "Too many files are open: raise the limit (ulimit -n).";
	return "This user must be able to create files in the database's directory, for its "
	       "journal. In WAL mode, a commit of several files may have been cut off: "
	       "run sqlassist doctor with an engine that may write to it.";
}

/* What to do about RC; NULL where SQLite's text says all there is to say. */
static const char *hint_of(const struct lite_conn *conn, int rc)
{
	if (rc == SQLITE_BUSY_SNAPSHOT)
		return "Another connection has written since this transaction read: abort and try "
		       "again, or begin with isolation = immediate.";
	if (lite_is_busy(rc))
		return "Another connection holds the lock: abort and try again, raise "
		       "busy_timeout_ms, or begin with isolation = immediate.";
	switch (rc & 0xff) {
	case SQLITE_READONLY:
		return readonly_hint(conn, rc);
	case SQLITE_FULL:
		return "Make room on the disk, then try again.";
	case SQLITE_IOERR:
		return "Look at the disk and at the system's log.";
	case SQLITE_CANTOPEN:
		return cannot_open_hint(system_error(conn, rc));
	case SQLITE_CORRUPT:
		return "Run PRAGMA integrity_check; restore a backup.";
	case SQLITE_NOTADB:
		return "The file is not an SQLite database, or is encrypted.";
	case SQLITE_INTERRUPT:
		return "The statement was interrupted: abort.";
	default:
		return NULL;
	}
}

const char *lite_path(const struct lite_conn *conn)
{
	const char *path = conn->db ? sqlite3_db_filename(conn->db, "main") : NULL;

	if (!path)
		return lite_config(conn)->redacted_url;
	return *path ? path : "in memory";
}

/* The text of the latest call, if that is what RC is about. */
const char *lite_text(const struct lite_conn *conn, int rc)
{
	return conn->db && sqlite3_extended_errcode(conn->db) == rc ? sqlite3_errmsg(conn->db) :
								      sqlite3_errstr(rc);
}

int lite_fail(struct lite_conn *conn, int rc, const char *doing)
{
	int status = lite_status(conn, rc);

	if (status == SQLA_OK)
		status = SQLA_EDATABASE;
	conn->is_transient = status == SQLA_ERETRY;
	(void)error_set(status, lite_name(conn), hint_of(conn, rc), "%s: %s (%s)", doing,
			lite_text(conn, rc), lite_path(conn));
	error_set_sqlite_code(rc);
	return status;
}

static const char *open_hint(const struct lite_conn *conn, int rc, int system)
{
	if (rc == SQLITE_CANTOPEN_ISDIR || system == EISDIR)
		return "The path is a directory: name a file in it.";
	if ((rc & 0xff) == SQLITE_NOTADB)
		return "The file is not an SQLite database, or is encrypted: correct the URL.";
	switch (system) {
	case ENOENT:
		return "Create the file and its directory, or correct the URL: "
		       "sqlite:////absolute/path, sqlite:///relative/path.";
	case EACCES:
	case EPERM:
		return "Give this user the right to read and write the file, and to enter and write "
		       "its directory.";
	case EROFS:
		return "The file system is read-only: register the engine with readonly = yes.";
	case ENOTDIR:
		return "A part of the path is a file, not a directory: correct the URL.";
	default:
		return hint_of(conn, rc);
	}
}

int lite_fail_open(struct lite_conn *conn, int rc)
{
	int system = system_error(conn, rc);
	int status = lite_status(conn, rc);

	if (status != SQLA_ERETRY && status != SQLA_ENOMEM)
		status = SQLA_ECONNECT;
	conn->is_transient = status == SQLA_ERETRY;
	(void)error_set(status, lite_name(conn), open_hint(conn, rc, system),
			"cannot open \"%s\": %s%s%s", lite_config(conn)->redacted_url,
			lite_text(conn, rc), system ? ": " : "", system ? strerror(system) : "");
	error_set_sqlite_code(rc);
	return status;
}

bool lite_is_transient(const struct driver_conn *head)
{
	return ((const struct lite_conn *)head)->is_transient;
}
