/* Copying text into a place of fixed size, where printing it would cost more than
 * all else that is done there. */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stddef.h>
#include <string.h>

/* As much of TEXT as fits into SIZE bytes with its end. */
static inline void copy_text(char *ret_text, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size)
		n = size - 1;
	memcpy(ret_text, text, n);
	ret_text[n] = '\0';
}

#endif
