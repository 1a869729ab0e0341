#include "schema/dialect.h"

#include "schema/name.h"
#include "session/session.h"

enum { NAME_MAX_BYTES = 63 };

/* ---- printing ------------------------------------------------------------ */

static void put_type(FILE *out, const struct sqla_column *column)
{
	static const char *const types[] = {
		[SQLA_COL_INT] = "bigint",
		[SQLA_COL_INT32] = "integer",
		[SQLA_COL_REAL] = "double precision",
		[SQLA_COL_BOOL] = "boolean",
		[SQLA_COL_TEXT] = "text",
		[SQLA_COL_BLOB] = "bytea",
		[SQLA_COL_TIMESTAMP] = "timestamp with time zone",
		[SQLA_COL_DATE] = "date",
		[SQLA_COL_NUMERIC] = "numeric",
		[SQLA_COL_UUID] = "uuid",
		[SQLA_COL_JSON] = "json",
	};

	if (column->type == SQLA_COL_TEXT && column->length)
		(void)fprintf(out, "varchar(%d)", column->length);
	else if (column->type == SQLA_COL_NUMERIC && column->length)
		(void)fprintf(out, "numeric(%d, %d)", column->length, column->scale);
	else
		(void)fputs(types[column->type], out);
}

/* CURRENT_DATE would be the day in the session's time zone. */
static void put_default(FILE *out, const struct sqla_column *column)
{
	(void)fputs(dialect_is_today(column) ? "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::date" :
					       column->default_sql,
		    out);
}

static void put_guard(FILE *out, const struct sqla_column *column)
{
	(void)out;
	(void)column;
}

/* Exact numbers, whatever DateStyle and TimeZone say; infinity becomes none,
 * without failing the transaction. */
static void put_read(FILE *out, const struct sqla_column *column)
{
	bool is_timestamp = column->type == SQLA_COL_TIMESTAMP;
	bool is_moment = is_timestamp || column->type == SQLA_COL_DATE;

	(void)fputs(is_moment ? "extract(epoch FROM " : "", out);
	name_put(out, column->name, NAME_MAX_BYTES);
	(void)fputs(is_timestamp ? ") * 1000000" : is_moment ? ") / 86400" : "", out);
}

static int read_moment(struct sqla_rows *rows, int at, enum sqla_column_type type, int64_t *ret)
{
	(void)type;
	*ret = sqla_rows_int(rows, at);
	return rows_failed(rows);
}

/* ---- asking -------------------------------------------------------------- */

/* Whoever comes second sees what the first has made: read committed. The
 * number is any that nobody else is likely to lock. */
static const char *const begin[] = {
	"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
	"SELECT pg_catalog.pg_advisory_xact_lock(1936813155)",
	NULL,
};
/* Connections for recovery have another search_path. */
static const char *const begin_check[] = {
	"RESET search_path",
	"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
	NULL,
};
static const char *const before_drop[] = { NULL };

#define LIVE_SCHEMA                                \
	"(SELECT oid FROM pg_catalog.pg_namespace" \
	" WHERE nspname = pg_catalog.current_schema())"
#define TABLES                                                                 \
	"WITH t AS (SELECT c.oid, c.relname FROM pg_catalog.pg_class c"        \
	" WHERE c.relkind IN ('r', 'p') AND c.relname <> 'sqlassist_decision'" \
	" AND c.relnamespace = CASE WHEN $1::pg_catalog.bool THEN"             \
	" pg_catalog.pg_my_temp_schema() ELSE " LIVE_SCHEMA " END) "
#define COLUMNS                                                        \
	" FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid" \
	" AND a.attnum > 0 AND NOT a.attisdropped"

/* Names that are visible come without their schema: the live tables are asked
 * for before temporary ones hide them. */
static const char *const facts[] = {
	TABLES "SELECT t.relname, 'table', '', '' FROM t",
	TABLES "SELECT t.relname, 'column', a.attname, ''" COLUMNS,
	TABLES "SELECT t.relname, 'type', a.attname,"
	       " pg_catalog.format_type(a.atttypid, a.atttypmod)" COLUMNS,
	TABLES "SELECT t.relname, 'nullability', a.attname,"
	       " CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE 'NULL' END" COLUMNS,
	TABLES "SELECT t.relname, 'default', a.attname,"
	       " coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')" COLUMNS
	       " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum",
	TABLES "SELECT t.relname, 'generated', a.attname, CASE WHEN a.attidentity <> '' THEN"
	       " 'identity' WHEN a.attgenerated <> '' THEN 'generated' ELSE '' END" COLUMNS,
	TABLES "SELECT t.relname, CASE k.contype WHEN 'p' THEN 'primary key'"
	       " WHEN 'u' THEN 'unique' WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key'"
	       " ELSE 'constraint' END, k.conname, pg_catalog.pg_get_constraintdef(k.oid)"
	       " FROM t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid"
	       " WHERE k.contype IN ('p', 'u', 'c', 'f', 'x')",
	TABLES "SELECT t.relname, 'index', i.relname, pg_catalog.pg_get_indexdef(i.oid, 0, true)"
	       " FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.oid"
	       " JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
	       " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k"
	       " WHERE k.conindid = i.oid AND k.conrelid = t.oid)",
	NULL,
};

const struct dialect dialect_postgres = {
	.name = "postgresql",
	.name_max = NAME_MAX_BYTES,
	.needs_referred = true,
	.generated = "GENERATED BY DEFAULT AS IDENTITY",
	.table_end = "",
	.begin = begin,
	.begin_check = begin_check,
	.before_drop = before_drop,
	.refusal = "SELECT CASE WHEN pg_catalog.current_schema() IS NULL"
		   " THEN 'no schema of its search_path exists' END",
	.tables = "SELECT relname FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p')"
		  " AND relnamespace = " LIVE_SCHEMA,
	.facts = facts,
	.put_type = put_type,
	.put_default = put_default,
	.put_guard = put_guard,
	.put_read = put_read,
	.read_moment = read_moment,
};
