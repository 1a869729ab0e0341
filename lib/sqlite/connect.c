#include "sqlite/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/stream.h"
#include "sqlite/driver.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/group.h"
#include "sqlite/leftover.h"
#include "sqlite/orphan.h"
#include "sqlite/rows.h"
#include "sqlite/site.h"
#include "sqlite/statement.h"
#include "sqlite/transact.h"
#include "sqlite/vfs.h"

/* Recovery asks again later rather than wait for a lock. */
#define RECOVERY_BUSY_MS 500

/* ---- URLs --------------------------------------------------------------------- */

static const char scheme[] = "sqlite://";

bool lite_claims_url(const char *url)
{
	return strncmp(url, scheme, strlen(scheme)) == 0;
}

static const char *rest_of(const char *url)
{
	return url + strlen(scheme);
}

static int check_url(const struct engine_config *config)
{
	static const char hint[] = "Write sqlite:////absolute/path, sqlite:///relative/path, or "
				   "sqlite:// for a database in memory.";
	const char *rest = rest_of(config->url);

	if (*rest && *rest != '/')
		return error_set(SQLA_ECONFIG, config->name, hint,
				 "the URL \"%s\" names a host, which SQLite has not",
				 config->redacted_url);
	if (strcmp(rest, "/") == 0)
		return error_set(SQLA_ECONFIG, config->name, hint, "the URL \"%s\" names no file",
				 config->redacted_url);
	if (strpbrk(rest, "?#"))
		return error_set(SQLA_ECONFIG, config->name,
				 "Use the engine's options (readonly = yes); in a file name write "
				 "%3F for ? and %23 for #.",
				 "the URL \"%s\" has parameters, which are not taken",
				 config->redacted_url);
	if (strstr(rest, "%00"))
		return error_set(SQLA_ECONFIG, config->name, hint,
				 "the URL \"%s\" has a NUL byte in the file's name",
				 config->redacted_url);
	return 0;
}

/* Writes FOLDER as SQLite's URIs want it. */
static void put_escaped(const char *folder, FILE *into)
{
	for (const char *c = folder; *c; c++)
		if (strchr("%?#", *c))
			(void)fprintf(into, "%%%02X", (unsigned)*c);
		else
			(void)fputc(*c, into);
}

/* New text: the URL of the file REST, as seen from FOLDER. */
static char *url_from(const char *folder, const char *rest)
{
	char *url = NULL;
	size_t size = 0;
	FILE *into = stream_open(&url, &size);

	if (!into)
		return NULL;
	(void)fprintf(into, "%s/", scheme);
	put_escaped(folder, into);
	(void)fprintf(into, "%s%s", strcmp(folder, "/") == 0 ? "" : "/", rest);
	if (fclose(into) == 0)
		return url;
	free(url);
	return NULL;
}

int lite_resolve_url(const char *engine, const char *url, char **ret_url)
{
	const char *rest = rest_of(url);
	char *folder, *resolved;

	if (rest[0] != '/' || rest[1] == '/' || rest[1] == '\0') {
		resolved = strdup(url); /* no file, or an absolute one */
	} else {
		folder = getcwd(NULL, 0);
		if (!folder)
			return error_set(SQLA_ECONFIG, engine, "Write sqlite:////absolute/path.",
					 "where the URL \"%s\" is relative to cannot be told: %s",
					 url, strerror(errno));
		resolved = url_from(folder, rest + 1);
		free(folder);
	}
	if (!resolved)
		return error_nomem();
	*ret_url = resolved;
	return 0;
}

static int check_isolation(const struct engine_config *config)
{
	static const char *const known[] = { "deferred", "immediate", "exclusive" };
	const char *isolation = config->options.isolation;

	if (!isolation)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(isolation, known[i]) == 0)
			return 0;
	return error_set(SQLA_ECONFIG, config->name,
			 "On SQLite it is deferred, immediate or exclusive.",
			 "the isolation \"%s\" is not SQLite's", isolation);
}

int lite_check(const struct engine_config *config)
{
	int status = check_url(config);

	if (status == 0)
		status = check_isolation(config);
	if (status == 0 && !sqlite3_threadsafe())
		status = error_set(SQLA_ECONFIG, config->name,
				   "Build SQLite with SQLITE_THREADSAFE=1 or 2.",
				   "this SQLite was built for a single thread");
	return status;
}

