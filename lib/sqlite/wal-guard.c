/*
 * What is found after a crash, and what it comes to. S is durable before any
 * WAL is sealed, and removed when all are durable as sealed, or when none is
 * sealed any more and that is durable.
 *
 *  no guard		The last frame has no header, so SQLite takes the
 *			transaction for unfinished; or it was released.
 *  guard, no trailer	Sealing, or undoing it, did not come to its end: undone.
 *  guard, its trailer	S is there: undone. S is gone: released once more.
 *  guard, a trailer	of an earlier guard, as releasing leaves it: sealing did
 *			not come to its end: undone. It is told by the guard that
 *			it was made with, which has a random number in it.
 *
 * A power failure may tear what was not synced: the trailer has a checksum, and
 * the 32 bytes of the WAL's header lie in one sector.
 *
 * The index is fenced before the guard is written, so that whoever finds no
 * fence may write. It is opened again by SQLite, which writes both copies when
 * its COMMIT ends.
 */
#include "sqlite/wal-guard.h"

#include <string.h>

#include "sqlite/journal.h"
#include "sqlite/super.h"
#include "sqlite/word.h"

/* The WAL's header, big-endian: magic; version; size of a page; a sequence
 * number; two salts; two checksums, over what is before them. */
#define MAGIC 0x377f0682u /* the last bit: the checksums are of big-endian words */
#define HEADER_VERSION 4
#define HEADER_SUM 24
#define VERSION 3007000u
#define GUARD 0xa0000000u /* with a random number in the other bits */
#define GUARD_MASK 0xf0000000u

/* A frame's header: page; size of the database in pages, 0 if it does not end a
 * transaction; salts; checksums. */
#define FRAME_COMMIT 4

/* The trailer: no page, so that nobody takes it for a frame; the guard; the frame
 * header and where it belongs; a checksum; then the record of a journal. */
#define TRAILER_GUARD 8
#define TRAILER_FRAME (TRAILER_GUARD + WAL_HEADER)
#define TRAILER_OFFSET (TRAILER_FRAME + WAL_FRAME_HEADER)
#define TRAILER_SUM (TRAILER_OFFSET + 8)
#define TRAILER_NAME (TRAILER_SUM + 8)
#define TRAILER_MAX (TRAILER_NAME + JOURNAL_RECORD_MAX)

/* In the index's first header: a checksum, of which there are two. */
#define INDEX_WORD 10

struct trailer {
	sqlite3_int64 at; /* 0: there is none */
	unsigned char guard[WAL_HEADER];
	unsigned char frame[WAL_FRAME_HEADER];
	sqlite3_int64 offset;
	char super[JOURNAL_NAME_MAX + 1];
};

#define CALL(file, method, ...) ((file)->pMethods->method((file), __VA_ARGS__))

/* SQLite's own, over N bytes, a multiple of 8; TO: 8 bytes. */
static void checksum(const unsigned char *from, size_t n, bool is_big, unsigned char *to)
{
	uint32_t (*get)(const unsigned char *) = is_big ? word_get : word_get_little;
	uint32_t one = 0, two = 0;

	for (size_t i = 0; i < n; i += 8) {
		one += get(from + i) + two;
		two += get(from + i + 4) + one;
	}
	word_put(to, one);
	word_put(to + 4, two);
}

/* ---- the WAL's header ------------------------------------------------------- */

static void sum_header(const unsigned char *header, unsigned char *to)
{
	checksum(header, HEADER_SUM, word_get(header) & 1, to);
}

/* The same header with another version. */
static void with_version(const unsigned char *header, uint32_t version, unsigned char *to)
{
	memmove(to, header, WAL_HEADER);
	word_put(to + HEADER_VERSION, version);
	sum_header(to, to + HEADER_SUM);
}

static bool is_header(const unsigned char *header)
{
	unsigned char sum[8];

	sum_header(header, sum);
	return (word_get(header) & ~1u) == MAGIC &&
	       memcmp(sum, header + HEADER_SUM, sizeof(sum)) == 0;
}

bool wal_guard_is(const unsigned char header[WAL_HEADER])
{
	return is_header(header) && (word_get(header + HEADER_VERSION) & GUARD_MASK) == GUARD;
}

static uint32_t new_version(void)
{
	uint32_t number = 0;

	sqlite3_randomness(sizeof(number), &number);
	return GUARD | (number & ~GUARD_MASK);
}

/* ---- while it is written ------------------------------------------------------ */

static bool is_last(const unsigned char *from, int n, sqlite3_int64 offset)
{
	return n == WAL_FRAME_HEADER && offset >= WAL_HEADER && word_get(from + FRAME_COMMIT) != 0;
}

/* SQLite writes it again, in the same place, if it had to change checksums. Two
 * places would be two commits. */
