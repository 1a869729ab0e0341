#include "panel/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/stream.h"
#include "base/utf8.h"

static const char *html(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static const char *label(char c)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '"':
		return "\\\"";
	case '\n':
		return "\\n";
	default:
		return NULL;
	}
}

static const char *escaped(enum text_escape escape, char c)
{
	if (escape == TEXT_HTML)
		return html(c);
	return escape == TEXT_LABEL ? label(c) : NULL;
}

void text_put(FILE *out, enum text_escape escape, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t length = utf8_character(text, left);
		const char *instead = length == 1 ? escaped(escape, *text) : NULL;

		if (length == 0) {
			(void)fputs("\xEF\xBF\xBD", out);
			length = 1;
		} else if (instead) {
			(void)fputs(instead, out);
		} else {
			(void)fwrite(text, 1, length, out);
		}
		text += length;
		left -= length;
	}
}

char *text_clean(const char *text)
{
	char *clean = NULL;
	size_t size;
	FILE *out = stream_open(&clean, &size);

	if (!out)
		return NULL;
	text_put(out, TEXT_PLAIN, text);
	if (fclose(out) == 0)
		return clean;
	free(clean);
	return NULL;
}

void text_time(int64_t unix_ms, char ret_text[TEXT_TIME])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;

	if (!gmtime_r(&seconds, &parts) ||
	    strftime(ret_text, TEXT_TIME, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		(void)strcpy(ret_text, "?");
}
