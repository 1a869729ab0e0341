/*
 * Decisions of an engine whose branches have all ended, oldest first, until
 * they are old enough to be forgotten (I5). What is lost from here, recovery
 * finds in the table. Thread-safe.
 */
#ifndef ENGINE_FORGET_H
#define ENGINE_FORGET_H

#include <stdbool.h>
#include <stddef.h>

struct forget_queue;

/* Returns a new queue, or NULL with the error set. INT_MAX seconds: never due. */
struct forget_queue *forget_new(int keep_s);
void forget_free(struct forget_queue *queue);

void forget_later(struct forget_queue *queue, const char *uuid);
/* Whether N of them are due. */
bool forget_is_due(struct forget_queue *queue, size_t n);
/* Takes at most N that are due; how many. */
size_t forget_due(struct forget_queue *queue, char (*uuids)[37], size_t n);
/* Puts back what was taken: it stays due. */
void forget_again(struct forget_queue *queue, char (*uuids)[37], size_t n);

#endif
