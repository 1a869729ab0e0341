/* A declaration from the JSON that json.c writes. All texts are the document's,
 * which the metadata keeps. */
#include <sqlassist/table.h>

#include "base/error.h"

#ifndef SQLA_WITH_JANSSON

int sqla_metadata_parse(const char *json, struct sqla_metadata **ret_metadata)
{
	(void)json;
	(void)ret_metadata;
	return error_set(SQLA_ECONFIG, NULL, "Build libsqlassist with jansson.",
			 "sqla_metadata_parse: this libsqlassist was built without jansson");
}

#else

#include <jansson.h>
#include <stdlib.h>

#include "schema/metadata.h"
#include "schema/words.h"

struct declared {
	json_t *document;
	struct sqla_table *tables;
	size_t n;
};

static int refuse(const json_t *at, const char *why)
{
	char *text = json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT);
	int status = error_set(SQLA_ECONFIG, NULL, "Write it with sqla_metadata_json.",
			       "these are not declared tables: %s: %.120s", why, text ? text : "");

	free(text);
	return status;
}

/* ---- words --------------------------------------------------------------- */

static int read_action(const json_t *at, const char *word, enum sqla_action *ret)
{
	return !word || words_find_action(word, ret) ? 0 : refuse(at, "there is no such action");
}

static int read_names(const json_t *at, const json_t *list, const char *ret[SQLA_KEY_COLUMNS])
{
	if (list && (!json_is_array(list) || json_array_size(list) > SQLA_KEY_COLUMNS))
		return refuse(at, "this is no list of columns, or too long a one");
	for (size_t i = 0; i < json_array_size(list); i++) {
		ret[i] = json_string_value(json_array_get(list, i));
		if (!ret[i])
			return refuse(at, "this is no name of a column");
	}
	return 0;
}

/* ---- parts of a table ------------------------------------------------------ */

/* Unknown keys are errors: they would be declared in vain. */
static int read_column(json_t *at, void *into)
{
	struct sqla_column *c = into;
	int nullable = 0, key = 0, autoincrement = 0, unique = 0, index = 0, status;
	const char *type, *on_delete = NULL, *on_update = NULL;
	json_error_t why;

	if (json_unpack_ex(at, &why, JSON_STRICT,
			   "{s:s, s:s, s?b, s?b, s?b, s?b, s?b, s?i, s?i, s?s, s?s, s?s, s?s, s?s, "
			   "s?s}",
			   "name", &c->name, "type", &type, "nullable", &nullable, "primary_key",
			   &key, "autoincrement", &autoincrement, "unique", &unique, "index",
			   &index, "length", &c->length, "scale", &c->scale, "default_sql",
			   &c->default_sql, "check", &c->check, "references_table",
			   &c->references_table, "references_column", &c->references_column,
			   "on_delete", &on_delete, "on_update", &on_update) < 0)
		return refuse(at, why.text);
	if (!words_find_type(type, &c->type))
		return refuse(at, "there is no such type");
	c->nullable = nullable;
	c->primary_key = key;
	c->autoincrement = autoincrement;
	c->unique = unique;
	c->index = index;
	status = read_action(at, on_delete, &c->on_delete);
	return status < 0 ? status : read_action(at, on_update, &c->on_update);
}

static int read_unique(json_t *at, void *into)
{
	struct sqla_unique *unique = into;
	json_t *columns;
	json_error_t why;

	if (json_unpack_ex(at, &why, JSON_STRICT, "{s?s, s:o}", "name", &unique->name, "columns",
			   &columns) < 0)
		return refuse(at, why.text);
	return read_names(at, columns, unique->columns);
}

static int read_check(json_t *at, void *into)
{
	struct sqla_check *check = into;
	json_error_t why;

	if (json_unpack_ex(at, &why, JSON_STRICT, "{s?s, s:s}", "name", &check->name, "condition",
			   &check->condition) < 0)
		return refuse(at, why.text);
	return 0;
}

static int read_foreign_key(json_t *at, void *into)
{
	struct sqla_foreign_key *key = into;
	const char *on_delete = NULL, *on_update = NULL;
	json_t *columns, *referred = NULL;
	int deferred = 0, status;
	json_error_t why;

	if (json_unpack_ex(at, &why, JSON_STRICT, "{s?s, s:o, s:s, s?o, s?s, s?s, s?b}", "name",
			   &key->name, "columns", &columns, "table", &key->table, "referred",
			   &referred, "on_delete", &on_delete, "on_update", &on_update, "deferred",
			   &deferred) < 0)
		return refuse(at, why.text);
	key->deferred = deferred;
	status = read_names(at, columns, key->columns);
	if (status == 0)
		status = read_names(at, referred, key->referred);
	if (status == 0)
		status = read_action(at, on_delete, &key->on_delete);
	return status < 0 ? status : read_action(at, on_update, &key->on_update);
}

