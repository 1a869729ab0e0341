#include "wire/ledger.h"

#include <ctype.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "session/finish.h"
#include "support/cluster.h"
#include "support/scratch.h"

enum {
	TRIES = 5000,
	PAUSE_MS = 2,
	WARM_UP = 3,
	KEEP_S = 3600, /* nothing is forgotten by the way */
};

struct ledger_party {
	char engine[2];
	bool is_reader;
	struct sqla_session *session;
	struct tap *tap; /* PostgreSQL */
	char *path;	 /* of the file */
	PGconn *control; /* past the tap */
};

struct ledger {
	const struct shape *shape;
	struct ledger_party parties[PARTIES_MAX];
	size_t n;
	size_t n_writers;
	int64_t id; /* of the latest transaction */
	char uuid[40];
};

static const char tables[] = "CREATE TABLE entry (id bigint PRIMARY KEY, cents bigint NOT NULL)";

/* ---- making it ----------------------------------------------------------- */

static void must_register(const struct ledger *l, const struct ledger_party *party, const char *url)
{
	const struct sqla_engine_options options = {
		.pool_pre_ping = SQLA_YES,
		.keep_decisions = KEEP_S,
		.outcome = l->shape->with_row ? SQLA_OUTCOME_ROW : 0,
	};

	if (sqla_engine_register(party->engine, url, &options) < 0)
		must_fail("%s", sqla_error_last()->message);
}

static void open_file(struct ledger *l, struct ledger_party *party)
{
	char *name = must_printf("ledger-%d", (int)getpid());
	char *url = scratch_sqlite_url(name);

	party->path = scratch_path(name);
	must_exec_file(party->path, "%s", tables);
	must_register(l, party, url);
	free(name);
	free(url);
}

static void open_server(struct ledger *l, struct ledger_party *party)
{
	struct cluster *c = cluster_get(*party->engine == 'q' ? "two" : "one");
	char *database = must_printf("wire_%s_%d", party->engine, (int)getpid());
	char *direct = cluster_database(c, database), *url;

	party->control = must_connect(direct);
	must_exec(party->control, "%s", tables);
	party->tap = tap_start(c);
	url = proxy_url(tap_proxy(party->tap), database);
	must_register(l, party, url);
	cluster_free(c);
	free(database);
	free(direct);
	free(url);
}

static void open_party(struct ledger *l, char letter)
{
	struct ledger_party *party = &l->parties[l->n++];

	party->is_reader = isupper((unsigned char)letter);
	l->n_writers += !party->is_reader;
	party->engine[0] = (char)tolower((unsigned char)letter);
	if (*party->engine == 's')
		open_file(l, party);
	else
		open_server(l, party);
	if (sqla_session_open(party->engine, &party->session) < 0)
		must_fail("%s", sqla_error_last()->message);
}

struct ledger *ledger_open(const struct shape *shape)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l || strlen(shape->parties) > PARTIES_MAX)
		must_fail("no ledger");
	l->shape = shape;
	for (const char *letter = shape->parties; *letter; letter++)
		open_party(l, *letter);
	for (int i = 0; i < WARM_UP; i++) {
		int status;
		char *violation;

		ledger_work(l);
		status = ledger_end(l);
		violation = ledger_violation(l, status);
		if (status != (shape->aborts ? SQLA_EABORTED : 0) || violation)
			must_fail("%s: %d, %s", shape->name, status, violation);
	}
	return l;
}

void ledger_close(struct ledger *l)
{
	(void)txn_abort();
	for (size_t i = 0; i < l->n; i++)
		sqla_session_close(l->parties[i].session);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
	for (size_t i = 0; i < l->n; i++) {
		tap_free(l->parties[i].tap);
		free(l->parties[i].path);
		PQfinish(l->parties[i].control);
	}
	free(l);
}

const struct shape *ledger_shape(const struct ledger *l)
{
	return l->shape;
}

size_t ledger_parties(const struct ledger *l)
{
	return l->n;
}

struct tap *ledger_tap(const struct ledger *l, size_t i)
{
	return l->parties[i].tap;
}

/* ---- transactions -------------------------------------------------------- */

/* The first pays all others. */
static int64_t cents_of(const struct ledger *l, size_t i)
{
	return i == 0 ? (int64_t)l->n_writers - 1 : -1;
}

