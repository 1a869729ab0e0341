#include "scale.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include <sqlassist.h>
#include <sqlassist/resource.h>

#include "slice.h"
#include "support/must.h"
#include "wire.h"

/* The branches are on the first server; the second decides. */
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
static void begin(struct doubts *d)
{
	const struct slice_limit once = { .transactions = 1 };
	struct crew *crew;

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
}

static void end(struct doubts *d)
{
	PQfinish(d->prepared);
	PQfinish(d->decider);
	free(d->prepared_site);
	free(d->decider_site);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("sessions are left: %s", sqla_error_last()->message);
	places_free(d->places);
}

/* As a coordinator that died leaves it: in front of the decision, or behind it. */
static void leave_one(const struct doubts *d, bool is_decided)
{
	char uuid[37], gid[TXN_GID_MAX + 1];
	uuid_t bytes;

	uuid_generate(bytes);
	uuid_unparse_lower(bytes, uuid);
	if (txn_gid_format(gid, uuid, 1, d->decider_site, "pg1") < 0)
		must_fail("no gid: %s", sqla_error_last()->message);
	must_exec(d->prepared, "BEGIN; INSERT INTO doubt VALUES ('%s'); PREPARE TRANSACTION '%s'",
		  uuid, gid);
	if (is_decided)
		must_exec(d->decider,
			  "INSERT INTO sqlassist.sqlassist_decision(txn, verdict, branches) "
			  "VALUES ('%s', 'committed', '%s=%s')",
			  uuid, d->prepared_site, gid);
}

static double ms_since(int64_t began)
{
	return (double)(now_ns() - began) / 1e6;
}

static json_t *measure(const struct doubts *d, int n)
{
	const struct sqla_recover_options options = { .grace_s = -1 };
	const struct sqla_recover_options dry = { .grace_s = -1, .dry_run = true };
	struct sqla_recover_report report;
	double look_ms, recover_ms;
	int64_t began;

	for (int i = 0; i < n; i++)
		leave_one(d, i % 2 == 0);
	began = now_ns();
	if (sqla_recover(&dry, NULL, NULL, &report) < 0 || report.left != n)
		must_fail("not %d in doubt: %s", n, sqla_error_last()->message);
	look_ms = ms_since(began);
	began = now_ns();
	if (sqla_recover(&options, NULL, NULL, &report) != SQLA_OK)
		must_fail("not recovered: %s", sqla_error_last()->message);
	recover_ms = ms_since(began);
	if (report.committed != (n + 1) / 2 || report.rolled_back != n / 2)
		must_fail("%d committed, %d rolled back", report.committed, report.rolled_back);
	return json_pack("{s:i, s:f, s:f}", "branches", n, "look_ms", look_ms, "recover_ms",
			 recover_ms);
}

json_t *scale_recovery(int most)
{
	json_t *all = json_array();
	struct doubts d;

	begin(&d);
	(void)json_array_append_new(all, measure(&d, 0));
	for (int n = 10; n <= most; n *= 10)
		(void)json_array_append_new(all, measure(&d, n));
	end(&d);
	return all;
}
