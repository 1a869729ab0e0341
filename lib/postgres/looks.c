/*
 * Many looks at one decider. The steps and the rules are those of look.c, taken
 * by all looks together:
 *  1. The database is probed once.
 *  2. All rows are read, and kept as they are, by one query. In the same
 *     transaction those that are committed are written again,
 *  3. and tombstones of all others go in. That waits for nobody longer than a
 *     moment.
 *  4. The branches of those others are still prepared: the transaction commits, in
 *     one forced write.
 * Any trouble takes all of that back: a claim that is open, a branch that is
 * gone. The looks are then taken one by one, as if nothing had been. A crash
 * leaves nothing, or tombstones, each of which had its step 4.
 *
 * Why one probe is enough. What it has learned lasts with the connection: a
 * server that fails over, is restarted or demoted ends the process at its
 * other end, and whoever answers instead is reached by another connection.
 * (Behind a pooler that is not so, and there nothing is done together.) What may
 * change in between, the table and its site, may do so between the probe and the
 * reading of look.c as well, which are two transactions; where it would matter,
 * with tombstones, the table is asked about again under their lock. And to look
 * together takes some round trips only: the next who do are probed for anew.
 *
 * Rows are taken in the order of their keys, so that of two recoverers with the
 * same branches one waits for the other, and not both for ever.
 */
#include "postgres/looks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/fault.h"
#include "postgres/error.h"
#include "postgres/exec.h"
#include "postgres/link.h"
#include "postgres/look.h"
#include "postgres/pooled.h"

enum { ROUNDS_MAX = 3 }; /* of reading and inserting, while others race */

enum round {
	ROUND_DONE,    /* every look has its result */
	ROUND_CHANGED, /* again: somebody was quicker */
	ROUND_TROUBLE,
};

static void note(struct driver_looks *looks, const char *uuid, enum driver_look_result result,
		 const char *evidence)
{
	/* Branches of one transaction share its uuid. */
	for (size_t i = 0; i < looks->n; i++) {
		struct driver_look *look = &looks->items[i];

		if (strcmp(look->uuid, uuid) != 0)
			continue;
		looks->results[i] = result;
		copy_text(look->evidence, sizeof(look->evidence), evidence);
	}
}

static void forget_results(struct driver_looks *looks)
{
	for (size_t i = 0; i < looks->n; i++)
		looks->results[i] = LOOK_UNKNOWN;
}

static bool is_first_of_its_uuid(const struct driver_looks *looks, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(looks->items[i].uuid, looks->items[at].uuid) == 0)
			return false;
	return true;
}

/* Of those with RESULT, each once, as an array; NULL: no memory. */
static char *uuids_with(const struct driver_looks *looks, enum driver_look_result result,
			size_t *ret_n)
{
	const char **uuids = calloc(looks->n + 1, sizeof(*uuids));
	char *array;
	size_t n = 0;

	if (!uuids) {
		(void)error_nomem();
		return NULL;
	}
	for (size_t i = 0; i < looks->n; i++)
		if (looks->results[i] == result && is_first_of_its_uuid(looks, i))
			uuids[n++] = looks->items[i].uuid;
	array = pg_array(uuids, n);
	free(uuids);
	*ret_n = n;
	return array;
}

/* ---- reading ------------------------------------------------------------------- */

