#include "sqlite/doctor.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include "base/error.h"
#include "sqlite/connect.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/leftover.h"
#include "sqlite/site.h"

#define LARGE_WAL (64 * 1024 * 1024)
#define LARGE_FILE (256 * 1024 * 1024) /* quick_check reads all of it */

/* One examination. */
struct patient {
	struct engine_config *config;
	struct lite_conn *conn;
	const char *path; /* SQLite's, for its own functions too */
	sqla_finding_fn *fn;
	void *arg;
	int worst;
};

/* REMEDY NULL: all is well. */
__attribute__((format(printf, 5, 6))) static void find(struct patient *p, const char *check,
						       enum sqla_severity severity,
						       const char *remedy, const char *format, ...)
{
	char message[4096];
	struct sqla_finding finding = {
		.engine = p->config->name,
		.check = check,
		.severity = severity,
		.message = message,
		.remedy = remedy ? remedy : "",
	};
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	if ((int)severity > p->worst)
		p->worst = (int)severity;
	if (p->fn)
		p->fn(&finding, p->arg);
}

/* ---- around the file ------------------------------------------------------------ */

#ifdef __linux__
static const struct {
	long magic;
	const char *name;
} network[] = {
	{ AFS_SUPER_MAGIC, "AFS" }, { CODA_SUPER_MAGIC, "Coda" }, { NFS_SUPER_MAGIC, "NFS" },
	{ SMB_SUPER_MAGIC, "SMB" }, { 0xFE534D42, "SMB2" },	  { 0xFF534D42, "CIFS" },
	{ V9FS_MAGIC, "9P" },	    { 0x65735546, "FUSE" },
};

static void check_filesystem(struct patient *p)
{
	struct statfs fs;

	if (statfs(p->path, &fs) < 0)
		return;
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++) {
		if ((fs.f_type & 0xffffffffL) != network[i].magic)
			continue;
		find(p, "filesystem", SQLA_FINDING_WARNING,
		     "Put the file on a local disk: what is decided here stands on its locks.",
		     "%s is on %s, where file locks may not hold", p->path, network[i].name);
		return;
	}
	if (fs.f_type == TMPFS_MAGIC)
		find(p, "filesystem", SQLA_FINDING_WARNING, "Put the file on a disk.",
		     "%s is in memory (tmpfs) and gone when the machine is", p->path);
	else
		find(p, "filesystem", SQLA_FINDING_OK, NULL, "%s is on a local file system",
		     p->path);
}
#else
static void check_filesystem(struct patient *p)
{
	(void)p;
}
#endif

static void check_rights(struct patient *p)
{
	char *copy = strdup(p->path);
	const char *directory = copy ? dirname(copy) : ".";
	bool may_read_only = p->config->options.readonly == SQLA_YES;

	if (may_read_only || access(p->path, W_OK) == 0)
		find(p, "file-rights", SQLA_FINDING_OK, NULL, "the rights to %s suffice", p->path);
	else
		find(p, "file-rights", SQLA_FINDING_ERROR,
		     "Give this user the right to write, or register it with readonly = yes.",
		     "%s cannot be written to", p->path);
	if (may_read_only || access(directory, W_OK | X_OK) == 0)
		find(p, "directory-rights", SQLA_FINDING_OK, NULL, "the rights to %s suffice",
		     directory);
	else
		find(p, "directory-rights", SQLA_FINDING_ERROR,
		     "Give this user the right to create files there: SQLite keeps its journal "
		     "beside the file.",
		     "no files can be created in %s", directory);
	free(copy);
}

static void check_links(struct patient *p)
{
	struct stat st;

	if (stat(p->path, &st) == 0 && st.st_nlink > 1)
		find(p, "links", SQLA_FINDING_ERROR,
		     "Keep one name: a journal is only found under the name that it was made for.",
		     "%s has %lu hard links", p->path, (unsigned long)st.st_nlink);
}

/* ---- in the file ------------------------------------------------------------------ */

static void check_durability(struct patient *p)
{
	const char *why;
	char mode[16];

	lite_journal_mode(p->conn, mode, sizeof(mode));
	why = p->config->options.readonly == SQLA_YES ? NULL : lite_durable_obstacle(p->conn);
	if (why)
		find(p, "durability", SQLA_FINDING_ERROR,
		     "Until then it can only commit alone in a transaction.", "%s", why);
	else
		find(p, "durability", SQLA_FINDING_OK, NULL,
		     "journal_mode is %s; synchronous is raised as needed", mode);
}

