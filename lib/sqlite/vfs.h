/*
 * The VFS that every connection of this library opens its files through. It
 * stands on the default VFS and passes everything on, but for one thing: it
 * can hold a COMMIT at the point where all is written and nothing is decided
 * (group.c), and it settles what is left of such a one in a WAL when that is
 * opened after a crash (wal-guard.h).
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

struct vfs_file;

/* Registers it, on what is the default VFS now, if that was not done. Its name,
 * or NULL without memory. Thread-safe. */
const char *vfs_ready(void);

/* The main database's file of DB; NULL if it was not opened through here. */
struct vfs_file *vfs_file_of(sqlite3 *db);

/* Whether a power failure may damage, beside what is written, what is next to it
 * in the file. */
bool vfs_may_tear(const struct vfs_file *file);

/*
 * Called inside COMMIT, on its thread: all is written. A database with a rollback
 * journal is durable with it, and a crash rolls back; of a WAL nothing is durable
 * yet. It may take its time. SQLITE_OK lets COMMIT go on, and it must have been
 * released before; another code makes it roll back.
 */
typedef int vfs_hold_fn(void *arg);

/* The next COMMIT is to be held. */
void vfs_arm(struct vfs_file *file, vfs_hold_fn *hold, void *arg);
/* COMMIT has returned, held or not. A frozen file stays so. */
void vfs_disarm(struct vfs_file *file);

/* Prepares a held file in the name of the super-journal SUPER. Returns SQLite's
 * code; after a failure it may be prepared, and that may be durable. */
int vfs_seal(struct vfs_file *file, const char *super);
/* Takes back a seal that is, or may be, there, and that is durable then. */
int vfs_strip(struct vfs_file *file);

/*
 * Decided, of a held file that was sealed: empties its journal, which COMMIT
 * syncs, if it keeps it, before another transaction writes to it; or releases
 * its WAL. If that fails COMMIT does, and whoever opens the file next does it.
 */
void vfs_release(struct vfs_file *file);

/*
 * Nobody knows whether it is decided: no byte of a held file or its journal is
 * touched from here on, and its lock stays until the process ends.
 */
void vfs_freeze(struct vfs_file *file);
/* Whether the database of that absolute name is, in this process. */
bool vfs_is_frozen(const char *path);

#endif
