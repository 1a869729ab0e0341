#include <sqlassist/table.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "schema/ddl.h"
#include "schema/live.h"
#include "schema/name.h"
#include "schema/sql.h"

struct work {
	struct live live;
	struct plan plan;
	bool *wanted; /* by place in the plan */
	bool is_creating;
};

static int on_table(void *arg, const char *const texts[])
{
	struct work *work = arg;
	const struct dialect *dialect = work->plan.dialect;

	for (size_t i = 0; i < work->plan.n; i++) {
		char cut[NAME_CUT_SIZE];
		const char *name = name_cut(work->plan.order[i]->name, dialect->name_max, cut);

		if ((dialect->folds_names ? strcasecmp : strcmp)(name, texts[0]) == 0)
			work->wanted[i] = !work->is_creating;
	}
	return 0;
}

/* Which tables are wanted: those that exist, or those that do not. */
static int choose(struct work *work)
{
	work->wanted = calloc(work->plan.n + 1, sizeof(*work->wanted));
	if (!work->wanted)
		return error_nomem();
	for (size_t i = 0; i < work->plan.n; i++)
		work->wanted[i] = work->is_creating;
	return live_query(&work->live, work->plan.dialect->tables, NULL, on_table, work);
}

static int run(void *arg, const char *sql)
{
	struct work *work = arg;

	return live_exec(&work->live, sql);
}

static int create_or_drop(struct work *work)
{
	struct ddl ddl = { .plan = &work->plan, .fn = run, .arg = work };
	int status = choose(work);

	ddl.wanted = work->wanted;
	if (status == 0 && !work->is_creating)
		status = live_exec_all(&work->live, work->plan.dialect->before_drop);
	if (status == 0)
		status = work->is_creating ? ddl_create(&ddl) : ddl_drop(&ddl);
	return status;
}

static int count_wanted(const struct work *work)
{
	int n = 0;

	for (size_t i = 0; i < work->plan.n; i++)
		n += work->wanted[i];
	return n;
}

/*
 * Looks only once it holds the lock, so that of several processes one creates
 * and the others find it done. Closing the connection rolls back.
 */
static int transact(struct work *work)
{
	int status = live_exec_all(&work->live, work->plan.dialect->begin);

	if (status == 0)
		status = create_or_drop(work);
	if (status == 0)
		status = live_exec(&work->live, "COMMIT");
	return status < 0 ? status : count_wanted(work);
}

static int check_writable(struct live *live)
{
	if (engine_config(live->engine)->options.readonly != SQLA_YES)
		return 0;
	return error_set(SQLA_EREADONLY, engine_name(live->engine),
			 "Use an engine that is not readonly.",
			 "engine \"%s\" is readonly: no tables are made or dropped there",
			 engine_name(live->engine));
}

static int work_on(const struct sqla_metadata *metadata, const char *engine, bool is_creating)
{
	struct work work = { .is_creating = is_creating };
	int status;

	if (!metadata)
		return error_set(SQLA_EMISUSE, NULL, NULL, "the metadata is NULL");
	status = live_open(engine, DRIVER_SESSION, &work.live);
	if (status < 0)
		return status;
	status = check_writable(&work.live);
	if (status == 0)
		status = plan_make(metadata, work.live.dialect, &work.plan);
	if (status == 0)
		status = transact(&work);
	free(work.wanted);
	plan_free(&work.plan);
	live_close(&work.live);
	return status;
}

int sqla_metadata_create_all(const struct sqla_metadata *metadata, const char *engine)
{
	return work_on(metadata, engine, true);
}

int sqla_metadata_drop_all(const struct sqla_metadata *metadata, const char *engine)
{
	return work_on(metadata, engine, false);
}

/* ---- as text ------------------------------------------------------------- */

static int print(void *arg, const char *sql)
{
	FILE *out = arg;

	(void)fprintf(out, "%s;\n", sql);
	return 0;
}

static int print_all(const struct plan *plan, char **ret_text)
{
	struct ddl ddl = { .plan = plan, .fn = print };
	struct sql sql;
	int status = sql_begin(&sql), failure;

	if (status < 0)
		return status;
	ddl.arg = sql.out;
	failure = ddl_create(&ddl);
	status = sql_end(&sql);
	if (failure < 0) {
		free(sql.text);
		return failure;
	}
	*ret_text = sql.text;
	return status;
}

char *sqla_metadata_sql(const struct sqla_metadata *metadata, const char *name)
{
	const struct dialect *dialect = name ? dialect_find(name) : NULL;
	struct plan plan;
	char *text = NULL;

	if (!metadata || !dialect) {
		(void)error_set(SQLA_EMISUSE, NULL, "There are \"postgresql\" and \"sqlite\".",
				"sqla_metadata_sql: no metadata, or no dialect \"%s\"",
				name ? name : "NULL");
		return NULL;
	}
	if (plan_make(metadata, dialect, &plan) < 0)
		return NULL;
	(void)print_all(&plan, &text);
	plan_free(&plan);
	return text;
}