int wal_guard_write(struct wal_guard *guard, const void *from, int n, sqlite3_int64 offset)
{
	static const unsigned char zeros[WAL_FRAME_HEADER];

	if (!is_last(from, n, offset))
		return CALL(guard->file, xWrite, from, n, offset);
	if (guard->is_withheld && guard->offset != offset)
		return SQLITE_ABORT;
	guard->is_withheld = true;
	guard->offset = offset;
	memcpy(guard->frame, from, sizeof(guard->frame));
	return CALL(guard->file, xWrite, zeros, n, offset);
}

void wal_guard_read(const struct wal_guard *guard, void *to, int n, sqlite3_int64 offset)
{
	sqlite3_int64 at = guard->offset - offset;

	if (guard->is_withheld && at >= 0 && at + WAL_FRAME_HEADER <= n)
		memcpy((unsigned char *)to + at, guard->frame, sizeof(guard->frame));
}

/* ---- the fence ------------------------------------------------------------------ */

/* The caller holds the write lock, so nobody else writes the index. */
static void flip(struct wal_guard *guard)
{
	uint32_t word = __atomic_load_n(&guard->index[INDEX_WORD], __ATOMIC_SEQ_CST);

	__atomic_store_n(&guard->index[INDEX_WORD], ~word, __ATOMIC_SEQ_CST);
	guard->is_fenced = !guard->is_fenced;
}

static void fence(struct wal_guard *guard)
{
	if (guard->index && !guard->is_fenced)
		flip(guard);
}

static void unfence(struct wal_guard *guard)
{
	if (guard->index && guard->is_fenced)
		flip(guard);
}

/* ---- the trailer ------------------------------------------------------------------ */

/* Over the fixed part and the name. */
static void sum_trailer(const unsigned char *trailer, const char *super, unsigned char *to)
{
	unsigned char all[TRAILER_SUM + JOURNAL_NAME_MAX + 8] = { 0 };
	size_t length = strlen(super);

	memcpy(all, trailer, TRAILER_SUM);
	memcpy(all + TRAILER_SUM, super, length);
	checksum(all, (TRAILER_SUM + length + 7) / 8 * 8, true, to);
}

/* As the last of a file of SIZE bytes. */
static int write_trailer(const struct wal_guard *guard, const unsigned char *header,
			 const char *super, sqlite3_int64 size)
{
	unsigned char trailer[TRAILER_MAX] = { 0 };
	uint64_t offset = (uint64_t)guard->offset;
	size_t n;
	int rc;

	memcpy(trailer + TRAILER_GUARD, header, WAL_HEADER);
	memcpy(trailer + TRAILER_FRAME, guard->frame, WAL_FRAME_HEADER);
	word_put(trailer + TRAILER_OFFSET, (uint32_t)(offset >> 32));
	word_put(trailer + TRAILER_OFFSET + 4, (uint32_t)offset);
	sum_trailer(trailer, super, trailer + TRAILER_SUM);
	n = TRAILER_NAME + journal_put_record(trailer + TRAILER_NAME, super);
	rc = CALL(guard->file, xWrite, trailer, (int)n, guard->trailer);
	if (rc == SQLITE_OK && guard->trailer + (sqlite3_int64)n < size)
		rc = CALL(guard->file, xTruncate, guard->trailer + (sqlite3_int64)n);
	return rc;
}

static void take_trailer(const unsigned char *from, struct trailer *ret)
{
	uint64_t offset = (uint64_t)word_get(from + TRAILER_OFFSET) << 32 |
			  word_get(from + TRAILER_OFFSET + 4);

	memcpy(ret->guard, from + TRAILER_GUARD, WAL_HEADER);
	memcpy(ret->frame, from + TRAILER_FRAME, WAL_FRAME_HEADER);
	ret->offset = (sqlite3_int64)offset;
}

/* The one at the end of a file of SIZE bytes, if it is whole. */
static int read_trailer(sqlite3_file *file, sqlite3_int64 size, struct trailer *ret)
{
	unsigned char end[TRAILER_MAX], sum[8];
	size_t n = size < TRAILER_MAX ? (size_t)size : TRAILER_MAX;
	int rc = CALL(file, xRead, end, (int)n, size - (sqlite3_int64)n);
	size_t record;

	ret->at = 0;
	if (rc != SQLITE_OK)
		return rc;
	record = journal_take_record(end, n, ret->super);
	if (!record || n < record + TRAILER_NAME)
		return SQLITE_OK;
	n -= record + TRAILER_NAME;
	sum_trailer(end + n, ret->super, sum);
	if (memcmp(sum, end + n + TRAILER_SUM, sizeof(sum)) != 0)
		return SQLITE_OK;
	take_trailer(end + n, ret);
	ret->at = size - (sqlite3_int64)(record + TRAILER_NAME);
	return SQLITE_OK;
}

/* ---- sealing, and the two ends ------------------------------------------------------ */

static int sync_it(const struct wal_guard *guard)
{
	return CALL(guard->file, xSync, guard->sync_flags);
}

