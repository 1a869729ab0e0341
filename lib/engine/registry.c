#include "engine/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fork.h"
#include "engine/config.h"

/* An element that could not be added has no table. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
	struct engine *engine; /* a reference */
	UT_hash_handle hh;     /* by name; keeps the order of registration */
};

/* Guarded by registry_lock: */
static struct entry *entries;
static struct entry *chosen; /* the one that said is_default, or NULL */

static struct fork_lock registry_lock = FORK_LOCK_INITIALIZER;

static struct entry *find(const char *name)
{
	struct entry *entry;

	HASH_FIND_STR(entries, name, entry);
	return entry;
}

static struct entry *find_default(void)
{
	return chosen ? chosen : entries;
}

static bool wants_default(struct engine *engine)
{
	return engine_config(engine)->options.is_default == SQLA_YES;
}

/* ---- adding ------------------------------------------------------------ */

static int may_add(struct engine *engine)
{
	const char *name = engine_name(engine);

	if (find(name))
		return error_set(SQLA_EALREADY, name, "Use another name, or unregister it first.",
				 "an engine named \"%s\" is already registered", name);
	if (wants_default(engine) && chosen)
		return error_set(SQLA_EALREADY, name, "Let one engine say is_default.",
				 "engine \"%s\" is the default already, \"%s\" cannot be",
				 engine_name(chosen->engine), name);
	return 0;
}

static int add(struct engine *engine)
{
	struct entry *entry;
	const char *name = engine_name(engine);
	int status = may_add(engine);

	if (status < 0)
		return status;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return error_nomem();
	HASH_ADD_KEYPTR(hh, entries, name, strlen(name), entry);
	if (!entry->hh.tbl) {
		free(entry);
		return error_nomem();
	}
	entry->engine = engine_ref(engine);
	if (wants_default(engine))
		chosen = entry;
	return 0;
}

/* Returns the engine with the entry's reference. */
static struct engine *take_out(struct entry *entry)
{
	struct engine *engine = entry->engine;

	HASH_DEL(entries, entry);
	if (chosen == entry)
		chosen = NULL;
	free(entry);
	return engine;
}

int registry_add(struct engine *const *engines, size_t n)
{
	size_t added = 0;
	int status = 0;

	fork_lock_take(&registry_lock);
	while (added < n && status == 0) {
		status = add(engines[added]);
		if (status == 0)
			added++;
	}
	while (status < 0 && added > 0)
		engine_unref(take_out(find(engine_name(engines[--added]))));
	fork_lock_give(&registry_lock);
	return status;
}

int sqla_engine_register(const char *name, const char *url,
			 const struct sqla_engine_options *options)
{
	struct engine_config *config;
	struct engine *engine = NULL;
	int status;

	status = config_new(name, url, options, &config);
	if (status < 0)
		return status;
	status = engine_new(config, &engine);
	if (status == 0)
		status = registry_add(&engine, 1);
	engine_unref(engine);
	return status;
}

/* ---- looking up -------------------------------------------------------- */

/* With the lock held. */
static int refuse_unknown(const char *name)
{
	char hint[512] = "Registered are:";
	size_t used = strlen(hint);

	if (!entries)
		return error_set(SQLA_ENOTFOUND, name,
				 "Call sqla_engine_register or sqla_engines_load first.",
				 "no engine is registered, \"%s\" was asked for",
				 name ? name : "!default");
	for (struct entry *entry = entries; entry && used < sizeof(hint); entry = entry->hh.next)
		used += (size_t)snprintf(hint + used, sizeof(hint) - used, " %s%s",
					 engine_name(entry->engine), entry->hh.next ? "," : "");
	return error_set(SQLA_ENOTFOUND, name, hint, "no engine is named \"%s\"", name);
}

int engine_get(const char *name, struct engine **ret_engine)
{
	struct entry *entry;
	int status = 0;

	fork_lock_take(&registry_lock);
	entry = name ? find(name) : find_default();
	if (entry)
		*ret_engine = engine_ref(entry->engine);
	else
		status = refuse_unknown(name);
	fork_lock_give(&registry_lock);
	return status;
}

