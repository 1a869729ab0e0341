/*
 * trio.h - three SQLite files that commit together, each with an account and
 * twelve rows that a transfer writes to; and what must be true of them
 * whatever happened.
 */
#ifndef TESTS_GROUP_TRIO_H
#define TESTS_GROUP_TRIO_H

#include <stdbool.h>

#include <sqlassist/engine.h>

#define TRIO 3
#define TRIO_ALONE 1000000

struct sqlite3;

/* Journal modes of the three files. */
struct trio_modes {
	const char *name;
	const char *of[TRIO];
};

extern const struct trio_modes trio_delete, trio_truncate, trio_persist, trio_mixed;
extern const struct trio_modes trio_wal, trio_half_wal;

/* Makes the files in the scratch folder. */
void trio_make(void);

/* Their folder, and each. Borrowed. */
const char *trio_folder(void);
const char *trio_path(int which);
/* The name of its engine. */
const char *trio_engine(int which);

/* Before they are opened: with OPTIONS (copied) instead of wal_group, and by
 * another URL (kept). */
void trio_options(int which, const struct sqla_engine_options *options);
void trio_through(int which, const char *url);
/* Makes a symbolic link NAME to a file beside it; moves it into a folder so deep
 * that its path has more than 450 bytes. */
void trio_link(int which, const char *name);
void trio_deepen(int which);
/* Moves it into a new folder NAME beside the others; renames what is in theirs. */
void trio_move_to_folder(int which, const char *name);
void trio_rename(const char *from, const char *to);

/* Registers an engine for each, and opens connections in these modes. Makes the
 * decision tables. */
void trio_open(const struct trio_modes *modes);
void trio_close(void);
/* Registers the engines alone: no file is opened. */
void trio_register(void);

/* SQLite's handle of a file's session. */
struct sqlite3 *trio_native(int which);

/* Runs SQL in the transaction of a file's session. */
void trio_run(int which, const char *sql);

/* Transfer NUMBER, below TRIO_ALONE, in all three: what txn_commit answers. */
int trio_transfer(int number);

/* Its statements alone: 0, or what the first that fails answers. */
int trio_try(int number);

/* Writes row NUMBER, from TRIO_ALONE, to file WHICH alone. */
int trio_write_alone(int which, int number);

/* Opens the files with stock SQLite or, if FIRST is odd, through this library's
 * VFS, one after the other from number FIRST on: hot journals are dealt with. A
 * guarded WAL must be refused by stock SQLite, and the VFS settles it then. The
 * shell leaves that to others. */
void trio_visit(int first);
void trio_visit_with_shell(int first);
void trio_visit_one_with_shell(int which);
/* The same through this library, in a process of its own. */
void trio_visit_with_library(const struct trio_modes *modes);
void trio_visit_one_with_library(int which);

/* A stock client that reads a file, until it is ended. */
struct sqlite3 *trio_reader(int which);
void trio_end_reader(struct sqlite3 *reader);

/* Transfer NUMBER, as stock SQLite sees it: 1 in all files, 0 in none, -1 in
 * some. The same for a row that was written to one file. */
int trio_has(int number);
bool trio_has_alone(int which, int number);

/* New text of what is not true, or NULL: a transfer is in some of the files, a
 * file is not whole, money was lost. */
char *trio_violation(void);

/* How many super-journals are left; how many journals end with the name of one. */
int trio_leftovers(void);
/* New text: the name of one. */
char *trio_super(void);
void trio_remove_leftovers(void);
int trio_sealed(void);

/* How many WALs have a guard. */
int trio_guarded(void);

#endif
