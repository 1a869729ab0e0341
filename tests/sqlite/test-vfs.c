#include "sqlite/vfs.h"

#include <stdlib.h>
#include <string.h>

#include "sqlite/group.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static sqlite3 *open_with(const char *vfs)
{
	char *path = scratch_path("file");
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs) !=
	    SQLITE_OK)
		must_fail("cannot open %s", path);
	free(path);
	return db;
}

/* ---- a disk that promises much ---------------------------------------------------- */

static sqlite3_vfs *plain, boaster;
static sqlite3_io_methods boasting;

static int boast(sqlite3_file *file)
{
	(void)file;
	return ~0;
}

static int open_boasting(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
			 int *ret_flags)
{
	int rc = plain->xOpen(plain, name, file, flags, ret_flags);

	(void)vfs;
	if (rc == SQLITE_OK) {
		boasting = *file->pMethods;
		boasting.xDeviceCharacteristics = boast;
		file->pMethods = &boasting;
	}
	return rc;
}

static void install_boaster(void)
{
	plain = sqlite3_vfs_find(NULL);
	boaster = *plain;
	boaster.zName = "boaster";
	boaster.pNext = NULL;
	boaster.xOpen = open_boasting;
	cr_assert(zero(int, sqlite3_vfs_register(&boaster, 1)));
}

/* What a group holds is prepared by the journal that SQLite writes and syncs. */
Test(vfs, hides_what_would_let_sqlite_leave_out_the_journal)
{
	sqlite3_file *file = NULL;
	sqlite3 *db;
	int can;

	install_boaster();
	db = open_with(vfs_ready());
	cr_assert(zero(int, sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file)));
	can = file->pMethods->xDeviceCharacteristics(file);
	cr_expect(zero(int, can &SQLITE_IOCAP_BATCH_ATOMIC));
	cr_expect(zero(int, can &(SQLITE_IOCAP_ATOMIC | SQLITE_IOCAP_ATOMIC4K)));
	cr_expect(zero(int, can &(SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL)));
	cr_expect(ne(int, can &SQLITE_IOCAP_POWERSAFE_OVERWRITE, 0));
	cr_expect(not(vfs_may_tear(vfs_file_of(db))));
	cr_expect(zero(int, sqlite3_close(db)));
}

/* An application may make another VFS the default between two connections. */
Test(vfs, stands_on_what_is_the_default_when_a_file_is_opened)
{
	const char *first = vfs_ready();

	install_boaster();
	cr_expect(ne(str, (char *)(uintptr_t)vfs_ready(), (char *)(uintptr_t)first));
	cr_expect(eq(str, (char *)(uintptr_t)vfs_ready(), (char *)"sqlassist-boaster"));
	cr_assert(zero(int, sqlite3_vfs_register(plain, 1)));
	cr_expect(eq(ptr, (void *)(uintptr_t)vfs_ready(), (void *)(uintptr_t)first));
}

/* Two processes may roll back two files of one transaction at the same time. */
Test(vfs, does_not_miss_a_super_journal_that_another_process_has_removed)
{
	char *path = scratch_path("file-sqlassist-0e8c1d9a-3b5f-4f0e-9c55-2f6f7d1a4b10");
	sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_ready());
	sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
	sqlite3_int64 size = 1;

	if (!file)
		must_fail("out of memory");
	cr_assert(zero(int, vfs->xOpen(vfs, path, file,
				       SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL, NULL)));
	cr_expect(zero(int, file->pMethods->xFileSize(file, &size)));
	cr_expect(zero(i64, size));
	cr_expect(zero(int, file->pMethods->xClose(file)));
	free(file);
	free(path);
}

/* Its COMMIT could not be held. */
Test(vfs, is_missed_where_a_file_was_opened_without_it)
{
	struct lite_conn conn = { .db = open_with(NULL) };
	const char *why = lite_group_obstacle(&conn);

	cr_expect(eq(ptr, vfs_file_of(conn.db), NULL));
	cr_assert(ne(ptr, (void *)(uintptr_t)why, NULL));
	cr_expect(ne(ptr, strstr(why, "not opened through this library's VFS"), NULL), "%s", why);
	cr_expect(ne(ptr, strstr(why, "register the engine again"), NULL), "%s", why);
	cr_expect(zero(int, sqlite3_close(conn.db)));
}
