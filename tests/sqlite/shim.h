/*
 * A VFS between SQLite and the files, which fails or kills where it is told
 * to, and counts. Only connections that are opened after shim_install go
 * through it.
 */
#ifndef TESTS_SQLITE_SHIM_H
#define TESTS_SQLITE_SHIM_H

#include <stdbool.h>

struct shim {
	bool fails_directory_sync; /* once: the journal is gone, its removal not synced */
	bool fails_wal_sync;	   /* once, when frames were written */
	bool kills_at_wal_sync;	   /* the process, when frames were written */
	int syncs, writes;	   /* so far */
};

extern struct shim shim;

/* Makes it the default VFS of this process. */
void shim_install(void);

#endif
