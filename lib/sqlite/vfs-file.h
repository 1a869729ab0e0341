/* What the VFS (vfs.h) makes of each file that it opens. */
#ifndef SQLITE_VFS_FILE_H
#define SQLITE_VFS_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

/* How many bytes a file takes before the one of the VFS below. */
int vfs_file_size(void);

/* Opens one through BASE. */
int vfs_file_open(sqlite3_vfs *base, const char *name, sqlite3_file *head, int flags,
		  int *ret_flags);

/* Whether the rollback journal of that name is of a COMMIT that is decided: its
 * removal need not be durable. */
bool vfs_file_is_released(const char *journal);

#endif
