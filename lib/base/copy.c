#include "base/copy.h"

#include <stdarg.h>

void copy_joined(char *ret_text, size_t size, ...)
{
	const char *text;
	va_list texts;

	va_start(texts, size);
	while ((text = va_arg(texts, const char *))) {
		size_t n = strlen(text);

		if (n >= size)
			n = size - 1;
		memcpy(ret_text, text, n);
		ret_text += n;
		size -= n;
	}
	va_end(texts);
	*ret_text = '\0';
}

void copy_number(char ret_text[COPY_NUMBER_SIZE], int64_t n, unsigned digits)
{
	char text[COPY_NUMBER_SIZE];
	char *first = text + sizeof(text);
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	*--first = '\0';
	for (unsigned i = 0; left > 0 || i < digits; i++, left /= 10)
		*--first = (char)('0' + left % 10);
	if (n < 0)
		*--first = '-';
	memcpy(ret_text, first, (size_t)(text + sizeof(text) - first));
}
