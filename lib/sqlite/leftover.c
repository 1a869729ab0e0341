#include "sqlite/leftover.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sqlite/collect.h"
#include "sqlite/connect.h"
#include "sqlite/error.h"
#include "sqlite/journal.h"
#include "sqlite/super.h"
#include "sqlite/wal-guard.h"

#define TEXT 1536
#define RECOVER "`sqlassist recover`"
/* More than a group holds, each with a journal and a WAL. */
#define DATABASES 64

struct scene {
	const struct engine_config *config;
	sqla_leftover_fn *fn;
	void *arg;
};

struct account {
	enum sqla_leftover_kind kind;
	enum sqla_leftover_effect effect;
	char uuid[SUPER_UUID];
	char evidence[TEXT], stock[TEXT], remedy[TEXT];
	char *databases[DATABASES];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void say(char to[TEXT], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(to, TEXT, format, ap);
	va_end(ap);
}

static void tell(const struct scene *scene, const char *file, const struct account *account)
{
	struct sqla_leftover leftover = {
		.engine = scene->config->name,
		.kind = account->kind,
		.file = file,
		.uuid = account->uuid,
		.databases = (const char *const *)account->databases,
		.n_databases = account->n,
		.effect = account->effect,
		.evidence = account->evidence,
		.stock = account->stock,
		.remedy = account->remedy,
		.status = SQLA_PENDING,
	};

	scene->fn(&leftover, scene->arg);
}

/* ---- a journal --------------------------------------------------------------------- */

/*
 * Whether SUPER is there: 1; 0, gone; or a negative error number: not to be told.
 * What SQLite cannot see it takes for gone: also what is in a folder that is not
 * mounted now.
 */
static int look_for(const char *super)
{
	struct stat st;
	char *copy;
	int answer = -ENOMEM;

	if (stat(super, &st) == 0)
		return 1;
	if (errno != ENOENT)
		return -errno;
	copy = strdup(super);
	if (copy)
		answer = access(dirname(copy), X_OK) == 0 ? 0 : -errno;
	free(copy);
	return answer;
}

static void explain_plain(const char *journal, struct account *account)
{
	account->effect = SQLA_EFFECT_ROLLBACK;
	say(account->evidence,
	    "%s is hot: a transaction on this file alone, or one that had not sealed its files, was "
	    "cut off before it was decided.",
	    journal);
	say(account->stock, "It rolls the file back; nothing of that transaction is left.");
	say(account->remedy, "Nothing: whoever opens the file next does it.");
}

static void explain_seen(const char *journal, const char *super, struct account *account)
{
	account->effect = SQLA_EFFECT_ROLLBACK;
	say(account->evidence,
	    "%s names the super-journal %s, which is there: the transaction was cut off when its "
	    "files were sealed, before it was decided.",
	    journal, super);
	say(account->stock,
	    "It rolls the file back; so does whoever opens the others that the super-journal "
	    "lists.");
	say(account->remedy, "Run " RECOVER ". Remove neither of the two by hand.");
}

static void explain_gone(const char *journal, const char *super, struct account *account)
{
	account->effect = SQLA_EFFECT_COMMIT;
	say(account->evidence,
	    "%s names the super-journal %s, which is gone: the transaction was decided, and cut off "
	    "before this journal was emptied.",
	    journal, super);
	say(account->stock,
	    "It throws the journal away: the file is committed, and so are the others.");
	say(account->remedy, "Nothing: whoever opens the file next does it.");
}

static void explain_unseen(const char *journal, const char *super, int error,
			   struct account *account)
{
	account->effect = SQLA_EFFECT_UNKNOWN;
	say(account->evidence,
	    "%s names the super-journal %s, which cannot be looked for: %s. Whether the transaction "
	    "was decided is not known.",
	    journal, super, error == ENOENT ? "its folder is not there" : strerror(error));
	say(account->stock,
	    "It takes the super-journal for gone and commits this file, which may be wrong.");
	say(account->remedy,
	    "Open the file with nothing before that folder is there again, under the same name. "
	    "This library does not open it until then.");
}

/* Rare: somebody could not cut the name off when a commit failed. */
static void explain_cold(const char *journal, const char *super, struct account *account)
{
	account->effect = SQLA_EFFECT_NONE;
	say(account->evidence, "%s is not in use, and still ends with the name of %s.", journal,
	    super);
	say(account->stock, "It opens the file as it is; the name stays.");
	say(account->remedy,
	    "Run " RECOVER ", which empties the journal before it removes that super-journal.");
}

static void explain_used(const char *journal, const struct journal_look *found,
			 struct account *account)
{
	int seen = found->super[0] ? look_for(found->super) : 0;

