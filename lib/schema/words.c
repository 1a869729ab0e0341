#include "schema/words.h"

#include <string.h>

static const char *const types[] = {
	[SQLA_COL_INT] = "int",
	[SQLA_COL_INT32] = "int32",
	[SQLA_COL_REAL] = "real",
	[SQLA_COL_BOOL] = "bool",
	[SQLA_COL_TEXT] = "text",
	[SQLA_COL_BLOB] = "blob",
	[SQLA_COL_TIMESTAMP] = "timestamp",
	[SQLA_COL_DATE] = "date",
	[SQLA_COL_NUMERIC] = "numeric",
	[SQLA_COL_UUID] = "uuid",
	[SQLA_COL_JSON] = "json",
};
static const char *const actions[] = {
	[SQLA_NO_ACTION] = "no action",	    [SQLA_RESTRICT] = "restrict",
	[SQLA_CASCADE] = "cascade",	    [SQLA_SET_NULL] = "set null",
	[SQLA_SET_DEFAULT] = "set default",
};
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The place of WORD in WORDS, or N. */
static size_t find(const char *const words[], size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && (!words[i] || strcmp(words[i], word) != 0))
		i++;
	return i;
}

const char *words_type(enum sqla_column_type type)
{
	return (size_t)type < LENGTH(types) ? types[type] : NULL;
}

const char *words_action(enum sqla_action action)
{
	return (size_t)action < LENGTH(actions) ? actions[action] : NULL;
}

bool words_find_type(const char *word, enum sqla_column_type *ret_type)
{
	size_t i = find(types, LENGTH(types), word);

	if (i < LENGTH(types))
		*ret_type = (enum sqla_column_type)i;
	return i < LENGTH(types);
}

bool words_find_action(const char *word, enum sqla_action *ret_action)
{
	size_t i = find(actions, LENGTH(actions), word);

	if (i < LENGTH(actions))
		*ret_action = (enum sqla_action)i;
	return i < LENGTH(actions);
}
