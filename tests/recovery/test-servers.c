/*
 * Recovery of branches that real servers hold, among databases that are
 * copies, second names or neighbours of each other.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/hooks.h>
#include <criterion/options.h>
#include <libpq-fe.h>
#include <sqlassist.h>
#include <sqlassist/resource.h>

#include "support/main.h"
#include "support/must.h"

TEST_MAIN({ .name = "one" }, { .name = "two" })

/* A server lists the branches of all its databases, so one test at a time. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	criterion_options.jobs = 1;
}

#define UUID "0b8d6f6e-2f6f-4d0c-9a51-0a6d54d1a0e%d"

/* Two databases on two servers, the first of which decides. */
struct world {
	struct cluster *one, *two;
	char *bank, *shop;
	char site[TXN_SITE_MAX + 1]; /* of the bank */
	struct sqla_recover_report report;
	int n; /* branches told of */
	enum sqla_verdict verdict;
	char evidence[1024];
	char remedy[1024];
	int n_prepared;
	bool is_meddled;
};

static const struct sqla_recover_options now = { .grace_s = -1 };

/* The gid of the shop's branch of transaction NUMBER. */
static const char *gid_of(const struct world *w, int number)
{
	static char gid[TXN_GID_MAX + 1];
	char uuid[64];

	(void)snprintf(uuid, sizeof(uuid), UUID, number);
	if (txn_gid_format(gid, uuid, 1, w->site, "bank") < 0)
		must_fail("no gid: %s", sqla_error_last()->message);
	return gid;
}

static void hear(const struct sqla_in_doubt *branch, void *arg)
{
	struct world *w = arg;

	w->n++;
	w->verdict = branch->verdict;
	(void)snprintf(w->evidence, sizeof(w->evidence), "%s", branch->evidence);
	(void)snprintf(w->remedy, sizeof(w->remedy), "%s", branch->remedy);
}

static int recover(struct world *w, const struct sqla_recover_options *options)
{
	w->n = 0;
	memset(&w->report, 0, sizeof(w->report));
	return sqla_recover(options ? options : &now, hear, w, &w->report);
}

static void must_register(const char *name, const char *url)
{
	static const struct sqla_engine_options options = { .keep_decisions = 1 };

	if (sqla_engine_register(name, url, &options) < 0)
		must_fail("cannot register %s: %s", url, sqla_error_last()->message);
}

static char *query_text_at(const char *url, const char *sql)
{
	PGconn *conn = must_connect(url);
	char *text = must_query_text(conn, "%s", sql);

	PQfinish(conn);
	return text;
}

/* The decision table is made when a joined session is first used. */
static void use(const char *engine)
{
	struct sqla_session *session;

	if (sqla_session_open(engine, &session) < 0 || sqla_exec(session, "SELECT 1") < 0 ||
	    txn_commit() < 0)
		must_fail("no work: %s", sqla_error_last()->message);
	sqla_session_close(session);
}

static void must_ask_site(struct world *w)
{
	char *site = query_text_at(w->bank, "SELECT txn FROM sqlassist.sqlassist_decision "
					    "WHERE verdict = 'site'");

	(void)snprintf(w->site, sizeof(w->site), "%s", site);
	free(site);
}

/* One that an earlier test left prepared branches in cannot be dropped. */
static char *new_database(struct cluster *cluster, const char *name)
{
	char *url = cluster_url(cluster, "postgres");

	if (must_query_int_at(url, "SELECT count(*) FROM pg_database WHERE datname = '%s'", name))
		(void)cluster_rollback_prepared(cluster, name);
	free(url);
	return cluster_database(cluster, name);
}

static struct world *build(void)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		must_fail("out of memory");
	w->one = cluster_get("one");
	w->two = cluster_get("two");
	w->bank = new_database(w->one, "bank");
	w->shop = new_database(w->two, "shop");
	must_exec_at(w->shop, "CREATE TABLE sale(id int)");
	must_register("bank", w->bank);
	must_register("shop", w->shop);
	use("bank");
	must_ask_site(w);
	return w;
}

