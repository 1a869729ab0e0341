/*
 * Something in between, a pooler or a firewall, has the server do another thing than
 * was asked for, and the server says truly that it has done it, with no error. Only
 * the whole answer that a step expects is a yes (I7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postgres/driver.h"
#include "postgres/link.h"
#include "postgres/pg.h"
#include "support/cluster.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"
#include "wire/proxy.h"

TEST_MAIN({ .name = "main" })

/* Guarded by the proxy's lock. */
static struct swap {
	const char *asked; /* how its SQL begins, or NULL: nothing */
	const char *done;
	unsigned times;
} swaps[2];

enum { EVER = 1000000 };

static struct cluster *server;
static struct proxy *proxy;
static char *url; /* through the proxy */
static struct driver_conn *conn;

/* A statement is named and its SQL given when it is parsed: name, SQL, types. */
static void say_parse(struct proxy_wire *wire, const struct wire_message *m, const char *sql)
{
	const char *name = (const char *)m->bytes + WIRE_HEADER;
	UT_string body, out;

	utstring_init(&body);
	utstring_init(&out);
	utstring_bincpy(&body, name, strlen(name) + 1);
	utstring_bincpy(&body, sql, strlen(sql) + 1);
	utstring_bincpy(&body, "\0", 2);
	wire_put(&out, 'P', utstring_body(&body), utstring_len(&body));
	proxy_say_string(wire, WIRE_CLIENT, &out);
	utstring_done(&body);
	utstring_done(&out);
}

static void say_query(struct proxy_wire *wire, const char *sql)
{
	UT_string out;

	utstring_init(&out);
	wire_put_query(&out, sql);
	proxy_say_string(wire, WIRE_CLIENT, &out);
	utstring_done(&out);
}

static const char *sql_of(const struct wire_message *m)
{
	const char *body = (const char *)m->bytes + WIRE_HEADER;

	if (m->from != WIRE_CLIENT)
		return "";
	return m->type == 'P' ? body + strlen(body) + 1 : m->type == 'Q' ? body : "";
}

/* What is to be done in place of SQL; NULL: what was asked. */
static const char *swapped(const char *sql)
{
	for (size_t i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++) {
		struct swap *swap = &swaps[i];

		if (!swap->asked || strncmp(sql, swap->asked, strlen(swap->asked)) != 0 ||
		    swap->times == 0)
			continue;
		swap->times--;
		return swap->done;
	}
	return NULL;
}

static bool swap_statement(void *arg, struct proxy_wire *wire, const struct wire_message *m)
{
	const char *sql = swapped(sql_of(m));

	(void)arg;
	if (!sql)
		proxy_pass(wire, m);
	else if (m->type == 'P')
		say_parse(wire, m, sql);
	else
		say_query(wire, sql);
	return true;
}

static void do_both_instead(struct swap one, struct swap other)
{
	proxy_lock(proxy);
	swaps[0] = one;
	swaps[1] = other;
	proxy_unlock(proxy);
}

static void do_instead(const char *asked, const char *done)
{
	do_both_instead((struct swap){ asked, done, EVER }, (struct swap){ 0 });
}

static void setup(void)
{
	char name[32];

	/* Tests run side by side, each in a process. */
	(void)snprintf(name, sizeof(name), "swapped%d", (int)getpid());
	(void)new_database(name);
	server = cluster_get("main");
	proxy = proxy_start(server, swap_statement, NULL);
	url = proxy_url(proxy, name);
	conn = must_open(url, NULL);
}

static void teardown(void)
{
	pg_driver.close(conn);
	proxy_free(proxy);
	cluster_free(server);
	free(url);
}

TestSuite(swapped, .init = setup, .fini = teardown);

static int64_t count(const char *from)
{
	return must_query_int_at(url, "SELECT count(*) FROM %s", from);
}

static void expect_said(const char *text)
{
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, text), NULL), "%s",
		  sqla_error_last()->message);
}

/* ---- votes ------------------------------------------------------------------- */

Test(swapped, a_commit_that_was_a_rollback_is_a_no)
{
	must_change(conn);
	do_instead("COMMIT", "ROLLBACK");
	cr_expect(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EFAILED));
	expect_said("answered with ROLLBACK");
	cr_expect(not(conn->is_broken));
	cr_expect(zero(i64, count("work")));
}

