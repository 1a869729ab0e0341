/* Looking at a decider for many branches at once: look.h, for all of them. */
#ifndef POSTGRES_LOOKS_H
#define POSTGRES_LOOKS_H

#include "engine/driver.h"

int pg_look_at_all(struct driver_conn *conn, struct driver_looks *looks);

#endif
