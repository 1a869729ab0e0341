#include "schema/dialect.h"

#include "base/error.h"
#include "schema/moment.h"
#include "schema/name.h"
#include "session/session.h"

/* ---- printing ------------------------------------------------------------ */

/* Tables are STRICT: SQLite keeps values of other types out by itself. */
static void put_type(FILE *out, const struct sqla_column *column)
{
	switch (column->type) {
	case SQLA_COL_INT:
	case SQLA_COL_INT32:
	case SQLA_COL_BOOL:
		(void)fputs("INTEGER", out);
		break;
	case SQLA_COL_REAL:
		(void)fputs("REAL", out);
		break;
	case SQLA_COL_BLOB:
		(void)fputs("BLOB", out);
		break;
	case SQLA_COL_TEXT:
	case SQLA_COL_TIMESTAMP:
	case SQLA_COL_DATE:
	case SQLA_COL_NUMERIC:
	case SQLA_COL_UUID:
	case SQLA_COL_JSON:
		(void)fputs("TEXT", out);
		break;
	}
}

/* As every other timestamp is written, so that they compare. */
static void put_default(FILE *out, const struct sqla_column *column)
{
	(void)fputs(dialect_is_now(column) ? "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')" :
					     column->default_sql,
		    out);
}

#define DAY_PATTERN "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
#define TIME_PATTERN "[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]"

/* What PostgreSQL would refuse, is refused here too. */
static void put_guard(FILE *out, const struct sqla_column *column)
{
	const char *before = "", *behind = NULL;
	char length[32];

	switch (column->type) {
	case SQLA_COL_INT32:
		behind = " BETWEEN -2147483648 AND 2147483647";
		break;
	case SQLA_COL_BOOL:
		behind = " IN (0, 1)";
		break;
	case SQLA_COL_TEXT:
		(void)snprintf(length, sizeof(length), ") <= %d", column->length);
		before = "length(";
		behind = column->length ? length : NULL;
		break;
	case SQLA_COL_TIMESTAMP:
		behind = " GLOB '" DAY_PATTERN "T" TIME_PATTERN "Z'";
		break;
	case SQLA_COL_DATE:
		behind = " GLOB '" DAY_PATTERN "'";
		break;
	case SQLA_COL_INT:
	case SQLA_COL_REAL:
	case SQLA_COL_BLOB:
	case SQLA_COL_NUMERIC:
	case SQLA_COL_UUID:
	case SQLA_COL_JSON: /* json_valid() is no function for untrusted schemas */
		break;
	}
	if (!behind)
		return;
	(void)fprintf(out, " CHECK (%s", before);
	name_put(out, column->name, 0);
	(void)fprintf(out, "%s)", behind);
}

static void put_read(FILE *out, const struct sqla_column *column)
{
	name_put(out, column->name, 0);
}

static int read_moment(struct sqla_rows *rows, int at, enum sqla_column_type type, int64_t *ret)
{
	const char *text = sqla_rows_text(rows, at);

	if (!text)
		return rows_failed(rows);
	if (moment_parse(text, type, ret))
		return 0;
	return error_set(SQLA_EDATABASE, sqla_session_engine(sqla_rows_session(rows)),
			 "Read it as text, and mend it with SQL.",
			 "the value \"%s\" of column \"%s\" is no %s", text,
			 sqla_rows_name(rows, at), type == SQLA_COL_DATE ? "date" : "timestamp");
}

/* ---- asking -------------------------------------------------------------- */

static const char *const begin[] = { "BEGIN IMMEDIATE", NULL };
/* A readonly engine's temporary tables are nobody's business. */
static const char *const begin_check[] = { "PRAGMA query_only = OFF", "BEGIN", NULL };
/* Tables that refer to each other can go in no order; and are gone at the end. */
static const char *const before_drop[] = { "PRAGMA defer_foreign_keys = ON", NULL };

