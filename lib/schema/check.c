/*
 * The difference between a database and a declaration, found without reading
 * any SQL: the engine makes the declared tables once more as temporary ones,
 * and answers the same questions about both.
 */
#include <sqlassist/table.h>

#include <stdlib.h>

#include "base/error.h"
#include "schema/ddl.h"
#include "schema/live.h"
#include "schema/sql.h"
#include "schema/table.h"

/* Something that is so about a table; texts in one allocation. */
struct fact {
	char *key; /* table, aspect and name */
	const char *table, *aspect, *name, *value;
	UT_hash_handle hh;
};

struct check {
	struct live live;
	struct plan plan;
	struct fact *declared, *found;
	struct fact **into; /* where on_fact puts them */
	sqla_difference_fn *fn;
	void *arg;
	int n;
};

/* ---- facts --------------------------------------------------------------- */

static struct fact *find(struct fact *facts, const char *table, const char *aspect,
			 const char *name)
{
	struct fact *fact = NULL;
	char *key = NULL;

	if (asprintf(&key, "%s\n%s\n%s", table, aspect, name) < 0)
		return NULL;
	HASH_FIND_STR(facts, key, fact);
	free(key);
	return fact;
}

static void free_fact(struct fact *fact)
{
	free((char *)fact->table);
	free(fact->key);
	free(fact);
}

/* TEXTS: table, aspect, name, value. */
static int add(struct fact **facts, const char *const texts[])
{
	struct fact *fact;
	char *copy = NULL;
	size_t at[4] = { 0 };

	if (find(*facts, texts[0], texts[1], texts[2]))
		return 0;
	fact = calloc(1, sizeof(*fact));
	if (!fact)
		return error_nomem();
	for (size_t i = 1; i < 4; i++)
		at[i] = at[i - 1] + strlen(texts[i - 1]) + 1;
	if (asprintf(&copy, "%s%c%s%c%s%c%s", texts[0], 0, texts[1], 0, texts[2], 0, texts[3]) >=
	    0) {
		fact->table = copy;
		fact->aspect = copy + at[1];
		fact->name = copy + at[2];
		fact->value = copy + at[3];
	}
	if (copy && asprintf(&fact->key, "%s\n%s\n%s", texts[0], texts[1], texts[2]) >= 0)
		HASH_ADD_KEYPTR(hh, *facts, fact->key, strlen(fact->key), fact);
	if (fact->hh.tbl)
		return 0;
	free_fact(fact);
	return error_nomem();
}

static void free_facts(struct fact **facts)
{
	struct fact *fact, *next;

	HASH_ITER(hh, *facts, fact, next) {
		HASH_DEL(*facts, fact);
		free_fact(fact);
	}
}

static int by_key(const struct fact *a, const struct fact *b)
{
	return strcmp(a->key, b->key);
}

static int on_fact(void *arg, const char *const texts[])
{
	struct check *check = arg;

	return add(check->into, texts);
}

static int ask(struct check *check, bool is_temporary, struct fact **into)
{
	struct sqla_value temporary = sqla_bool(is_temporary);
	int status = 0;

	check->into = into;
	for (size_t i = 0; check->live.dialect->facts[i] && status == 0; i++)
		status = live_query(&check->live, check->live.dialect->facts[i], &temporary,
				    on_fact, check);
	return status;
}

/* ---- what only the text of a definition tells (SQLite) --------------------- */

struct definition {
	struct check *check;
	const struct sqla_table *table;
	char *text; /* of the table that was found, or NULL */
};

static int on_definition(void *arg, const char *const texts[])
{
	struct definition *definition = arg;

	definition->text = strdup(texts[0]);
	return definition->text ? 0 : error_nomem();
}

/* VALUE is declared, and found if the definition has it word for word. */
static int compare_words(struct definition *d, const char *aspect, const char *name,
			 const char *value)
{
	const char *const texts[] = { d->table->name, aspect, name, value };
	int status = add(&d->check->declared, texts);

	if (status == 0 && strstr(d->text, value))
		status = add(&d->check->found, texts);
	return status;
}

static int compare_guard(struct definition *d, const struct sqla_column *column)
{
	struct sql sql;
	int status = sql_begin(&sql);

	if (status < 0)
		return status;
	d->check->live.dialect->put_guard(sql.out, column);
	status = sql_end(&sql);
	if (status == 0 && *sql.text)
		status = compare_words(d, "check", column->name, sql.text + 1);
	free(sql.text);
	return status;
}