void ledger_work(struct ledger *l)
{
	l->id++;
	for (size_t i = 0; i < l->n; i++) {
		struct ledger_party *party = &l->parties[i];
		int status;

		if (party->is_reader)
			status = sqla_exec(party->session, "SELECT count(*) FROM entry");
		else
			status = sqla_exec(party->session, "INSERT INTO entry VALUES ($1, $2)",
					   sqla_int(l->id), sqla_int(cents_of(l, i)));
		if (status < 0)
			must_fail("%s: %s", party->engine, sqla_error_last()->message);
	}
	(void)snprintf(l->uuid, sizeof(l->uuid), "%s", txn_uuid(txn_current()));
	if (l->shape->is_deferred)
		(void)txn_set_finish(txn_current(), TXN_FINISH_DEFERRED);
}

/* What nobody waited for is over, too. */
static void await_deferred(const struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct engine *engine;

		if (engine_get(l->parties[i].engine, &engine) < 0)
			must_fail("%s", sqla_error_last()->message);
		finish_await(engine);
		engine_unref(engine);
	}
}

/* An abort that worked has committed nothing. */
int ledger_end(struct ledger *l)
{
	int status;

	if (l->shape->aborts)
		return txn_abort() < 0 ? SQLA_EMIXED : SQLA_EABORTED;
	status = txn_commit();
	if (l->shape->is_deferred)
		await_deferred(l);
	if (status < 0 && txn_abort() < 0)
		must_fail("%s", sqla_error_last()->message);
	return status;
}

/* ---- what is there ------------------------------------------------------- */

static int64_t number(const struct ledger_party *party, const char *sql)
{
	return party->path ? must_query_int_file(party->path, "%s", sql) :
			     must_query_int(party->control, "%s", sql);
}

int64_t ledger_prepared(const struct ledger *l)
{
	int64_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->parties[i].control)
			n += must_query_int(l->parties[i].control,
					    "SELECT count(*) FROM pg_prepared_xacts WHERE database "
					    "= current_database()");
	return n;
}

void ledger_age_row(const struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!l->parties[i].control)
			continue;
		must_exec(l->parties[i].control,
			  "DELETE FROM sqlassist.sqlassist_decision "
			  "WHERE verdict <> 'site' AND txn <> '%s'",
			  l->uuid);
		must_exec(l->parties[i].control,
			  "UPDATE sqlassist.sqlassist_decision SET made_at = made_at - "
			  "interval '%d seconds' WHERE verdict <> 'site'",
			  2 * KEEP_S);
	}
}

static void crowd_at(PGconn *control, int n)
{
	static const char digits[] = "0123456789abcdef";
	enum { UUID_END = sizeof("sqla1.") - 1 + 36 };
	char *gid = must_query_text(control, "SELECT coalesce(max(gid), '') FROM pg_prepared_xacts "
					     "WHERE database = current_database()");

	for (int i = 0; i < n && *gid; i++) {
		char *last = &gid[UUID_END - 1];

		*last = digits[(size_t)(strchr(digits, *last) - digits + 1) % 16];
		must_exec(control, "BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION '%s'",
			  gid);
	}
	free(gid);
}

void ledger_crowd(const struct ledger *l, int n)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->parties[i].control)
			crowd_at(l->parties[i].control, n);
}

/* In how many databases the latest entry is. */
static size_t entries(const struct ledger *l)
{
	char *sql = must_printf("SELECT count(*) FROM entry WHERE id = %" PRId64, l->id);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += (size_t)number(&l->parties[i], sql);
	free(sql);
	return n;
}

static int64_t balance(const struct ledger *l)
{
	int64_t cents = 0;

	for (size_t i = 0; i < l->n; i++)
		cents += number(&l->parties[i], "SELECT coalesce(sum(cents), 0) FROM entry");
	return cents;
}

/* How many decision rows of the latest transaction have VERDICT. */
static int64_t rows_of(const struct ledger *l, const char *verdict)
{
	int64_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_party *party = &l->parties[i];
		char *sql = must_printf("SELECT count(*) FROM %ssqlassist_decision "
					"WHERE txn = '%s' AND verdict = '%s'",
					party->path ? "" : "sqlassist.", l->uuid, verdict);

		n += number(party, sql);
		free(sql);
	}
	return n;
}

/* ---- the checker --------------------------------------------------------- */

char *ledger_recover(void)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };
	int status = SQLA_PENDING;

	for (int i = 0; i < 3 && status == SQLA_PENDING; i++)
		status = sqla_recover(&now, NULL, NULL, NULL);
	return status == 0 ?
		       NULL :
		       must_printf("recovery answers %d: %s", status, sqla_error_last()->message);
}

