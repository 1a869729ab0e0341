#include "schema/live.h"

#include "base/error.h"

enum { COLUMNS_MAX = 4 };

static int connect_for(struct live *live, enum driver_purpose purpose)
{
	struct engine_config *config = engine_config(live->engine);

	live->dialect = dialect_find(config->driver->name);
	return config->driver->open(config, purpose, &live->conn);
}

static int refuse_if(void *arg, const char *const texts[])
{
	const struct live *live = arg;

	if (!*texts[0])
		return 0;
	return error_set(SQLA_EMISUSE, engine_name(live->engine),
			 "Use another engine, or prepare this database.",
			 "engine \"%s\" cannot have declared tables: %s", engine_name(live->engine),
			 texts[0]);
}

int live_open(const char *engine, enum driver_purpose purpose, struct live *ret_live)
{
	struct live live = { 0 };
	int status = engine_get(engine, &live.engine);

	if (status == 0)
		status = connect_for(&live, purpose);
	if (status == 0)
		status = live_query(&live, live.dialect->refusal, NULL, refuse_if, &live);
	if (status < 0)
		live_close(&live);
	else
		*ret_live = live;
	return status;
}

void live_close(struct live *live)
{
	struct sqla_error before;

	error_save(&before);
	if (live->conn)
		live->conn->driver->close(live->conn);
	if (live->engine)
		engine_unref(live->engine);
	live->conn = NULL;
	live->engine = NULL;
	(void)error_restore(&before);
}

int live_exec(struct live *live, const char *sql)
{
	return live->conn->driver->execute(live->conn, sql, NULL, 0, NULL, NULL);
}

int live_exec_all(struct live *live, const char *const statements[])
{
	int status = 0;

	for (size_t i = 0; statements[i] && status == 0; i++)
		status = live_exec(live, statements[i]);
	return status;
}

/* One row. */
static int give(struct driver_rows *rows, live_row_fn *fn, void *arg)
{
	const char *texts[COLUMNS_MAX];
	int columns = rows->ops->columns(rows);
	int status = 0;

	for (int i = 0; i < columns && i < COLUMNS_MAX && status == 0; i++) {
		texts[i] = "";
		if (!rows->ops->is_null(rows, i))
			status = rows->ops->get_text(rows, i, &texts[i]);
	}
	return status < 0 ? status : fn(arg, texts);
}

int live_query(struct live *live, const char *sql, const struct sqla_value *value, live_row_fn *fn,
	       void *arg)
{
	struct driver_rows *rows = NULL;
	int status =
		live->conn->driver->execute(live->conn, sql, value, value ? 1 : 0, &rows, NULL);
	int more = 1;

	if (status < 0)
		return status;
	while (status == 0 && (more = rows->ops->next(rows)) > 0)
		status = give(rows, fn, arg);
	rows->ops->free(rows);
	return more < 0 ? more : status;
}
