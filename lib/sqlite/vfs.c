#include "sqlite/vfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/fork.h"

enum vfs_state {
	VFS_FREE,     /* everything passes through */
	VFS_ARMED,    /* a COMMIT is on its way to the hold */
	VFS_HELD,     /* it is there: journal and database are durable */
	VFS_UNDOING,  /* it rolls back */
	VFS_RELEASED, /* it is decided, and the journal is empty */
	VFS_STUCK,    /* it is decided, and the journal could not be emptied */
	VFS_FROZEN,   /* nothing is touched any more */
};

/* What of a database outlives its file here: its name, while it is frozen. */
struct vfs_name {
	struct vfs_name *prev, *next; /* in the list of frozen ones */
	char path[];
};

struct vfs_file {
	sqlite3_file head;
	sqlite3_file *real;	      /* the VFS's below; behind this struct */
	struct vfs_file *main;	      /* a rollback journal's database; a database: itself */
	enum vfs_state state;	      /* the rest is of databases alone */
	bool is_synced;		      /* for the sync that follows the hold */
	struct vfs_name *name;	      /* owned */
	struct journal journal;	      /* the open one */
	const char *journal_name;     /* SQLite's */
	struct vfs_file *prev, *next; /* in the list of those released */
	vfs_hold_fn *hold;
	void *hold_arg;
};

struct vfs {
	sqlite3_vfs head;
	sqlite3_vfs *base;
	struct vfs *next;
	char name[64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Guarded by lock: */
static struct vfs *registered; /* one for each that was the default; for ever */
static struct vfs_file *released;
static struct vfs_name *frozen;

static void guard(void)
{
	(void)fork_guard(&lock);
}

static void enter(void)
{
	(void)pthread_once(&once, guard);
	(void)pthread_mutex_lock(&lock);
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&lock);
}

static struct vfs_file *file_of(sqlite3_file *file)
{
	return (struct vfs_file *)file;
}

static sqlite3_vfs *base_of(sqlite3_vfs *vfs)
{
	return ((struct vfs *)vfs)->base;
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

static bool is_journal(const struct vfs_file *file)
{
	return file->main && file->main != file;
}

#define PASS(file, method, ...) ((file)->real->pMethods->method((file)->real, __VA_ARGS__))
#define PASS_BARE(file, method) ((file)->real->pMethods->method((file)->real))

/* ---- the hold ---------------------------------------------------------------- */

/*
 * SQLite is about to sync the database: the journal is durable already. Its
 * own sync follows when we return, and has nothing to do then.
 */
static int hold(struct vfs_file *file)
{
	int rc = PASS(file, xSync, file->journal.sync_flags);

	if (rc == SQLITE_OK) {
		file->is_synced = true;
		file->state = VFS_HELD;
		rc = file->hold(file->hold_arg);
	}
	if (rc != SQLITE_OK && file->state != VFS_FROZEN) {
		file->is_synced = false;
		file->state = VFS_UNDOING;
	}
	return rc;
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
	return super ? SQLITE_ABORT : hold(file);
}

/* ---- methods of files ------------------------------------------------------------ */

/* A frozen database keeps its descriptor, and so its lock: POSIX locks end with
 * the first descriptor of a file that a process closes. */
static int close_it(sqlite3_file *head)
{
	struct vfs_file *file = file_of(head);

	if (is_journal(file))
		memset(&file->main->journal, 0, sizeof(file->main->journal));
	else if (is_frozen(file))
		return SQLITE_OK;
	if (file->main == file)
		vfs_disarm(file);
	free(file->name);
	file->name = NULL;
	return PASS_BARE(file, xClose);
}

static int read_it(sqlite3_file *head, void *to, int n, sqlite3_int64 offset)
{
	struct vfs_file *file = file_of(head);

	return is_frozen(file) ? SQLITE_IOERR_READ : PASS(file, xRead, to, n, offset);
}

/* The journal of what is decided is empty, and stays so: zeros at its start
 * could outrun its being emptied, and leave the name at its end behind. For the
 * same reason its sync, which follows, is not left out. */
static int write_it(sqlite3_file *head, const void *from, int n, sqlite3_int64 offset)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file))
		return SQLITE_IOERR_WRITE;
	if (is_journal(file)) {
		if (state_of(file) == VFS_RELEASED)
			return SQLITE_OK;
		if (state_of(file) == VFS_STUCK)
			return SQLITE_IOERR_WRITE;
		journal_note_write(&file->main->journal, from, n, offset);
	}
	return PASS(file, xWrite, from, n, offset);
}

static int truncate_it(sqlite3_file *head, sqlite3_int64 size)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file) || (is_journal(file) && state_of(file) == VFS_STUCK))
		return SQLITE_IOERR_TRUNCATE;
	return PASS(file, xTruncate, size);
}

