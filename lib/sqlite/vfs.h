/*
 * The VFS that every connection of this library opens its files through. It
 * stands on the default VFS and passes everything on, but for one thing: it
 * can hold a COMMIT at the point where all is written and durable, and nothing
 * is decided (group.c).
 *
 * The life of a main database's file here:
 *
 *	free -> arm -> armed -> SQLite syncs -> held -> release -> released --+
 *	 ^		 |			 |			      |
 *	 |		 | SQLite rolls back	 +-> hold answers no --+      |
 *	 |		 +---------------------> undoing <-------------+      |
 *	 |					 |			      |
 *	 +------------------------ disarm -------+----------------------------+
 *
 *	any -> freeze -> frozen, until the process ends
 */
#ifndef SQLITE_VFS_H
#define SQLITE_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "sqlite/journal.h"

struct vfs_file;

/* Registers it, on what is the default VFS now, if that was not done. Its name,
 * or NULL without memory. Thread-safe. */
const char *vfs_ready(void);

/* The main database's file of DB; NULL if it was not opened through here. */
struct vfs_file *vfs_file_of(sqlite3 *db);

/*
 * Called inside COMMIT, on its thread: database and journal are durable, and a
 * crash rolls back. It may take its time. SQLITE_OK lets COMMIT go on, and it
 * must have been released before; another code makes it roll back.
 */
typedef int vfs_hold_fn(void *arg);

/* The next COMMIT is to be held. */
void vfs_arm(struct vfs_file *file, vfs_hold_fn *hold, void *arg);
/* COMMIT has returned, held or not. A frozen file stays so. */
void vfs_disarm(struct vfs_file *file);

/* The rollback journal of a file that is held; not used: it has none. */
struct journal *vfs_journal(struct vfs_file *file);

/* Decided: empties the journal of a held file. COMMIT syncs that, if it keeps
 * the journal, before another transaction writes to it. */
void vfs_release(struct vfs_file *file);

/*
 * Nobody knows whether it is decided: no byte of a held file or its journal is
 * touched from here on, and its lock stays until the process ends.
 */
void vfs_freeze(struct vfs_file *file);
/* Whether the database of that absolute name is, in this process. */
bool vfs_is_frozen(const char *path);

#endif