Test(swapped, a_commit_that_was_nothing_is_not_known)
{
	must_change(conn);
	do_instead("COMMIT", "SELECT 1");
	cr_expect(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EINDOUBT));
	cr_expect(conn->is_broken);
	do_instead(NULL, NULL);
	cr_expect(eq(int, pg_driver.outcome(conn), SQLA_EABORTED));
	cr_expect(zero(i64, count("work")));
}

#define ASKED_XID "SELECT pg_catalog.pg_xact_status"
#define BUSY "DO $$BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55000'; END$$"
#define FORGOTTEN "SELECT NULL::text WHERE $1::text <> ''"

Test(swapped, an_outcome_that_the_server_has_forgotten_is_not_known)
{
	must_change(conn);
	do_instead("COMMIT", "SELECT 1");
	cr_assert(eq(int, vote(conn, pg_driver.commit(conn)), SQLA_EINDOUBT));
	do_instead(ASKED_XID, FORGOTTEN);
	cr_expect(eq(int, pg_driver.outcome(conn), SQLA_EINDOUBT));
	expect_said("has forgotten it");
}

Test(swapped, a_decision_that_was_a_rollback_is_a_no)
{
	must_claim(conn, UUID_ONE);
	do_instead("COMMIT", "ROLLBACK");
	cr_expect(eq(int, vote(conn, pg_driver.decide(conn)), SQLA_EFAILED));
	cr_expect(zero(i64, count("work")));
	cr_expect(zero(i64, count("sqlassist.sqlassist_decision WHERE txn = '" UUID_ONE "'")));
}

Test(swapped, a_prepare_that_was_a_rollback_is_a_no)
{
	must_change(conn);
	do_instead("PREPARE TRANSACTION", "ROLLBACK");
	cr_expect(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EFAILED));
	cr_expect(not(conn->is_broken));
}

Test(swapped, a_prepare_that_was_nothing_is_not_known)
{
	must_change(conn);
	do_instead("PREPARE TRANSACTION", "SELECT 1");
	cr_expect(eq(int, vote(conn, pg_driver.prepare(conn, gid_of(UUID_ONE))), SQLA_EINDOUBT));
	expect_said("SELECT 1");
	cr_expect(conn->is_broken);
}

Test(swapped, a_claim_that_went_nowhere_is_a_no)
{
	do_instead("INSERT INTO \"sqlassist\"", "SELECT $1::uuid, $2::text");
	must_change(conn);
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_EUNSAFE));
	expect_said("the claim was answered with SELECT 1");
	cr_expect(zero(int, pg_driver.rollback(conn)));
}

Test(swapped, an_end_that_was_nothing_leaves_the_branch_in_doubt)
{
	const char *gid = gid_of(UUID_ONE);

	must_prepare(conn, gid);
	do_instead("COMMIT PREPARED", "SELECT 1");
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EINDOUBT));
	expect_said("did not say that it was done");
	do_instead(NULL, NULL);
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), 0));
	cr_expect(eq(i64, count("work"), 1));
}

#define IN_PROGRESS "SELECT 'in progress'::text WHERE $1::text <> ''"
/* Fails only when it is run. */
#define FAILS "SELECT ($1::text || 'x')::int::text"

Test(swapped, a_branch_that_is_busy_is_ended_when_it_no_longer_is)
{
	const char *gid = gid_of(UUID_ONE);

	must_prepare(conn, gid);
	do_both_instead((struct swap){ "COMMIT PREPARED", BUSY, 2 }, (struct swap){ 0 });
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), 0));
	cr_expect(eq(i64, count("work"), 1));
}

Test(swapped, a_branch_that_stays_busy_is_left_to_recovery)
{
	const char *gid = gid_of(UUID_ONE);

	must_prepare(conn, gid);
	do_instead("ROLLBACK PREPARED", BUSY);
	cr_expect(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gid)), SQLA_EINDOUBT));
	expect_said("somebody else holds it");
	do_both_instead((struct swap){ "ROLLBACK PREPARED", BUSY, EVER },
			(struct swap){ "SELECT pg_catalog.pg_sleep", "SELECT 1/0", EVER });
	cr_expect(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gid)), SQLA_EINDOUBT));
	expect_said("division by zero");
	do_instead(NULL, NULL);
	cr_expect(eq(int, vote(conn, pg_driver.rollback_prepared(conn, gid)), 0));
}

