/*
 * Texts without case, as query.h defines it. The folding is done here, on the
 * seed alone, and not by the servers, whose lower() depends on locales and
 * versions: a server is only told which other letters count as those of the
 * seed.
 */
#ifndef QUERY_FOLD_H
#define QUERY_FOLD_H

#include <stdint.h>
#include <stdio.h>

enum { FOLD_OTHERS_MAX = 8 };

/* The letter that C counts as. */
uint32_t fold_letter(uint32_t c);

/* The letters beyond ASCII, other than C, that count as C; returns how many. */
size_t fold_others(uint32_t c, uint32_t ret_others[FOLD_OTHERS_MAX]);

/* Takes the next character of *TEXT, which is UTF-8; 0 at the end. */
uint32_t fold_next(const char **text);

/* Prints a character in UTF-8. */
void fold_put(FILE *out, uint32_t c);

/* New folded text; SQLA_EMISUSE: it is not UTF-8. */
int fold_text(const char *text, char **ret_folded);

#endif
