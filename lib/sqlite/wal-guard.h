/*
 * The WAL of a file whose COMMIT is held, and how it is kept from being read,
 * or written over, between being prepared and being decided.
 *
 * A WAL commits with the header of a transaction's last frame, which is
 * withheld: zeros are written in its place. Sealing appends a trailer, with
 * that header and a record that names the super-journal S, and writes a guard
 * over the WAL's own header: the same one, with a version number that SQLite
 * does not know. Whoever finds the guard cannot open the file (SQLITE_CANTOPEN)
 * and touches nothing, but for this library, which settles it.
 *
 *	 0	  32				offset			trailer
 *	+--------+-------------------+---------+----------------+...+---------+
 *	| guard  | committed frames  | ours... | zeros | page   |old| trailer |
 *	+--------+-------------------+---------+----------------+...+---------+
 *
 * Clients that are connected already do not read that header. They read the
 * index in shared memory, of which the first of the two header copies is made
 * to disagree with the second: they look at the WAL's header then.
 */
#ifndef SQLITE_WAL_GUARD_H
#define SQLITE_WAL_GUARD_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define WAL_HEADER 32
#define WAL_FRAME_HEADER 24

struct wal_guard {
	sqlite3_file *file;	  /* the VFS's below ours, borrowed; NULL: not open */
	volatile uint32_t *index; /* the first region of shared memory, or NULL */
	int sync_flags;		  /* that SQLite uses with it */
	bool is_withheld;	  /* the header of its last frame */
	bool is_fenced;
	sqlite3_int64 offset; /* where that is missing */
	unsigned char frame[WAL_FRAME_HEADER];
	unsigned char header[WAL_HEADER]; /* while there is a guard over it */
	sqlite3_int64 trailer;		  /* where that begins, 0: nowhere */
};

/* Whether a WAL that begins with HEADER is guarded. */
bool wal_guard_is(const unsigned char header[WAL_HEADER]);

/* SQLite writes N bytes at OFFSET while it is to be held. */
int wal_guard_write(struct wal_guard *guard, const void *from, int n, sqlite3_int64 offset);

/* SQLite has read N bytes at OFFSET into TO: it reads what it has written. */
void wal_guard_read(const struct wal_guard *guard, void *to, int n, sqlite3_int64 offset);

/* Prepares it, in the name of SUPER. After a failure it may be. */
int wal_guard_seal(struct wal_guard *guard, const char *super);

/* It is decided: the withheld header goes in and the guard is taken away, and
 * both are durable; the trailer means nothing without. After a failure it is for
 * wal_guard_settle to do. The index is left as it is: SQLite writes it next. */
int wal_guard_release(struct wal_guard *guard);

/* Takes all away that may have been sealed, and that is durable; the transaction
 * is not in the WAL then. */
int wal_guard_strip(struct wal_guard *guard);

/*
 * Under the write lock: what a process has left behind that died after it had
 * sealed, is committed if its super-journal is gone, and undone if it is there
 * or if it was not sealed in full. SQLITE_CANTOPEN: that cannot be told now.
 */
int wal_guard_settle(sqlite3_file *file);

#endif