/* New array of references to all engines, ended by NULL. */
static struct engine **snapshot(void)
{
	struct engine **engines;
	size_t n = 0;

	fork_lock_take(&registry_lock);
	engines = calloc(HASH_COUNT(entries) + 1, sizeof(*engines));
	for (struct entry *entry = entries; engines && entry; entry = entry->hh.next)
		engines[n++] = engine_ref(entry->engine);
	fork_lock_give(&registry_lock);
	if (!engines)
		error_nomem();
	return engines;
}

int engine_each(int (*fn)(struct engine *engine, void *arg), void *arg)
{
	struct engine **engines = snapshot();
	int answer = 0;

	if (!engines)
		return SQLA_ENOMEM;
	for (size_t i = 0; engines[i]; i++) {
		if (answer == 0)
			answer = fn(engines[i], arg);
		engine_unref(engines[i]);
	}
	free(engines);
	return answer;
}

const char *sqla_engine_default(void)
{
	struct entry *entry;
	const char *name;

	fork_lock_take(&registry_lock);
	entry = find_default();
	name = entry ? engine_name(entry->engine) : NULL;
	fork_lock_give(&registry_lock);
	return name;
}

size_t sqla_engine_names(const char *names[], size_t n)
{
	size_t i = 0;

	fork_lock_take(&registry_lock);
	for (struct entry *entry = entries; entry; entry = entry->hh.next, i++)
		if (names && i < n)
			names[i] = engine_name(entry->engine);
	fork_lock_give(&registry_lock);
	return i;
}

/* ---- one or all -------------------------------------------------------- */

static int drain_one(struct engine *engine, void *arg)
{
	(void)arg;
	engine_drain(engine);
	return 0;
}

int sqla_engine_reinit(const char *name)
{
	struct engine *engine;
	int status;

	if (!name)
		return engine_each(drain_one, NULL);
	status = engine_get(name, &engine);
	if (status < 0)
		return status;
	engine_drain(engine);
	engine_unref(engine);
	return 0;
}

static int may_unregister(struct engine *engine)
{
	int uses = engine_uses(engine);
	char oldest[320];
	bool is_known;

	if (uses <= 0)
		return 0;
	is_known = engine_tell_oldest(engine, oldest, sizeof(oldest));
	return error_set(SQLA_EALREADY, engine_name(engine), "Close its sessions first.",
			 "engine \"%s\" is in use by %d session%s%s%s", engine_name(engine), uses,
			 uses == 1 ? "" : "s", is_known ? ", a connection " : "",
			 is_known ? oldest : "");
}

static int unregister_one(const char *name)
{
	struct engine *engine;
	struct engine *registered = NULL;
	struct entry *entry;
	int status = engine_get(name, &engine);

	if (status < 0)
		return status;
	engine_tell_unregister(engine);
	status = may_unregister(engine);
	if (status < 0)
		goto out;
	fork_lock_take(&registry_lock);
	entry = find(name);
	if (entry && entry->engine == engine)
		registered = take_out(entry);
	fork_lock_give(&registry_lock);
	engine_unref(registered);
	engine_drain(engine);
out:
	engine_unref(engine);
	return status;
}

static int check_unused(struct engine *engine, void *arg)
{
	(void)arg;
	return may_unregister(engine);
}

static int unregister_each(struct engine *engine, void *arg)
{
	(void)arg;
	return unregister_one(engine_name(engine));
}

int sqla_engine_unregister(const char *name)
{
	int status;

	if (name)
		return unregister_one(name);
	status = engine_each(check_unused, NULL);
	return status < 0 ? status : engine_each(unregister_each, NULL);
}

int sqla_engine_set_scope(const char *name, sqla_scope_fn *fn)
{
	struct engine *engine;
	int status = engine_get(name, &engine);

	if (status < 0)
		return status;
	engine_set_scope(engine, fn);
	engine_unref(engine);
	return 0;
}
