#include "scale.h"

#include <libpq-fe.h>
#include <malloc.h>
#include <stdlib.h>

#include <sqlassist.h>

#include "support/must.h"
#include "way.h"

/* Which of the open transactions the sessions belong to. */
static uintptr_t scope;

static uintptr_t current_scope(void)
{
	return scope;
}

static size_t used(void)
{
	return mallinfo2().uordblks;
}

static void work(const char *engine, int row)
{
	struct sqla_session *s;

	if (sqla_session_open(engine, &s) < 0 || sqla_exec(s, WAY_UPDATE, sqla_int(row)) < 0)
		must_fail("%s: %s", engine, sqla_error_last()->message);
	sqla_session_close(s);
}

/* Each changes a row on both servers and is put aside. */
static void open_all(const struct places *places, struct txn *txns[], int n)
{
	for (int i = 0; i < n; i++) {
		scope = (uintptr_t)i + 1;
		work(places_engine(places, 0), i);
		work(places_engine(places, 1), i);
		if (txn_suspend(&txns[i]) < 0)
			must_fail("not suspended: %s", sqla_error_last()->message);
	}
}

static void commit_all(struct txn *txns[], int n)
{
	for (int i = 0; i < n; i++) {
		scope = (uintptr_t)i + 1;
		if (txn_resume(txns[i]) < 0 || txn_commit() < 0)
			must_fail("not committed: %s", sqla_error_last()->message);
	}
}

/* What libpq needs for a connection that has done the same. */
static double bare_connection(const struct places *places, int n)
{
	PGconn **conns = calloc((size_t)n, sizeof(*conns));
	size_t before = used();
	double bytes;

	if (!conns)
		must_fail("out of memory");
	for (int i = 0; i < n; i++) {
		conns[i] = must_connect(places_url(places, 0));
		must_exec(conns[i], "UPDATE account SET balance = balance + 1 WHERE id = %d", i);
	}
	bytes = ((double)used() - (double)before) / n;
	for (int i = 0; i < n; i++)
		PQfinish(conns[i]);
	free(conns);
	return bytes;
}

json_t *scale_memory(int n)
{
	struct places *places = places_new(shape_find("two-postgres"), 0);
	struct txn **txns = calloc((size_t)n, sizeof(struct txn *));
	size_t nothing, idle, open;
	double bare;

	if (!txns)
		must_fail("out of memory");
	places_register(places, n, 0);
	if (sqla_engine_set_scope(places_engine(places, 0), current_scope) < 0 ||
	    sqla_engine_set_scope(places_engine(places, 1), current_scope) < 0)
		must_fail("no scope: %s", sqla_error_last()->message);
	bare = bare_connection(places, n);
	nothing = used();
	open_all(places, txns, n);
	commit_all(txns, n);
	/* Connections and their caches stay; what comes now is the transactions. */
	idle = used();
	open_all(places, txns, n);
	open = used();
	commit_all(txns, n);
	free(txns);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("sessions are left: %s", sqla_error_last()->message);
	places_free(places);
	return json_pack("{s:i, s:f, s:f, s:f}", "open", n, "transaction",
			 ((double)open - (double)idle) / n, "connection",
			 ((double)idle - (double)nothing) / (2 * n), "bare_connection", bare);
}
