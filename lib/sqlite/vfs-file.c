#include "sqlite/vfs-file.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/fork.h"
#include "sqlite/guard.h"
#include "sqlite/journal.h"
#include "sqlite/vfs.h"
#include "sqlite/wal-guard.h"

enum vfs_state {
	VFS_FREE,     /* everything passes through */
	VFS_ARMED,    /* a COMMIT is on its way to the hold */
	VFS_HELD,     /* it is there: what it wrote can be prepared */
	VFS_UNDOING,  /* it rolls back */
	VFS_RELEASED, /* it is decided, and that is in the file */
	VFS_STUCK,    /* it is ended, and that could not be put into the file */
	VFS_FROZEN,   /* nothing is touched any more */
};

enum vfs_kind { VFS_OTHER, VFS_DATABASE, VFS_JOURNAL, VFS_WAL };

/* What of a database outlives its file here: its name, while it is frozen. */
struct vfs_name {
	struct vfs_name *prev, *next; /* in the list of frozen ones */
	char path[];
};

struct vfs_file {
	sqlite3_file head;
	sqlite3_file *real; /* the VFS's below; behind this struct */
	enum vfs_kind kind;
	struct vfs_file *main; /* the database that it is, or belongs to; or NULL */
	enum vfs_state state;  /* the rest is of databases alone */
	bool is_readonly;
	bool is_synced;		      /* for the sync that follows the hold */
	bool may_write_wal;	      /* the WAL's write lock is held */
	bool is_super;		      /* a super-journal, or what one lists, to be read */
	int level;		      /* the lock on the file */
	struct vfs_name *name;	      /* owned */
	struct journal journal;	      /* the open one */
	struct wal_guard wal;	      /* the open one's */
	const char *journal_name;     /* SQLite's */
	struct vfs_file *prev, *next; /* in the list of those released */
	vfs_hold_fn *hold;
	void *hold_arg;
};

/* Of this thread: SQLite reads one to its end before it does something else. */
static _Thread_local unsigned supers_open;

static struct fork_lock lock = FORK_LOCK_INITIALIZER;
/* Guarded by lock: */
static struct vfs_file *released;
static struct vfs_name *frozen;

static struct vfs_file *file_of(sqlite3_file *file)
{
	return (struct vfs_file *)file;
}

/* Of the database that a file is or belongs to. */
static enum vfs_state state_of(const struct vfs_file *file)
{
	return file->main ? file->main->state : VFS_FREE;
}

static bool is_frozen(const struct vfs_file *file)
{
	return state_of(file) == VFS_FROZEN;
}

/* Whether what SQLite writes to it comes too late. */
static bool is_shut(const struct vfs_file *file)
{
	return is_frozen(file) || (file->kind != VFS_DATABASE && state_of(file) == VFS_STUCK);
}

#define PASS(file, method, ...) ((file)->real->pMethods->method((file)->real, __VA_ARGS__))
#define PASS_BARE(file, method) ((file)->real->pMethods->method((file)->real))

/* ---- the hold ---------------------------------------------------------------- */

static int hold(struct vfs_file *file)
{
	int rc;

	file->state = VFS_HELD;
	rc = file->hold(file->hold_arg);
	if (rc != SQLITE_OK && file->state == VFS_HELD)
		file->state = VFS_UNDOING;
	return rc;
}

/*
 * SQLite is about to sync the database: the journal is durable already. Its
 * own sync follows when we return, and has nothing to do then.
 */
static int hold_database(struct vfs_file *file)
{
	int rc = PASS(file, xSync, file->journal.sync_flags);

	if (rc != SQLITE_OK) {
		file->state = VFS_UNDOING;
		return rc;
	}
	file->is_synced = true;
	rc = hold(file);
	file->is_synced = rc == SQLITE_OK;
	return rc;
}

/* SQLite is about to sync the WAL: all frames are written. Sealing has synced
 * them when we return. */
static int hold_wal(struct vfs_file *file, int flags)
{
	int rc;

	file->wal.sync_flags = flags;
	rc = hold(file);
	return rc == SQLITE_OK && file->state == VFS_STUCK ? SQLITE_IOERR_FSYNC : rc;
}

static int forward_control(struct vfs_file *file, int op, void *arg)
{
	int rc = PASS(file, xFileControl, op, arg);

	if (rc == SQLITE_OK && op == SQLITE_FCNTL_VFSNAME) {
		char **name = arg;

		*name = sqlite3_mprintf("sqlassist/%z", *name);
	}
	return rc;
}

/* SUPER: SQLite's own super-journal, of a COMMIT that wrote ATTACHed databases
 * too; such a one cannot be held. */
