/*
 * Why a cold journal is scrubbed before S goes, and under which lock. SQLite
 * keeps a journal from one transaction to the next, and writes over its start:
 * a name at its end that no later transaction reaches stays there. As long as
 * S exists, whatever is hot before that name is rolled back, which is right.
 * Were S gone, it would be thrown away: half a transaction, committed.
 *
 * Who has the RESERVED lock of a database is the only one that may write to its
 * journal, and has seen that it is not hot, or has rolled it back. So under
 * that lock it is emptied, and synced; then S may go. Nobody gives its name to
 * a journal any more, for its maker is dead: its flock is ours.
 *
 * Crash: S is there until the last of its journals is clean and synced. It may
 * come back after that, and is named by none.
 *
 * An S whose list is not whole was never synced: the power failed while it was
 * being made, and no journal gets a name before S is durable. So it is nobody's.
 * Should somebody have damaged it later, those who name it are mostly to be found
 * beside it: they are asked.
 */
#include "sqlite/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "sqlite/journal.h"
#include "sqlite/super.h"
#include "sqlite/vfs.h"

/* Younger unfinished ones may just be in the making. */
#define UNFINISHED_S 60

/* ---- one journal ---------------------------------------------------------------- */

/* Synced: the name must not come back when S is gone. */
static void empty(const char *journal)
{
	int fd = open(journal, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 0) < 0 || fsync(fd) < 0)
		log_warning("%s cannot be emptied: %s", journal, strerror(errno));
	else
		log_info("%s was emptied: it was cold, and named a super-journal", journal);
	if (fd >= 0)
		(void)close(fd);
}

/* Under the write lock: SQLite has dealt with it if it was hot. */
static void scrub_locked(const char *journal, const char *super)
{
	struct journal_look found;

	if (journal_look(journal, &found) == 0 && !found.is_used && strcmp(found.super, super) == 0)
		empty(journal);
}

static void scrub(const char *database, const char *journal, const char *super, int busy_ms)
{
	static const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
				 SQLITE_OPEN_PRIVATECACHE;
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(database, &db, flags, vfs_ready());

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, busy_ms);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		scrub_locked(journal, super);
	else
		log_info("%s is left to whoever opens it: %s", database, sqlite3_errstr(rc));
	(void)sqlite3_close(db);
}

/* ---- one super-journal ---------------------------------------------------------- */

struct collection {
	const char *super;
	int busy_ms;
	bool is_named; /* or may be */
};

/* A journal that cannot be asked may name it; so may one whose database is not
 * there, in a folder that is not mounted now. */
static void ask(const char *database, const char *journal, void *arg)
{
	struct collection *c = arg;

	if (access(database, F_OK) < 0) {
		c->is_named = true;
		return;
	}
	if (journal_names(journal, c->super) > 0)
		scrub(database, journal, c->super, c->busy_ms);
	if (journal_names(journal, c->super) != 0)
		c->is_named = true;
}

static bool is_needed(int fd, const char *path, int busy_ms)
{
	struct collection c = { .super = path, .busy_ms = busy_ms };
	int error = super_each_journal(fd, ask, &c);

	if (error == -EBADMSG)
		return super_may_be_named_beside(path);
	return error < 0 || c.is_named;
}

static bool is_old(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && time(NULL) - st.st_mtime >= UNFINISHED_S;
}

/* Whoever has rolled the last one back may have removed it. */
static void collect(const char *path, bool is_whole, void *arg)
{
	const int *busy_ms = arg;
	int fd = super_open(path);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    (is_whole ? !is_needed(fd, path, *busy_ms) : is_old(fd)) && unlink(path) == 0)
		log_info("%s was removed: its maker had died, and no journal names it", path);
	(void)close(fd);
}

void collect_supers(const char *database, int busy_ms)
{
	(void)super_each(database, collect, &busy_ms);
}
