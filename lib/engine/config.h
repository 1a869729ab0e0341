/* Making an engine's configuration from what the application registers. */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "engine/driver.h"

/*
 * Checks NAME, URL and OPTIONS (NULL: defaults) together and returns a new
 * configuration; statuses are those of sqla_engine_register.
 */
int config_new(const char *name, const char *url, const struct sqla_engine_options *options,
	       struct engine_config **ret_config);

#endif