static void tear_down(struct world *w)
{
	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	(void)cluster_rollback_prepared(w->two, "shop");
	cluster_free(w->one);
	cluster_free(w->two);
	free(w->bank);
	free(w->shop);
	free(w);
}

static void prepare_at(const struct world *w, const char *url, int number)
{
	must_exec_at(url, "BEGIN; INSERT INTO sale VALUES (%d); PREPARE TRANSACTION '%s'", number,
		     gid_of(w, number));
}

static void prepare(const struct world *w, int number)
{
	prepare_at(w, w->shop, number);
}

static char *claim_sql(const struct world *w, int number)
{
	char *site = query_text_at(
		w->shop, "SELECT (SELECT system_identifier FROM pg_control_system()) || '-' || oid "
			 "FROM pg_database WHERE datname = current_database()");
	char *sql = must_printf("INSERT INTO sqlassist.sqlassist_decision(txn, verdict, branches) "
				"VALUES ('" UUID "', 'committed', '%s=%s')",
				number, site, gid_of(w, number));

	free(site);
	return sql;
}

static void decide(const struct world *w, int number)
{
	char *sql = claim_sql(w, number);

	must_exec_at(w->bank, "%s", sql);
	free(sql);
}

static int sales(const struct world *w)
{
	return (int)must_query_int_at(w->shop, "SELECT count(*) FROM sale");
}

static int rows(const struct world *w, const char *verdict)
{
	return (int)must_query_int_at(w->bank,
				      "SELECT count(*) FROM sqlassist.sqlassist_decision "
				      "WHERE verdict = '%s'",
				      verdict);
}

Test(servers, commit_what_was_decided)
{
	struct world *w = build();

	prepare(w, 1);
	decide(w, 1);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->report.committed, 1));
	cr_assert(eq(int, sales(w), 1));
	tear_down(w);
}

Test(servers, roll_back_what_was_never_decided_and_bury_it)
{
	struct world *w = build();

	prepare(w, 1);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->report.rolled_back, 1));
	cr_assert(eq(int, sales(w), 0));
	cr_assert(eq(int, rows(w, "aborted"), 1));
	(void)sleep(3);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, rows(w, "aborted"), 1), "a tombstone was forgotten");
	tear_down(w);
}

Test(servers, leave_no_tombstone_in_a_dry_run)
{
	const struct sqla_recover_options options = { .grace_s = -1, .dry_run = true };
	struct world *w = build();

	prepare(w, 1);
	cr_assert(eq(int, recover(w, &options), SQLA_PENDING));
	cr_assert(eq(int, (int)w->verdict, SQLA_VERDICT_ROLLBACK));
	cr_assert(eq(int, rows(w, "aborted"), 0));
	cr_assert(eq(int, (int)cluster_prepared(w->two), 1));
	tear_down(w);
}

Test(servers, leave_a_branch_whose_claim_is_open_until_it_is_fenced)
{
	const struct sqla_recover_options fence = { .grace_s = -1, .fence_s = 1 };
	struct world *w = build();
	PGconn *decider = must_connect(w->bank);
	char *claim = claim_sql(w, 1);

	prepare(w, 1);
	must_exec(decider, "BEGIN; %s", claim);
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, (int)w->verdict, SQLA_VERDICT_OPEN));
	cr_assert(ne(ptr, strstr(w->remedy, "--fence"), NULL));
	(void)sleep(2);
	for (int i = 0; i < 5 && recover(w, &fence) != SQLA_OK; i++)
		(void)sleep(1);
	cr_assert(eq(int, (int)cluster_prepared(w->two), 0));
	cr_assert(eq(int, sales(w), 0));
	free(claim);
	PQfinish(decider);
	tear_down(w);
}

Test(servers, leave_a_young_branch_to_its_coordinator)
{
	const struct sqla_recover_options options = { 0 };
	struct world *w = build();

	prepare(w, 1);
	cr_assert(eq(int, recover(w, &options), SQLA_PENDING));
	cr_assert(eq(int, (int)w->verdict, SQLA_VERDICT_YOUNG));
	cr_assert(eq(int, (int)cluster_prepared(w->two), 1));
	tear_down(w);
}

