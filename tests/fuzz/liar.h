/*
 * liar.h - a PostgreSQL server that lies. It is one, as far as this library's
 * statements go, with two databases "a" and "b", of two systems, in which nothing
 * is stored but whether a branch is prepared and a decision committed. An input
 * tells it where to say something else: an error, another tag, no rows or
 * strange ones, nothing at all, or any bytes. What it claimed is noted.
 *
 * Connection number I reads the Ith piece of the input (fuzz_piece), a byte for
 * each answer, 0 being the honest one: liar-answers.c says what the others are.
 */
#ifndef FUZZ_LIAR_H
#define FUZZ_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What clients were told of a database, truly or not. */
struct liar_claims {
	bool has_changed;   /* its transaction has a number */
	bool has_committed; /* COMMIT, COMMIT PREPARED, or a row or a number that says so */
};

/* Starts it, once a process. */
void liar_start(void);

/* Returns new text: the URL of a database. */
char *liar_url(const char *database);

/* Begins anew, with this input, which is borrowed. No client is connected. */
void liar_listen(const uint8_t *data, size_t size);

/* Waits until every client has gone; RET: of "a" and of "b". */
void liar_rest(struct liar_claims ret_claims[2]);

#endif
