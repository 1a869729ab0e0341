/*
 * The floor: the library's protocol (sqlassist-commit(7)) and nothing else, as
 * one would write it by hand for these very statements. BEGIN travels with the
 * work, what can be prepared is, and the decision row goes in while the others
 * prepare. Nothing is checked, nobody could recover, and no row is forgotten.
 * Every database changes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hand.h"
#include "support/must.h"
#include "wire.h"

#define DECISION_TABLE "CREATE TABLE IF NOT EXISTS decision(txn text PRIMARY KEY)"
#define DECISION_ROW "INSERT INTO decision VALUES ($1)"

struct pipelined {
	struct hand hand; /* the first, for its members of struct way */
	sqlite3_stmt *decision;
	int n_prepared; /* servers, in front of the decider */
};

static void prepare_server(PGconn *server)
{
	static const char *const statements[][2] = {
		{ "begin", "BEGIN" },
		{ "update", WAY_UPDATE },
		{ "decision", DECISION_ROW },
	};

	must_exec(server, "SET client_min_messages = error");
	must_exec(server, DECISION_TABLE);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (!hand_is_well(PQprepare(server, statements[i][0], statements[i][1], 0, NULL)))
			must_fail("%s: %s", statements[i][1], PQerrorMessage(server));
}

static void *pipelined_open(const struct places *places, int worker)
{
	struct hand *opened = hand_open(places, worker);
	struct pipelined *p = calloc(1, sizeof(*p));

	if (!p)
		must_fail("out of memory");
	p->hand = *opened;
	free(opened);
	p->hand.number = now_ns(); /* an earlier worker's rows are still there */
	p->n_prepared = p->hand.shape->n_postgres - !p->hand.file;
	for (int i = 0; i < p->hand.shape->n_postgres; i++)
		prepare_server(p->hand.servers[i]);
	if (p->hand.file) {
		must_exec_file(places_file(places), DECISION_TABLE);
		p->decision = hand_prepare(p->hand.file, DECISION_ROW);
	}
	return p;
}

static void pipelined_close(void *self)
{
	struct pipelined *p = self;

	(void)sqlite3_finalize(p->decision);
	hand_close(self);
}

/* ---- work ------------------------------------------------------------------- */

static bool work_server(const struct hand *h, PGconn *server)
{
	const char *const values[] = { h->row };
	bool is_well = PQenterPipelineMode(server) &&
		       PQsendQueryPrepared(server, "begin", 0, NULL, NULL, NULL, 0) &&
		       PQsendQueryPrepared(server, "update", 1, values, NULL, NULL, 0) &&
		       PQpipelineSync(server);

	for (int i = 0; is_well && i < 2; i++) {
		is_well = hand_is_well(PQgetResult(server));
		PQclear(PQgetResult(server));
	}
	PQclear(PQgetResult(server)); /* of the sync */
	return PQexitPipelineMode(server) && is_well;
}

static bool pipelined_work(void *self)
{
	struct hand *h = self;

	for (int i = 0; i < h->shape->n_postgres; i++)
		if (!work_server(h, h->servers[i]))
			return false;
	return !h->file || hand_work_file(h);
}

/* ---- the commit --------------------------------------------------------------- */

static bool answer(PGconn *server)
{
	bool is_well = hand_is_well(PQgetResult(server));

	PQclear(PQgetResult(server));
	return is_well;
}

static bool claim(struct pipelined *p)
{
	char txn[64];
	const char *const values[] = { txn };
	int n = snprintf(txn, sizeof(txn), "%d-%" PRId64, p->hand.worker, p->hand.number);

	if (p->hand.file)
		return sqlite3_bind_text(p->decision, 1, txn, n, SQLITE_STATIC) == SQLITE_OK &&
		       hand_step(p->decision);
	return PQsendQueryPrepared(p->hand.servers[p->n_prepared], "decision", 1, values, NULL,
				   NULL, 0);
}

/* VERB to all that are prepared. */
static bool tell_all(const struct pipelined *p, const char *verb)
{
	bool is_well = true;

	for (int i = 0; i < p->n_prepared && is_well; i++) {
		char sql[HAND_SQL_SIZE];

		hand_say(&p->hand, verb, i, sql);
		is_well = PQsendQuery(p->hand.servers[i], sql);
	}
	return is_well;
}

static bool hear_all(const struct pipelined *p)
{
	bool is_well = true;

	for (int i = 0; i < p->n_prepared && is_well; i++)
		is_well = answer(p->hand.servers[i]);
	return is_well;
}

/* A server is sent its claim first; a file, which is locked by the work, makes its
 * row while the others prepare. */
static bool vote(struct pipelined *p)
{
	if (p->hand.file)
		return tell_all(p, "PREPARE TRANSACTION") && claim(p) && hear_all(p);
	return claim(p) && tell_all(p, "PREPARE TRANSACTION") && hear_all(p) &&
	       answer(p->hand.servers[p->n_prepared]);
}

static bool decide(const struct pipelined *p)
{
	if (p->hand.file)
		return hand_step(p->hand.commit);
	return hand_is_well(PQexec(p->hand.servers[p->n_prepared], "COMMIT"));
}

static bool pipelined_commit(void *self, int64_t *ret_decided)
{
	struct pipelined *p = self;

	p->hand.number++;
	if (!vote(p) || !decide(p))
		return false;
	*ret_decided = now_ns();
	return tell_all(p, "COMMIT PREPARED") && hear_all(p);
}

const struct way way_pipelined = {
	.name = "pipelined",
	.open = pipelined_open,
	.work = pipelined_work,
	.commit = pipelined_commit,
	.undo = hand_undo,
	.settle = hand_settle,
	.close = pipelined_close,
};
