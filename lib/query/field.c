/* The columns of a row, one by one, with their declared types. */
#include <sqlassist/query.h>

#include "base/error.h"
#include "schema/dialect.h"
#include "schema/name.h"
#include "session/session.h"

/* That of the declaration which is called so in the database. */
static const struct sqla_column *find(const struct dialect *dialect, const struct sqla_table *table,
				      const char *name)
{
	char cut[NAME_CUT_SIZE];

	for (size_t i = 0; table && i < table->n_columns; i++)
		if (strcmp(name_cut(table->columns[i].name, dialect->name_max, cut), name) == 0)
			return &table->columns[i];
	return NULL;
}

static int read_moment(const struct dialect *dialect, struct sqla_rows *rows, int at,
		       struct sqla_field *field)
{
	int64_t moment = 0;
	int status = dialect->read_moment(rows, at, field->column->type, &moment);

	if (status < 0)
		return status;
	if (field->column->type == SQLA_COL_TIMESTAMP)
		status = sqla_timestamp_format(moment, field->text);
	else if (moment < INT32_MIN || moment > INT32_MAX)
		status = error_set(SQLA_EDATABASE, NULL, NULL,
				   "the value of column \"%s\" is no date", field->name);
	else
		status = sqla_date_format((int32_t)moment, field->text);
	return status;
}

static int read_value(const struct dialect *dialect, struct sqla_rows *rows, int at,
		      struct sqla_field *field)
{
	const void *bytes;
	size_t size;
	int status = 0;

	switch (field->column ? field->column->type : SQLA_COL_TEXT) {
	case SQLA_COL_INT:
	case SQLA_COL_INT32:
		field->value = sqla_int(sqla_rows_int(rows, at));
		break;
	case SQLA_COL_REAL:
		field->value = sqla_real(sqla_rows_real(rows, at));
		break;
	case SQLA_COL_BOOL:
		field->value = sqla_bool(sqla_rows_bool(rows, at));
		break;
	case SQLA_COL_BLOB:
		bytes = sqla_rows_blob(rows, at, &size);
		field->value = sqla_blob(bytes, size);
		break;
	case SQLA_COL_TIMESTAMP:
	case SQLA_COL_DATE:
		status = read_moment(dialect, rows, at, field);
		break;
	case SQLA_COL_TEXT:
	case SQLA_COL_NUMERIC:
	case SQLA_COL_UUID:
	case SQLA_COL_JSON:
		field->value = sqla_text(sqla_rows_text(rows, at));
		break;
	}
	return status < 0 ? status : rows_failed(rows);
}

int sqla_rows_field(struct sqla_rows *rows, const struct sqla_table *table, int at,
		    struct sqla_field *ret_field)
{
	struct sqla_session *s = sqla_rows_session(rows);
	const struct dialect *dialect;
	struct sqla_field field = { 0 };
	int status = 0;

	if (!s || !ret_field || at < 0)
		return error_set(SQLA_EMISUSE, NULL, NULL,
				 "sqla_rows_field: no rows of an open session, no place for the "
				 "field, or a negative number");
	if (at >= sqla_rows_columns(rows))
		return 0;
	dialect = dialect_of(s);
	field.name = sqla_rows_name(rows, at);
	field.column = find(dialect, table, field.name);
	if (field.column)
		field.name = field.column->name;
	if (!sqla_rows_is_null(rows, at))
		status = read_value(dialect, rows, at, &field);
	else
		status = rows_failed(rows);
	if (status < 0)
		return status;
	*ret_field = field;
	if (*field.text)
		ret_field->value = sqla_text(ret_field->text);
	return 1;
}
