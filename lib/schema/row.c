#include "schema/row.h"

#include <stdlib.h>
#include <uuid/uuid.h>

#include "base/error.h"
#include "schema/json.h"
#include "session/session.h"

/* ---- members --------------------------------------------------------------- */

/* Copies of members: rows are the application's, of any alignment and type. */
static void get(const struct sqla_column *column, const void *row, void *ret)
{
	memcpy(ret, (const char *)row + column->offset, column->size);
}

static void set(const struct sqla_column *column, void *row, const void *from)
{
	memcpy((char *)row + column->offset, from, column->size);
}

static const char *get_text(const struct sqla_column *column, const void *row)
{
	const char *text;

	get(column, row, &text);
	return text;
}

static struct sqla_bytes get_bytes(const struct sqla_column *column, const void *row)
{
	struct sqla_bytes bytes;

	get(column, row, &bytes);
	return bytes;
}

static bool is_text(const struct sqla_column *column)
{
	return column->type == SQLA_COL_TEXT || column->type == SQLA_COL_NUMERIC ||
	       column->type == SQLA_COL_JSON;
}

bool row_has_member(const struct sqla_column *column)
{
	return column->size > 0;
}

bool row_is_allocated(const struct sqla_column *column)
{
	return is_text(column) || column->type == SQLA_COL_BLOB;
}

bool row_is_empty(const struct sqla_column *column, const void *row)
{
	bool has = true;

	if (column->has_offset)
		memcpy(&has, (const char *)row + column->has_offset - 1, sizeof(has));
	if (!has)
		return true;
	if (is_text(column))
		return !get_text(column, row);
	if (column->type == SQLA_COL_BLOB)
		return !get_bytes(column, row).data;
	return column->type == SQLA_COL_UUID && !((const char *)row)[column->offset];
}

/* ---- to values ------------------------------------------------------------- */

static int refuse(const struct sqla_table *table, const struct sqla_column *column,
		  const char *value, const char *what)
{
	return error_set(SQLA_EMISUSE, NULL, NULL, "table \"%s\", column \"%s\": \"%s\" is no %s",
			 table->name, column->name, value, what);
}

/* [sign] digits [point digits] [e [sign] digits]: what all engines take. */
static bool is_numeric(const char *text)
{
	static const char decimal[] = "0123456789";
	size_t digits;

	text += *text == '+' || *text == '-';
	digits = strspn(text, decimal);
	text += digits;
	if (*text == '.') {
		size_t behind = strspn(text + 1, decimal);

		text += 1 + behind;
		digits += behind;
	}
	if (digits > 0 && (*text == 'e' || *text == 'E')) {
		text++;
		text += *text == '+' || *text == '-';
		digits = strspn(text, decimal);
		text += digits;
	}
	return digits > 0 && !*text;
}

static int uuid_value(const struct sqla_table *table, const struct sqla_column *column,
		      const void *row, char scratch[ROW_SCRATCH_SIZE], struct sqla_value *ret)
{
	char text[SQLA_UUID_SIZE];
	uuid_t uuid;

	get(column, row, text);
	text[sizeof(text) - 1] = '\0';
	if (uuid_parse(text, uuid) < 0)
		return refuse(table, column, text, "uuid");
	uuid_unparse_lower(uuid, scratch);
	*ret = sqla_text(scratch);
	return 0;
}

static int timestamp_value(const struct sqla_column *column, const void *row,
			   char scratch[ROW_SCRATCH_SIZE], struct sqla_value *ret)
{
	int64_t microseconds;
	int status;

	get(column, row, &microseconds);
	status = sqla_timestamp_format(microseconds, scratch);
	if (status == 0)
		*ret = sqla_text(scratch);
	return status;
}

static int date_value(const struct sqla_column *column, const void *row,
		      char scratch[ROW_SCRATCH_SIZE], struct sqla_value *ret)
{
	int32_t days;
	int status;

	get(column, row, &days);
	status = sqla_date_format(days, scratch);
	if (status == 0)
		*ret = sqla_text(scratch);
	return status;
}

static struct sqla_value number_value(const struct sqla_column *column, const void *row)
{
	int64_t wide = 0;
	int32_t narrow = 0;
	double real = 0;
	bool truth = false;

	switch (column->type) {
	case SQLA_COL_INT32:
		get(column, row, &narrow);
		return sqla_int(narrow);
	case SQLA_COL_REAL:
		get(column, row, &real);
		return sqla_real(real);
	case SQLA_COL_BOOL:
		get(column, row, &truth);
		return sqla_bool(truth);
	default:
		get(column, row, &wide);
		return sqla_int(wide);
	}
}

int row_value(const struct sqla_table *table, const struct sqla_column *column, const void *row,
	      char scratch[ROW_SCRATCH_SIZE], struct sqla_value *ret_value)
{
	struct sqla_bytes bytes;

	if (row_is_empty(column, row)) {
		*ret_value = sqla_null();
		return 0;
	}
	switch (column->type) {
	case SQLA_COL_INT:
	case SQLA_COL_INT32:
	case SQLA_COL_REAL:
	case SQLA_COL_BOOL:
		*ret_value = number_value(column, row);
		return 0;
	case SQLA_COL_NUMERIC:
		if (!is_numeric(get_text(column, row)))
			return refuse(table, column, get_text(column, row), "decimal number");
		*ret_value = sqla_text(get_text(column, row));
		return 0;
	case SQLA_COL_JSON:
		if (!schema_is_json(get_text(column, row)))
			return refuse(table, column, get_text(column, row), "JSON");
		*ret_value = sqla_text(get_text(column, row));
		return 0;
	case SQLA_COL_TEXT:
		*ret_value = sqla_text(get_text(column, row));
		return 0;
	case SQLA_COL_BLOB:
		bytes = get_bytes(column, row);
		*ret_value = sqla_blob(bytes.data, bytes.size);
		return 0;
	case SQLA_COL_TIMESTAMP:
		return timestamp_value(column, row, scratch, ret_value);
	case SQLA_COL_DATE:
		return date_value(column, row, scratch, ret_value);
	case SQLA_COL_UUID:
		return uuid_value(table, column, row, scratch, ret_value);
	}
	return refuse(table, column, "its type", "type of columns");
}