#define WHERE_TABLE "type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
#define TABLES                                                               \
	"WITH t AS (SELECT name, strict, schema AS s FROM pragma_table_list" \
	" WHERE schema = CASE WHEN $1 THEN 'temp' ELSE 'main' END"           \
	" AND name <> 'sqlassist_decision' COLLATE NOCASE AND " WHERE_TABLE ") "
#define COLUMNS " FROM t, pragma_table_xinfo(t.name, t.s) x WHERE x.hidden <> 1"

static const char *const facts[] = {
	TABLES "SELECT t.name, 'table', '', iif(t.strict, 'STRICT', 'not STRICT') FROM t",
	TABLES "SELECT t.name, 'column', x.name, ''" COLUMNS,
	TABLES "SELECT t.name, 'type', x.name, upper(x.type)" COLUMNS,
	TABLES
	"SELECT t.name, 'nullability', x.name, iif(x.\"notnull\", 'NOT NULL', 'NULL')" COLUMNS,
	TABLES "SELECT t.name, 'default', x.name, coalesce(x.dflt_value, '')" COLUMNS,
	TABLES "SELECT name, 'primary key', '', group_concat(format('\"%w\"', key), ', ') FROM"
	       " (SELECT t.name, x.name AS key FROM t, pragma_table_xinfo(t.name, t.s) x"
	       " WHERE x.pk ORDER BY t.name, x.pk) GROUP BY name",
	TABLES "SELECT t.name, 'unique', (SELECT group_concat(format('\"%w\"', c.name), ', ')"
	       " FROM pragma_index_info(l.name, t.s) c), ''"
	       " FROM t, pragma_index_list(t.name, t.s) l WHERE l.origin = 'u'",
	TABLES "SELECT t.name, 'index', l.name, iif(l.\"unique\", 'UNIQUE ', '') || '(' ||"
	       " (SELECT group_concat(coalesce(format('\"%w\"', c.name), 'an expression') ||"
	       " iif(c.\"desc\", ' DESC', ''), ', ')"
	       " FROM pragma_index_xinfo(l.name, t.s) c WHERE c.key) || ')' ||"
	       " coalesce((SELECT substr(sql, instr(upper(sql), ' WHERE ')) FROM"
	       " (SELECT 'main' AS s, name, sql FROM main.sqlite_schema UNION ALL"
	       " SELECT 'temp', name, sql FROM temp.sqlite_schema) d"
	       " WHERE d.s = t.s AND d.name = l.name AND l.partial), '')"
	       " FROM t, pragma_index_list(t.name, t.s) l WHERE l.origin = 'c'",
	TABLES
	"SELECT name, 'foreign key', '(' || group_concat(format('\"%w\"', one), ', ') || ')',"
	" format('REFERENCES \"%w\" (', other) ||"
	" group_concat(coalesce(format('\"%w\"', two), 'its key'), ', ') ||"
	" ') ON DELETE ' || gone || ' ON UPDATE ' || changed FROM"
	" (SELECT t.name, f.id, f.\"table\" AS other, f.\"from\" AS one, f.\"to\" AS two,"
	" f.on_delete AS gone, f.on_update AS changed"
	" FROM t, pragma_foreign_key_list(t.name, t.s) f ORDER BY t.name, f.id, f.seq)"
	" GROUP BY name, id",
	NULL,
};

const struct dialect dialect_sqlite = {
	.name = "sqlite",
	.generated = "AUTOINCREMENT",
	.is_key_generated = true,
	.table_end = " STRICT",
	.begin = begin,
	.begin_check = begin_check,
	.before_drop = before_drop,
	.refusal = "SELECT iif(file = '', 'it is a database in memory, private to each"
		   " connection', NULL) FROM pragma_database_list WHERE name = 'main'",
	.tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND " WHERE_TABLE,
	.folds_names = true,
	.facts = facts,
	.definition = "SELECT sql FROM main.sqlite_schema WHERE type = 'table'"
		      " AND name = $1 COLLATE NOCASE",
	.put_type = put_type,
	.put_default = put_default,
	.put_guard = put_guard,
	.put_read = put_read,
	.read_moment = read_moment,
};