Test(servers, do_not_touch_foreign_gids)
{
	struct world *w = build();

	must_exec_at(w->shop, "BEGIN; INSERT INTO sale VALUES (1); PREPARE TRANSACTION 'bitronix'");
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->n, 0));
	cr_assert(eq(int, (int)cluster_prepared(w->two), 1));
	tear_down(w);
}

/* The shop once more, as a user with no rights on others' branches. */
static char *url_of_clerk(const struct world *w)
{
	const char *user = strstr(w->shop, "user=postgres");

	if (!user)
		must_fail("the URL names no user");
	must_exec_at(w->shop, "DO $$ BEGIN CREATE ROLE clerk LOGIN; "
			      "EXCEPTION WHEN duplicate_object THEN NULL; END $$");
	return must_printf("%.*suser=clerk%s", (int)(user - w->shop), w->shop,
			   user + strlen("user=postgres"));
}

Test(servers, report_the_branch_of_another_owner)
{
	struct world *w = build();
	char *clerk = url_of_clerk(w);

	cr_assert(eq(int, sqla_engine_unregister("shop"), 0));
	must_register("shop", clerk);
	prepare(w, 1);
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, w->n, 1));
	cr_assert(eq(int, (int)w->verdict, SQLA_VERDICT_FOREIGN));
	cr_assert(ne(ptr, strstr(w->remedy, "\"postgres\""), NULL));
	cr_assert(eq(int, w->report.left, 1));
	cr_assert(eq(int, (int)cluster_prepared(w->two), 1));
	free(clerk);
	tear_down(w);
}

Test(servers, end_a_branch_through_whichever_name_may)
{
	struct world *w = build();
	char *clerk = url_of_clerk(w);

	cr_assert(eq(int, sqla_engine_unregister("shop"), 0));
	must_register("clerk", clerk);
	must_register("shop", w->shop);
	prepare(w, 1);
	decide(w, 1);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->n, 1));
	cr_assert(eq(int, w->report.committed, 1));
	free(clerk);
	tear_down(w);
}

/* What is seen there may be another branch, until it is gone. */
Test(servers, that_may_not_be_identified_stop_no_others)
{
	struct world *w = build();
	char *clerk = url_of_clerk(w);

	must_exec_at(w->shop, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
	must_register("clerk", clerk);
	prepare(w, 1);
	decide(w, 1);
	cr_expect(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_expect(eq(int, w->report.committed, 1));
	cr_expect(eq(int, w->report.left, 1));
	cr_expect(eq(int, recover(w, NULL), SQLA_OK));
	cr_expect(zero(int, (int)cluster_prepared(w->two)));
	free(clerk);
	tear_down(w);
}

Test(servers, report_the_branch_of_another_database)
{
	struct world *w = build();
	char *next_door = new_database(w->two, "next_door");

	must_exec_at(next_door, "CREATE TABLE sale(id int)");
	prepare_at(w, next_door, 1);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->n, 1));
	cr_assert(eq(int, (int)w->verdict, SQLA_VERDICT_FOREIGN));
	cr_assert(ne(ptr, strstr(w->remedy, "\"next_door\""), NULL));
	must_register("next door", next_door);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->n, 1));
	cr_assert(eq(int, w->report.rolled_back, 1));
	free(next_door);
	tear_down(w);
}

Test(servers, tell_a_copied_database_from_the_decider)
{
	struct world *w = build();
	char *url = cluster_url(w->one, "postgres");
	char *copy = cluster_url(w->one, "copy");

	prepare(w, 1);
	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
	must_exec_at(url, "DROP DATABASE IF EXISTS copy");
	must_exec_at(url, "CREATE DATABASE copy TEMPLATE bank");
	must_register("copy", copy);
	cr_assert(eq(int, sqla_engine_unregister("bank"), 0));
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, (int)w->verdict, SQLA_VERDICT_UNKNOWN));
	decide(w, 1);
	must_register("bank", w->bank);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->report.committed, 1));
	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	must_exec_at(url, "DROP DATABASE copy");
	free(copy);
	free(url);
	tear_down(w);
}

