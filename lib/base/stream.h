/*
 * A stream into memory, that tells when it runs out of it. Of open_memstream in
 * glibc neither ferror nor fclose does: texts would be cut short, or missing,
 * and nobody knew.
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <stdio.h>

/*
 * As open_memstream: what is printed is in *RET_TEXT, new text, and its length in
 * *RET_SIZE, once fclose has answered 0. Other answers: it is not whole. To be
 * freed in either case. NULL: no memory, and nothing is to be freed.
 */
FILE *stream_open(char **ret_text, size_t *ret_size);

#endif
