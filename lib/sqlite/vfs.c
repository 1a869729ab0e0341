#include "sqlite/vfs.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/fork.h"
#include "sqlite/super.h"
#include "sqlite/vfs-file.h"

struct vfs {
	sqlite3_vfs head;
	sqlite3_vfs *base;
	struct vfs *next;
	char name[64];
};

static struct fork_lock lock = FORK_LOCK_INITIALIZER;
/* Guarded by lock: one for each that was the default; for ever. */
static struct vfs *registered;

static sqlite3_vfs *base_of(sqlite3_vfs *vfs)
{
	return ((struct vfs *)vfs)->base;
}

/* SQLite opens a super-journal to see whether it may remove it, and fails if another
 * process has, or has removed a journal that it lists. One of ours it never may
 * (delete_it), and so it finds nothing in it. */
static int open_it(sqlite3_vfs *vfs, const char *name, sqlite3_file *head, int flags,
		   int *ret_flags)
{
	if ((flags & SQLITE_OPEN_SUPER_JOURNAL) && super_may_be(name))
		return base_of(vfs)->xOpen(base_of(vfs), "/dev/null", head, flags, ret_flags);
	return vfs_file_open(base_of(vfs), name, head, flags, ret_flags);
}

/* Whoever has rolled back the last file that it can see removes the super-journal.
 * One of ours may still be needed by a file that is not to be seen now, and would
 * commit that: collect.h removes it when it is not. */
static int delete_it(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
	if (super_may_be(name))
		return SQLITE_OK;
	return base_of(vfs)->xDelete(base_of(vfs), name,
				     sync_directory && !vfs_file_is_released(name));
}

/* A hot journal names a super-journal that is gone: it commits, if that lasts. An
 * empty file, which SQLite takes for none, is there. */
static int access_it(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	int rc = base_of(vfs)->xAccess(base_of(vfs), name, flags, ret);
	enum super_fate fate = SUPER_GONE;

	if (rc == SQLITE_OK && !*ret && super_may_be(name))
		fate = super_look(name);
	if (fate == SUPER_THERE)
		*ret = 1;
	return fate == SUPER_UNKNOWN ? SQLITE_IOERR_ACCESS : rc;
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
	vfs->head.szOsFile = base->szOsFile + vfs_file_size();
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
	fork_lock_take(&lock);
	LL_SEARCH_SCALAR(registered, vfs, base, base);
	if (!vfs)
		vfs = new_vfs(base);
	fork_lock_give(&lock);
	return vfs ? vfs->name : NULL;
}
