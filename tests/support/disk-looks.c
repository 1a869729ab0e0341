/* The calls of disk.h that change nothing, and may fail all the same: reading,
 * asking what is there, locks, maps. Giving a lock back always works. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/disk.h"

ssize_t read(int fd, void *to, size_t n)
{
	return disk_may_look(fd, NULL) ? syscall(SYS_read, fd, to, n) : -1;
}

ssize_t pread(int fd, void *to, size_t n, off_t offset)
{
	return disk_may_look(fd, NULL) ? syscall(SYS_pread64, fd, to, n, offset) : -1;
}

ssize_t pread64(int fd, void *to, size_t n, off64_t offset)
{
	return pread(fd, to, n, offset);
}

static int stat_any(int fd, const char *path, int flags, void *ret)
{
	if (!disk_may_look(fd, path))
		return -1;
	return (int)syscall(SYS_newfstatat, path ? AT_FDCWD : fd, path ? path : "", ret, flags);
}

int fstat(int fd, struct stat *ret)
{
	return stat_any(fd, NULL, AT_EMPTY_PATH, ret);
}

int fstat64(int fd, struct stat64 *ret)
{
	return stat_any(fd, NULL, AT_EMPTY_PATH, ret);
}

int stat(const char *restrict path, struct stat *restrict ret)
{
	return stat_any(-1, path, 0, ret);
}

int stat64(const char *restrict path, struct stat64 *restrict ret)
{
	return stat_any(-1, path, 0, ret);
}

int lstat(const char *restrict path, struct stat *restrict ret)
{
	return stat_any(-1, path, AT_SYMLINK_NOFOLLOW, ret);
}

int lstat64(const char *restrict path, struct stat64 *restrict ret)
{
	return stat_any(-1, path, AT_SYMLINK_NOFOLLOW, ret);
}

int access(const char *path, int mode)
{
	return disk_may_look(-1, path) ? (int)syscall(SYS_faccessat, AT_FDCWD, path, mode) : -1;
}

static int control(int fd, int command, void *arg)
{
	const struct flock *lock = command == F_SETLK || command == F_GETLK ? arg : NULL;

	if (lock && lock->l_type != F_UNLCK && !disk_may_lock(fd))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

#define CONTROL(which)                            \
	int which(int fd, int command, ...)       \
	{                                         \
		va_list ap;                       \
		void *arg;                        \
                                                  \
		va_start(ap, command);            \
		arg = va_arg(ap, void *);         \
		va_end(ap);                       \
		return control(fd, command, arg); \
	}
CONTROL(fcntl)
CONTROL(fcntl64)

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	if (fd >= 0 && !disk_may_look(fd, NULL))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
	return mmap(at, n, protection, flags, fd, offset);
}