static int control(sqlite3_file *head, int op, void *arg)
{
	struct vfs_file *file = file_of(head);
	const char *super = op == SQLITE_FCNTL_SYNC ? arg : NULL;
	int rc;

	if (is_frozen(file) && op == SQLITE_FCNTL_SYNC)
		return SQLITE_IOERR_FSYNC;
	rc = forward_control(file, op, arg);
	if (op != SQLITE_FCNTL_SYNC || state_of(file) != VFS_ARMED ||
	    (rc != SQLITE_OK && rc != SQLITE_NOTFOUND))
		return rc;
	return super ? SQLITE_ABORT : hold_database(file);
}

/* ---- methods of files ------------------------------------------------------------ */

/* A frozen database keeps its descriptor, and so its lock: POSIX locks end with
 * the first descriptor of a file that a process closes. */
static int close_it(sqlite3_file *head)
{
	struct vfs_file *file = file_of(head);

	if (file->kind == VFS_JOURNAL)
		memset(&file->main->journal, 0, sizeof(file->main->journal));
	else if (is_frozen(file))
		return SQLITE_OK;
	if (file->kind == VFS_WAL)
		memset(&file->main->wal, 0, sizeof(file->main->wal));
	if (file->kind == VFS_DATABASE)
		vfs_disarm(file);
	supers_open -= file->is_super;
	file->is_super = false;
	free(file->name);
	file->name = NULL;
	return PASS_BARE(file, xClose);
}

static int read_it(sqlite3_file *head, void *to, int n, sqlite3_int64 offset)
{
	struct vfs_file *file = file_of(head);
	int rc = is_frozen(file) ? SQLITE_IOERR_READ : PASS(file, xRead, to, n, offset);

	if (rc == SQLITE_OK && file->kind == VFS_WAL)
		wal_guard_read(&file->main->wal, to, n, offset);
	return rc;
}

/* The journal of what is decided is empty, and stays so: zeros at its start
 * could outrun its being emptied, and leave the name at its end behind. For the
 * same reason its sync, which follows, is not left out. */
static int write_it(sqlite3_file *head, const void *from, int n, sqlite3_int64 offset)
{
	struct vfs_file *file = file_of(head);

	if (is_shut(file))
		return SQLITE_IOERR_WRITE;
	if (file->kind == VFS_WAL && state_of(file) == VFS_ARMED)
		return wal_guard_write(&file->main->wal, from, n, offset);
	if (file->kind == VFS_JOURNAL) {
		if (state_of(file) == VFS_RELEASED)
			return SQLITE_OK;
		journal_note_write(&file->main->journal, from, n, offset);
	}
	return PASS(file, xWrite, from, n, offset);
}

static int truncate_it(sqlite3_file *head, sqlite3_int64 size)
{
	struct vfs_file *file = file_of(head);

	return is_shut(file) ? SQLITE_IOERR_TRUNCATE : PASS(file, xTruncate, size);
}

static int sync_it(sqlite3_file *head, int flags)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file))
		return SQLITE_IOERR_FSYNC;
	if (file->kind == VFS_JOURNAL) {
		file->main->journal.sync_flags = flags & 0x0f;
	} else if (file->kind == VFS_WAL) {
		if (state_of(file) == VFS_ARMED && file->main->wal.is_withheld)
			return hold_wal(file->main, flags);
	} else if (file->is_synced) {
		file->is_synced = false;
		return SQLITE_OK;
	}
	return PASS(file, xSync, flags);
}

/* SQLite asks for the WAL's size, and reads it next, to make the index anew, and
 * has locked everybody else out then. */
static int settle(struct vfs_file *main)
{
	bool may = main->may_write_wal || main->level == SQLITE_LOCK_EXCLUSIVE;

	return may && !main->is_readonly && main->state == VFS_FREE ?
		       wal_guard_settle(main->wal.file) :
		       SQLITE_OK;
}

/*
 * A COMMIT never asks for the journal's size, and a rollback begins with that:
 * what is synced next is then a database as it was before.
 */
static int size_it(sqlite3_file *head, sqlite3_int64 *ret)
{
	struct vfs_file *file = file_of(head);
	int rc = SQLITE_OK;

	if (is_frozen(file))
		return SQLITE_IOERR_FSTAT;
	if (file->kind == VFS_JOURNAL && state_of(file) == VFS_ARMED)
		file->main->state = VFS_UNDOING;
	if (file->kind == VFS_WAL)
		rc = settle(file->main);
	return rc == SQLITE_OK ? PASS(file, xFileSize, ret) : rc;
}

static int lock_it(sqlite3_file *head, int level)
{
	struct vfs_file *file = file_of(head);
	int rc = PASS(file, xLock, level);

	if (rc == SQLITE_OK)
		file->level = level;
	return rc;
}

