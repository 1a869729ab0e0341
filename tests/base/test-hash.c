#include "base/hash.h"

#include <stdbool.h>

#include "support/test.h"

enum { KEYS = 1024, BUCKETS = 2048, FAIR = 8 };

/* The table that uthash would make of KEYS keys, STEP apart, each with a word in front. */
static unsigned most_in_a_bucket(uintptr_t step)
{
	unsigned buckets[BUCKETS] = { 0 };
	unsigned most = 0;

	for (uintptr_t i = 0; i < KEYS; i++) {
		uintptr_t key[] = { 1, 0x7f0000000000 + i * step };
		unsigned n = ++buckets[hash_words(key, sizeof(key)) % BUCKETS];

		most = n > most ? n : most;
	}
	return most;
}

Test(hash, spreads_numbers_and_addresses)
{
	static const uintptr_t steps[] = { 1, 8, 16, 352, 4096, 65536, 0x100000000 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		cr_expect(le(uint, most_in_a_bucket(steps[i]), FAIR), "%zu", (size_t)steps[i]);
}

Test(hash, depends_on_every_word_and_its_place)
{
	static const uintptr_t one[] = { 1, 2, 3 };
	static const uintptr_t other[] = { 2, 1, 3 };

	cr_expect(ne(uint, hash_words(one, sizeof(one)), hash_words(other, sizeof(other))));
	cr_expect(ne(uint, hash_words(one, sizeof(one)), hash_words(one, 2 * sizeof(*one))));
}
