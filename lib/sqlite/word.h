/* The 32-bit words of SQLite's files, which are big-endian; but for what the
 * checksums of a WAL are made of, where its header says so. */
#ifndef SQLITE_WORD_H
#define SQLITE_WORD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t word_get(const unsigned char *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return be32toh(word);
}

static inline uint32_t word_get_little(const unsigned char *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return le32toh(word);
}

static inline void word_put(unsigned char *to, uint32_t value)
{
	const uint32_t word = htobe32(value);

	memcpy(to, &word, sizeof(word));
}

#endif