/*
 * SQLite's own URI for the URL, so that SQLite undoes the percent escapes.
 * With an empty authority for absolute paths, or "//x" would be a host.
 */
static char *uri_of(const struct engine_config *config)
{
	const char *rest = rest_of(config->url);
	char *uri = NULL;

	if (!*rest)
		return strdup("file::memory:");
	if (asprintf(&uri, "file:%s%s", rest[1] == '/' ? "//" : "", rest + 1) < 0)
		return NULL;
	return uri;
}

/* ---- waiting for locks ------------------------------------------------------------ */

/* SQLite's own handler would sleep through a cancel, and through the end of
 * another's transaction. */
static int wait_for_lock(void *arg, int tries)
{
	struct lite_conn *conn = arg;
	int64_t now = clock_ms();

	if (tries == 0)
		conn->busy_until = now + conn->busy_ms;
	if (atomic_load(&conn->is_cancelled) || now >= conn->busy_until)
		return 0;
	if (tries == 0)
		turn_come(&conn->turn);
	else
		turn_wait(&conn->turn, tries < TURN_PATIENCE_MS ? tries : TURN_PATIENCE_MS);
	return 1;
}

void lite_insist(struct lite_conn *conn)
{
	(void)sqlite3_busy_handler(conn->db, wait_for_lock, conn);
	(void)sqlite3_extended_result_codes(conn->db, 1);
}

/* ---- open --------------------------------------------------------------------------- */

static int open_flags(const struct engine_config *config, enum driver_purpose purpose)
{
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		    SQLITE_OPEN_PRIVATECACHE;

	if (config->options.readonly == SQLA_YES)
		return flags | SQLITE_OPEN_READONLY;
	if (purpose == DRIVER_RECOVERY)
		return flags | SQLITE_OPEN_READWRITE;
	return flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
}

static int open_file(struct lite_conn *conn, enum driver_purpose purpose)
{
	const char *vfs = vfs_ready();
	char *uri = vfs ? uri_of(lite_config(conn)) : NULL;
	int rc;

	if (!uri)
		return error_nomem();
	rc = sqlite3_open_v2(uri, &conn->db, open_flags(lite_config(conn), purpose), vfs);
	free(uri);
	if (rc != SQLITE_OK)
		return lite_fail_open(conn, rc);
	turn_at(&conn->turn, sqlite3_db_filename(conn->db, "main"));
	if (vfs_is_frozen(lite_path(conn)))
		return error_set(SQLA_EINDOUBT, lite_name(conn), "End this process.",
				 "whether the latest transaction on %s commits is not known, and "
				 "this process keeps it as it is",
				 lite_path(conn));
	return 0;
}

sqlite3 *lite_open_unread(const struct engine_config *config)
{
	char *uri = uri_of(config);
	sqlite3 *db = NULL;

	if (uri && sqlite3_open_v2(uri, &db, open_flags(config, DRIVER_RECOVERY), vfs_ready()) !=
			   SQLITE_OK) {
		(void)sqlite3_close(db);
		db = NULL;
	}
	free(uri);
	return db;
}

/* The schema of a file is data: what it says may not call what is dangerous,
 * and no statement may write to it behind SQLite's back. */
static int configure(struct lite_conn *conn)
{
	int rc;

	lite_insist(conn);
	rc = sqlite3_set_authorizer(conn->db, lite_authorize, conn);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (rc == SQLITE_OK && lite_config(conn)->options.readonly == SQLA_YES)
		rc = lite_query_only(conn, true);
	/* The first statement that reads the file: is it a database? */
	if (rc == SQLITE_OK)
		rc = lite_durable_raise(conn);
	return rc == SQLITE_OK ? 0 : lite_fail_open(conn, rc);
}

static struct lite_conn *new_conn(struct engine_config *config, enum driver_purpose purpose)
{
	struct lite_conn *conn = calloc(1, sizeof(*conn));
	int busy_ms = config->options.busy_timeout_ms;

