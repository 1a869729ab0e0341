/* The way of the library, its sessions and pool included. */
#include <sqlassist.h>
#include <stdlib.h>

#include "support/must.h"
#include "way.h"
#include "wire.h"

struct worker {
	const struct places *places;
	const struct shape *shape;
	int64_t row;
	bool is_deferred;
};

static void *library_open(const struct places *places, int worker)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		must_fail("out of memory");
	w->places = places;
	w->shape = places_shape(places);
	w->row = places_row(worker);
	return w;
}

static void *deferred_open(const struct places *places, int worker)
{
	struct worker *w = library_open(places, worker);

	w->is_deferred = true;
	return w;
}

static bool is_read_only(const struct worker *w, int branch)
{
	return branch < w->shape->n_postgres &&
	       branch >= w->shape->n_postgres - w->shape->n_reading;
}

static int read_row(const struct worker *w, struct sqla_session *s)
{
	struct sqla_rows *rows;
	int r = sqla_query(s, &rows, WAY_SELECT, sqla_int(w->row));

	if (r < 0)
		return r;
	(void)sqla_rows_next(rows);
	return sqla_rows_close(rows);
}

/* The transaction keeps what it needs of a session that is closed. */
static bool library_work(void *self)
{
	const struct worker *w = self;

	for (int i = 0; i < shape_branches(w->shape); i++) {
		struct sqla_session *s;
		int r = sqla_session_open(places_engine(w->places, i), &s);

		if (r < 0)
			return false;
		if (is_read_only(w, i))
			r = read_row(w, s);
		else
			r = sqla_exec(s, WAY_UPDATE, sqla_int(w->row));
		sqla_session_close(s);
		if (r < 0)
			return false;
	}
	return true;
}

/*
 * Where there is something to finish, that is the last that is said, and the
 * decision was durable just before; else it is when the commit returns.
 */
static bool library_commit(void *self, int64_t *ret_decided)
{
	const struct worker *w = self;
	uint64_t rounds = wire_read().rounds;
	int r = 0;

	if (w->is_deferred)
		r = txn_set_finish(txn_current(), TXN_FINISH_DEFERRED);
	if (r == 0)
		r = txn_commit();
	*ret_decided = now_ns();
	if (shape_branches(w->shape) > 1 && wire_read().rounds > rounds)
		*ret_decided = wire_read().round_at;
	return r == SQLA_OK;
}

static void library_undo(void *self)
{
	(void)self;
	(void)txn_abort();
}

/* Meeting TOGETHER, the workers hold every connection of the pools. */
static void library_settle(void *self, pthread_barrier_t *together)
{
	const struct worker *w = self;
	bool is_well = true;

	for (int i = 0; i < w->shape->n_postgres && is_well; i++) {
		struct sqla_session *s;

		is_well = sqla_session_open(places_engine(w->places, i), &s) >= 0;
		if (!is_well)
			break;
		is_well = sqla_exec(s, "SELECT pg_stat_force_next_flush()") >= 0;
		sqla_session_close(s);
	}
	(void)pthread_barrier_wait(together);
	if (!is_well || txn_commit() < 0)
		must_fail("the servers do not count: %s", sqla_error_last()->message);
}

const struct way way_library = {
	.name = "library",
	.open = library_open,
	.work = library_work,
	.commit = library_commit,
	.undo = library_undo,
	.settle = library_settle,
	.close = free,
};

const struct way way_deferred = {
	.name = "deferred",
	.open = deferred_open,
	.work = library_work,
	.commit = library_commit,
	.undo = library_undo,
	.settle = library_settle,
	.close = free,
};