/* Somebody has rolled it back, and our COMMIT PREPARED finds nothing. */
Test(swapped, a_branch_that_is_gone_is_in_doubt_until_the_server_says_how_it_ended)
{
	const char *gid = gid_of(UUID_ONE);

	must_prepare(conn, gid);
	must_exec_at(url, "ROLLBACK PREPARED '%s'", gid);
	do_instead(ASKED_XID, FORGOTTEN);
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EINDOUBT));
	expect_said("has forgotten how it ended");
	do_instead(ASKED_XID, FAILS);
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EINDOUBT));
	do_both_instead((struct swap){ ASKED_XID, IN_PROGRESS, 1 }, (struct swap){ 0 });
	cr_expect(eq(int, vote(conn, pg_driver.commit_prepared(conn, gid)), SQLA_EMIXED));
}

Test(swapped, a_check_of_the_claim_that_fails_is_a_no)
{
	do_instead("SELECT CASE WHEN c.relkind", "SELECT ($1::text || $2::text || $3::text)::int");
	must_change(conn);
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_EDATABASE));
	expect_said("invalid input syntax");
	cr_expect(zero(int, pg_driver.rollback(conn)));
}

Test(swapped, a_claim_in_brief_that_went_nowhere_is_a_no)
{
	do_instead("INSERT INTO \"sqlassist\".sqlassist_decision (txn, verdict, branches) SELECT",
		   "SELECT $1::uuid, $2::text");
	must_claim(conn, UUID_TWO);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	must_change(conn);
	cr_expect(eq(int, claim(conn, UUID_ONE), SQLA_EUNSAFE));
	expect_said("the claim was answered with SELECT 1");
	cr_expect(zero(int, pg_driver.rollback(conn)));
}

/* Else it would write our statements for us. */
Test(swapped, a_mark_that_is_none_is_not_compared_with)
{
	do_instead("SELECT CASE WHEN c.relkind",
		   "SELECT pg_catalog.left($1::text || $2::text || $3::text, 0), 'read committed', "
		   "'2026-01-01 00:00:00+00'' OR ''a'' = ''a', '(0,1)', '1', '2'");
	must_claim(conn, UUID_ONE);
	cr_expect(zero(uint, pg_link_of(conn)->claim.n_brief));
	(void)pg_driver.rollback(conn);
}

/* ---- outcomes ---------------------------------------------------------------- */

/* Its commit was never sent, as far as anybody knows. */
static void must_lose(void)
{
	must_change(conn);
	conn->is_broken = true;
}

static void expect_unknown_outcome(const char *asked, const char *done, const char *why)
{
	do_instead(asked, done);
	cr_expect(eq(int, pg_driver.outcome(conn), SQLA_EINDOUBT));
	expect_said(why);
}

Test(swapped, an_outcome_that_cannot_be_asked_for_is_not_known)
{
	must_lose();
	expect_unknown_outcome(ASKED_XID, FAILS, "invalid input syntax");
	expect_unknown_outcome("SELECT pg_catalog.pg_terminate_backend",
			       "SELECT ($1::text || $2::text || 'x')::int", "invalid input syntax");
}

Test(swapped, an_outcome_that_does_not_come_is_not_known)
{
	must_lose();
	expect_unknown_outcome(ASKED_XID, IN_PROGRESS, "still under way");
}

Test(swapped, an_outcome_of_another_database_is_not_known)
{
	struct pg_server *known = &pg_link_of(conn)->server;

	must_lose();
	known->system_identifier[0] = known->system_identifier[0] == '1' ? '2' : '1';
	expect_unknown_outcome(NULL, NULL, "another database");
	known->system_identifier[0] = '\0';
	expect_unknown_outcome(NULL, NULL, "number is not known");
}

/* ---- looking ----------------------------------------------------------------- */

static int is_prepared(void *arg)
{
	(void)arg;
	return 1;
}

static enum driver_look_result look(char ret_evidence[], size_t size)
{
	struct driver_conn *recovery = must_open_recovery(url);
	struct driver_look look = { .uuid = UUID_ONE, .still_prepared = is_prepared };
	enum driver_look_result result = pg_driver.look(recovery, &look);

	(void)snprintf(ret_evidence, size, "%s", look.evidence);
	pg_driver.close(recovery);
	return result;
}

