#include "query/condition.h"

#include <stdlib.h>

#include <uuid/uuid.h>

#include "base/error.h"
#include "query/fold.h"

/* Stands before wildcards that are meant as characters. Not a backslash: what
 * that is in a literal, depends on a setting of the server. */
#define ESCAPE '!'

enum { ASCII_END = 0x80 };

static bool is_sqlite(const struct select *q)
{
	return q->dialect == &dialect_sqlite;
}

/* ---- what can be compared -------------------------------------------------- */

static int refuse(const struct select *q, const struct sqla_column *column, const char *hint,
		  const char *why)
{
	return error_set(SQLA_EMISUSE, sqla_session_engine(q->s), hint,
			 "table \"%s\", column \"%s\": %s", q->table->name, column->name, why);
}

/* Only lower case, as in the database: SQLite compares texts. */
static bool is_uuid(const struct sqla_value *value)
{
	char text[SQLA_UUID_SIZE] = "", canonical[SQLA_UUID_SIZE];
	uuid_t uuid;

	if (value->size != sizeof(text) - 1)
		return false;
	memcpy(text, value->as.p, value->size);
	if (uuid_parse(text, uuid) < 0)
		return false;
	uuid_unparse_lower(uuid, canonical);
	return strcmp(text, canonical) == 0;
}

/* What is refused here, would fail the transaction of one engine and find
 * nothing on the other. NULL: it is fine. */
static const char *why_not(const struct sqla_column *column, const struct sqla_value *value)
{
	enum sqla_type type = value->type;

	switch (column->type) {
	case SQLA_COL_INT:
		return type == SQLA_INT ? NULL : "it is compared with integers";
	case SQLA_COL_INT32:
		return type == SQLA_INT && value->as.i >= INT32_MIN && value->as.i <= INT32_MAX ?
			       NULL :
			       "it is compared with integers of 32 bits";
	case SQLA_COL_REAL:
		return type == SQLA_REAL || type == SQLA_INT ? NULL : "it is compared with numbers";
	case SQLA_COL_BOOL:
		return type == SQLA_BOOL ? NULL : "it is compared with sqla_bool()";
	case SQLA_COL_BLOB:
		return type == SQLA_BLOB ? NULL : "it is compared with sqla_blob()";
	case SQLA_COL_UUID:
		return type == SQLA_TEXT && is_uuid(value) ?
			       NULL :
			       "it is compared with uuids in lower case";
	case SQLA_COL_TEXT:
	case SQLA_COL_TIMESTAMP:
	case SQLA_COL_DATE:
	case SQLA_COL_NUMERIC:
		return type == SQLA_TEXT ? NULL : "it is compared with texts";
	case SQLA_COL_JSON:
		break;
	}
	return "values of its type cannot be compared";
}

int condition_check(const struct select *q, const struct sqla_column *column,
		    const struct sqla_value *value)
{
	const char *why;

	if (value->type == SQLA_NULL && column->type != SQLA_COL_JSON)
		return 0;
	why = why_not(column, value);
	return why ? refuse(q, column, "Make the value with sqla_int() and friends.", why) : 0;
}

int condition_check_order(const struct select *q, const struct sqla_column *column,
			  bool ignore_case)
{
	if (ignore_case && column->type != SQLA_COL_TEXT)
		return refuse(q, column, NULL, "only texts have a case to ignore");
	if (column->type == SQLA_COL_JSON)
		return refuse(q, column, NULL, "json has no order");
	return 0;
}

/* ---- texts without case ---------------------------------------------------- */

void condition_put_lower(struct select *q, const struct sqla_column *column)
{
	select_put(q, "lower(");
	select_put_name(q, column->name);
	select_put(q, is_sqlite(q) ? ") COLLATE BINARY" : " COLLATE \"C\")");
}

/* Prints the letters beyond ASCII that count as those of FOLDED, and in the
 * same order what they count as. */
static void put_others(const char *folded, FILE *from, FILE *to)
{
	const char *at = folded, *before = folded;
	uint32_t c;

	for (; (c = fold_next(&at)); before = at) {
		uint32_t others[FOLD_OTHERS_MAX];
		char letter[8] = "";
		size_t n;

		memcpy(letter, before, (size_t)(at - before));
		n = c < ASCII_END || strstr(folded, letter) != before ? 0 : fold_others(c, others);
		for (size_t i = 0; i < n; i++) {
			fold_put(from, others[i]);
			fold_put(to, c);
		}
	}
}

static int find_others(const char *folded, char **ret_from, char **ret_to)
{
	struct sql from, to;
	int status = sql_begin(&from), also;

	if (status < 0)
		return status;
	status = sql_begin(&to);
	if (status == 0) {
		put_others(folded, from.out, to.out);
		status = sql_end(&to);
	}
	also = sql_end(&from);
	if (status < 0 || also < 0) {
		free(from.text);
		free(status == 0 ? to.text : NULL);
		return status < 0 ? status : also;
	}
	*ret_from = from.text;
	*ret_to = to.text;
	return 0;
}

/* The column as far folded as the seed's letters ask for: an index on its
 * lower() serves where they are ASCII. */
static int put_folded_column(struct select *q, const struct sqla_column *column, const char *folded)
{
	char *from = NULL, *to = NULL;
	int status = find_others(folded, &from, &to);

	if (status < 0)
		return status;
	if (!*from) {
		condition_put_lower(q, column);
		free(from);
		free(to);
		return 0;
	}
	select_put(q, "translate(");
	condition_put_lower(q, column);
	select_put(q, ", ");
	select_bind_text(q, from);
	select_put(q, ", ");
	select_bind_text(q, to);
	select_put(q, ")");
	return 0;
}

