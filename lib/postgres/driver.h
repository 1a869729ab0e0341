/*
 * The PostgreSQL driver (engine/driver.h). PostgreSQL 13 or later, through
 * libpq's asynchronous and pipelined calls.
 */
#ifndef POSTGRES_DRIVER_H
#define POSTGRES_DRIVER_H

#include "engine/driver.h"

extern const struct driver pg_driver;

#endif
