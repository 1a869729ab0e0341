/*
 * The rollback journal of a file, as the VFS sees it being written, and the
 * super-journal record at its end. SQLite's file format document calls it the
 * super-journal name: whoever finds a hot journal with one rolls the file back
 * if the file of that name exists, and throws the journal away, which commits,
 * if it does not.
 */
#ifndef SQLITE_JOURNAL_H
#define SQLITE_JOURNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name that a journal can carry, without the NUL; a record with it. */
#define JOURNAL_NAME_MAX 511
#define JOURNAL_RECORD_MAX (JOURNAL_NAME_MAX + 16)

struct journal {
	sqlite3_file *file;    /* the VFS's below ours, borrowed; NULL: not open */
	sqlite3_int64 end;     /* behind the last byte that this transaction wrote */
	sqlite3_int64 record;  /* where the record is, 0: nowhere */
	uint32_t sector, page; /* sizes in bytes, out of its header */
	int sync_flags;	       /* that SQLite uses with it */
};

/* SQLite writes N bytes at OFFSET. */
void journal_note_write(struct journal *journal, const unsigned char *from, int n,
			sqlite3_int64 offset);

/* Whether it holds anything to roll back with. */
bool journal_is_used(const struct journal *journal);

/* Appends the record that names SUPER, and syncs. Returns SQLite's code; after
 * a failure it may be there, and it may be durable. */
int journal_seal(struct journal *journal, const char *super);

/* Takes a record that was, or may have been, appended away again, and syncs. */
int journal_strip(struct journal *journal);

/* Empties it: its transaction has ended. Not synced. */
int journal_empty(struct journal *journal);

/* Writes a record that names SUPER, which is not too long, to TO: its bytes. */
size_t journal_put_record(unsigned char *to, const char *super);

/* The name in the record that the N bytes at END end with: the record's bytes, or
 * 0 if there is none. */
size_t journal_take_record(const unsigned char *end, size_t n, char ret_name[JOURNAL_NAME_MAX + 1]);
/* What a journal, or a WAL, that somebody has left behind says of itself. */
struct journal_look {
	bool is_there;
	bool is_used; /* it begins with a header: unless it is locked, it is hot */
	char super[JOURNAL_NAME_MAX + 1]; /* the name at its end, or "" */
};

/* 0, or a negative error number. */
int journal_look(const char *path, struct journal_look *ret);

/* Whether the journal at PATH, hot or cold, names SUPER: 1, 0 (also if there is
 * none), or a negative error number. */
int journal_names(const char *path, const char *super);

#endif
