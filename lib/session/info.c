#include "session/session.h"

#include <stdlib.h>

#include "base/error.h"

struct info {
	char *key;
	void *value;
	UT_hash_handle hh;
};

static struct info *find(const struct sqla_session *s, const char *key)
{
	struct info *info;

	HASH_FIND_STR(s->info, key, info);
	return info;
}

static void info_remove(struct sqla_session *s, struct info *info)
{
	HASH_DEL(s->info, info);
	free(info->key);
	free(info);
}

static int info_add(struct sqla_session *s, const char *key, void *value)
{
	struct info *info = calloc(1, sizeof(*info));

	if (!info)
		return error_nomem();
	info->value = value;
	info->key = strdup(key);
	if (!info->key)
		goto out;
	HASH_ADD_KEYPTR(hh, s->info, info->key, strlen(info->key), info);
	if (info->hh.tbl)
		return 0;
out:
	free(info->key);
	free(info);
	return error_nomem();
}

void info_clear(struct sqla_session *s)
{
	while (s->info)
		info_remove(s, s->info);
}

int sqla_session_set_info(struct sqla_session *s, const char *key, void *value)
{
	struct info *info;
	int status = session_check(s, "sqla_session_set_info");

	if (status < 0)
		return status;
	if (!key)
		return error_set(SQLA_EMISUSE, engine_name(s->engine), NULL,
				 "sqla_session_set_info: the key is NULL");
	info = find(s, key);
	if (info && value)
		info->value = value;
	else if (info)
		info_remove(s, info);
	else if (value)
		return info_add(s, key, value);
	return 0;
}

void *sqla_session_info(const struct sqla_session *s, const char *key)
{
	struct info *info;

	if (!key || !scope_is_open(s))
		return NULL;
	info = find(s, key);
	return info ? info->value : NULL;
}