static int compare_check(struct definition *d, const struct sqla_check *check)
{
	char *value = NULL;
	int status;

	if (asprintf(&value, "CHECK (%s)", check->condition) < 0)
		return error_nomem();
	/* A column may have a guard and a check. */
	status = compare_words(d, "check", value, value);
	free(value);
	return status;
}

static int compare_definition(struct definition *d)
{
	const char *words = d->check->live.dialect->generated;
	struct sqla_check check;
	int status = 0;

	for (size_t i = 0; status == 0 && table_check(d->table, i, &check); i++)
		status = compare_check(d, &check);
	for (size_t i = 0; status == 0 && i < d->table->n_columns; i++) {
		const struct sqla_column *column = &d->table->columns[i];

		status = compare_guard(d, column);
		if (status == 0 && column->autoincrement)
			status = compare_words(d, "generated", column->name, words);
	}
	return status;
}

static int read_definitions(struct check *check)
{
	int status = 0;

	for (size_t i = 0; status == 0 && i < check->plan.n; i++) {
		struct definition d = { .check = check, .table = check->plan.order[i] };
		struct sqla_value name = sqla_text(d.table->name);

		status = live_query(&check->live, check->live.dialect->definition, &name,
				    on_definition, &d);
		if (status == 0 && d.text)
			status = compare_definition(&d);
		free(d.text);
	}
	return status;
}

/* ---- differences ----------------------------------------------------------- */

/* Whether SIDE has what FACT is about: its table, or its column. */
static bool has_owner(struct fact *side, const struct fact *fact)
{
	static const char *const of_columns[] = { "type", "nullability", "default", "generated" };

	if (strcmp(fact->aspect, "table") == 0)
		return true;
	for (size_t i = 0; i < sizeof(of_columns) / sizeof(of_columns[0]); i++)
		if (strcmp(fact->aspect, of_columns[i]) == 0)
			return find(side, fact->table, "column", fact->name) != NULL;
	return find(side, fact->table, "table", "") != NULL;
}

static void tell(struct check *check, enum sqla_difference_kind kind, const struct fact *fact,
		 const char *declared, const char *found)
{
	struct sqla_difference difference = {
		.kind = kind,
		.table = fact->table,
		.aspect = fact->aspect,
		.name = fact->name,
		.declared = declared,
		.found = found,
	};

	check->n++;
	if (check->fn)
		check->fn(&difference, check->arg);
}

static void compare(struct check *check)
{
	struct fact *fact, *other;

	HASH_SORT(check->declared, by_key);
	HASH_SORT(check->found, by_key);
	for (fact = check->declared; fact; fact = fact->hh.next) {
		HASH_FIND_STR(check->found, fact->key, other);
		if (other && strcmp(fact->value, other->value) != 0)
			tell(check, SQLA_DIFFERENT, fact, fact->value, other->value);
		else if (!other && has_owner(check->found, fact))
			tell(check, SQLA_MISSING, fact, fact->value, "");
	}
	for (fact = check->found; fact; fact = fact->hh.next) {
		HASH_FIND_STR(check->declared, fact->key, other);
		if (!other && has_owner(check->declared, fact))
			tell(check, SQLA_EXTRA, fact, "", fact->value);
	}
}

static int run(void *arg, const char *sql)
{
	struct check *check = arg;

	return live_exec(&check->live, sql);
}

/* The live tables first: temporary ones of the same names hide them. */
static int gather(struct check *check)
{
	struct ddl ddl = { .plan = &check->plan, .is_temporary = true, .fn = run, .arg = check };
	int status = live_exec_all(&check->live, check->live.dialect->begin_check);

	if (status == 0)
		status = ask(check, false, &check->found);
	if (status == 0)
		status = ddl_create(&ddl);
	if (status == 0)
		status = ask(check, true, &check->declared);
	if (status == 0 && check->live.dialect->definition)
		status = read_definitions(check);
	return status;
}

int sqla_metadata_check(const struct sqla_metadata *metadata, const char *engine,
			sqla_difference_fn *fn, void *arg)
{
	struct check check = { .fn = fn, .arg = arg };
	int status;

	if (!metadata)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_metadata_check: the metadata is NULL");
	status = live_open(engine, DRIVER_RECOVERY, &check.live);
	if (status < 0)
		return status;
	status = plan_make(metadata, check.live.dialect, &check.plan);
	if (status == 0)
		status = gather(&check);
	if (status == 0)
		compare(&check);
	free_facts(&check.declared);
	free_facts(&check.found);
	plan_free(&check.plan);
	live_close(&check.live);
	return status < 0 ? status : check.n;
}