/* The seed as LIKE's pattern. */
static void put_like(FILE *out, const char *folded, enum sqla_compare how)
{
	if (how == SQLA_CONTAINS)
		(void)putc('%', out);
	for (; *folded; folded++) {
		if (*folded == '%' || *folded == '_' || *folded == ESCAPE)
			(void)putc(ESCAPE, out);
		(void)putc(*folded, out);
	}
	(void)putc('%', out);
}

/* SQLite's lower() leaves letters beyond ASCII alone, but GLOB knows sets. */
static void put_glob(FILE *out, const char *folded, enum sqla_compare how)
{
	uint32_t others[FOLD_OTHERS_MAX], c;

	(void)fputs(how == SQLA_CONTAINS ? "*" : "", out);
	while ((c = fold_next(&folded))) {
		size_t n = c < ASCII_END ? 0 : fold_others(c, others);
		bool is_set = n > 0 || c == '*' || c == '?' || c == '[';

		(void)fputs(is_set ? "[" : "", out);
		fold_put(out, c);
		for (size_t i = 0; i < n; i++)
			fold_put(out, others[i]);
		(void)fputs(is_set ? "]" : "", out);
	}
	(void)fputs(how == SQLA_EQUAL_LOWER ? "" : "*", out);
}

static int bind_pattern(struct select *q, const char *folded, enum sqla_compare how,
			void (*put)(FILE *out, const char *folded, enum sqla_compare how))
{
	struct sql pattern;
	int status = sql_begin(&pattern);

	if (status < 0)
		return status;
	put(pattern.out, folded, how);
	status = sql_end(&pattern);
	if (status == 0)
		select_bind_text(q, pattern.text);
	return status;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= ASCII_END)
			return false;
	return true;
}

/* Takes FOLDED. */
static int put_folded(struct select *q, const struct sqla_column *column, enum sqla_compare how,
		      char *folded)
{
	bool is_glob = is_sqlite(q) && !is_ascii(folded);
	int status = 0;

	if (is_glob)
		condition_put_lower(q, column);
	else
		status = put_folded_column(q, column, folded);
	if (status == 0 && how == SQLA_EQUAL_LOWER && !is_glob) {
		select_put(q, " = ");
		select_bind_text(q, folded);
		return 0;
	}
	select_put(q, is_glob ? " GLOB " : " LIKE ");
	if (status == 0)
		status = bind_pattern(q, folded, how, is_glob ? put_glob : put_like);
	select_put(q, is_glob ? "" : " ESCAPE '!'");
	free(folded);
	return status;
}

static int check_seed(const struct select *q, const struct sqla_column *column,
		      const struct sqla_value *value)
{
	if (column->type != SQLA_COL_TEXT)
		return refuse(q, column, NULL, "only texts have a case, a beginning and parts");
	if (value->type != SQLA_TEXT || memchr(value->as.p, '\0', value->size))
		return refuse(q, column, NULL, "a text without NUL bytes is needed to look for");
	if (value->size > SQLA_SEED_MAX)
		return refuse(q, column, "Look for a part of it.",
			      "the text to look for has more than SQLA_SEED_MAX bytes");
	return 0;
}

static int put_without_case(struct select *q, const struct sqla_column *column,
			    enum sqla_compare how, const struct sqla_value *value)
{
	char *seed, *folded = NULL;
	int status = check_seed(q, column, value);

	if (status < 0)
		return status;
	seed = strndup(value->as.p, value->size);
	if (!seed)
		return error_nomem();
	status = fold_text(seed, &folded);
	free(seed);
	return status < 0 ? status : put_folded(q, column, how, folded);
}

/* ---- any condition --------------------------------------------------------- */

static int put_compared(struct select *q, const struct sqla_column *column, const char *operator,
			const struct sqla_value * value)
{
	int status = condition_check(q, column, value);

	if (status < 0)
		return status;
	select_put_name(q, column->name);
	select_put(q, operator);
	select_bind(q, *value);
	return 0;
}

int condition_put(struct select *q, const struct sqla_column *column, enum sqla_compare compare,
		  const struct sqla_value *value)
{
	static const char *const operators[] = {
		[SQLA_EQUAL] = " = ",	[SQLA_NOT_EQUAL] = " <> ",
		[SQLA_LESS] = " < ",	[SQLA_LESS_EQUAL] = " <= ",
		[SQLA_GREATER] = " > ", [SQLA_GREATER_EQUAL] = " >= ",
	};

	switch (compare) {
	case SQLA_EQUAL:
	case SQLA_NOT_EQUAL:
	case SQLA_LESS:
	case SQLA_LESS_EQUAL:
	case SQLA_GREATER:
	case SQLA_GREATER_EQUAL:
		return put_compared(q, column, operators[compare], value);
	case SQLA_IS_NULL:
	case SQLA_IS_NOT_NULL:
		select_put_name(q, column->name);
		select_put(q, compare == SQLA_IS_NULL ? " IS NULL" : " IS NOT NULL");
		return 0;
	case SQLA_EQUAL_LOWER:
	case SQLA_PREFIX:
	case SQLA_CONTAINS:
		return put_without_case(q, column, compare, value);
	}
	return refuse(q, column, NULL, "there is no such comparison");
}
