/* Checks of a SQLite engine: member of struct driver. */
#ifndef SQLITE_DOCTOR_H
#define SQLITE_DOCTOR_H

#include "engine/driver.h"

int lite_doctor(struct engine_config *config, sqla_finding_fn *fn, void *arg);

#endif
