/*
 * The super-journal: one file whose existence decides for every journal that
 * names it. While it is there, hot journals that name it are rolled back; when
 * it is gone, they are committed.
 *
 * Its maker holds a flock on it from before it gets its name until it is gone,
 * so that nobody else removes it meanwhile. It holds the names of the journals
 * that may name it, each with its NUL, as SQLite's own does.
 */
#ifndef SQLITE_SUPER_H
#define SQLITE_SUPER_H

#include <stdbool.h>
#include <stddef.h>

struct super;

/*
 * Makes a new one beside DATABASE, of a name that was never used before, for
 * the N journals, durable under its name. 0, or a negative error number.
 */
int super_create(const char *database, const char *const journals[], size_t n,
		 struct super **ret_super);

const char *super_path(const struct super *super);

enum super_fate {
	SUPER_GONE,    /* for good */
	SUPER_THERE,   /* it could not be removed, and nothing has happened */
	SUPER_UNKNOWN, /* removed, and it may come back */
};

/* Decides: removes it, and makes that durable. */
enum super_fate super_decide(struct super *super);

/* Whether a file of that name may be one, there or not. */
bool super_may_be(const char *path);

/* Of one that a journal names: SUPER_GONE is durable. */
enum super_fate super_look(const char *path);

/* No journal names it any more: removes it, and if that fails collect will. */
void super_discard(struct super *super);

/* Lets go of it, as it is, and frees SUPER; may be NULL. */
void super_free(struct super *super);

/*
 * Removes those beside DATABASE that nobody holds and that no journal names:
 * their makers have died before they had sealed any. Those that a journal does
 * name are left to whoever opens that database.
 */
void super_collect(const char *database);

/* How many are beside DATABASE; the latest one's name, if any, in RET (free
 * it), which may be NULL. */
size_t super_count(const char *database, char **ret_path);

#endif
