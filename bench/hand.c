/*
 * The ways without the library, as one writes them by hand: each statement is
 * sent when the one before it was answered. A database that is only read is
 * committed, not prepared. SQLite has no PREPARE: its COMMIT comes when the
 * log record is durable.
 */
#include "hand.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/must.h"
#include "support/scratch.h"
#include "wire.h"

enum { BUSY_MS = 5000 };

/* ---- opening and closing -------------------------------------------------- */

sqlite3_stmt *hand_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		must_fail("%s: %s", sql, sqlite3_errmsg(db));
	return stmt;
}

static void open_file(struct hand *h, const char *path)
{
	if (sqlite3_open(path, &h->file) != SQLITE_OK ||
	    sqlite3_busy_timeout(h->file, BUSY_MS) != SQLITE_OK ||
	    sqlite3_exec(h->file, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
		must_fail("%s: %s", path, sqlite3_errmsg(h->file));
	h->begin = hand_prepare(h->file, "BEGIN");
	h->update = hand_prepare(h->file, WAY_UPDATE);
	h->commit = hand_prepare(h->file, "COMMIT");
}

void *hand_open(const struct places *places, int worker)
{
	struct hand *h = calloc(1, sizeof(*h));
	char *log = scratch_path("decisions.log");

	if (!h)
		must_fail("out of memory");
	h->shape = places_shape(places);
	h->worker = worker;
	h->row_number = places_row(worker);
	(void)snprintf(h->row, sizeof(h->row), "%" PRId64, h->row_number);
	for (int i = 0; i < h->shape->n_postgres; i++)
		h->servers[i] = must_connect(places_url(places, i));
	if (h->shape->has_sqlite)
		open_file(h, places_file(places));
	h->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (h->log < 0)
		must_fail("%s cannot be written", log);
	free(log);
	return h;
}

void hand_close(void *self)
{
	struct hand *h = self;

	for (int i = 0; i < h->shape->n_postgres; i++)
		PQfinish(h->servers[i]);
	(void)sqlite3_finalize(h->begin);
	(void)sqlite3_finalize(h->update);
	(void)sqlite3_finalize(h->commit);
	(void)sqlite3_close(h->file);
	(void)close(h->log);
	free(h);
}

/* ---- work ----------------------------------------------------------------- */

bool hand_is_well(PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool hand_step(sqlite3_stmt *stmt)
{
	bool is_done = sqlite3_step(stmt) == SQLITE_DONE;

	return sqlite3_reset(stmt) == SQLITE_OK && is_done;
}

static bool is_read_only(const struct hand *h, int server)
{
	return server >= h->shape->n_postgres - h->shape->n_reading;
}

bool hand_work_file(struct hand *h)
{
	return hand_step(h->begin) &&
	       sqlite3_bind_int64(h->update, 1, h->row_number) == SQLITE_OK && hand_step(h->update);
}

static bool hand_work(void *self)
{
	struct hand *h = self;

	for (int i = 0; i < h->shape->n_postgres; i++) {
		const char *const values[] = { h->row };
		const char *sql = is_read_only(h, i) ? WAY_SELECT : WAY_UPDATE;

		if (!hand_is_well(PQexec(h->servers[i], "BEGIN")) ||
		    !hand_is_well(PQexecParams(h->servers[i], sql, 1, NULL, values, NULL, NULL, 0)))
			return false;
	}
	return !h->file || hand_work_file(h);
}

/* ---- the two commits ------------------------------------------------------- */

static bool plain_commit(void *self, int64_t *ret_decided)
{
	struct hand *h = self;

	for (int i = 0; i < h->shape->n_postgres; i++)
		if (!hand_is_well(PQexec(h->servers[i], "COMMIT")))
			return false;
	if (h->file && !hand_step(h->commit))
		return false;
	*ret_decided = now_ns();
	return true;
}

void hand_say(const struct hand *h, const char *verb, int server, char ret_sql[HAND_SQL_SIZE])
{
	(void)snprintf(ret_sql, HAND_SQL_SIZE, "%s 'bench-%d-%" PRId64 "-%d'", verb, h->worker,
		       h->number, server);
}

static bool tell(struct hand *h, const char *verb, int server)
{
	char sql[HAND_SQL_SIZE];

	hand_say(h, verb, server, sql);
	return hand_is_well(PQexec(h->servers[server], sql));
}

static bool force_log(const struct hand *h)
{
	char record[64];
	int n = snprintf(record, sizeof(record), "commit bench-%d-%" PRId64 "\n", h->worker,
			 h->number);

	return write(h->log, record, (size_t)n) == n && fdatasync(h->log) == 0;
}

static bool textbook_commit(void *self, int64_t *ret_decided)
{
	struct hand *h = self;
	int n_prepared = h->shape->n_postgres - h->shape->n_reading;

	h->number++;
	for (int i = 0; i < n_prepared; i++)
		if (!tell(h, "PREPARE TRANSACTION", i))
			return false;
	if (!force_log(h))
		return false;
	*ret_decided = now_ns();
	if (h->file && !hand_step(h->commit))
		return false;
	for (int i = 0; i < n_prepared; i++)
		if (!tell(h, "COMMIT PREPARED", i))
			return false;
	for (int i = n_prepared; i < h->shape->n_postgres; i++)
		if (!hand_is_well(PQexec(h->servers[i], "COMMIT")))
			return false;
	return true;
}

void hand_undo(void *self)
{
	struct hand *h = self;

	for (int i = 0; i < h->shape->n_postgres; i++) {
		PQclear(PQexec(h->servers[i], "ROLLBACK"));
		(void)tell(h, "ROLLBACK PREPARED", i);
	}
	if (h->file)
		(void)sqlite3_exec(h->file, "ROLLBACK", NULL, NULL, NULL);
}

void hand_settle(void *self, pthread_barrier_t *together)
{
	struct hand *h = self;

	(void)together;
	for (int i = 0; i < h->shape->n_postgres; i++)
		must_exec(h->servers[i], "SELECT pg_stat_force_next_flush()");
}

const struct way way_plain = {
	.name = "plain",
	.open = hand_open,
	.work = hand_work,
	.commit = plain_commit,
	.undo = hand_undo,
	.settle = hand_settle,
	.close = hand_close,
};

const struct way way_textbook = {
	.name = "textbook",
	.open = hand_open,
	.work = hand_work,
	.commit = textbook_commit,
	.undo = hand_undo,
	.settle = hand_settle,
	.close = hand_close,
};

/* One changed database needs no second phase, in whatever way. */
const struct way *way_baseline(const struct shape *shape)
{
	return shape_changed(shape) > 1 ? &way_textbook : &way_plain;
}
