/* The SQLite driver: engine/driver.h on stock SQLite, 3.39 or newer. */
#ifndef SQLITE_DRIVER_H
#define SQLITE_DRIVER_H

#include "engine/driver.h"

extern const struct driver lite_driver;

#endif