/* Two names of one database may both change in a transaction. */
Test(servers, end_a_branch_in_the_database_that_decides)
{
	struct world *w = build();

	must_exec_at(w->bank, "CREATE TABLE sale(id int)");
	prepare_at(w, w->bank, 1);
	prepare_at(w, w->bank, 2);
	decide(w, 2);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->report.rolled_back, 1));
	cr_assert(eq(int, w->report.committed, 1));
	cr_assert(eq(int, (int)must_query_int_at(w->bank, "SELECT id FROM sale"), 2));
	tear_down(w);
}

/* Behind the listing, ahead of the first look: the latest is rolled back by hand. */
static bool meddle(const char *uuid, void *arg)
{
	struct world *w = arg;
	char text[64];

	(void)snprintf(text, sizeof(text), UUID, 1);
	if (strcmp(uuid, text) == 0 && !w->is_meddled)
		must_exec_at(w->shop, "ROLLBACK PREPARED '%s'", gid_of(w, w->n_prepared));
	w->is_meddled = true;
	return true;
}

static void must_report_what_was_ended_by_hand(int n)
{
	struct world *w = build();
	const struct sqla_recover_options options = { .grace_s = -1,
						      .wanted = meddle,
						      .wanted_arg = w };

	for (int i = 1; i <= n; i++) {
		prepare(w, i);
		decide(w, i);
	}
	w->n_prepared = n;
	cr_assert(eq(int, recover(w, &options), SQLA_EMIXED));
	cr_assert(eq(int, w->report.mixed, 1));
	cr_assert(eq(int, w->report.committed, n - 1));
	cr_assert(eq(int, sales(w), n - 1));
	tear_down(w);
}

Test(servers, say_when_a_branch_was_ended_by_hand_against_the_decision)
{
	must_report_what_was_ended_by_hand(1);
}

Test(servers, say_when_one_of_many_was_ended_by_hand_against_the_decision)
{
	must_report_what_was_ended_by_hand(9);
}

/* One decider is open. */
Test(servers, end_many_branches_and_leave_what_must_be_left)
{
	struct world *w = build();
	PGconn *decider = must_connect(w->bank);
	char *claim = claim_sql(w, 9);

	for (int i = 1; i <= 9; i++) {
		prepare(w, i);
		if (i % 2 == 0)
			decide(w, i);
	}
	must_exec(decider, "BEGIN");
	must_exec(decider, "%s", claim);
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, w->n, 9));
	cr_assert(eq(int, w->report.committed, 4));
	cr_assert(eq(int, w->report.rolled_back, 4));
	cr_assert(eq(int, w->report.left, 1));
	cr_assert(eq(int, rows(w, "aborted"), 4));
	must_exec(decider, "COMMIT");
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->report.committed, 1));
	cr_assert(eq(int, sales(w), 5));
	free(claim);
	PQfinish(decider);
	tear_down(w);
}

Test(servers, that_are_down_stop_no_others)
{
	struct world *w = build();

	prepare(w, 1);
	decide(w, 1);
	must_register("down", "postgresql:///x?host=/nonexistent&connect_timeout=1");
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, w->report.unreachable, 1));
	cr_assert(eq(int, w->report.committed, 1));
	cr_assert(eq(int, sqla_in_doubt(NULL, NULL), SQLA_ECONNECT));
	tear_down(w);
}

Test(servers, that_crash_keep_what_is_in_doubt)
{
	struct world *w = build();

	prepare(w, 1);
	decide(w, 1);
	cluster_crash(w->two);
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, w->report.unreachable, 1));
	cluster_restart(w->two);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, sales(w), 1));
	tear_down(w);
}

Test(servers, forget_rows_only_after_every_branch_has_ended)
{
	struct world *w = build();

	prepare(w, 1);
	decide(w, 1);
	(void)sleep(3);
	cluster_stop(w->two);
	cr_assert(eq(int, recover(w, NULL), SQLA_PENDING));
	cr_assert(eq(int, rows(w, "committed"), 1), "nobody could ask the shop");
	cluster_restart(w->two);
	cr_assert(eq(int, recover(w, NULL), SQLA_OK));
	cr_assert(eq(int, w->report.forgotten, 1));
	cr_assert(eq(int, rows(w, "committed"), 0));
	tear_down(w);
}