/* Whose backends are there, and what our pool knows of them: NULL when they are
 * one idle connection at most. */
static char *who_is_left(const struct ledger_party *party)
{
	int64_t backends = must_query_int(party->control,
					  "SELECT count(*) FROM pg_stat_activity WHERE datname = "
					  "current_database() AND pid <> pg_backend_pid()");
	unsigned wires = proxy_wires(tap_proxy(party->tap));
	struct pool_counts counts;
	struct engine *engine;

	if (engine_get(party->engine, &engine) < 0)
		must_fail("%s", sqla_error_last()->message);
	engine_count(engine, &counts);
	engine_unref(engine);
	/* One that was cut when it was idle is found so when it is used. */
	if (backends == (int64_t)wires && wires <= 1 && counts.open <= 1 &&
	    counts.idle == counts.open && counts.waiting == 0)
		return NULL;
	return must_printf("%s: %" PRId64 " backends, %u wires, a pool of %d with %d idle",
			   party->engine, backends, wires, counts.open, counts.idle);
}

char *ledger_calm(struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++) {
		char *left = NULL;

		if (!l->parties[i].tap)
			continue;
		tap_settle(l->parties[i].tap);
		for (int tries = 0; tries < TRIES; tries++) {
			free(left);
			left = who_is_left(&l->parties[i]);
			if (!left)
				break;
			(void)poll(NULL, 0, PAUSE_MS);
		}
		if (left)
			return left;
	}
	return NULL;
}

static char *broken_word(const struct ledger *l, int status, size_t found)
{
	if (found != 0 && found != l->n_writers)
		return must_printf("it is in %zu of %zu databases", found, l->n_writers);
	if (status == SQLA_EMIXED)
		return must_printf("it was told to be mixed");
	if (status >= 0 && found == 0)
		return must_printf("it was told to be committed and is not there");
	if (status < 0 && status != SQLA_EINDOUBT && found > 0)
		return must_printf("it was told to be aborted and is there");
	return NULL;
}

/* A row for each commit that needs one, none for what was aborted. */
static char *wrong_rows(const struct ledger *l, bool is_committed)
{
	bool wants_row = l->n_writers > 1 || (l->n_writers == 1 && l->shape->with_row);
	int64_t committed = rows_of(l, "committed"), aborted = rows_of(l, "aborted");

	bool is_forgotten = l->shape->forgets && committed == 0;

	if ((is_forgotten || committed == (is_committed && wants_row)) &&
	    (aborted == 0 || !is_committed))
		return NULL;
	return must_printf("it was %s, and there are %" PRId64 " rows of its commit and %" PRId64
			   " of its abort",
			   is_committed ? "committed" : "aborted", committed, aborted);
}

char *ledger_violation(struct ledger *l, int status)
{
	char *text = ledger_calm(l);
	size_t found;

	if (!text && (status > 0 || status == SQLA_EINDOUBT || ledger_prepared(l) > 0)) {
		text = ledger_recover();
		if (!text)
			text = ledger_calm(l);
	}
	if (text)
		return text;
	found = entries(l);
	text = broken_word(l, status, found);
	if (!text)
		text = wrong_rows(l, l->n_writers > 0 ? found > 0 : status >= 0);
	if (!text && ledger_prepared(l) > 0)
		text = must_printf("branches are in doubt");
	if (!text && balance(l) != 0)
		text = must_printf("%" PRId64 " cents were made", balance(l));
	return text;
}

/* ---- liars --------------------------------------------------------------- */

char *ledger_false_word(struct ledger *l, int status)
{
	char *text = ledger_calm(l);

	if (!text && status > 0)
		text = ledger_recover();
	if (!text && status >= 0 && entries(l) != l->n_writers)
		text = must_printf("it was told to be committed and is in %zu of %zu databases",
				   entries(l), l->n_writers);
	return text;
}

void ledger_forgive(struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct ledger_party *party = &l->parties[i];
		char *gid;

		if (party->path) {
			must_exec_file(party->path, "DELETE FROM entry");
			continue;
		}
		while (*(gid = must_query_text(
				 party->control,
				 "SELECT coalesce((SELECT gid FROM pg_prepared_xacts "
				 "WHERE database = current_database() LIMIT 1), '')"))) {
			must_exec(party->control, "ROLLBACK PREPARED '%s'", gid);
			free(gid);
		}
		free(gid);
		must_exec(party->control, "DELETE FROM entry");
	}
}
