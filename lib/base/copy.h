/* Copying text into a place of fixed size, where printing it would cost more than
 * all else that is done there. */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Enough for any number of 64 bits. */
enum { COPY_NUMBER_SIZE = 24 };

/* As much of TEXT as fits into SIZE bytes with its end. */
static inline void copy_text(char *ret_text, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size)
		n = size - 1;
	memcpy(ret_text, text, n);
	ret_text[n] = '\0';
}

/* The same of several texts, one behind the other; NULL is behind the last one. */
void copy_joined(char *ret_text, size_t size, ...) __attribute__((sentinel));

/* N in decimal; with zeros in front up to DIGITS of them, which are 19 at most. */
void copy_number(char ret_text[COPY_NUMBER_SIZE], int64_t n, unsigned digits);

#endif
