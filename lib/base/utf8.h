/* Telling text from bytes that are none. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that TEXT begins with, of SIZE bytes in all; 0: it
 * begins with none (malformed, overlong, a surrogate, cut off). */
size_t utf8_character(const void *text, size_t size);

/* Whether all SIZE bytes are characters, none of them NUL. */
bool utf8_is_text(const void *bytes, size_t size);

#endif
