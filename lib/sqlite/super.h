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

/* Bytes of a uuid as text, with its NUL. */
#define SUPER_UUID 37

/*
 * Makes a new one beside DATABASE, for the transaction UUID, of which there was
 * none before, and the N journals, durable under its name. 0, or a negative
 * error number.
 */
int super_create(const char *database, const char *uuid, const char *const journals[], size_t n,
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

/* Whether the name is that of one, of ours or of SQLite's own. */
bool super_is_name(const char *path);

/* Opens one to be read: a plain file, whatever else lies there under its name. A
 * negative error number. */
int super_open(const char *path);

/* Of one that a journal names: SUPER_GONE is durable. */
enum super_fate super_look(const char *path);

/* No journal names it any more: removes it, and if that fails collect will. */
void super_discard(struct super *super);

/* Lets go of it, as it is, and frees SUPER; may be NULL. */
void super_free(struct super *super);

/* ---- those that are left behind ------------------------------------------ */

/* Calls FN for each beside DATABASE; how many there are. WHOLE: it has its name;
 * else its maker died when it was making it, or is about to. */
typedef void super_found_fn(const char *path, bool is_whole, void *arg);
size_t super_each(const char *database, super_found_fn *fn, void *arg);

/* Calls FN for each journal that the one open as FD lists, with its database. 0,
 * or a negative error number if the list cannot be read in full; -EBADMSG: what
 * is there is no whole list, and FN was not called. */
typedef void super_journal_fn(const char *database, const char *journal, void *arg);
int super_each_journal(int fd, super_journal_fn *fn, void *arg);

/* Whether a journal or WAL in the same folder, of whichever database, names it, or
 * cannot be asked. */
bool super_may_be_named_beside(const char *super);

/* Whether PATH is the name of one, and of which transaction. */
bool super_transaction(const char *path, char ret_uuid[SUPER_UUID]);

#endif
