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
#include "postgres/pg.h"
#include "support/cluster.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"
#include "wire/proxy.h"

TEST_MAIN({ .name = "main" })

/* Guarded by the proxy's lock. */
static struct swap {
	const char *asked; /* how its SQL begins, or NULL: everything is passed */
	const char *done;
} swap;

static struct cluster *server;
static struct proxy *proxy;
static char *url; /* through the proxy */
static struct driver_conn *conn;

/* A statement is named and its SQL given when it is parsed: name, SQL, types. */
static void say_parse(struct proxy_wire *wire, const struct wire_message *m)
{
	const char *name = (const char *)m->bytes + WIRE_HEADER;
	UT_string body, out;

	utstring_init(&body);
	utstring_init(&out);
	utstring_bincpy(&body, name, strlen(name) + 1);
	utstring_bincpy(&body, swap.done, strlen(swap.done) + 1);
	utstring_bincpy(&body, "\0", 2);
	wire_put(&out, 'P', utstring_body(&body), utstring_len(&body));
	proxy_say_string(wire, WIRE_CLIENT, &out);
	utstring_done(&body);
	utstring_done(&out);
}

static void say_query(struct proxy_wire *wire)
{
	UT_string out;

	utstring_init(&out);
	wire_put_query(&out, swap.done);
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

static bool swap_statement(void *arg, struct proxy_wire *wire, const struct wire_message *m)
{
	(void)arg;
	if (!swap.asked || strncmp(sql_of(m), swap.asked, strlen(swap.asked)) != 0)
		proxy_pass(wire, m);
	else if (m->type == 'P')
		say_parse(wire, m);
	else
		say_query(wire);
	return true;
}

static void do_instead(const char *asked, const char *done)
{
	proxy_lock(proxy);
	swap = (struct swap){ asked, done };
	proxy_unlock(proxy);
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