	if (!conn)
		return NULL;
	if (purpose == DRIVER_RECOVERY && busy_ms > RECOVERY_BUSY_MS)
		busy_ms = RECOVERY_BUSY_MS;
	conn->head.driver = &lite_driver;
	conn->head.config = config_ref(config);
	conn->head.generation = fork_generation();
	conn->head.opened_ms = clock_ms();
	conn->busy_ms = busy_ms;
	turn_init(&conn->turn);
	return conn;
}

int lite_open(struct engine_config *config, enum driver_purpose purpose,
	      struct driver_conn **ret_conn)
{
	struct lite_conn *conn;
	int status;

	lite_orphan_release_all();
	conn = new_conn(config, purpose);
	if (!conn)
		return error_nomem();
	status = open_file(conn, purpose);
	if (status == 0)
		status = lite_leftover_check(conn);
	if (status == 0)
		status = configure(conn);
	if (status < 0) {
		lite_close(&conn->head);
		return status;
	}
	if (purpose == DRIVER_SESSION) {
		lite_table_ensure(conn);
		lite_group_tidy(conn);
	}
	lite_orphan_track(conn);
	*ret_conn = &conn->head;
	return 0;
}

/* ---- close, and between transactions ------------------------------------------------- */

/* Statements of native handles may outlive the connection: hence _v2. */
void lite_close(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);

	if (!conn)
		return;
	if (fork_is_foreign(head->generation)) {
		lite_abandon(head);
		return;
	}
	lite_orphan_untrack(conn);
	if (conn->db && !sqlite3_get_autocommit(conn->db))
		(void)lite_rollback(head);
	lite_rows_end_all(conn);
	lite_own_end_all(conn);
	lite_statement_end_all(conn);
	(void)sqlite3_close_v2(conn->db);
	turn_pass(&conn->turn);
	config_unref(head->config);
	free(conn);
}

static bool has_busy_statement(sqlite3 *db)
{
	for (sqlite3_stmt *stmt = sqlite3_next_stmt(db, NULL); stmt;
	     stmt = sqlite3_next_stmt(db, stmt))
		if (sqlite3_stmt_busy(stmt))
			return true;
	return false;
}

/* While a pool had it, nobody could have the file, nor recovery look at it. What is
 * in memory is nobody else's, and would be gone. */
static bool keeps_others_out(const struct lite_conn *conn)
{
	const char *path = sqlite3_db_filename(conn->db, "main");

	return conn->keeps_locks && path && *path;
}

bool lite_is_idle(const struct driver_conn *head)
{
	const struct lite_conn *conn = (const struct lite_conn *)head;

	return !head->is_broken && !head->is_in_transaction && !conn->rows &&
	       sqlite3_get_autocommit(conn->db) && !has_busy_statement(conn->db) &&
	       !keeps_others_out(conn);
}

int lite_reset(struct driver_conn *head)
{
	int status = lite_rollback(head);

	if (status == 0 && head->is_broken)
		status = lite_ready(lite_conn_of(head));
	return status;
}

/* Is this still the file of that name? One that was replaced takes no part in
 * what others write under the name. */
int lite_ping(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	int64_t ignored;
	int moved = 0;
	int rc;

	if (sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	    moved) {
		head->is_broken = true;
		return error_set(SQLA_ECONNECT, lite_name(conn), "It is opened again at next use.",
				 "%s was renamed or removed", lite_path(conn));
	}
	rc = lite_ask_int(conn, "PRAGMA main.schema_version", NULL, &ignored);
	if (rc == SQLITE_ROW || lite_is_busy(rc))
		return 0;
	head->is_broken = true;
	(void)lite_fail(conn, rc, "it does not answer");
	return SQLA_ECONNECT;
}

/* Of a long path the end, which tells files apart. */
void lite_describe(struct driver_conn *head, char *ret_id, size_t size)
{
	const char *path = lite_path(lite_conn_of(head));
	size_t length = strlen(path);

	if (length < size)
		(void)snprintf(ret_id, size, "%s", length ? path : "in memory");
	else
		(void)snprintf(ret_id, size, "...%s", path + length - (size - 4));
}

void *lite_native(struct driver_conn *head)
{
	return lite_conn_of(head)->db;
}
