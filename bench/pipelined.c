/*
 * The floor: the library's protocol (sqlassist-commit(7)) and nothing else, as
 * one would write it by hand for these very statements. BEGIN travels with the
 * work, what can be prepared is, and the decision row goes in while the others
 * prepare. Nothing is checked, nobody could recover, and no row is forgotten.
 * Every database changes.
 *
 * pipelined-deferred does not wait for the end, either: the answer to a COMMIT
 * PREPARED is read when its connection is next used, and the server that works
 * first decides, so that the next transaction finds it free.
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
	int decider; /* a server; -1: the file */
	bool is_deferred;
	bool *is_unread; /* of each server: the answer to what it was told */
};

/* ---- answers ------------------------------------------------------------------ */

static bool answer(PGconn *server)
{
	bool is_well = hand_is_well(PQgetResult(server));

	PQclear(PQgetResult(server));
	return is_well;
}

static bool hear(struct pipelined *p, int i)
{
	bool is_unread = p->is_unread[i];

	p->is_unread[i] = false;
	return !is_unread || answer(p->hand.servers[i]);
}

static bool hear_all(struct pipelined *p)
{
	bool is_well = true;

	for (int i = 0; i < p->hand.shape->n_postgres; i++)
		is_well = hear(p, i) && is_well;
	return is_well;
}

/* ---- opening and closing ------------------------------------------------------- */

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
	p->decider = p->hand.file ? -1 : p->hand.shape->n_postgres - 1;
	p->is_unread = calloc((size_t)p->hand.shape->n_postgres, sizeof(bool));
	if (!p->is_unread)
		must_fail("out of memory");
	for (int i = 0; i < p->hand.shape->n_postgres; i++)
		prepare_server(p->hand.servers[i]);
	if (p->hand.file) {
		must_exec_file(places_file(places), DECISION_TABLE);
		p->decision = hand_prepare(p->hand.file, DECISION_ROW);
	}
	return p;
}

static void *pipelined_deferred_open(const struct places *places, int worker)
{
	struct pipelined *p = pipelined_open(places, worker);

	p->is_deferred = true;
	if (!p->hand.file)
		p->decider = 0;
	return p;
}

static void pipelined_close(void *self)
{
	struct pipelined *p = self;

	(void)hear_all(p);
	free(p->is_unread);
	(void)sqlite3_finalize(p->decision);
	hand_close(self);
}

/* ---- work ------------------------------------------------------------------- */

static bool work_server(struct pipelined *p, int i)
{
	PGconn *server = p->hand.servers[i];
	const char *const values[] = { p->hand.row };
	bool is_sent = hear(p, i) && PQenterPipelineMode(server) &&
		       PQsendQueryPrepared(server, "begin", 0, NULL, NULL, NULL, 0) &&
		       PQsendQueryPrepared(server, "update", 1, values, NULL, NULL, 0) &&
		       PQpipelineSync(server);
	bool is_well = is_sent;

	for (int n = 0; is_sent && n < 2; n++)
		is_well = answer(server) && is_well;
	PQclear(PQgetResult(server)); /* of the sync */
	return PQexitPipelineMode(server) && is_well;
}

static bool pipelined_work(void *self)
{
	struct pipelined *p = self;

	for (int i = 0; i < p->hand.shape->n_postgres; i++)
		if (!work_server(p, i))
			return false;
	return !p->hand.file || hand_work_file(&p->hand);
}

/* ---- the commit --------------------------------------------------------------- */

static bool claim(struct pipelined *p)
{
	char txn[64];
	const char *const values[] = { txn };
	int n = snprintf(txn, sizeof(txn), "%d-%" PRId64, p->hand.worker, p->hand.number);

	if (p->hand.file)
		return sqlite3_bind_text(p->decision, 1, txn, n, SQLITE_STATIC) == SQLITE_OK &&
		       hand_step(p->decision);
	p->is_unread[p->decider] = PQsendQueryPrepared(p->hand.servers[p->decider], "decision", 1,
						       values, NULL, NULL, 0);
	return p->is_unread[p->decider];
}

/* VERB to all that are prepared. */
static bool tell_all(struct pipelined *p, const char *verb)
{
	bool is_well = true;

	for (int i = 0; i < p->hand.shape->n_postgres && is_well; i++) {
		char sql[HAND_SQL_SIZE];

		if (i == p->decider)
			continue;
		hand_say(&p->hand, verb, i, sql);
		is_well = PQsendQuery(p->hand.servers[i], sql);
		p->is_unread[i] = is_well;
	}
	return is_well;
}

/* A server is sent its claim first; a file, which is locked by the work, makes its
 * row while the others prepare. */
static bool vote(struct pipelined *p)
{
	if (p->hand.file)
		return tell_all(p, "PREPARE TRANSACTION") && claim(p) && hear_all(p);
	return claim(p) && tell_all(p, "PREPARE TRANSACTION") && hear_all(p);
}

static bool decide(const struct pipelined *p)
{
	if (p->hand.file)
		return hand_step(p->hand.commit);
	return hand_is_well(PQexec(p->hand.servers[p->decider], "COMMIT"));
}

static bool pipelined_commit(void *self, int64_t *ret_decided)
{
	struct pipelined *p = self;

	p->hand.number++;
	if (!vote(p) || !decide(p))
		return false;
	*ret_decided = now_ns();
	return tell_all(p, "COMMIT PREPARED") && (p->is_deferred || hear_all(p));
}

static void pipelined_undo(void *self)
{
	(void)hear_all(self);
	hand_undo(self);
}

static void pipelined_settle(void *self, pthread_barrier_t *together)
{
	(void)hear_all(self);
	hand_settle(self, together);
}

const struct way way_pipelined = {
	.name = "pipelined",
	.open = pipelined_open,
	.work = pipelined_work,
	.commit = pipelined_commit,
	.undo = pipelined_undo,
	.settle = pipelined_settle,
	.close = pipelined_close,
};

const struct way way_pipelined_deferred = {
	.name = "pipelined-deferred",
	.open = pipelined_deferred_open,
	.work = pipelined_work,
	.commit = pipelined_commit,
	.undo = pipelined_undo,
	.settle = pipelined_settle,
	.close = pipelined_close,
};
