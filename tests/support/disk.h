/*
 * disk.h - what a program does to the files of one folder, call by call: the
 * C library's calls are interposed, for SQLite and for this library alike. A
 * program can be killed at the nth, and what a power failure at any moment
 * might have left can be made out of what was recorded.
 *
 * A file that was synced has what was written to it before; a name is there,
 * or gone, when its folder was synced behind that. Of all later calls any may
 * be lost and any be done, whatever their order; a write may be done in part,
 * sector by sector.
 */
#ifndef SUPPORT_DISK_H
#define SUPPORT_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* Begins to know the files in FOLDER by their descriptors: before they are
 * opened. */
void disk_watch(const char *folder);

/* Counts the calls that change something there, from now on; the nth (from 1)
 * kills the process before it is done; 0: none. */
void disk_count(unsigned kill_at);
unsigned disk_counted(void);

/* From now on fsync and fdatasync do nothing: for what need not last. */
void disk_ignore_syncs(void);

/* The nth call (from 1) of those counted fails with ERROR and is not done; 0:
 * none. FOREVER: so do all that follow it. */
void disk_fail_at(unsigned n, int error, bool forever);

/* Records instead, from before they are opened: those that are there now are
 * durable. */
void disk_record(const char *folder);

/* The sync that would make a super-journal's removal durable fails: once. */
void disk_fail_decision(void);
void disk_stop(void);

/* How many calls were recorded; of calls by number, from 0: */
size_t disk_calls(void);

/* VERB is create, write, truncate, sync, unlink or rename; SUFFIX ends the file's
 * name: "" is any, and "/" the folder. */
bool disk_is(size_t call, const char *verb, const char *suffix);
/* Whether it removes a super-journal. */
bool disk_is_decision(size_t call);
/* Whether they are calls on the same file. */
bool disk_is_same(size_t call, size_t other);
/* What a call writes, borrowed, and how much. */
size_t disk_data(size_t call, const unsigned char **ret_data);
/* New text: what it is, for people. */
char *disk_describe(size_t call);

/* The number of the next call. */
size_t disk_now(void);

/* Behind disk_crash(CALL, ...): goes on recording, from what that left. */
void disk_resume(size_t call);
/* The same, and what it left is durable: call 0 is the next. */
void disk_restart(void);

#define DISK_NONE ((size_t)-1)

/* Makes FOLDER what a power failure before CALL might have left. SEED says which
 * of the possible ones; OMITTED: a call that is taken for not made. */
void disk_crash(size_t call, unsigned seed, size_t omitted);

#endif
