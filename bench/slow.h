/*
 * slow.h - a slow network: a socket that passes everything on to a server's
 * and back, some time later. What arrives together leaves together, so that
 * a latency divided by the delay there and back is a number of round trips.
 */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

struct slow;

/*
 * Listens in a new folder for the PostgreSQL server whose socket is in SERVER,
 * and passes on DELAY_MS milliseconds later, each way. Aborts when that does
 * not work.
 */
struct slow *slow_start(const char *server, int delay_ms);

/* Ends the connections, too. NULL is allowed. */
void slow_stop(struct slow *slow);

/* The folder to connect to; borrowed. */
const char *slow_folder(const struct slow *slow);

#endif
