/*
 * What SQLite may open. The folder of a database may be one where others write,
 * and a journal is data: stock SQLite opens whatever lies there under its names,
 * a FIFO too, which it then waits for; and when it has played a journal back that
 * names a super-journal, it removes the file of that name, whose ever it is.
 */
#ifndef SQLITE_GUARD_H
#define SQLITE_GUARD_H

#include <stdbool.h>

/*
 * Whether FLAGS, as SQLite gives them to xOpen, are those with which it reads a
 * super-journal that it is about to remove, and, while that is open, the journals
 * that it lists.
 */
bool guard_is_reading(int flags);

/* Whether SQLite may open the file NAME with FLAGS; IS_LISTED: as one of those
 * journals. If not, the log tells why. */
bool guard_may_open(const char *name, int flags, bool is_listed);

#endif
