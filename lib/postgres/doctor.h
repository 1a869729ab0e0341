/* What would hurt later, and the SQL for the administrator. */
#ifndef POSTGRES_DOCTOR_H
#define POSTGRES_DOCTOR_H

#include "engine/driver.h"

int pg_doctor(struct engine_config *config, sqla_finding_fn *fn, void *arg);
char *pg_doctor_sql(const struct engine_config *config);

#endif