	(void)super_transaction(found->super, account->uuid);
	if (!found->super[0])
		explain_plain(journal, account);
	else if (seen > 0)
		explain_seen(journal, found->super, account);
	else if (seen == 0)
		explain_gone(journal, found->super, account);
	else
		explain_unseen(journal, found->super, -seen, account);
}

static void explain_unreadable(const char *path, int error, struct account *account)
{
	account->effect = SQLA_EFFECT_UNKNOWN;
	say(account->evidence, "%s cannot be read: %s.", path, strerror(error));
	say(account->stock, "That depends on what is in there, and on whether it may read it.");
	say(account->remedy, "Give this user the right to read it, and look again.");
}

/* Whether somebody writes, or is about to. */
static bool is_locked(sqlite3 *db)
{
	sqlite3_file *file = NULL;
	int is_reserved = 1;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    !file || !file->pMethods ||
	    file->pMethods->xCheckReservedLock(file, &is_reserved) != SQLITE_OK)
		return true;
	return is_reserved;
}

/* As it is when nobody writes: looked at again after that was asked. */
static int look_at_idle(sqlite3 *db, const char *journal, struct journal_look *ret)
{
	int error = journal_look(journal, ret);

	if (error == 0 && ret->is_used && is_locked(db)) {
		*ret = (struct journal_look){ .is_there = true };
		return 0;
	}
	return error == 0 && ret->is_used ? journal_look(journal, ret) : error;
}

static void look_at_journal(const struct scene *scene, sqlite3 *db, const char *database)
{
	const char *journal = sqlite3_filename_journal(database);
	struct account account = { .kind = SQLA_LEFTOVER_JOURNAL, .n = 1 };
	struct journal_look found;
	int error = look_at_idle(db, journal, &found);

	account.databases[0] = (char *)(uintptr_t)database;
	if (error < 0)
		explain_unreadable(journal, -error, &account);
	else if (found.is_used)
		explain_used(journal, &found, &account);
	else if (super_transaction(found.super, account.uuid))
		explain_cold(journal, found.super, &account);
	else
		return;
	tell(scene, journal, &account);
}

/* ---- a WAL ------------------------------------------------------------------------- */

static void explain_guarded(const char *wal, const char *super, struct account *account)
{
	int seen = *super ? look_for(super) : 1;

	account->effect = SQLA_EFFECT_REFUSED;
	if (!*super)
		say(account->evidence,
		    "%s is guarded, and not in full: the transaction was cut off when its files were "
		    "being sealed, before it was decided.",
		    wal);
	else if (seen < 0)
		say(account->evidence,
		    "%s is guarded, and names the super-journal %s, which cannot be looked for: %s. "
		    "Whether the transaction was decided is not known.",
		    wal, super, seen == -ENOENT ? "its folder is not there" : strerror(-seen));
	else
		say(account->evidence,
		    "%s is guarded, and names the super-journal %s, which is %s: the transaction was "
		    "cut off %s it was decided.",
		    wal, super, seen ? "there" : "gone", seen ? "before" : "after");
	say(account->stock, "It cannot open the file (SQLITE_CANTOPEN), and changes nothing.");
	if (seen < 0)
		say(account->remedy,
		    "Make that folder visible under the same name, then run " RECOVER ".");
	else
		say(account->remedy,
		    "Run " RECOVER ", or open it through this library: then the file is %s. Never "
		    "remove the WAL by hand.",
		    seen ? "rolled back" : "committed");
}

