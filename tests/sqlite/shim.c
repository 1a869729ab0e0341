#include "sqlite/shim.h"

#include <signal.h>
#include <sqlite3.h>
#include <string.h>

#include "support/must.h"

struct shim shim;

struct shim_file {
	sqlite3_file head;
	bool is_wal;
	bool has_frames;    /* written since the last sync */
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *real_vfs;

static struct shim_file *shim_of(sqlite3_file *file)
{
	return (struct shim_file *)file;
}

#define REAL(file) (shim_of(file)->real)
#define CALL(file, method, ...) (REAL(file)->pMethods->method(REAL(file), __VA_ARGS__))
#define CALL_BARE(file, method) (REAL(file)->pMethods->method(REAL(file)))

static int close_it(sqlite3_file *file)
{
	return CALL_BARE(file, xClose);
}

static int read_it(sqlite3_file *file, void *to, int n, sqlite3_int64 offset)
{
	return CALL(file, xRead, to, n, offset);
}

static int write_it(sqlite3_file *file, const void *from, int n, sqlite3_int64 offset)
{
	shim.writes++;
	if (shim_of(file)->is_wal && n >= 512)
		shim_of(file)->has_frames = true;
	return CALL(file, xWrite, from, n, offset);
}

static int truncate_it(sqlite3_file *file, sqlite3_int64 size)
{
	return CALL(file, xTruncate, size);
}

static int sync_it(sqlite3_file *file, int flags)
{
	bool is_commit = shim_of(file)->is_wal && shim_of(file)->has_frames;

	shim.syncs++;
	shim_of(file)->has_frames = false;
	if (is_commit && shim.fails_wal_sync) {
		shim.fails_wal_sync = false;
		return SQLITE_IOERR_FSYNC;
	}
	if (is_commit && shim.kills_at_wal_sync)
		(void)raise(SIGKILL);
	return CALL(file, xSync, flags);
}

static int size_it(sqlite3_file *file, sqlite3_int64 *ret)
{
	return CALL(file, xFileSize, ret);
}

static int lock_it(sqlite3_file *file, int level)
{
	return CALL(file, xLock, level);
}

static int unlock_it(sqlite3_file *file, int level)
{
	return CALL(file, xUnlock, level);
}

static int check_lock(sqlite3_file *file, int *ret)
{
	return CALL(file, xCheckReservedLock, ret);
}

static int control(sqlite3_file *file, int op, void *arg)
{
	return CALL(file, xFileControl, op, arg);
}

static int sector_size(sqlite3_file *file)
{
	return CALL_BARE(file, xSectorSize);
}

static int characteristics(sqlite3_file *file)
{
	return CALL_BARE(file, xDeviceCharacteristics);
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	return CALL(file, xShmMap, page, size, extend, ret);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return CALL(file, xShmLock, offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
	CALL_BARE(file, xShmBarrier);
}

static int shm_unmap(sqlite3_file *file, int remove)
{
	return CALL(file, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = close_it,
	.xRead = read_it,
	.xWrite = write_it,
	.xTruncate = truncate_it,
	.xSync = sync_it,
	.xFileSize = size_it,
	.xLock = lock_it,
	.xUnlock = unlock_it,
	.xCheckReservedLock = check_lock,
	.xFileControl = control,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

static int open_it(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		   int *ret_flags)
{
	struct shim_file *one = shim_of(file);
	int rc;

	(void)vfs;
	memset(one, 0, sizeof(*one));
	one->real = (sqlite3_file *)(one + 1);
	one->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
	rc = real_vfs->xOpen(real_vfs, name, one->real, flags, ret_flags);
	if (one->real->pMethods)
		one->head.pMethods = &methods;
	return rc;
}

static int delete_it(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
	int rc;

	(void)vfs;
	if (!sync_directory || !shim.fails_directory_sync)
		return real_vfs->xDelete(real_vfs, name, sync_directory);
	shim.fails_directory_sync = false;
	rc = real_vfs->xDelete(real_vfs, name, 0);
	return rc == SQLITE_OK ? SQLITE_IOERR_DIR_FSYNC : rc;
}

void shim_install(void)
{
	static sqlite3_vfs vfs;

	real_vfs = sqlite3_vfs_find("unix");
	vfs = *real_vfs; /* the other members take no notice of theirs */
	vfs.zName = "shim";
	vfs.szOsFile += (int)sizeof(struct shim_file);
	vfs.xOpen = open_it;
	vfs.xDelete = delete_it;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		must_fail("cannot register a VFS");
}
