/*
 * A forked child and the SQLite connections of its parent.
 *
 * SQLite's unix VFS keeps one table per process of who has locked which file,
 * because POSIX locks belong to processes. The child inherits the table, and
 * not the locks: a connection that it opens on a file which an inherited one
 * had locked would believe that it has that lock too, and read and write
 * without any. sqlite3_close is no way out: it would play the parent's
 * journal back or checkpoint its WAL. So the child closes the inherited
 * sqlite3_file objects below SQLite's pager, with the VFS's own xShmUnmap and
 * xClose: they unlock what the child does not have (fcntl touches only the
 * caller's own locks), take the files out of the table, close the child's
 * descriptors, and touch no file. The sqlite3 object above is never used
 * again and stays allocated on purpose. This is done for all connections of
 * this library before the child opens its first. It holds for the stock VFS
 * "unix" only; files of another VFS are left alone, and stay open.
 *
 * Limits: connections that the application opened by itself are its own
 * business, and a child that was forked while another thread was inside
 * SQLite may find SQLite's mutexes locked for ever, as SQLite documents.
 */
#ifndef SQLITE_ORPHAN_H
#define SQLITE_ORPHAN_H

#include "sqlite/conn.h"

/* Keeps track of a connection, and stops. Thread-safe. */
void lite_orphan_track(struct lite_conn *conn);
void lite_orphan_untrack(struct lite_conn *conn);

/* In a child: lets go of the files of every inherited connection. Cheap
 * where there is none. */
void lite_orphan_release_all(void);

/* Member of struct driver. */
void lite_abandon(struct driver_conn *head);

#endif
