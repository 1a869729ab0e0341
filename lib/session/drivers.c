#include "engine/driver.h"

#ifdef SQLA_WITH_LIBPQ
#include "postgres/driver.h"
#endif
#ifdef SQLA_WITH_SQLITE
#include "sqlite/driver.h"
#endif

const struct driver *const drivers_all[] = {
#ifdef SQLA_WITH_LIBPQ
	&pg_driver,
#endif
#ifdef SQLA_WITH_SQLITE
	&lite_driver,
#endif
	NULL,
};