/* ---- from rows ------------------------------------------------------------- */

void row_put_read(FILE *out, const struct dialect *dialect, const struct sqla_column *column)
{
	dialect->put_read(out, column);
	(void)fputs(" AS ", out);
	dialect_put_name(out, dialect, column->name);
}

void row_put_select(FILE *out, const struct dialect *dialect, const struct sqla_table *table)
{
	const char *between = "";

	for (size_t i = 0; i < table->n_columns; i++) {
		if (!row_has_member(&table->columns[i]))
			continue;
		(void)fputs(between, out);
		row_put_read(out, dialect, &table->columns[i]);
		between = ", ";
	}
}

static int too_large(struct sqla_rows *rows, int at)
{
	struct sqla_session *s = sqla_rows_session(rows);

	return error_set(SQLA_EDATABASE, s ? sqla_session_engine(s) : NULL,
			 "Declare the column with a larger type.",
			 "the value \"%s\" of column \"%s\" does not fit its member",
			 sqla_rows_text(rows, at), sqla_rows_name(rows, at));
}

static int read_number(const struct dialect *dialect, struct sqla_rows *rows, int at,
		       const struct sqla_column *column, void *row)
{
	bool is_moment = column->type == SQLA_COL_TIMESTAMP || column->type == SQLA_COL_DATE;
	int64_t wide = 0;
	int32_t narrow;
	int status = 0;

	if (is_moment)
		status = dialect->read_moment(rows, at, column->type, &wide);
	else
		wide = sqla_rows_int(rows, at);
	if (status < 0)
		return status;
	if (column->size == sizeof(wide)) {
		set(column, row, &wide);
		return 0;
	}
	if (wide < INT32_MIN || wide > INT32_MAX)
		return too_large(rows, at);
	narrow = (int32_t)wide;
	set(column, row, &narrow);
	return 0;
}

static int read_text(struct sqla_rows *rows, int at, const struct sqla_column *column, void *row)
{
	const char *text = sqla_rows_text(rows, at);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return error_nomem();
	set(column, row, &copy);
	return 0;
}

static int read_blob(struct sqla_rows *rows, int at, const struct sqla_column *column, void *row)
{
	struct sqla_bytes bytes = { 0 };
	const void *data = sqla_rows_blob(rows, at, &bytes.size);

	if (data) {
		/* An empty blob is not NULL. */
		bytes.data = malloc(bytes.size ? bytes.size : 1);
		if (!bytes.data)
			return error_nomem();
		memcpy(bytes.data, data, bytes.size);
	}
	set(column, row, &bytes);
	return 0;
}

static int read_uuid(struct sqla_rows *rows, int at, const struct sqla_column *column, void *row)
{
	const char *text = sqla_rows_text(rows, at);
	char member[SQLA_UUID_SIZE] = "";

	if (text && strlen(text) >= sizeof(member))
		return too_large(rows, at);
	if (text)
		memcpy(member, text, strlen(text));
	set(column, row, member);
	return 0;
}

static int read_value(const struct dialect *dialect, struct sqla_rows *rows, int at,
		      const struct sqla_column *column, void *row)
{
	double real;
	bool truth;

	switch (column->type) {
	case SQLA_COL_REAL:
		real = sqla_rows_real(rows, at);
		set(column, row, &real);
		return 0;
	case SQLA_COL_BOOL:
		truth = sqla_rows_bool(rows, at);
		set(column, row, &truth);
		return 0;
	case SQLA_COL_TEXT:
	case SQLA_COL_NUMERIC:
	case SQLA_COL_JSON:
		return read_text(rows, at, column, row);
	case SQLA_COL_BLOB:
		return read_blob(rows, at, column, row);
	case SQLA_COL_UUID:
		return read_uuid(rows, at, column, row);
	case SQLA_COL_INT:
	case SQLA_COL_INT32:
	case SQLA_COL_TIMESTAMP:
	case SQLA_COL_DATE:
		break;
	}
	return read_number(dialect, rows, at, column, row);
}

int row_read_column(const struct dialect *dialect, struct sqla_rows *rows, int at,
		    const struct sqla_column *column, void *row)
{
	bool has = !sqla_rows_is_null(rows, at);
	int status = has ? read_value(dialect, rows, at, column, row) : 0;

	if (column->has_offset)
		memcpy((char *)row + column->has_offset - 1, &has, sizeof(has));
	return status < 0 ? status : rows_failed(rows);
}

int row_read(const struct dialect *dialect, struct sqla_rows *rows, const struct sqla_table *table,
	     void *row)
{
	int at = 0, status = 0;

	for (size_t i = 0; i < table->n_columns && status == 0; i++)
		if (row_has_member(&table->columns[i]))
			status = row_read_column(dialect, rows, at++, &table->columns[i], row);
	if (status < 0)
		sqla_table_row_clear(table, row);
	return status;
}

void sqla_table_row_clear(const struct sqla_table *table, void *row)
{
	if (!table || !row)
		return;
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct sqla_column *column = &table->columns[i];

		if (!row_has_member(column))
			continue;
		if (is_text(column))
			free((char *)get_text(column, row));
		else if (column->type == SQLA_COL_BLOB)
			free(get_bytes(column, row).data);
	}
	memset(row, 0, table->row_size);
}
