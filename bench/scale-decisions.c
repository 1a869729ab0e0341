#include "scale.h"

#include <libpq-fe.h>

#include <sqlassist.h>

#include "slice.h"
#include "support/must.h"

/* What is kept for so long is forgotten while this runs, many times over. */
enum { THREADS = 16, STEPS = 10, KEEP_S = 1 };

static const char table[] = "'sqlassist.sqlassist_decision'";

/* What autovacuum does each minute it is to do more often, and in a short run, too. */
static void vacuum_soon(const struct places *places)
{
	PGconn *conn = must_connect(places_url(places, 1));

	must_exec(conn, "ALTER SYSTEM SET autovacuum_naptime = '2s'");
	must_exec(conn, "SELECT pg_reload_conf()");
	PQfinish(conn);
}

/* The second server decides. */
static json_t *look(const struct places *places, int64_t transactions, double rate)
{
	PGconn *conn = must_connect(places_url(places, 1));
	int64_t rows = must_query_int(conn, "SELECT count(*) FROM sqlassist.sqlassist_decision "
					    "WHERE verdict = 'committed'");
	int64_t bytes = must_query_int(conn, "SELECT pg_total_relation_size(%s)", table);

	PQfinish(conn);
	return json_pack("{s:I, s:f, s:I, s:I}", "transactions", (json_int_t)transactions, "rate",
			 rate, "rows", (json_int_t)rows, "bytes", (json_int_t)bytes);
}

json_t *scale_decisions(int64_t transactions)
{
	const struct slice_limit step = { .transactions = transactions / STEPS / THREADS };
	struct places *places = places_new(shape_find("two-postgres"), 0);
	json_t *all = json_array();
	int64_t done = 0;
	struct crew *crew;

	places_register(places, THREADS, KEEP_S);
	vacuum_soon(places);
	crew = crew_new(&way_library, places, THREADS);
	for (int i = 0; i < STEPS; i++) {
		struct slice did = crew_run(crew, step, NULL);

		done += did.transactions;
		(void)json_array_append_new(all, look(places, done,
						      (double)did.transactions / did.seconds));
	}
	crew_free(crew);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("sessions are left: %s", sqla_error_last()->message);
	places_free(places);
	return all;
}
