#include "schema/ddl.h"

#include <stdlib.h>

#include "schema/name.h"
#include "schema/naming.h"
#include "schema/sql.h"
#include "schema/table.h"

/* ---- words --------------------------------------------------------------- */

static void put(FILE *out, const struct ddl *ddl, const char *name)
{
	dialect_put_name(out, ddl->plan->dialect, name);
}

static void put_list(FILE *out, const struct ddl *ddl, const char *const names[SQLA_KEY_COLUMNS])
{
	name_put_list(out, names, ddl->plan->dialect->name_max);
}

/* Prints "CONSTRAINT name " with the name that naming.c made with STATUS. */
static int put_constraint(FILE *out, const struct ddl *ddl, int status, char *name)
{
	if (status < 0)
		return status;
	(void)fputs("CONSTRAINT ", out);
	put(out, ddl, name);
	(void)putc(' ', out);
	free(name);
	return 0;
}

static void put_actions(FILE *out, const struct sqla_foreign_key *key)
{
	static const char *const actions[] = {
		[SQLA_RESTRICT] = "RESTRICT",
		[SQLA_CASCADE] = "CASCADE",
		[SQLA_SET_NULL] = "SET NULL",
		[SQLA_SET_DEFAULT] = "SET DEFAULT",
	};

	if (key->on_delete)
		(void)fprintf(out, " ON DELETE %s", actions[key->on_delete]);
	if (key->on_update)
		(void)fprintf(out, " ON UPDATE %s", actions[key->on_update]);
	if (key->deferred)
		(void)fputs(" DEFERRABLE INITIALLY DEFERRED", out);
}

/* ---- parts of a table ---------------------------------------------------- */

static int put_primary_key(FILE *out, const struct ddl *ddl, const struct sqla_table *table)
{
	char *name = NULL;
	int status = naming_primary_key(ddl->plan->metadata, table, &name);

	status = put_constraint(out, ddl, status, name);
	(void)fputs("PRIMARY KEY", out);
	return status;
}

static int put_column(FILE *out, const struct ddl *ddl, const struct sqla_table *table,
		      const struct sqla_column *column)
{
	const struct dialect *dialect = ddl->plan->dialect;
	int status = 0;

	put(out, ddl, column->name);
	(void)putc(' ', out);
	dialect->put_type(out, column);
	dialect->put_guard(out, column);
	if (!table_column_is_nullable(column))
		(void)fputs(" NOT NULL", out);
	if (column->default_sql) {
		(void)fputs(" DEFAULT (", out);
		dialect->put_default(out, column);
		(void)putc(')', out);
	}
	if (column->autoincrement && dialect->is_key_generated) {
		(void)putc(' ', out);
		status = put_primary_key(out, ddl, table);
	}
	if (column->autoincrement)
		(void)fprintf(out, " %s", dialect->generated);
	return status;
}

static bool is_key_apart(const struct ddl *ddl, const struct sqla_column *const key[], size_t n)
{
	return n > 0 && !(key[0]->autoincrement && ddl->plan->dialect->is_key_generated);
}

static void put_comma(FILE *out)
{
	(void)fputs(",\n\t", out);
}

static int put_keys(FILE *out, const struct ddl *ddl, const struct sqla_table *table)
{
	const struct sqla_column *key[SQLA_KEY_COLUMNS];
	const char *names[SQLA_KEY_COLUMNS];
	struct sqla_unique unique;
	char *name = NULL;
	int status = 0;

	if (is_key_apart(ddl, key, table_key(table, key))) {
		table_key_names(table, names);
		put_comma(out);
		status = put_primary_key(out, ddl, table);
		(void)putc(' ', out);
		put_list(out, ddl, names);
	}
	for (size_t i = 0; status == 0 && table_unique(table, i, &unique); i++) {
		put_comma(out);
		status = naming_unique(ddl->plan->metadata, table, &unique, &name);
		status = put_constraint(out, ddl, status, name);
		(void)fputs("UNIQUE ", out);
		put_list(out, ddl, unique.columns);
	}
	return status;
}

static int put_checks(FILE *out, const struct ddl *ddl, const struct sqla_table *table)
{
	struct sqla_check check;
	char *name = NULL;
	int status = 0;

	for (size_t i = 0; status == 0 && table_check(table, i, &check); i++) {
		put_comma(out);
		status = naming_check(ddl->plan->metadata, table, &check, &name);
		status = put_constraint(out, ddl, status, name);
		(void)fprintf(out, "CHECK (%s)", check.condition);
	}
	return status;
}

static int put_foreign_key(FILE *out, const struct ddl *ddl, const struct sqla_table *table,
			   const struct sqla_foreign_key *key)
{
	char *name = NULL;
	int status = naming_foreign_key(ddl->plan->metadata, table, key, &name);

	status = put_constraint(out, ddl, status, name);
	(void)fputs("FOREIGN KEY ", out);
	put_list(out, ddl, key->columns);
	(void)fputs(" REFERENCES ", out);
	put(out, ddl, key->table);
	(void)putc(' ', out);
	put_list(out, ddl, key->referred);
	put_actions(out, key);
	return status;
}

