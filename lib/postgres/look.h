/* Looking at a decider: DESIGN's "to look" (I1, I3, I4, I6). */
#ifndef POSTGRES_LOOK_H
#define POSTGRES_LOOK_H

#include "engine/driver.h"

struct pg_link;

/* What was seen, as evidence. */
#define PG_SAW_ROW "the committed decision row is there"
#define PG_SAW_DURABLE_ROW "the committed decision row is there, and durable"
#define PG_SAW_TOMBSTONE "a tombstone is there: it can never commit"
#define PG_COULD_BURY "there is no decision row: a tombstone goes in, so it can never commit"
#define PG_HAS_BURIED "there was no decision row, and a tombstone is there now: it can never commit"

enum driver_look_result pg_look(struct driver_conn *conn, struct driver_look *look);

/*
 * Its steps, for looks.c; false, with the evidence, if nothing can be said. Step
 * 1, and what is asked again while a tombstone's lock keeps the table as it is.
 */
bool pg_look_is_trustworthy(struct pg_link *link, struct driver_look *look);
bool pg_look_is_table_proper(struct pg_link *link, struct driver_look *look);

#endif
