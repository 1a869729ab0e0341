/* A hash for uthash's ..._BYHASHVALUE, of keys that are a few words: pointers and
 * numbers. Its own takes any bytes, and for such a key several times as long. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of the words at KEY, SIZE bytes together. Each is multiplied with 2^64 over the golden
 * ratio, which spreads what differs over the upper half. */
static inline unsigned hash_words(const void *key, size_t size)
{
	const char *at = key;
	uint64_t hash = 0;

	for (size_t i = 0; i < size; i += sizeof(uintptr_t)) {
		uintptr_t word;

		memcpy(&word, at + i, sizeof(word));
		hash = ((hash >> 32) ^ hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	}
	return (unsigned)(hash >> 32);
}

#endif