static int read_index(json_t *at, void *into)
{
	struct sqla_index *index = into;
	json_t *columns;
	int unique = 0;
	json_error_t why;

	if (json_unpack_ex(at, &why, JSON_STRICT, "{s?s, s:o, s?b, s?s}", "name", &index->name,
			   "columns", &columns, "unique", &unique, "where", &index->where) < 0)
		return refuse(at, why.text);
	index->unique = unique;
	return read_names(at, columns, index->columns);
}

/* Reads every element of LIST (NULL: none) into a new array of elements of SIZE
 * bytes, which is stored also when one of them is wrong. */
static int read_list(json_t *list, size_t size, int (*read)(json_t *at, void *into), void **ret,
		     size_t *ret_n)
{
	size_t n = json_array_size(list);
	char *elements;
	int status = 0;

	if (list && !json_is_array(list))
		return refuse(list, "this is no list");
	elements = calloc(n + 1, size);
	if (!elements)
		return error_nomem();
	*ret = elements;
	*ret_n = n;
	for (size_t i = 0; i < n && status == 0; i++)
		status = read(json_array_get(list, i), elements + i * size);
	return status;
}

#define READ_LIST(list, member, one)                                                         \
	read_list((list), sizeof(*table->member), (one), (void **)(uintptr_t)&table->member, \
		  &table->n_##member)

static int read_table(json_t *at, void *into)
{
	struct sqla_table *table = into;
	json_t *columns, *uniques = NULL, *checks = NULL, *keys = NULL, *indexes = NULL;
	json_error_t why;
	int status;

	if (json_unpack_ex(at, &why, JSON_STRICT, "{s:s, s:o, s?o, s?o, s?o, s?o}", "name",
			   &table->name, "columns", &columns, "uniques", &uniques, "checks",
			   &checks, "foreign_keys", &keys, "indexes", &indexes) < 0)
		return refuse(at, why.text);
	status = READ_LIST(columns, columns, read_column);
	if (status == 0)
		status = READ_LIST(uniques, uniques, read_unique);
	if (status == 0)
		status = READ_LIST(checks, checks, read_check);
	if (status == 0)
		status = READ_LIST(keys, foreign_keys, read_foreign_key);
	if (status == 0)
		status = READ_LIST(indexes, indexes, read_index);
	return status;
}

/* ---- the whole ----------------------------------------------------------- */

static void free_declared(void *arg)
{
	struct declared *declared = arg;

	for (size_t i = 0; i < declared->n; i++) {
		free((void *)(uintptr_t)declared->tables[i].columns);
		free((void *)(uintptr_t)declared->tables[i].uniques);
		free((void *)(uintptr_t)declared->tables[i].checks);
		free((void *)(uintptr_t)declared->tables[i].foreign_keys);
		free((void *)(uintptr_t)declared->tables[i].indexes);
	}
	free(declared->tables);
	json_decref(declared->document);
	free(declared);
}

static int read_document(struct declared *declared, struct sqla_naming *naming)
{
	void *list = NULL;
	json_t *tables;
	json_error_t why;
	int status;

	if (json_unpack_ex(declared->document, &why, JSON_STRICT,
			   "{s?{s?s, s?s, s?s, s?s, s?s}, s:o}", "naming", "ix", &naming->ix, "uq",
			   &naming->uq, "ck", &naming->ck, "fk", &naming->fk, "pk", &naming->pk,
			   "tables", &tables) < 0)
		return refuse(declared->document, why.text);
	status = read_list(tables, sizeof(*declared->tables), read_table, &list, &declared->n);
	declared->tables = list;
	return status;
}

static int make(struct declared *declared, struct sqla_metadata **ret_metadata)
{
	struct sqla_naming naming = { 0 };
	int status = read_document(declared, &naming);

	if (status == 0)
		status = sqla_metadata_new(&naming, ret_metadata);
	for (size_t i = 0; i < declared->n && status == 0; i++)
		status = sqla_metadata_add(*ret_metadata, &declared->tables[i]);
	return status;
}

int sqla_metadata_parse(const char *json, struct sqla_metadata **ret_metadata)
{
	struct sqla_metadata *metadata = NULL;
	struct declared *declared;
	json_error_t why;
	int status;

	if (!json || !ret_metadata)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_metadata_parse: no text, or no place for the metadata");
	declared = calloc(1, sizeof(*declared));
	if (!declared)
		return error_nomem();
	declared->document = json_loads(json, JSON_REJECT_DUPLICATES, &why);
	status = declared->document ? make(declared, &metadata) :
				      error_set(SQLA_ECONFIG, NULL, NULL,
						"this is no JSON: line %d, column %d: %s", why.line,
						why.column, why.text);
	if (status < 0) {
		sqla_metadata_free(metadata);
		free_declared(declared);
		return status;
	}
	metadata->owned = declared;
	metadata->free_owned = free_declared;
	*ret_metadata = metadata;
	return 0;
}

#endif
