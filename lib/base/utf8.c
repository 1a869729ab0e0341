#include "base/utf8.h"

/* Bytes of the character that begins with LEAD, and the least code that needs
 * so many; 0: no character begins so. */
static size_t length_of(unsigned char lead, unsigned *ret_least)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = lead < 0x80 ? 1 :
			lead < 0xC0 ? 0 :
			lead < 0xE0 ? 2 :
			lead < 0xF0 ? 3 :
			lead < 0xF8 ? 4 :
				      0;

	*ret_least = least[length];
	return length;
}

size_t utf8_character(const void *text, size_t size)
{
	const unsigned char *bytes = text;
	unsigned least, code;
	size_t length = size ? length_of(*bytes, &least) : 0;

	if (length == 0 || length > size)
		return 0;
	code = length == 1 ? *bytes : *bytes & (0x7FU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3FU);
	}
	if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return 0;
	return length;
}

bool utf8_is_text(const void *bytes, size_t size)
{
	const unsigned char *text = bytes;

	while (size > 0) {
		size_t length = utf8_character(text, size);

		if (length == 0 || *text == '\0')
			return false;
		text += length;
		size -= length;
	}
	return true;
}
