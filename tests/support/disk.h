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

/* From now on fsync and fdatasync do nothing: for what need not last. */
void disk_ignore_syncs(void);

/* Which calls count, and may fail. */
enum disk_calls {
	DISK_CHANGES = 0, /* something there */
	DISK_WRITES,
	/* Also what only looks, in programs that list disk-looks.c, too: */
	DISK_DATA,
	DISK_ALL, /* and locks, which a disk has no part in */
};

struct disk_failure {
	enum disk_calls of;
	unsigned at;   /* the nth of them from now on (from 1); 0: none */
	int error;     /* that call fails with it, and is not done */
	bool forever;  /* and so do all that follow it */
	bool is_short; /* that one alone does not, but writes half of what it should */
};

/* From now on (GIVEN is copied), until the latter, which returns how many calls
 * there were that count. */
void disk_fail(const struct disk_failure *given);
unsigned disk_met(void);

/* New text: the calls that led to the first that has failed since. */
char *disk_place(void);

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

/* For disk-looks.c: whether a call that changes nothing, of a descriptor or else a
 * path, is to be done, or a lock to be asked for; else errno is set. */
bool disk_may_look(int fd, const char *path);
bool disk_may_lock(int fd);
/* Whether one has failed, and the others will. */
bool disk_is_broken(void);

#endif