static bool is_guarded(const char *wal)
{
	unsigned char header[WAL_HEADER];
	int fd = open(wal, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && pread(fd, header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
		  wal_guard_is(header);

	if (fd >= 0)
		(void)close(fd);
	return is;
}

/* Its maker is at work. */
static bool is_held(const char *super)
{
	int fd = open(super, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool is = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;

	if (fd >= 0)
		(void)close(fd);
	return is;
}

static void look_at_wal(const struct scene *scene, const char *database)
{
	const char *wal = sqlite3_filename_wal(database);
	struct account account = { .kind = SQLA_LEFTOVER_WAL, .n = 1 };
	struct journal_look found;
	int error = journal_look(wal, &found);

	account.databases[0] = (char *)(uintptr_t)database;
	if (error == 0 && (!is_guarded(wal) || is_held(found.super)))
		return;
	if (error < 0) {
		explain_unreadable(wal, -error, &account);
	} else {
		(void)super_transaction(found.super, account.uuid);
		explain_guarded(wal, found.super, &account);
	}
	tell(scene, wal, &account);
}

/* ---- a super-journal ------------------------------------------------------------------ */

struct listing {
	struct account *account;
	const char *super;
	char named[TEXT], other[TEXT], missing[TEXT]; /* databases */
};

static void append(char list[TEXT], const char *name)
{
	size_t length = strlen(list);

	(void)snprintf(list + length, TEXT - length, "%s%s", length ? ", " : "", name);
}

static bool is_known(const struct account *account, const char *database)
{
	for (size_t i = 0; i < account->n; i++)
		if (strcmp(account->databases[i], database) == 0)
			return true;
	return false;
}

/* Each database is listed with its journal and with its WAL. */
static void sort_in(const char *database, const char *journal, void *arg)
{
	struct listing *listing = arg;
	struct account *account = listing->account;
	bool is_new = !is_known(account, database);

	if (is_new && account->n < DATABASES && (account->databases[account->n] = strdup(database)))
		account->n++;
	if (is_new && access(database, F_OK) < 0)
		append(listing->missing, database);
	else if (journal_names(journal, listing->super) > 0)
		append(listing->named, database);
	else if (journal_names(journal, listing->super) < 0)
		append(listing->other, journal);
}

static void explain_listed(const struct listing *listing, struct account *account)
{
	account->effect = listing->named[0] ? SQLA_EFFECT_ROLLBACK : SQLA_EFFECT_NONE;
	say(account->evidence,
	    "%s is there: the transaction was cut off before it was decided. Named by the journals "
	    "of: %s.%s%s%s%s",
	    listing->super, listing->named[0] ? listing->named : "none",
	    listing->missing[0] ? " Not there: " : "", listing->missing,
	    listing->other[0] ? " Cannot be read: " : "", listing->other);
	if (listing->named[0])
		say(account->stock, "Each of these that it opens it rolls back.");
	else
		say(account->stock, "Nothing: it opens the files as they are.");
	if (listing->missing[0] || listing->other[0])
		say(account->remedy,
		    "It is kept, since what cannot be read may name it. Make those files readable "
		    "under their names, or remove it when they are gone for good; then run " RECOVER
		    ".");
	else
		say(account->remedy,
		    "Run " RECOVER ". Never remove it by hand: that commits what names it.");
}

static void explain_unfinished(const char *path, struct account *account)
{
	account->effect = SQLA_EFFECT_NONE;
	say(account->evidence,
	    "%s was being made when its maker died, before any file was committed.", path);
	say(account->stock, "Nothing: no journal names it.");
	say(account->remedy, "Nothing: it is removed when it is a minute old.");
}

static void explain_torn(const char *path, struct account *account)
{
	bool may_be_named = super_may_be_named_beside(path);

	account->effect = may_be_named ? SQLA_EFFECT_UNKNOWN : SQLA_EFFECT_NONE;
	say(account->evidence,
	    "%s has no whole list of journals: the power failed when it was being made, before any "
	    "file was committed, or it was damaged. %s",
	    path,
	    may_be_named ? "A journal beside it names it, or cannot be read." :
			   "No journal beside it names it.");
	if (may_be_named)
		say(account->stock,
		    "It takes an empty one for gone, and commits what names it; with another one it "
		    "rolls back the first such file, removes it, and commits the others.");
	else
		say(account->stock, "Nothing: it opens the files as they are.");
	say(account->remedy,
	    "%sRun " RECOVER ", which rolls back what names it, and removes it then.",
	    may_be_named ? "Open the files with nothing before. " : "");
}

static void free_databases(struct account *account)
{
	for (size_t i = 0; i < account->n; i++)
		free(account->databases[i]);
}

static void look_at_list(const struct scene *scene, const char *path, int fd, bool is_whole)
{
	struct account account = { .kind = SQLA_LEFTOVER_SUPER };
	struct listing listing = { .account = &account, .super = path };
	int error = is_whole ? super_each_journal(fd, sort_in, &listing) : 0;

	(void)super_transaction(path, account.uuid);
	if (!is_whole)
		explain_unfinished(path, &account);
	else if (error == -EBADMSG)
		explain_torn(path, &account);
	else if (error < 0)
		explain_unreadable(path, -error, &account);
	else
		explain_listed(&listing, &account);
	tell(scene, path, &account);
	free_databases(&account);
}

/* One that is held is at work. */
static void look_at_super(const char *path, bool is_whole, void *arg)
{
	const struct scene *scene = arg;
	struct account account = { .kind = SQLA_LEFTOVER_SUPER };
	int fd = super_open(path);

	if (fd == -ENOENT)
		return;
	if (fd < 0) {
		explain_unreadable(path, -fd, &account);
		(void)super_transaction(path, account.uuid);
		tell(scene, path, &account);
		return;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		look_at_list(scene, path, fd, is_whole);
	(void)close(fd);
}

/* ---- a file ------------------------------------------------------------------------------ */

void lite_leftovers(struct engine_config *config, sqla_leftover_fn *fn, void *arg)
{
	struct scene scene = { .config = config, .fn = fn, .arg = arg };
	sqlite3 *db = lite_open_unread(config);
	const char *path = db ? sqlite3_db_filename(db, "main") : NULL;

	if (path && *path) {
		look_at_journal(&scene, db, path);
		look_at_wal(&scene, path);
		(void)super_each(path, look_at_super, &scene);
	}
	(void)sqlite3_close(db);
}

int lite_leftover_check(struct lite_conn *conn)
{
	const char *path = sqlite3_db_filename(conn->db, "main");
	struct journal_look found;
	char uuid[SUPER_UUID];

	if (!path || !*path || look_at_idle(conn->db, sqlite3_filename_journal(path), &found) < 0 ||
	    !found.is_used || !super_transaction(found.super, uuid) || look_for(found.super) >= 0)
		return 0;
	return error_set(
		SQLA_ECONNECT, lite_name(conn),
		"Make its folder visible under the same name, and open the file with nothing "
		"before.",
		"%s is not opened: its journal names %s, which cannot be looked for now",
		lite_path(conn), found.super);
}

void lite_tidy(struct driver_conn *head)
{
	struct lite_conn *conn = lite_conn_of(head);
	const char *path = sqlite3_db_filename(conn->db, "main");

	if (lite_config(conn)->options.readonly != SQLA_YES && path && *path)
		collect_supers(path, conn->busy_ms);
}
