/*
 * scale.h - what happens when there is much: in doubt, decided, or open. Each
 * returns new JSON and aborts when something does not work.
 */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include <jansson.h>
#include <stdint.h>

/* How long recovery takes with 0 to MOST branches in doubt. */
json_t *scale_recovery(int most);

/* Size and speed while the decision table sees that many TRANSACTIONS. */
json_t *scale_decisions(int64_t transactions);

/* Bytes of the heap for a transaction and for a connection. */
json_t *scale_memory(int n_open);

#endif
