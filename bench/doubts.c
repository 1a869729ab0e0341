#include "doubts.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sqlassist.h>
#include <sqlassist/resource.h>

#include "places.h"
#include "slice.h"
#include "support/must.h"

struct doubts {
	struct places *places;
	PGconn *prepared, *decider;
	char *prepared_site, *decider_site;
};

static char *site_of(PGconn *conn)
{
	return must_query_text(conn, "SELECT txn FROM sqlassist.sqlassist_decision "
				     "WHERE verdict = 'site'");
}

/* One transaction makes the decision tables. */
struct doubts *doubts_new(void)
{
	const struct slice_limit once = { .transactions = 1 };
	struct doubts *d = calloc(1, sizeof(*d));
	struct crew *crew;

	if (!d)
		must_fail("out of memory");
	d->places = places_new(shape_find("two-postgres"), 0);
	places_register(d->places, 1, 0);
	crew = crew_new(&way_library, d->places, 1);
	(void)crew_run(crew, once, NULL);
	crew_free(crew);
	d->prepared = must_connect(places_url(d->places, 0));
	d->decider = must_connect(places_url(d->places, 1));
	d->prepared_site = site_of(d->prepared);
	d->decider_site = site_of(d->decider);
	must_exec(d->prepared, "CREATE TABLE doubt(id uuid)");
	return d;
}

void doubts_free(struct doubts *d)
{
	PQfinish(d->prepared);
	PQfinish(d->decider);
	free(d->prepared_site);
	free(d->decider_site);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("sessions are left: %s", sqla_error_last()->message);
	places_free(d->places);
	free(d);
}

/* In front of the decision, or behind it. */
static void leave_one(const struct doubts *d, bool is_decided)
{
	char *uuid = must_query_text(d->decider, "SELECT gen_random_uuid()");
	char gid[TXN_GID_MAX + 1];

	if (txn_gid_format(gid, uuid, 1, d->decider_site, "pg1") < 0)
		must_fail("no gid: %s", sqla_error_last()->message);
	must_exec(d->prepared, "BEGIN; INSERT INTO doubt VALUES ('%s'); PREPARE TRANSACTION '%s'",
		  uuid, gid);
	if (is_decided)
		must_exec(d->decider,
			  "INSERT INTO sqlassist.sqlassist_decision(txn, verdict, branches) "
			  "VALUES ('%s', 'committed', '%s=%s')",
			  uuid, d->prepared_site, gid);
	free(uuid);
}

void doubts_leave(const struct doubts *d, int n)
{
	for (int i = 0; i < n; i++)
		leave_one(d, i % 2 == 0);
}
