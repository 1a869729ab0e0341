#include "group/memory.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>

#include "support/must.h"

static sqlite3_mem_methods real;
static atomic_uint counted;
static unsigned fails_at;
static bool fails_forever;

static bool fails(void)
{
	unsigned n = atomic_fetch_add(&counted, 1) + 1;

	return fails_at && (n == fails_at || (n > fails_at && fails_forever));
}

static void *allocate(int size)
{
	return fails() ? NULL : real.xMalloc(size);
}

static void *resize(void *old, int size)
{
	return fails() ? NULL : real.xRealloc(old, size);
}

void memory_watch(void)
{
	sqlite3_mem_methods ours;

	if (sqlite3_shutdown() != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
		must_fail("SQLite is in use");
	ours = real;
	ours.xMalloc = allocate;
	ours.xRealloc = resize;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK)
		must_fail("SQLite keeps its allocator");
}

void memory_fail_at(unsigned n, bool forever)
{
	fails_at = n;
	fails_forever = forever;
	atomic_store(&counted, 0);
}

unsigned memory_counted(void)
{
	return atomic_load(&counted);
}