static void expect_unknown(const char *asked, const char *done, const char *why)
{
	char evidence[512];

	do_instead(asked, done);
	cr_expect(eq(int, look(evidence, sizeof(evidence)), LOOK_UNKNOWN));
	cr_expect(ne(ptr, strstr(evidence, why), NULL), "%s", evidence);
}

Test(swapped, a_tombstone_that_was_not_committed_proves_nothing)
{
	expect_unknown("COMMIT", "ROLLBACK", "not known to be durable");
	cr_expect(zero(i64, count("sqlassist.sqlassist_decision WHERE verdict = 'aborted'")));
}

Test(swapped, a_tombstone_that_went_nowhere_proves_nothing)
{
	expect_unknown("INSERT INTO \"sqlassist\"", "SELECT $1::text",
		       "the tombstone was answered with");
}

/* In place of a standby that does not answer. */
static void must_make_warn(void)
{
	must_exec_at(url, "CREATE FUNCTION public.warn(text) RETURNS text LANGUAGE plpgsql AS "
			  "'BEGIN RAISE WARNING ''not confirmed''; RETURN ''''; END'");
}

Test(swapped, a_decision_that_no_standby_has_confirmed_proves_nothing)
{
	must_make_warn();
	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	expect_unknown("UPDATE ONLY", "SELECT public.warn($1)", "has not confirmed it");
}

Test(swapped, a_decision_that_was_not_made_durable_proves_nothing)
{
	must_claim(conn, UUID_ONE);
	cr_assert(eq(int, vote(conn, pg_driver.decide(conn)), 0));
	expect_unknown("UPDATE ONLY", "SELECT $1::text", "comes and goes");
}

Test(swapped, a_committed_outcome_that_no_standby_has_confirmed_is_not_known)
{
	must_make_warn();
	must_change(conn);
	cr_assert(eq(int, pg_driver.commit(conn), TXN_WAIT));
	while (count("work") == 0)
		must_exec_at(url, "SELECT pg_sleep(0.02)");
	pg_driver.give_up(conn);
	expect_unknown_outcome("SELECT pg_catalog.pg_logical_emit_message",
			       "SELECT public.warn('')", "has not confirmed it");
	do_instead(NULL, NULL);
	cr_expect(zero(int, pg_driver.outcome(conn)));
}

Test(swapped, a_look_that_is_refused_proves_nothing)
{
	expect_unknown("SELECT verdict", FAILS, "cannot be asked");
	expect_unknown("SELECT verdict", "SELECT 'maybe'::text WHERE $1::text <> ''",
		       "strange verdict");
	expect_unknown("BEGIN ISOLATION", "SELECT 1/0", "cannot be inserted");
	expect_unknown("INSERT INTO \"sqlassist\"", FAILS, "invalid input syntax");
	expect_unknown("SELECT CASE WHEN c.relkind", FAILS, "invalid input syntax");
	expect_unknown("SELECT CASE WHEN c.relkind", "SELECT 'is new'::text WHERE $1::text <> ''",
		       "the decision table is new");
	expect_unknown("SELECT CASE WHEN c.relkind", "SELECT ''::text WHERE $1::text = ''",
		       "was replaced");
	expect_unknown("COMMIT", "SELECT 1/0", "no row");
	cr_expect(zero(i64, count("sqlassist.sqlassist_decision WHERE verdict = 'aborted'")));
}

/* Another may hold the key, without being seen to. */
Test(swapped, a_tombstone_that_is_cancelled_leaves_the_decider_open)
{
	char evidence[512];

	must_exec_at(url, "CREATE FUNCTION public.cancel(text) RETURNS text LANGUAGE plpgsql AS "
			  "$$BEGIN RAISE 'cancelled' USING ERRCODE = '57014'; END$$");
	do_instead("INSERT INTO \"sqlassist\"", "SELECT public.cancel($1)");
	cr_expect(eq(int, look(evidence, sizeof(evidence)), LOOK_OPEN));
	cr_expect(ne(ptr, strstr(evidence, "its claim is not committed"), NULL), "%s", evidence);
}

/* A COMMIT without a transaction is answered with COMMIT, and a warning. */
Test(swapped, a_tombstone_that_was_committed_with_a_warning_proves_nothing)
{
	expect_unknown("BEGIN ISOLATION", "SELECT 1", "with a warning");
}