static int sync_it(sqlite3_file *head, int flags)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file))
		return SQLITE_IOERR_FSYNC;
	if (is_journal(file)) {
		file->main->journal.sync_flags = flags & 0x0f;
	} else if (file->is_synced) {
		file->is_synced = false;
		return SQLITE_OK;
	}
	return PASS(file, xSync, flags);
}

/*
 * A COMMIT never asks for the journal's size, and a rollback begins with that:
 * what is synced next is then a database as it was before.
 */
static int size_it(sqlite3_file *head, sqlite3_int64 *ret)
{
	struct vfs_file *file = file_of(head);

	if (is_frozen(file))
		return SQLITE_IOERR_FSTAT;
	if (is_journal(file) && state_of(file) == VFS_ARMED)
		file->main->state = VFS_UNDOING;
	return PASS(file, xFileSize, ret);
}

static int lock_it(sqlite3_file *head, int level)
{
	return PASS(file_of(head), xLock, level);
}

static int unlock_it(sqlite3_file *head, int level)
{
	struct vfs_file *file = file_of(head);

	return is_frozen(file) ? SQLITE_OK : PASS(file, xUnlock, level);
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

static int shm_map(sqlite3_file *head, int page, int size, int extend, void volatile **ret)
{
	return PASS(file_of(head), xShmMap, page, size, extend, ret);
}

static int shm_lock(sqlite3_file *head, int offset, int n, int flags)
{
	return PASS(file_of(head), xShmLock, offset, n, flags);
}

static void shm_barrier(sqlite3_file *head)
{
	PASS_BARE(file_of(head), xShmBarrier);
}

static int shm_unmap(sqlite3_file *head, int remove)
{
	return PASS(file_of(head), xShmUnmap, remove);
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

/* ---- methods of the VFS ------------------------------------------------------------- */

static void link_main(struct vfs_file *file, const char *path)
{
	file->main = file;
	file->name = malloc(sizeof(*file->name) + strlen(path) + 1);
	if (file->name)
		strcpy(file->name->path, path);
}

/* SQLite's name of a journal leads to its database. */
static void link_journal(struct vfs_file *file, const char *name)
{
	struct vfs_file *main = file_of(sqlite3_database_file_object(name));

	if (!main || main->main != main)
		return;
	file->main = main;
	memset(&main->journal, 0, sizeof(main->journal));
	main->journal.file = file->real;
	main->journal.sync_flags = SQLITE_SYNC_NORMAL;
	main->journal_name = name;
}

static int open_it(sqlite3_vfs *vfs, const char *name, sqlite3_file *head, int flags,
		   int *ret_flags)
{
	struct vfs_file *file = file_of(head);
	int version, rc;

	memset(file, 0, sizeof(*file));
	file->real = (sqlite3_file *)(file + 1);
	rc = base_of(vfs)->xOpen(base_of(vfs), name, file->real, flags, ret_flags);
	if (!file->real->pMethods)
		return rc;
	version = file->real->pMethods->iVersion;
	head->pMethods = &methods[version >= 3 ? 2 : version >= 2 ? 1 : 0];
	if (rc == SQLITE_OK && name && (flags & SQLITE_OPEN_MAIN_DB))
		link_main(file, name);
	if (rc == SQLITE_OK && name && (flags & SQLITE_OPEN_MAIN_JOURNAL))
		link_journal(file, name);
	return rc;
}

/* What is decided needs no sync of the directory. */
static bool is_released(const char *name)
{
	struct vfs_file *file;

	enter();
	DL_FOREACH(released, file)
		if (file->journal_name && strcmp(file->journal_name, name) == 0)
			break;
	leave();
	return file != NULL;
}

static int delete_it(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
	return base_of(vfs)->xDelete(base_of(vfs), name, sync_directory && !is_released(name));
}

static int access_it(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	return base_of(vfs)->xAccess(base_of(vfs), name, flags, ret);
}

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	return base_of(vfs)->xFullPathname(base_of(vfs), name, size, ret);
}

static void *dl_open(sqlite3_vfs *vfs, const char *name)
{
	return base_of(vfs)->xDlOpen(base_of(vfs), name);
}

static void dl_error(sqlite3_vfs *vfs, int size, char *ret)
{
	base_of(vfs)->xDlError(base_of(vfs), size, ret);
}

static void (*dl_symbol(sqlite3_vfs *vfs, void *handle, const char *symbol))(void)
{
	return base_of(vfs)->xDlSym(base_of(vfs), handle, symbol);
}

static void dl_close(sqlite3_vfs *vfs, void *handle)
{
	base_of(vfs)->xDlClose(base_of(vfs), handle);
}

static int randomness(sqlite3_vfs *vfs, int size, char *ret)
{
	return base_of(vfs)->xRandomness(base_of(vfs), size, ret);
}

static int sleep_it(sqlite3_vfs *vfs, int us)
{
	return base_of(vfs)->xSleep(base_of(vfs), us);
}

static int current_time(sqlite3_vfs *vfs, double *ret)
{
	return base_of(vfs)->xCurrentTime(base_of(vfs), ret);
}

static int last_error(sqlite3_vfs *vfs, int size, char *ret)
{
	return base_of(vfs)->xGetLastError(base_of(vfs), size, ret);
}

static int current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
	return base_of(vfs)->xCurrentTimeInt64(base_of(vfs), ret);
}

