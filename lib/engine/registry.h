/* Adding engines to the registry, and making them. */
#ifndef ENGINE_REGISTRY_H
#define ENGINE_REGISTRY_H

#include "engine/engine.h"

/* Returns a new engine with one reference; takes CONFIG's reference even when
 * it fails. */
int engine_new(struct engine_config *config, struct engine **ret_engine);

/* Adds all of ENGINES or none. SQLA_EALREADY names the one that is in the way.
 * The caller keeps its references. */
int registry_add(struct engine *const *engines, size_t n);

/* How many sessions use ENGINE; drops its pooled connections. */
int engine_uses(struct engine *engine);
void engine_drain(struct engine *engine);
/* pool_tell_oldest of its pool. */
bool engine_tell_oldest(struct engine *engine, char *ret_text, size_t size);

/* Calls what engine_before_unregister was given. */
void engine_tell_unregister(struct engine *engine);

void engine_set_scope(struct engine *engine, sqla_scope_fn *fn);

#endif
