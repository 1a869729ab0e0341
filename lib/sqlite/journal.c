#include "sqlite/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite/word.h"

/*
 * A header: magic, 8 bytes; then, big-endian, records, nonce, pages of the
 * database, size of a sector, size of a page. The header alone fills a sector.
 */
#define HEADER_BYTES 28
#define HEADER_SECTOR 20
#define HEADER_PAGE 24
#define HEADER_MIN 512 /* what SQLite writes of it at once, at least */

/* A record: the page number that no page has; the name; behind it: */
#define TAIL_BYTES 16 /* length, checksum, magic */
#define LOCK_BYTE 0x40000000u

static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };

/* SQLite adds up chars, which have a sign on some machines and none on others;
 * journals are read where they were written. */
static uint32_t checksum(const char *name, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++) {
		int c = name[i];

		sum += (uint32_t)c;
	}
	return sum;
}

/* ---- while it is written ---------------------------------------------------- */

/* A file that is kept from one transaction to the next is longer than what the
 * later one has written: hence the end is noted. */
void journal_note_write(struct journal *journal, const unsigned char *from, int n,
			sqlite3_int64 offset)
{
	if (offset == 0 && n >= HEADER_MIN) {
		journal->end = 0;
		journal->record = 0;
		journal->sector = word_get(from + HEADER_SECTOR);
		journal->page = word_get(from + HEADER_PAGE);
	}
	if (offset + n > journal->end)
		journal->end = offset + n;
}

bool journal_is_used(const struct journal *journal)
{
	return journal->file && journal->end >= HEADER_BYTES && journal->page > 0;
}

size_t journal_put_record(unsigned char *to, const char *super)
{
	size_t length = strlen(super);
	unsigned char *tail = to + length;

	memcpy(to, super, length);
	word_put(tail, (uint32_t)length);
	word_put(tail + 4, checksum(super, length));
	memcpy(tail + 8, magic, sizeof(magic));
	return length + TAIL_BYTES;
}

static int write_record(const struct journal *journal, const char *super)
{
	unsigned char record[4 + JOURNAL_RECORD_MAX];
	size_t n;

	word_put(record, LOCK_BYTE / journal->page + 1);
	n = journal_put_record(record + 4, super);
	return journal->file->pMethods->xWrite(journal->file, record, 4 + (int)n, journal->record);
}

/*
 * As SQLite does it: on a sector of its own, so that a torn write does not
 * reach what was synced before; and as the end of the file, since it is looked
 * for there. A torn record has a wrong checksum, or no magic, and does not
 * count: the journal is a plain hot one then.
 */
int journal_seal(struct journal *journal, const char *super)
{
	size_t length = strlen(super);
	sqlite3_int64 size = 0, end;
	int rc;

	if (!journal_is_used(journal) || length == 0 || length > JOURNAL_NAME_MAX)
		return SQLITE_MISUSE;
	journal->record = (journal->end + journal->sector - 1) / journal->sector * journal->sector;
	end = journal->record + 4 + (sqlite3_int64)length + TAIL_BYTES;
	rc = write_record(journal, super);
	if (rc == SQLITE_OK)
		rc = journal->file->pMethods->xFileSize(journal->file, &size);
	if (rc == SQLITE_OK && size > end)
		rc = journal->file->pMethods->xTruncate(journal->file, end);
	if (rc == SQLITE_OK)
		rc = journal->file->pMethods->xSync(journal->file, journal->sync_flags);
	return rc;
}

int journal_strip(struct journal *journal)
{
	int rc;

	if (!journal->record)
		return SQLITE_OK;
	rc = journal->file->pMethods->xTruncate(journal->file, journal->record);
	if (rc == SQLITE_OK)
		rc = journal->file->pMethods->xSync(journal->file, journal->sync_flags);
	if (rc == SQLITE_OK)
		journal->record = 0;
	return rc;
}

int journal_empty(struct journal *journal)
{
	int rc = journal->file->pMethods->xTruncate(journal->file, 0);

	if (rc == SQLITE_OK)
		journal->record = journal->end = 0;
	return rc;
}

/* ---- another one's --------------------------------------------------------------- */

static int read_at(int fd, void *to, size_t n, off_t offset)
{
	ssize_t got = pread(fd, to, n, offset);

	if (got < 0)
		return -errno;
	return (size_t)got == n ? 0 : -EIO;
}

size_t journal_take_record(const unsigned char *end, size_t n, char ret_name[JOURNAL_NAME_MAX + 1])
{
	const unsigned char *tail;
	uint32_t length;

	if (n < TAIL_BYTES)
		return 0;
	tail = end + n - TAIL_BYTES;
	if (memcmp(tail + 8, magic, sizeof(magic)) != 0)
		return 0;
	length = word_get(tail);
	if (length == 0 || length > JOURNAL_NAME_MAX || length > n - TAIL_BYTES)
		return 0;
	memcpy(ret_name, tail - length, length);
	ret_name[length] = '\0';
	return checksum(ret_name, length) == word_get(tail + 4) ? length + TAIL_BYTES : 0;
}

/* Whether a file of SIZE bytes ends with a name. */
static int read_name(int fd, off_t size, char ret_name[JOURNAL_NAME_MAX + 1])
{
	unsigned char end[JOURNAL_RECORD_MAX];
	size_t n = size < JOURNAL_RECORD_MAX ? (size_t)size : JOURNAL_RECORD_MAX;
	int error = read_at(fd, end, n, size - (off_t)n);

	return error < 0 ? error : journal_take_record(end, n, ret_name) > 0;
}

static int look(int fd, struct journal_look *ret)
{
	struct journal_look found = { .is_there = true };
	unsigned char first = 0;
	struct stat st;
	int answer = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;

	if (answer == 0 && st.st_size > 0)
		answer = read_at(fd, &first, 1, 0);
	if (answer == 0)
		answer = read_name(fd, st.st_size, found.super);
	if (answer < 0)
		return answer;
	if (answer == 0)
		found.super[0] = '\0';
	found.is_used = first != 0;
	*ret = found;
	return 0;
}

/* No lock hangs on a journal: to open and close it by hand costs nobody one. */
int journal_look(const char *path, struct journal_look *ret)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int status;

	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd < 0) {
		*ret = (struct journal_look){ .is_there = false };
		return 0;
	}
	status = look(fd, ret);
	(void)close(fd);
	return status;
}

int journal_names(const char *path, const char *super)
{
	struct journal_look found;
	int status = journal_look(path, &found);

	return status < 0 ? status : strcmp(found.super, super) == 0;
}