static int set_system_call(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr call)
{
	return base_of(vfs)->xSetSystemCall(base_of(vfs), name, call);
}

static sqlite3_syscall_ptr get_system_call(sqlite3_vfs *vfs, const char *name)
{
	return base_of(vfs)->xGetSystemCall(base_of(vfs), name);
}

static const char *next_system_call(sqlite3_vfs *vfs, const char *name)
{
	return base_of(vfs)->xNextSystemCall(base_of(vfs), name);
}

static const sqlite3_vfs forwarding = {
	.xOpen = open_it,
	.xDelete = delete_it,
	.xAccess = access_it,
	.xFullPathname = full_name,
	.xDlOpen = dl_open,
	.xDlError = dl_error,
	.xDlSym = dl_symbol,
	.xDlClose = dl_close,
	.xRandomness = randomness,
	.xSleep = sleep_it,
	.xCurrentTime = current_time,
	.xGetLastError = last_error,
	.xCurrentTimeInt64 = current_time_ms,
	.xSetSystemCall = set_system_call,
	.xGetSystemCall = get_system_call,
	.xNextSystemCall = next_system_call,
};

/* ---- registration --------------------------------------------------------------------- */

static struct vfs *new_vfs(sqlite3_vfs *base)
{
	struct vfs *vfs = calloc(1, sizeof(*vfs));

	if (!vfs)
		return NULL;
	vfs->base = base;
	vfs->head = forwarding;
	vfs->head.iVersion = base->iVersion < 3 ? base->iVersion : 3;
	vfs->head.szOsFile = base->szOsFile + (int)sizeof(struct vfs_file);
	vfs->head.mxPathname = base->mxPathname;
	vfs->head.zName = vfs->name;
	(void)sqlite3_snprintf(sizeof(vfs->name), vfs->name, "sqlassist-%s", base->zName);
	if (sqlite3_vfs_register(&vfs->head, 0) != SQLITE_OK) {
		free(vfs);
		return NULL;
	}
	LL_PREPEND(registered, vfs);
	return vfs;
}

/* The application may have made another VFS the default since. */
const char *vfs_ready(void)
{
	sqlite3_vfs *base = sqlite3_vfs_find(NULL);
	struct vfs *vfs;

	if (!base)
		return NULL;
	enter();
	LL_SEARCH_SCALAR(registered, vfs, base, base);
	if (!vfs)
		vfs = new_vfs(base);
	leave();
	return vfs ? vfs->name : NULL;
}

struct vfs_file *vfs_file_of(sqlite3 *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    !file || !file->pMethods || file->pMethods->xClose != close_it)
		return NULL;
	return file_of(file)->main == file_of(file) ? file_of(file) : NULL;
}

/* ---- the moves ------------------------------------------------------------------------- */

static void unlist(struct vfs_file *file)
{
	enter();
	if (file->prev)
		DL_DELETE(released, file);
	file->prev = file->next = NULL;
	leave();
}

void vfs_arm(struct vfs_file *file, vfs_hold_fn *hold_fn, void *arg)
{
	file->hold = hold_fn;
	file->hold_arg = arg;
	file->is_synced = false;
	file->state = VFS_ARMED;
}

void vfs_disarm(struct vfs_file *file)
{
	unlist(file);
	file->is_synced = false;
	if (file->state != VFS_FROZEN)
		file->state = VFS_FREE;
}

struct journal *vfs_journal(struct vfs_file *file)
{
	return &file->journal;
}

void vfs_release(struct vfs_file *file)
{
	bool is_empty = !file->journal.file || journal_empty(&file->journal) == SQLITE_OK;

	file->state = is_empty ? VFS_RELEASED : VFS_STUCK;
	enter();
	DL_APPEND(released, file);
	leave();
}

void vfs_freeze(struct vfs_file *file)
{
	file->state = VFS_FROZEN;
	enter();
	if (file->name)
		DL_APPEND(frozen, file->name);
	leave();
}

bool vfs_is_frozen(const char *path)
{
	struct vfs_name *name;

	enter();
	DL_FOREACH(frozen, name)
		if (strcmp(name->path, path) == 0)
			break;
	leave();
	return name != NULL;
}
