/* A declaration as JSON; what has its default is left out. parse.c reads it. */
#include "schema/json.h"

#include <sqlassist/table.h>

#include "base/error.h"

#ifndef SQLA_WITH_JANSSON

bool schema_is_json(const char *text)
{
	(void)text;
	return true;
}

char *sqla_metadata_json(const struct sqla_metadata *metadata)
{
	(void)metadata;
	(void)error_set(SQLA_ECONFIG, NULL, "Build libsqlassist with jansson.",
			"sqla_metadata_json: this libsqlassist was built without jansson");
	return NULL;
}

#else

#include <jansson.h>

#include "schema/metadata.h"
#include "schema/words.h"

bool schema_is_json(const char *text)
{
	json_t *value =
		json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
	bool is_valid = value != NULL;

	json_decref(value);
	return is_valid;
}

/* jansson lets NULL through to the end, where it is an error. */
static void set(json_t *object, const char *key, json_t *value, bool *is_whole)
{
	if (json_object_set_new(object, key, value) < 0)
		*is_whole = false;
}

static void set_text(json_t *object, const char *key, const char *text, bool *is_whole)
{
	if (text)
		set(object, key, json_string(text), is_whole);
}

static void set_flag(json_t *object, const char *key, bool flag, bool *is_whole)
{
	if (flag)
		set(object, key, json_true(), is_whole);
}

static void set_number(json_t *object, const char *key, int number, bool *is_whole)
{
	if (number)
		set(object, key, json_integer(number), is_whole);
}

static void set_action(json_t *object, const char *key, enum sqla_action action, bool *is_whole)
{
	if (action)
		set(object, key, json_string(words_action(action)), is_whole);
}

static void set_names(json_t *object, const char *key, const char *const names[SQLA_KEY_COLUMNS],
		      bool *is_whole)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SQLA_KEY_COLUMNS && names[i]; i++)
		if (json_array_append_new(list, json_string(names[i])) < 0)
			*is_whole = false;
	set(object, key, list, is_whole);
}

/* Adds a new object to LIST, and returns it borrowed. */
static json_t *append(json_t *list, bool *is_whole)
{
	json_t *object = json_object();

	if (json_array_append_new(list, object) < 0)
		*is_whole = false;
	return object;
}

/* ---- parts of a table ---------------------------------------------------- */

static void put_column(json_t *list, const struct sqla_column *c, bool *is_whole)
{
	json_t *object = append(list, is_whole);

	set_text(object, "name", c->name, is_whole);
	set_text(object, "type", words_type(c->type), is_whole);
	set_flag(object, "nullable", c->nullable, is_whole);
	set_flag(object, "primary_key", c->primary_key, is_whole);
	set_flag(object, "autoincrement", c->autoincrement, is_whole);
	set_flag(object, "unique", c->unique, is_whole);
	set_flag(object, "index", c->index, is_whole);
	set_number(object, "length", c->length, is_whole);
	set_number(object, "scale", c->scale, is_whole);
	set_text(object, "default_sql", c->default_sql, is_whole);
	set_text(object, "check", c->check, is_whole);
	set_text(object, "references_table", c->references_table, is_whole);
	set_text(object, "references_column", c->references_column, is_whole);
	set_action(object, "on_delete", c->on_delete, is_whole);
	set_action(object, "on_update", c->on_update, is_whole);
}

static void put_unique(json_t *list, const struct sqla_unique *unique, bool *is_whole)
{
	json_t *object = append(list, is_whole);

	set_text(object, "name", unique->name, is_whole);
	set_names(object, "columns", unique->columns, is_whole);
}

static void put_check(json_t *list, const struct sqla_check *check, bool *is_whole)
{
	json_t *object = append(list, is_whole);

	set_text(object, "name", check->name, is_whole);
	set_text(object, "condition", check->condition, is_whole);
}

static void put_foreign_key(json_t *list, const struct sqla_foreign_key *key, bool *is_whole)
{
	json_t *object = append(list, is_whole);

	set_text(object, "name", key->name, is_whole);
	set_names(object, "columns", key->columns, is_whole);
	set_text(object, "table", key->table, is_whole);
	set_names(object, "referred", key->referred, is_whole);
	set_action(object, "on_delete", key->on_delete, is_whole);
	set_action(object, "on_update", key->on_update, is_whole);
	set_flag(object, "deferred", key->deferred, is_whole);
}

static void put_index(json_t *list, const struct sqla_index *index, bool *is_whole)
{
	json_t *object = append(list, is_whole);

	set_text(object, "name", index->name, is_whole);
	set_names(object, "columns", index->columns, is_whole);
	set_flag(object, "unique", index->unique, is_whole);
	set_text(object, "where", index->where, is_whole);
}

/* A new list in OBJECT, borrowed. */
static json_t *put_list(json_t *object, const char *key, bool *is_whole)
{
	json_t *list = json_array();

	set(object, key, list, is_whole);
	return list;
}

static void put_table(json_t *tables, const struct sqla_table *table, bool *is_whole)
{
	json_t *object = append(tables, is_whole);
	json_t *columns, *uniques, *checks, *keys, *indexes;

	set_text(object, "name", table->name, is_whole);
	columns = put_list(object, "columns", is_whole);
	for (size_t i = 0; i < table->n_columns; i++)
		put_column(columns, &table->columns[i], is_whole);
	uniques = put_list(object, "uniques", is_whole);
	for (size_t i = 0; i < table->n_uniques; i++)
		put_unique(uniques, &table->uniques[i], is_whole);
	checks = put_list(object, "checks", is_whole);
	for (size_t i = 0; i < table->n_checks; i++)
		put_check(checks, &table->checks[i], is_whole);
	keys = put_list(object, "foreign_keys", is_whole);
	for (size_t i = 0; i < table->n_foreign_keys; i++)
		put_foreign_key(keys, &table->foreign_keys[i], is_whole);
	indexes = put_list(object, "indexes", is_whole);
	for (size_t i = 0; i < table->n_indexes; i++)
		put_index(indexes, &table->indexes[i], is_whole);
}

char *sqla_metadata_json(const struct sqla_metadata *metadata)
{
	bool is_whole = true;
	json_t *document, *tables;
	char *text = NULL;

	if (!metadata) {
		(void)error_set(SQLA_EMISUSE, NULL, NULL,
				"sqla_metadata_json: the metadata is NULL");
		return NULL;
	}
	document = json_pack("{s:{s:s, s:s, s:s, s:s, s:s}}", "naming", "ix", metadata->naming.ix,
			     "uq", metadata->naming.uq, "ck", metadata->naming.ck, "fk",
			     metadata->naming.fk, "pk", metadata->naming.pk);
	tables = put_list(document, "tables", &is_whole);
	for (const struct metadata_entry *entry = metadata->entries; entry; entry = entry->hh.next)
		put_table(tables, entry->table, &is_whole);
	if (is_whole)
		text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	if (!text)
		(void)error_set(SQLA_EMISUSE, NULL, "Write all texts in UTF-8.",
				"the declaration is not UTF-8, or memory is out");
	return text;
}

#endif
