/*
 * A driver without a database, for tests of engines and pools: it counts what
 * is done with its connections and fails on demand. Its URLs: "fake://...".
 * It is the only driver of a program that links fake.c.
 */
#ifndef TESTS_ENGINE_FAKE_H
#define TESTS_ENGINE_FAKE_H

#include "engine/driver.h"

struct fake_counts {
	int opened;
	int closed;
	int abandoned;
	int pinged;
	int reset;
	int most_open; /* at one time */
};

/* All atomic; reset by nobody, since each test has its own process. */
extern struct fake_counts fake;

/* What the driver is to pretend: */
extern bool fake_cannot_open;
extern bool fake_ping_fails;
extern bool fake_reset_fails;
extern int fake_open_ms; /* how long opening takes */

/* Makes CONN look as if something were under way on it. */
void fake_make_busy(struct driver_conn *conn);

#endif