static int unlock_it(sqlite3_file *head, int level)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file))
		return SQLITE_OK;
	file->level = level;
	return PASS(file, xUnlock, level);
}

static int check_lock(sqlite3_file *head, int *ret)
{
	return PASS(file_of(head), xCheckReservedLock, ret);
}

static int sector_size(sqlite3_file *head)
{
	return PASS_BARE(file_of(head), xSectorSize);
}

/* Each of these lets SQLite leave out of the journal, or unsynced, what the hold
 * needs there. */
static int characteristics(sqlite3_file *head)
{
	static const int harmful =
		SQLITE_IOCAP_ATOMIC | SQLITE_IOCAP_ATOMIC512 | SQLITE_IOCAP_ATOMIC1K |
		SQLITE_IOCAP_ATOMIC2K | SQLITE_IOCAP_ATOMIC4K | SQLITE_IOCAP_ATOMIC8K |
		SQLITE_IOCAP_ATOMIC16K | SQLITE_IOCAP_ATOMIC32K | SQLITE_IOCAP_ATOMIC64K |
		SQLITE_IOCAP_BATCH_ATOMIC | SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL;

	return PASS_BARE(file_of(head), xDeviceCharacteristics) & ~harmful;
}

/* The index begins with the first region. */
static int shm_map(sqlite3_file *head, int page, int size, int extend, void volatile **ret)
{
	struct vfs_file *file = file_of(head);
	int rc = PASS(file, xShmMap, page, size, extend, ret);

	if (page == 0 && rc == SQLITE_OK)
		file->wal.index = *ret;
	return rc;
}

/* The first of these locks is a writer's. */
static int shm_lock(sqlite3_file *head, int offset, int n, int flags)
{
	struct vfs_file *file = file_of(head);
	int rc;

	if (is_frozen(file) && (flags & SQLITE_SHM_UNLOCK))
		return SQLITE_OK;
	rc = PASS(file, xShmLock, offset, n, flags);
	if (rc == SQLITE_OK && offset == 0)
		file->may_write_wal = (flags & SQLITE_SHM_LOCK) && (flags & SQLITE_SHM_EXCLUSIVE);
	return rc;
}

static void shm_barrier(sqlite3_file *head)
{
	PASS_BARE(file_of(head), xShmBarrier);
}

static int shm_unmap(sqlite3_file *head, int remove)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file))
		return SQLITE_OK;
	file->wal.index = NULL;
	return PASS(file, xShmUnmap, remove);
}

static int fetch(sqlite3_file *head, sqlite3_int64 offset, int n, void **ret)
{
	return PASS(file_of(head), xFetch, offset, n, ret);
}

static int unfetch(sqlite3_file *head, sqlite3_int64 offset, void *page)
{
	return PASS(file_of(head), xUnfetch, offset, page);
}

#define METHODS(version)                                                                         \
	{                                                                                        \
		.iVersion = (version), .xClose = close_it, .xRead = read_it, .xWrite = write_it, \
		.xTruncate = truncate_it, .xSync = sync_it, .xFileSize = size_it,                \
		.xLock = lock_it, .xUnlock = unlock_it, .xCheckReservedLock = check_lock,        \
		.xFileControl = control, .xSectorSize = sector_size,                             \
		.xDeviceCharacteristics = characteristics, .xShmMap = shm_map,                   \
		.xShmLock = shm_lock, .xShmBarrier = shm_barrier, .xShmUnmap = shm_unmap,        \
		.xFetch = fetch, .xUnfetch = unfetch                                             \
	}

/* What the file below can do is what SQLite is told. */
static const sqlite3_io_methods methods[] = { METHODS(1), METHODS(2), METHODS(3) };

/* ---- opening ---------------------------------------------------------------------- */

static void link_database(struct vfs_file *file, const char *path, int flags)
{
	file->kind = VFS_DATABASE;
	file->main = file;
	file->is_readonly = (flags & SQLITE_OPEN_READONLY) != 0;
	file->name = malloc(sizeof(*file->name) + strlen(path) + 1);
	if (file->name)
		strcpy(file->name->path, path);
}

static void link_journal(struct vfs_file *file, const char *name)
{
	file->kind = VFS_JOURNAL;
	memset(&file->main->journal, 0, sizeof(file->main->journal));
	file->main->journal.file = file->real;
	file->main->journal.sync_flags = SQLITE_SYNC_NORMAL;
	file->main->journal_name = name;
}

static void link_wal(struct vfs_file *file)
{
	file->kind = VFS_WAL;
	file->main->wal.file = file->real;
}

