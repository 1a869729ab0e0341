#include "base/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct stream {
	char **text; /* borrowed, as size */
	size_t *size;
	size_t room;
	bool is_short; /* something did not go in; nothing will any more */
};

static bool grow(struct stream *stream, size_t needed)
{
	size_t room = stream->room;
	char *text;

	while (room < needed)
		room *= 2;
	if (room == stream->room)
		return true;
	text = realloc(*stream->text, room);
	if (!text)
		return false;
	*stream->text = text;
	stream->room = room;
	return true;
}

static ssize_t take(void *cookie, const char *bytes, size_t n)
{
	struct stream *stream = cookie;

	if (stream->is_short || !grow(stream, *stream->size + n + 1)) {
		stream->is_short = true;
		errno = ENOMEM;
		return 0;
	}
	memcpy(*stream->text + *stream->size, bytes, n);
	*stream->size += n;
	(*stream->text)[*stream->size] = '\0';
	return (ssize_t)n;
}

static int end(void *cookie)
{
	struct stream *stream = cookie;
	bool is_short = stream->is_short;

	free(stream);
	if (is_short)
		errno = ENOMEM;
	return is_short ? -1 : 0;
}

FILE *stream_open(char **ret_text, size_t *ret_size)
{
	static const cookie_io_functions_t functions = { .write = take, .close = end };
	struct stream *stream = calloc(1, sizeof(*stream));
	char *text = calloc(1, 64);
	FILE *file = NULL;

	if (stream && text)
		file = fopencookie(stream, "w", functions);
	if (!file) {
		free(text);
		free(stream);
		return NULL;
	}
	*stream = (struct stream){ .text = ret_text, .size = ret_size, .room = 64 };
	*ret_text = text;
	*ret_size = 0;
	return file;
}