static int run_begin(struct pg_link *link, const char *select, const char *uuids)
{
	struct pg_command commands[] = {
		{ .sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" },
		{ .sql = "SET LOCAL lock_timeout = '300ms'" },
		{ .sql = "SET LOCAL idle_in_transaction_session_timeout = '10s'" },
		{ .sql = select, .n = 1, .values = &uuids, .columns = 2 },
	};

	return pg_talk_run(link, commands, 4, PG_RECOVERY_MS, "cannot read the decision rows");
}

static int begin_and_read(struct pg_link *link, const struct driver_looks *looks)
{
	size_t n;
	char *uuids = uuids_with(looks, LOOK_UNKNOWN, &n);
	char *sql = pg_table_sql(link, "SELECT txn, verdict FROM ONLY ",
				 looks->items[0].dry_run ?
					 " WHERE txn = ANY ($1::pg_catalog.uuid[])" :
					 " WHERE txn = ANY ($1::pg_catalog.uuid[])"
					 " ORDER BY txn FOR NO KEY UPDATE");
	int status = uuids && sql ? run_begin(link, sql, uuids) : SQLA_ENOMEM;

	free(uuids);
	free(sql);
	return status;
}

/* False: there is a verdict that none of ours is. */
static bool take_rows(struct pg_link *link, struct driver_looks *looks)
{
	const PGresult *rows = link->talk.results[3];
	const char *committed = looks->items[0].dry_run ? PG_SAW_ROW : PG_SAW_DURABLE_ROW;

	for (int i = 0; i < PQntuples(rows); i++) {
		const char *uuid = pg_cell(rows, i, 0), *verdict = pg_cell(rows, i, 1);

		if (strcmp(verdict, "committed") == 0)
			note(looks, uuid, LOOK_COMMITTED, committed);
		else if (strcmp(verdict, "aborted") == 0)
			note(looks, uuid, LOOK_ABORTED, PG_SAW_TOMBSTONE);
		else
			return false;
	}
	return true;
}

/* ---- writing ------------------------------------------------------------------- */

static bool has_tag(const struct pg_link *link, unsigned i, const char *verb, size_t n)
{
	char tag[32];

	(void)snprintf(tag, sizeof(tag), "%s %zu", verb, n);
	return strcmp(pg_talk_tag(link, i), tag) == 0;
}

/* What is visible is not yet durable; the row itself stays as it is. */
static bool write_again(struct pg_link *link, const struct driver_looks *looks)
{
	size_t n;
	char *uuids = uuids_with(looks, LOOK_COMMITTED, &n);
	char *sql = pg_table_sql(link, "UPDATE ONLY ",
				 " SET made_at = made_at WHERE txn = ANY ($1::pg_catalog.uuid[])");
	struct pg_command command = { .sql = sql, .n = 1, .values = (const char **)&uuids };
	bool is_written = uuids && sql;

	if (is_written && n > 0 && !looks->items[0].dry_run)
		is_written = pg_talk_run(link, &command, 1, PG_RECOVERY_MS,
					 "the committed rows cannot be made durable") == 0 &&
			     has_tag(link, 0, "UPDATE", n);
	free(uuids);
	free(sql);
	return is_written;
}

static enum round run_insert(struct pg_link *link, const char *sql, const char *uuids, size_t n)
{
	struct pg_command command = { .sql = sql, .n = 1, .values = &uuids };

	if (pg_talk_run(link, &command, 1, PG_RECOVERY_MS, "the tombstones cannot be inserted") < 0)
		return !link->talk.is_lost && pg_has_state(pg_talk_failure(link), "23505") ?
			       ROUND_CHANGED :
			       ROUND_TROUBLE;
	return has_tag(link, 0, "INSERT 0", n) ? ROUND_DONE : ROUND_TROUBLE;
}

static enum round insert_tombstones(struct pg_link *link, const struct driver_looks *looks,
				    size_t *ret_n)
{
	char *uuids = uuids_with(looks, LOOK_UNKNOWN, ret_n);
	char *sql = pg_table_sql(link, "INSERT INTO ",
				 " (txn, verdict, branches) SELECT txn, 'aborted', ''"
				 " FROM pg_catalog.unnest($1::pg_catalog.uuid[]) AS u (txn)"
				 " ORDER BY txn");
	enum round round = ROUND_TROUBLE;

	if (uuids && sql)
		round = *ret_n > 0 ? run_insert(link, sql, uuids, *ret_n) : ROUND_DONE;
	free(uuids);
	free(sql);
	return round;
}

/* ---- whether they may stay -------------------------------------------------------- */

static bool are_all_prepared(const struct driver_looks *looks)
{
	void **args = calloc(looks->n + 1, sizeof(*args));
	bool are_prepared = false;
	size_t n = 0;

	for (size_t i = 0; i < looks->n && args; i++)
		if (looks->results[i] == LOOK_UNKNOWN)
			args[n++] = looks->items[i].arg;
	if (args)
		are_prepared = looks->all_prepared(args, n) == 1;
	free(args);
	return are_prepared;
}

static bool may_bury(struct pg_link *link, const struct driver_looks *looks)
{
	struct driver_look unused = looks->items[0];

	fault_here(look_tombstone);
	return pg_look_is_table_proper(link, &unused) && are_all_prepared(looks);
}

/* I7. A warning is a standby's that has not confirmed it. */
static bool commit(struct pg_link *link)
{
	static const struct pg_command command = { .sql = "COMMIT" };

	return pg_talk_run(link, &command, 1, PG_RECOVERY_MS, "the looks cannot be committed") ==
		       0 &&
	       strcmp(pg_talk_tag(link, 0), "COMMIT") == 0 && !link->talk.is_warned;
}

static enum round conclude(struct pg_link *link, struct driver_looks *looks, size_t n_tombstones)
{
	bool is_dry = looks->items[0].dry_run;

	if (n_tombstones > 0 && !may_bury(link, looks))
		return ROUND_TROUBLE;
	if (!is_dry && !commit(link))
		return ROUND_TROUBLE;
	if (!is_dry && n_tombstones > 0)
		fault_here(look_buried);
	for (size_t i = 0; i < looks->n; i++)
		if (looks->results[i] == LOOK_UNKNOWN)
			note(looks, looks->items[i].uuid, LOOK_ABORTED,
			     is_dry ? PG_COULD_BURY : PG_HAS_BURIED);
	return ROUND_DONE;
}

static enum round look_round(struct pg_link *link, struct driver_looks *looks)
{
	size_t n_tombstones;
	enum round round;

	if (begin_and_read(link, looks) < 0 || !take_rows(link, looks) || !write_again(link, looks))
		return ROUND_TROUBLE;
	round = insert_tombstones(link, looks, &n_tombstones);
	return round == ROUND_DONE ? conclude(link, looks, n_tombstones) : round;
}

static enum round look_safely(struct pg_link *link, struct driver_looks *looks)
{
	enum round round = look_round(link, looks);

	if (round != ROUND_DONE)
		forget_results(looks);
	/* Takes back whatever was not committed. */
	(void)pg_rollback(&link->base);
	return round;
}

int pg_look_at_all(struct driver_conn *conn, struct driver_looks *looks)
{
	struct pg_link *link = pg_link_of(conn);
	struct driver_look probe = looks->items[0];
	enum round round = ROUND_CHANGED;

	if (conn->is_broken || !pg_has_own_backend(link))
		return 0;
	fault_here(look_before);
	if (!pg_look_is_trustworthy(link, &probe))
		round = ROUND_TROUBLE;
	for (int i = 0; i < ROUNDS_MAX && round == ROUND_CHANGED; i++)
		round = look_safely(link, looks);
	pg_talk_clear(link);
	return conn->is_broken ? SQLA_ECONNECT : 0;
}