static int write_header(sqlite3_file *file, const unsigned char *header)
{
	return CALL(file, xWrite, header, WAL_HEADER, 0);
}

static int read_header(struct wal_guard *guard)
{
	int rc = CALL(guard->file, xRead, guard->header, WAL_HEADER, 0);

	if (rc != SQLITE_OK)
		return rc;
	return is_header(guard->header) && word_get(guard->header + HEADER_VERSION) == VERSION ?
		       SQLITE_OK :
		       SQLITE_CORRUPT;
}

/* The trailer of the commit before stays, and is written over: a file whose size
 * does not change is synced in less time. */
static int place_trailer(struct wal_guard *guard, sqlite3_int64 *ret_size)
{
	struct trailer before;
	int rc = CALL(guard->file, xFileSize, ret_size);

	if (rc == SQLITE_OK)
		rc = read_trailer(guard->file, *ret_size, &before);
	if (rc == SQLITE_OK)
		guard->trailer = before.at ? before.at : *ret_size;
	return rc;
}

int wal_guard_seal(struct wal_guard *guard, const char *super)
{
	unsigned char header[WAL_HEADER];
	sqlite3_int64 size = 0;
	int rc = read_header(guard);

	if (rc == SQLITE_OK)
		rc = place_trailer(guard, &size);
	if (rc != SQLITE_OK)
		return rc;
	with_version(guard->header, new_version(), header);
	fence(guard);
	rc = write_trailer(guard, header, super, size);
	if (rc == SQLITE_OK)
		rc = write_header(guard->file, header);
	if (rc == SQLITE_OK)
		rc = sync_it(guard);
	return rc;
}

int wal_guard_release(struct wal_guard *guard)
{
	int rc = CALL(guard->file, xWrite, guard->frame, WAL_FRAME_HEADER, guard->offset);

	if (rc == SQLITE_OK)
		rc = sync_it(guard);
	if (rc == SQLITE_OK)
		rc = write_header(guard->file, guard->header);
	if (rc == SQLITE_OK)
		rc = sync_it(guard);
	if (rc == SQLITE_OK)
		guard->is_withheld = guard->is_fenced = false;
	return rc;
}

int wal_guard_strip(struct wal_guard *guard)
{
	int rc;

	if (!guard->trailer)
		return SQLITE_OK;
	rc = CALL(guard->file, xTruncate, guard->trailer);
	if (rc == SQLITE_OK)
		rc = write_header(guard->file, guard->header);
	if (rc == SQLITE_OK)
		rc = sync_it(guard);
	if (rc != SQLITE_OK)
		return rc;
	guard->trailer = 0;
	unfence(guard);
	return SQLITE_OK;
}

/* ---- another one's ------------------------------------------------------------------------ */

/* Says as much as it can, as if it were ours. */
static void take_over(sqlite3_file *file, const unsigned char *header,
		      const struct trailer *trailer, struct wal_guard *ret)
{
	*ret = (struct wal_guard){ .file = file,
				   .sync_flags = SQLITE_SYNC_NORMAL,
				   .offset = trailer->offset,
				   .trailer = trailer->at };
	memcpy(ret->frame, trailer->frame, sizeof(ret->frame));
	with_version(header, VERSION, ret->header);
}

static int undo(struct wal_guard *guard, sqlite3_int64 size)
{
	if (!guard->trailer)
		guard->trailer = size;
	return wal_guard_strip(guard);
}

static int settle(sqlite3_file *file, const unsigned char *header, const struct trailer *trailer,
		  sqlite3_int64 size)
{
	bool is_whole = trailer->at && memcmp(trailer->guard, header, WAL_HEADER) == 0;
	struct wal_guard guard;

	take_over(file, header, trailer, &guard);
	switch (is_whole ? super_look(trailer->super) : SUPER_THERE) {
	case SUPER_THERE:
		return undo(&guard, size);
	case SUPER_GONE:
		return wal_guard_release(&guard);
	case SUPER_UNKNOWN:
		break;
	}
	return SQLITE_CANTOPEN;
}

/* A trailer without a guard is of a commit that was released, or undone: it is cut
 * off, since its super-journal is kept as long as it is there. */
int wal_guard_settle(sqlite3_file *file)
{
	unsigned char header[WAL_HEADER];
	struct trailer trailer;
	sqlite3_int64 size = 0;
	int rc = CALL(file, xFileSize, &size);

	if (rc != SQLITE_OK || size < WAL_HEADER)
		return rc;
	rc = CALL(file, xRead, header, WAL_HEADER, 0);
	if (rc == SQLITE_OK)
		rc = read_trailer(file, size, &trailer);
	if (rc != SQLITE_OK)
		return rc;
	if (wal_guard_is(header))
		return settle(file, header, &trailer, size);
	return trailer.at ? CALL(file, xTruncate, trailer.at) : SQLITE_OK;
}