/* What it takes to change together with other files. */
static void check_group(struct patient *p)
{
	char mode[16];

	lite_journal_mode(p->conn, mode, sizeof(mode));
	if (strcmp(mode, "wal") != 0)
		return;
	if (p->config->options.wal_group == SQLA_YES)
		find(p, "wal-group", SQLA_FINDING_OK, NULL,
		     "it commits together with other SQLite files; after a crash in the middle of "
		     "that, other programs can open it when this library has");
	else
		find(p, "wal-group", SQLA_FINDING_OK, NULL,
		     "in WAL mode it commits together with other SQLite files only with "
		     "wal_group = yes: see sqlassist-sqlite-group(7)");
}

static off_t size_of(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 ? st.st_size : 0;
}

/* Looked at before the file is opened, which deals with its journal. */
static void find_leftover(const struct sqla_leftover *leftover, void *arg)
{
	static const char *const checks[] = {
		[SQLA_LEFTOVER_JOURNAL] = "journal",
		[SQLA_LEFTOVER_SUPER] = "super-journal",
		[SQLA_LEFTOVER_WAL] = "wal",
	};
	struct patient *p = arg;
	const char *uuid = leftover->uuid;

	find(p, checks[leftover->kind], SQLA_FINDING_WARNING, leftover->remedy,
	     "%s%s%s%s What any SQLite does that opens it now: %s", uuid[0] ? "transaction " : "",
	     uuid, uuid[0] ? ": " : "", leftover->evidence, leftover->stock);
}

static void check_wal(struct patient *p)
{
	off_t wal = size_of(sqlite3_filename_wal(p->path));

	if (wal > LARGE_WAL)
		find(p, "wal-size", SQLA_FINDING_WARNING,
		     "End readers that stay open for long, then PRAGMA wal_checkpoint(TRUNCATE).",
		     "the WAL has %lld MiB", (long long)wal / (1024 * 1024));
}

static void check_table(struct patient *p)
{
	const struct sqla_engine_options *options = &p->config->options;
	bool is_needed = options->decide != SQLA_DECIDE_NEVER && options->readonly != SQLA_YES &&
			 options->joined == SQLA_YES;
	char site[TXN_SITE_MAX + 1];
	const char *why = lite_table_obstacle(p->conn, site);

	if (!why)
		find(p, "decision-table", SQLA_FINDING_OK, NULL, "site %s", site);
	else if (!is_needed)
		find(p, "decision-table", SQLA_FINDING_OK, NULL, "none is needed");
	else if (lite_table_is_missing(p->conn) && options->decision_table == SQLA_TABLE_AUTO)
		find(p, "decision-table", SQLA_FINDING_OK, NULL,
		     "it is made when the engine is first used");
	else
		find(p, "decision-table", SQLA_FINDING_ERROR,
		     "Until then it can only commit alone in a transaction.", "%s", why);
}

static void check_integrity(struct patient *p)
{
	char answer[200] = "";
	int rc;

	if (size_of(p->path) > LARGE_FILE) {
		find(p, "integrity", SQLA_FINDING_OK, NULL,
		     "not checked, for %s is large: run PRAGMA quick_check at a quiet time",
		     p->path);
		return;
	}
	rc = lite_ask_text(p->conn, "PRAGMA main.quick_check(1)", NULL, NULL, answer,
			   sizeof(answer));
	if (rc == SQLITE_ROW && strcmp(answer, "ok") == 0)
		find(p, "integrity", SQLA_FINDING_OK, NULL, "PRAGMA quick_check finds nothing");
	else
		find(p, "integrity", SQLA_FINDING_ERROR, "Restore a backup.", "%s",
		     rc == SQLITE_ROW ? answer : lite_text(p->conn, rc));
}

static void examine(struct patient *p)
{
	find(p, "open", SQLA_FINDING_OK, NULL, "%s is an SQLite database (SQLite %s)",
	     lite_path(p->conn), sqlite3_libversion());
	p->path = sqlite3_db_filename(p->conn->db, "main");
	check_durability(p);
	if (!p->path || !*p->path)
		return;
	check_group(p);
	check_filesystem(p);
	check_rights(p);
	check_links(p);
	check_wal(p);
	check_table(p);
	check_integrity(p);
}

int lite_doctor(struct engine_config *config, sqla_finding_fn *fn, void *arg)
{
	struct patient p = { .config = config, .fn = fn, .arg = arg };
	struct driver_conn *head = NULL;
	int status;

	lite_leftovers(config, find_leftover, &p);
	if (p.worst == SQLA_FINDING_OK)
		find(&p, "journal", SQLA_FINDING_OK, NULL, "no journal was left behind");
	status = lite_open(config, DRIVER_RECOVERY, &head);

	if (status == SQLA_ENOMEM)
		return status;
	if (status < 0) {
		struct sqla_error error;

		error_save(&error);
		find(&p, "open", SQLA_FINDING_ERROR, error.hint, "%s", error.message);
		return p.worst;
	}
	p.conn = lite_conn_of(head);
	examine(&p);
	lite_close(head);
	return p.worst;
}
