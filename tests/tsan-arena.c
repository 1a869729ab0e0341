/*
 * Lets Criterion run under ThreadSanitizer. Criterion shares memory with its
 * workers at an address that it draws with rand_r, as 0x200000000000 plus
 * 16 MiB times the number. ThreadSanitizer allows few of these, so that
 * programs die at their start; this rand_r, which shadows libc's, draws from
 * those few: 0x550000000000 up to 0x568000000000 on x86-64.
 */
#include <stdlib.h>

#define FIRST 0x350000
#define COUNT 0x017000

/* Asked for by the link, so that this file is taken out of its archive. */
extern const char tsan_arena[];
const char tsan_arena[] = "rand_r for Criterion";

int rand_r(unsigned int *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return (int)(FIRST + (*seed >> 8) % COUNT);
}
