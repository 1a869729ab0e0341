#include "support/alloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/place.h"
#include "support/must.h"

/* What the C library exports for those who interpose; a sanitizer has its own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);
#define WEAK __attribute__((weak))
extern void *__interceptor_malloc(size_t size) WEAK;
extern void *__interceptor_calloc(size_t n, size_t size) WEAK;
extern void *__interceptor_realloc(void *old, size_t size) WEAK;
extern void *__interceptor_memalign(size_t alignment, size_t size) WEAK;
extern void __interceptor_free(void *block) WEAK;
#define REAL(name) (__interceptor_##name ? __interceptor_##name : __libc_##name)

static atomic_long blocks;

/* In place before the first allocation, and never allocated themselves. */
static _Thread_local struct {
	bool is_counting, fails_forever;
	unsigned counted, fails_at;
} this;
static _Thread_local struct place place;

/* What the dynamic linker keeps is no leak. LeakSanitizer knows, where it sees who
 * called: that is us now. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:/ld-linux";
}

/* That it has used them is no report. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* ---- deciding ------------------------------------------------------------------- */

static bool fails(void)
{
	if (!this.is_counting)
		return false;
	this.counted++;
	if (!this.fails_at || this.counted < this.fails_at ||
	    (this.counted > this.fails_at && !this.fails_forever))
		return false;
	if (this.counted == this.fails_at) {
		this.is_counting = false; /* whatever it takes to find out */
		place_take(&place);
		this.is_counting = true;
	}
	errno = ENOMEM;
	return true;
}

/* The first time it loads a library, which stays. */
__attribute__((constructor)) static void load_library(void)
{
	place_take(&place);
}

void alloc_fail_at(unsigned n, bool forever)
{
	place.n = 0;
	this.counted = 0;
	this.fails_at = n;
	this.fails_forever = forever;
	this.is_counting = true;
}

unsigned alloc_stop(void)
{
	this.is_counting = false;
	return this.counted;
}

char *alloc_place(void)
{
	char text[2048];

	place_tell(&place, text, sizeof(text));
	return must_printf("%s", text);
}

long alloc_blocks(void)
{
	return atomic_load(&blocks);
}

/* ---- the calls -------------------------------------------------------------------- */

static void *count(void *block)
{
	if (block)
		atomic_fetch_add(&blocks, 1);
	return block;
}

void *malloc(size_t size)
{
	return fails() ? NULL : count(REAL(malloc)(size));
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : count(REAL(calloc)(n, size));
}

void *memalign(size_t alignment, size_t size)
{
	return fails() ? NULL : count(REAL(memalign)(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	void *block = memalign(alignment, size);

	if (!block)
		return ENOMEM;
	*ret_block = block;
	return 0;
}

void free(void *block)
{
	if (block)
		atomic_fetch_sub(&blocks, 1);
	REAL(free)(block);
}

void *realloc(void *old, size_t size)
{
	if (!old)
		return malloc(size);
	if (size == 0) {
		free(old);
		return NULL;
	}
	return fails() ? NULL : REAL(realloc)(old, size);
}

/* A sanitizer's own of these would go past ours. */

void *reallocarray(void *old, size_t n, size_t size)
{
	if (size > 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n * size);
}

char *strndup(const char *text, size_t n)
{
	size_t length = strnlen(text, n);
	char *copy = malloc(length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *strdup(const char *text)
{
	return strndup(text, strlen(text));
}
