#include "sqlite/guard.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "sqlite/super.h"

/* Symbolic links lead to databases, never to what lies beside them: SQLite does
 * not follow one there either. */
static bool is_plain(const char *name, int flags)
{
	struct stat st;
	int status = flags & SQLITE_OPEN_MAIN_DB ? stat(name, &st) : lstat(name, &st);

	return status < 0 || S_ISREG(st.st_mode);
}

bool guard_is_reading(int flags)
{
	return (flags & SQLITE_OPEN_SUPER_JOURNAL) && !(flags & SQLITE_OPEN_CREATE);
}

bool guard_may_open(const char *name, int flags, bool is_listed)
{
	if (!is_plain(name, flags)) {
		log_warning("%s is no plain file: it is not opened", name);
		return false;
	}
	if (guard_is_reading(flags) && !is_listed && !super_is_name(name)) {
		log_warning("a journal names %s as its super-journal, which it is not: it is left "
			    "alone",
			    name);
		return false;
	}
	return true;
}
