/*
 * fuzz.h - a fuzz target: a program with one function that takes any bytes and
 * aborts when something is not as it must be. fuzz-NAME.c is linked twice: with
 * replay.c, which runs it over corpus/NAME in `make check`, under ASan and under
 * valgrind; and with libFuzzer, which thinks of new inputs (fuzz.sh).
 *
 * What libFuzzer keeps as an input that fails goes into corpus/NAME, under a
 * name that says what was wrong.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

extern const char fuzz_name[]; /* of the target, and of its folder */

/* Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns new text: the input up to its first NUL byte. */
char *fuzz_text(const uint8_t *data, size_t size);

/* An input that is taken apart from its front; beyond its end all is 0. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *input);

/* A byte says how long it is. Returns new text with as many bytes in it, of
 * which some may be NUL; RET_SIZE may be NULL. */
char *fuzz_piece(struct fuzz_input *input, size_t *ret_size);

/* Makes this file of these bytes, in place of one that is there. */
void fuzz_write(const char *path, const void *data, size_t size);

/* What follows a transfer: a recovery, an examination of ENGINE (NULL: of all), and
 * the end of all engines. */
void fuzz_recover_and_examine(const char *engine);

/* Whatever is claimed here must be true of every input. */
#define fuzz_must(claim)                                                            \
	do {                                                                        \
		if (!(claim))                                                       \
			must_fail("%s:%d: not so: %s", __FILE__, __LINE__, #claim); \
	} while (0)

#endif