static int put_foreign_keys(FILE *out, const struct ddl *ddl, const struct sqla_table *table)
{
	struct sqla_foreign_key key;
	int status = 0;

	for (size_t i = 0; status == 0 && plan_foreign_key(ddl->plan, table, i, &key); i++) {
		if (plan_is_late(ddl->plan, table, &key))
			continue;
		put_comma(out);
		status = put_foreign_key(out, ddl, table, &key);
	}
	return status;
}

/* ---- statements ---------------------------------------------------------- */

/* Gives a statement to the caller's function, unless making it FAILED. */
static int hand_over(const struct ddl *ddl, struct sql *sql, int failed)
{
	int status = sql_end(sql);

	if (status == 0)
		status = failed < 0 ? failed : ddl->fn(ddl->arg, sql->text);
	free(sql->text);
	return status;
}

static int create_table(const struct ddl *ddl, const struct sqla_table *table)
{
	struct sql sql;
	int status = sql_begin(&sql);

	if (status < 0)
		return status;
	(void)fprintf(sql.out, "CREATE %sTABLE ", ddl->is_temporary ? "TEMPORARY " : "");
	put(sql.out, ddl, table->name);
	(void)fputs(" (", sql.out);
	for (size_t i = 0; i < table->n_columns && status == 0; i++) {
		(void)fputs(i ? ",\n\t" : "\n\t", sql.out);
		status = put_column(sql.out, ddl, table, &table->columns[i]);
	}
	if (status == 0)
		status = put_keys(sql.out, ddl, table);
	if (status == 0)
		status = put_checks(sql.out, ddl, table);
	if (status == 0)
		status = put_foreign_keys(sql.out, ddl, table);
	(void)fprintf(sql.out, "\n)%s", ddl->plan->dialect->table_end);
	return hand_over(ddl, &sql, status);
}

static int create_index(const struct ddl *ddl, const struct sqla_table *table,
			const struct sqla_index *index)
{
	struct sql sql;
	char *name = NULL;
	int status = naming_index(ddl->plan->metadata, table, index, &name);

	if (status == 0)
		status = sql_begin(&sql);
	if (status < 0) {
		free(name);
		return status;
	}
	(void)fprintf(sql.out, "CREATE %sINDEX ", index->unique ? "UNIQUE " : "");
	put(sql.out, ddl, name);
	(void)fputs(" ON ", sql.out);
	put(sql.out, ddl, table->name);
	(void)putc(' ', sql.out);
	put_list(sql.out, ddl, index->columns);
	if (index->where)
		(void)fprintf(sql.out, " WHERE %s", index->where);
	free(name);
	return hand_over(ddl, &sql, 0);
}

static int create_indexes(const struct ddl *ddl, const struct sqla_table *table)
{
	struct sqla_index index;
	int status = 0;

	for (size_t i = 0; status == 0 && table_index(table, i, &index); i++)
		status = create_index(ddl, table, &index);
	return status;
}

/* Those foreign keys of TABLE that other tables had to wait for. */
static int alter_late(const struct ddl *ddl, const struct sqla_table *table, bool is_adding)
{
	struct sqla_foreign_key key;
	char *name = NULL;
	int status = 0;

	for (size_t i = 0; status == 0 && plan_foreign_key(ddl->plan, table, i, &key); i++) {
		struct sql sql;

		if (!plan_is_late(ddl->plan, table, &key))
			continue;
		status = sql_begin(&sql);
		if (status < 0)
			return status;
		(void)fputs("ALTER TABLE ", sql.out);
		put(sql.out, ddl, table->name);
		if (is_adding) {
			(void)fputs(" ADD ", sql.out);
			status = put_foreign_key(sql.out, ddl, table, &key);
		} else {
			(void)fputs(" DROP ", sql.out);
			status = naming_foreign_key(ddl->plan->metadata, table, &key, &name);
			status = put_constraint(sql.out, ddl, status, name);
		}
		status = hand_over(ddl, &sql, status);
	}
	return status;
}

static int drop_table(const struct ddl *ddl, const struct sqla_table *table)
{
	struct sql sql;
	int status = sql_begin(&sql);

	if (status < 0)
		return status;
	(void)fputs("DROP TABLE ", sql.out);
	put(sql.out, ddl, table->name);
	return hand_over(ddl, &sql, 0);
}

static bool is_wanted(const struct ddl *ddl, size_t i)
{
	return !ddl->wanted || ddl->wanted[i];
}

int ddl_create(const struct ddl *ddl)
{
	const struct plan *plan = ddl->plan;
	int status = 0;

	for (size_t i = 0; i < plan->n && status == 0; i++) {
		if (!is_wanted(ddl, i))
			continue;
		status = create_table(ddl, plan->order[i]);
		if (status == 0)
			status = create_indexes(ddl, plan->order[i]);
	}
	for (size_t i = 0; i < plan->n && status == 0; i++)
		if (is_wanted(ddl, i))
			status = alter_late(ddl, plan->order[i], true);
	return status;
}

int ddl_drop(const struct ddl *ddl)
{
	const struct plan *plan = ddl->plan;
	int status = 0;

	for (size_t i = plan->n; i > 0 && status == 0; i--)
		if (is_wanted(ddl, i - 1))
			status = alter_late(ddl, plan->order[i - 1], false);
	for (size_t i = plan->n; i > 0 && status == 0; i--)
		if (is_wanted(ddl, i - 1))
			status = drop_table(ddl, plan->order[i - 1]);
	return status;
}
