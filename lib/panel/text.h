/* Putting texts of strangers into documents, so that they stay texts. */
#ifndef PANEL_TEXT_H
#define PANEL_TEXT_H

#include <stdint.h>
#include <stdio.h>

enum text_escape {
	TEXT_PLAIN, /* only made valid UTF-8 */
	TEXT_HTML,  /* as content and as an attribute in quotes */
	TEXT_LABEL, /* of Prometheus, in double quotes */
};

/* Bytes that are no UTF-8 become U+FFFD. */
void text_put(FILE *out, enum text_escape escape, const char *text);

/* New text that is valid UTF-8, or NULL (no memory). */
char *text_clean(const char *text);

/* 2026-11-22T10:54:17Z, of milliseconds since 1970. */
#define TEXT_TIME 32
void text_time(int64_t unix_ms, char ret_text[TEXT_TIME]);

#endif