/* SQLite's name of a journal leads to its database. */
static void link_file(struct vfs_file *file, const char *name, int flags)
{
	struct vfs_file *main;

	if (flags & SQLITE_OPEN_MAIN_DB)
		link_database(file, name, flags);
	if (!(flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)))
		return;
	main = file_of(sqlite3_database_file_object(name));
	if (!main || main->kind != VFS_DATABASE)
		return;
	file->main = main;
	if (flags & SQLITE_OPEN_WAL)
		link_wal(file);
	else
		link_journal(file, name);
}

int vfs_file_open(sqlite3_vfs *base, const char *name, sqlite3_file *head, int flags,
		  int *ret_flags)
{
	struct vfs_file *file = file_of(head);
	int version, rc;

	memset(file, 0, sizeof(*file));
	if (name && !guard_may_open(name, flags, supers_open > 0))
		return SQLITE_CANTOPEN;
	file->real = (sqlite3_file *)(file + 1);
	rc = base->xOpen(base, name, file->real, flags, ret_flags);
	if (!file->real->pMethods)
		return rc;
	version = file->real->pMethods->iVersion;
	head->pMethods = &methods[version >= 3 ? 2 : version >= 2 ? 1 : 0];
	file->is_super = guard_is_reading(flags);
	supers_open += file->is_super;
	if (rc == SQLITE_OK && name)
		link_file(file, name, ret_flags ? flags | *ret_flags : flags);
	return rc;
}

int vfs_file_size(void)
{
	return (int)sizeof(struct vfs_file);
}

bool vfs_file_is_released(const char *journal)
{
	struct vfs_file *file;

	fork_lock_take(&lock);
	DL_FOREACH(released, file)
		if (file->journal_name && strcmp(file->journal_name, journal) == 0)
			break;
	fork_lock_give(&lock);
	return file != NULL;
}

struct vfs_file *vfs_file_of(sqlite3 *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    !file || !file->pMethods || file->pMethods->xClose != close_it)
		return NULL;
	return file_of(file)->kind == VFS_DATABASE ? file_of(file) : NULL;
}

bool vfs_may_tear(const struct vfs_file *file)
{
	int is_safe = -1; /* asks */
	int rc = PASS(file, xFileControl, SQLITE_FCNTL_POWERSAFE_OVERWRITE, &is_safe);

	return !(PASS_BARE(file, xDeviceCharacteristics) & SQLITE_IOCAP_POWERSAFE_OVERWRITE) ||
	       (rc == SQLITE_OK && !is_safe);
}

/* ---- the moves ------------------------------------------------------------------------- */

static void unlist(struct vfs_file *file)
{
	fork_lock_take(&lock);
	if (file->prev)
		DL_DELETE(released, file);
	file->prev = file->next = NULL;
	fork_lock_give(&lock);
}

void vfs_arm(struct vfs_file *file, vfs_hold_fn *hold_fn, void *arg)
{
	file->hold = hold_fn;
	file->hold_arg = arg;
	file->is_synced = false;
	file->wal.is_withheld = file->wal.is_fenced = false;
	file->wal.trailer = 0;
	file->state = VFS_ARMED;
}

void vfs_disarm(struct vfs_file *file)
{
	unlist(file);
	file->is_synced = false;
	file->wal.is_withheld = false;
	if (file->state != VFS_FROZEN)
		file->state = VFS_FREE;
}

/* Which of the two it has, its COMMIT has shown. */
int vfs_seal(struct vfs_file *file, const char *super)
{
	return file->wal.is_withheld ? wal_guard_seal(&file->wal, super) :
				       journal_seal(&file->journal, super);
}

int vfs_strip(struct vfs_file *file)
{
	int rc = file->wal.is_withheld ? wal_guard_strip(&file->wal) :
					 journal_strip(&file->journal);

	if (rc != SQLITE_OK && file->wal.is_withheld)
		file->state = VFS_STUCK;
	return rc;
}

static bool end(struct vfs_file *file)
{
	if (file->wal.is_withheld)
		return wal_guard_release(&file->wal) == SQLITE_OK;
	return !file->journal.file || journal_empty(&file->journal) == SQLITE_OK;
}

void vfs_release(struct vfs_file *file)
{
	file->state = end(file) ? VFS_RELEASED : VFS_STUCK;
	fork_lock_take(&lock);
	DL_APPEND(released, file);
	fork_lock_give(&lock);
}

void vfs_freeze(struct vfs_file *file)
{
	file->state = VFS_FROZEN;
	fork_lock_take(&lock);
	if (file->name)
		DL_APPEND(frozen, file->name);
	fork_lock_give(&lock);
}

bool vfs_is_frozen(const char *path)
{
	struct vfs_name *name;

	fork_lock_take(&lock);
	DL_FOREACH(frozen, name)
		if (strcmp(name->path, path) == 0)
			break;
	fork_lock_give(&lock);
	return name != NULL;
}
