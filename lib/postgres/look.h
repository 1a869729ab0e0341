/* Looking at a decider: DESIGN's "to look" (I1, I3, I4, I6). */
#ifndef POSTGRES_LOOK_H
#define POSTGRES_LOOK_H

#include "engine/driver.h"

enum driver_look_result pg_look(struct driver_conn *conn, struct driver_look *look);

#endif
