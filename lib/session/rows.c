#include "session/session.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/error.h"
#include "base/fork.h"

struct sqla_rows {
	struct sqla_session *session; /* NULL once it is closed */
	struct driver_rows *from;     /* NULL: the statement returned none */
	unsigned generation;
	bool is_on_row;
	struct sqla_error failure; /* the first; status 0: none */
	struct sqla_rows *next, *prev;
};

int rows_new(struct sqla_session *s, struct driver_rows *from, struct sqla_rows **ret_rows)
{
	struct sqla_rows *rows = calloc(1, sizeof(*rows));

	if (!rows) {
		if (from)
			from->ops->free(from);
		return error_nomem();
	}
	rows->session = s;
	rows->from = from;
	rows->generation = fork_generation();
	DL_APPEND(s->rows, rows);
	*ret_rows = rows;
	return 0;
}

static void detach(struct sqla_rows *rows)
{
	if (!rows->session)
		return;
	DL_DELETE(rows->session->rows, rows);
	rows->session = NULL;
}

void rows_detach_all(struct sqla_session *s)
{
	while (s->rows)
		detach(s->rows);
}

static int keep(struct sqla_rows *rows, int status)
{
	if (rows->session)
		error_set_engine(engine_name(rows->session->engine));
	if (rows->failure.status == 0)
		error_save(&rows->failure);
	return status;
}

static bool keep_if_failed(struct sqla_rows *rows, int status)
{
	if (status < 0)
		(void)keep(rows, status);
	return status < 0;
}

int rows_failed(const struct sqla_rows *rows)
{
	return rows->failure.status < 0 ? error_restore(&rows->failure) : 0;
}

static int misuse(struct sqla_rows *rows, const char *why)
{
	return keep(rows,
		    error_set(SQLA_EMISUSE, NULL, "Call sqla_rows_next until it is 0.", "%s", why));
}

static int check(struct sqla_rows *rows)
{
	if (!rows)
		return error_set(SQLA_EMISUSE, NULL, NULL, "the rows are NULL");
	if (fork_is_foreign(rows->generation))
		return keep(rows, error_set(SQLA_EFORKED, NULL, "Query again in the child process.",
					    "the rows belong to the parent process"));
	return 0;
}

int sqla_rows_next(struct sqla_rows *rows)
{
	int status = check(rows);

	if (status < 0)
		return status;
	rows->is_on_row = false;
	if (rows->failure.status < 0)
		return error_restore(&rows->failure);
	if (!rows->from)
		return 0;
	status = rows->from->ops->next(rows->from);
	if (status < 0 && rows->session)
		status = session_failed(rows->session, status);
	if (status < 0)
		return keep(rows, status);
	rows->is_on_row = status > 0;
	return status;
}

/* Whether COLUMN of the current row holds something other than NULL. */
static bool has_value(struct sqla_rows *rows, int column)
{
	if (check(rows) < 0)
		return false;
	if (!rows->is_on_row) {
		misuse(rows, "a value was asked for while no row is current");
		return false;
	}
	if (column < 0 || column >= rows->from->ops->columns(rows->from)) {
		keep(rows, error_set(SQLA_ENOTFOUND, NULL, "Columns count from 0.",
				     "there is no column %d", column));
		return false;
	}
	return !rows->from->ops->is_null(rows->from, column);
}

int64_t sqla_rows_int(struct sqla_rows *rows, int column)
{
	int64_t value = 0;
	int status;

	if (!has_value(rows, column))
		return 0;
	status = rows->from->ops->get_int(rows->from, column, &value);
	return keep_if_failed(rows, status) ? 0 : value;
}

double sqla_rows_real(struct sqla_rows *rows, int column)
{
	double value = 0;
	int status;

	if (!has_value(rows, column))
		return 0;
	status = rows->from->ops->get_real(rows->from, column, &value);
	return keep_if_failed(rows, status) ? 0 : value;
}

bool sqla_rows_bool(struct sqla_rows *rows, int column)
{
	return sqla_rows_int(rows, column) != 0;
}

const char *sqla_rows_text(struct sqla_rows *rows, int column)
{
	const char *value = NULL;
	int status;

	if (!has_value(rows, column))
		return NULL;
	status = rows->from->ops->get_text(rows->from, column, &value);
	return keep_if_failed(rows, status) ? NULL : value;
}

const void *sqla_rows_blob(struct sqla_rows *rows, int column, size_t *ret_size)
{
	const void *value = NULL;
	size_t size = 0;
	int status = 0;

	if (has_value(rows, column)) {
		status = rows->from->ops->get_blob(rows->from, column, &value, &size);
		if (keep_if_failed(rows, status)) {
			value = NULL;
			size = 0;
		}
	}
	if (ret_size)
		*ret_size = size;
	return value;
}

bool sqla_rows_is_null(struct sqla_rows *rows, int column)
{
	return !has_value(rows, column);
}

/* ---- columns ------------------------------------------------------------- */

int sqla_rows_columns(const struct sqla_rows *rows)
{
	return rows && rows->from ? rows->from->ops->columns(rows->from) : 0;
}

const char *sqla_rows_name(const struct sqla_rows *rows, int column)
{
	if (column < 0 || column >= sqla_rows_columns(rows))
		return NULL;
	return rows->from->ops->name(rows->from, column);
}

int sqla_rows_column(struct sqla_rows *rows, const char *name)
{
	if (!rows || !name)
		return error_set(SQLA_EMISUSE, NULL, NULL, "sqla_rows_column: an argument is NULL");
	for (int i = 0; i < sqla_rows_columns(rows); i++) {
		const char *here = sqla_rows_name(rows, i);

		if (here && strcmp(here, name) == 0)
			return i;
	}
	return error_set(SQLA_ENOTFOUND, rows->session ? engine_name(rows->session->engine) : NULL,
			 NULL, "there is no column \"%s\"", name);
}

int64_t sqla_rows_affected(const struct sqla_rows *rows)
{
	return rows && rows->from ? rows->from->affected : 0;
}

struct sqla_session *sqla_rows_session(const struct sqla_rows *rows)
{
	return rows ? rows->session : NULL;
}

/* In a forked child the statement is the parent's, and is not touched. */
int sqla_rows_close(struct sqla_rows *rows)
{
	int status = 0;

	if (!rows)
		return 0;
	detach(rows);
	if (rows->from && !fork_is_foreign(rows->generation))
		rows->from->ops->free(rows->from);
	if (rows->failure.status < 0)
		status = error_restore(&rows->failure);
	free(rows);
	return status;
}
