/*
 * One pass of recovery, with a SQLite file that decides and a store in memory
 * whose branches are in doubt.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>
#include <sqlassist.h>
#include <sqlassist/resource.h>

#include "recovery/store.h"
#include "support/files.h"
#include "support/must.h"
#include "support/scratch.h"

/* The branches that a pass told of. */
struct heard {
	int n;
	int n_unreachable;
	enum sqla_verdict verdict;
	int status;
	char decider[64];
	char evidence[1024];
	char remedy[1024];
};

static const struct sqla_recover_options keep = { .keep_rows = true };

static void hear(const struct sqla_in_doubt *branch, void *arg)
{
	struct heard *heard = arg;

	heard->n++;
	heard->verdict = branch->verdict;
	heard->status = branch->status;
	(void)snprintf(heard->decider, sizeof(heard->decider), "%s", branch->decider);
	(void)snprintf(heard->evidence, sizeof(heard->evidence), "%s", branch->evidence);
	(void)snprintf(heard->remedy, sizeof(heard->remedy), "%s", branch->remedy);
}

static void hear_unreachable(const char *engine, const char *reason, const char *remedy, void *arg)
{
	struct heard *heard = arg;

	cr_assert(ne(int, (int)strlen(engine), 0));
	cr_assert(ne(int, (int)strlen(reason), 0));
	cr_assert(ne(ptr, (void *)(uintptr_t)remedy, NULL));
	heard->n_unreachable++;
}

/* A pass with OPTIONS: its status; the report is checked to tell the same. */
static int recover(const struct sqla_recover_options *options, struct heard *ret_heard,
		   struct sqla_recover_report *ret_report)
{
	struct sqla_recover_options o = options ? *options : keep;

	*ret_heard = (struct heard){ 0 };
	o.unreachable = hear_unreachable;
	o.unreachable_arg = ret_heard;
	return sqla_recover(&o, hear, ret_heard, ret_report);
}

static void must_register(const char *name, const char *url, const struct sqla_engine_options *o)
{
	if (sqla_engine_register(name, url, o) < 0)
		must_fail("cannot register %s: %s", url, sqla_error_last()->message);
}

/* Registers the file NAME.db as an engine of that name; it has a table t. */
static char *make_till(const char *name)
{
	char *path = scratch_path(name);
	char *url = must_printf("sqlite:///%s", path);
	struct sqla_engine_options options = { .keep_decisions = 1 };

	must_exec_file(path, "CREATE TABLE IF NOT EXISTS t(x)");
	must_register(name, url, &options);
	free(url);
	return path;
}

/* A transaction over the file and the store; its outcome. */
static int move(const char *engine, struct store *store, struct store *refuser)
{
	struct sqla_session *session;
	int status;

	if (sqla_session_open(engine, &session) < 0 ||
	    sqla_exec(session, "INSERT INTO t VALUES (1)") < 0)
		must_fail("no work: %s", sqla_error_last()->message);
	store_join(store);
	if (refuser)
		store_join(refuser);
	status = txn_commit();
	if (status < 0)
		(void)txn_abort();
	sqla_session_close(session);
	return status;
}

/* Leaves one branch in doubt whose transaction is committed. */
static struct store *leave_committed(const char *engine)
{
	struct store *store = store_new("shelf");

	store_disconnect(store);
	cr_assert(eq(int, move(engine, store, NULL), SQLA_PENDING));
	cr_assert(eq(int, store_prepared(store), 1));
	store_register(store, "shelf");
	return store;
}

/* Leaves one branch in doubt whose transaction was rolled back. */
static struct store *leave_aborted(const char *engine)
{
	struct store *store = store_new("shelf");
	struct store *refuser = store_new("refuser");

	store_disconnect(store);
	store_refuse(refuser);
	cr_assert(lt(int, move(engine, store, refuser), 0));
	cr_assert(eq(int, store_prepared(store), 1));
	store_register(store, "shelf");
	store_free(refuser);
	return store;
}

static int64_t rows(const char *path, const char *verdict)
{
	return must_query_int_file(path,
				   "SELECT count(*) FROM sqlassist_decision WHERE verdict = '%s'",
				   verdict);
}

static void finish(struct store *store, char *path)
{
	cr_assert(eq(int, sqla_recoverer_unregister("shelf"), 0));
	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	store_free(store);
	free(path);
}

Test(scan, finds_nothing_where_nothing_is_registered)
{
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, heard.n, 0));
	cr_assert(eq(int, report.left, 0));
	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_OK));
	cr_assert(eq(int, sqla_in_doubt(NULL, NULL), 0));
}

Test(scan, commits_what_was_decided)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_COMMIT));
	cr_assert(eq(int, heard.status, SQLA_OK));
	cr_assert(eq(str, heard.decider, "till"));
	cr_assert(eq(int, report.committed, 1));
	cr_assert(eq(int, store_committed(store), 1));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, heard.n, 0));
	finish(store, path);
}

Test(scan, rolls_back_what_can_never_commit)
{
	char *path = make_till("till");
	struct store *store = leave_aborted("till");
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_ROLLBACK));
	cr_assert(eq(int, report.rolled_back, 1));
	cr_assert(eq(int, store_rolled_back(store), 1));
	finish(store, path);
}

Test(scan, finds_the_decider_by_its_site_and_never_by_its_name)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	char *url = must_printf("sqlite:///%s", path);
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	must_register("another name", url, NULL);
	free(make_till("till.other"));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(str, heard.decider, "another name"));
	cr_assert(eq(int, store_committed(store), 1));
	free(url);
	finish(store, path);
}

Test(scan, leaves_a_branch_whose_decider_is_open)
{
	char *path = make_till("till");
	struct store *store = leave_aborted("till");
	struct sqla_recover_report report;
	struct heard heard;
	sqlite3 *writer;

	cr_assert(eq(int, sqlite3_open(path, &writer), SQLITE_OK));
	cr_assert(eq(int, sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_OPEN));
	cr_assert(eq(int, heard.status, SQLA_PENDING));
	cr_assert(eq(int, report.left, 1));
	cr_assert(eq(int, store_prepared(store), 1));
	cr_assert(eq(int, sqlite3_close(writer), SQLITE_OK));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, store_rolled_back(store), 1));
	finish(store, path);
}

Test(scan, leaves_a_branch_whose_decider_is_not_registered)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	free(make_till("other"));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_UNKNOWN));
	cr_assert(eq(str, heard.decider, ""));
	cr_assert(ne(ptr, strstr(heard.evidence, "till"), NULL));
	cr_assert(eq(int, store_prepared(store), 1));
	finish(store, path);
}

Test(scan, leaves_a_branch_whose_decider_cannot_be_reached)
{
	char *path = make_till("till");
	char *away = scratch_path("away");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
	cr_assert(eq(int, rename(path, away), 0));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_UNKNOWN));
	cr_assert(eq(int, heard.n_unreachable, 1));
	cr_assert(eq(int, report.unreachable, 1));
	cr_assert(eq(int, report.left, 1));
	cr_assert(eq(int, access(path, F_OK), -1), "recovery made the file");
	cr_assert(eq(int, sqla_in_doubt(NULL, NULL), SQLA_ECONNECT));
	cr_assert(eq(str, (char *)sqla_error_last()->engine, "till"));
	free(away);
	finish(store, path);
}

Test(scan, believes_neither_of_two_files_with_one_site)
{
	char *path = make_till("till");
	char *copy = scratch_path("copy");
	char *url = must_printf("sqlite:///%s", copy);
	struct store *store = leave_aborted("till");
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
	must_exec_file(path, "VACUUM INTO '%s'", copy);
	must_register("copy", url, NULL);
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_UNKNOWN));
	cr_assert(eq(int, store_prepared(store), 1));
	cr_assert(eq(int, sqla_engine_unregister("copy"), 0));
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, store_rolled_back(store), 1));
	free(url);
	free(copy);
	finish(store, path);
}

Test(scan, takes_two_names_of_one_file_for_one)
{
	char *path = make_till("till");
	char *url = must_printf("sqlite:///%s", path);
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	struct heard heard;

	must_register("second name", url, NULL);
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, heard.n, 1));
	cr_assert(eq(int, store_committed(store), 1));
	free(url);
	finish(store, path);
}

Test(scan, leaves_young_branches_alone)
{
	struct sqla_recover_options options = { .keep_rows = true };
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	struct heard heard;

	store_set_age(store, 4);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_YOUNG));
	cr_assert(eq(int, report.left, 1));
	options.grace_s = 10;
	store_set_age(store, 9);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_PENDING));
	options.grace_s = -1;
	store_set_age(store, 0);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_assert(eq(int, store_committed(store), 1));
	finish(store, path);
}

Test(scan, changes_nothing_in_a_dry_run)
{
	const struct sqla_recover_options options = { .dry_run = true };
	char *path = make_till("till");
	struct store *store = leave_aborted("till");
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, (int)heard.verdict, SQLA_VERDICT_ROLLBACK));
	cr_assert(eq(int, heard.status, SQLA_PENDING));
	cr_assert(ne(ptr, strstr(heard.remedy, "sqlassist recover"), NULL));
	cr_assert(eq(int, report.left, 1));
	cr_assert(eq(int, report.rolled_back, 0));
	cr_assert(eq(int, sqla_in_doubt(hear, &heard), 1));
	cr_assert(eq(int, store_prepared(store), 1));
	cr_assert(eq(int, (int)rows(path, "aborted"), 0));
	finish(store, path);
}

/* A file that was left hot is spared, unless it may have decided. */
Test(scan, opens_a_hot_file_in_a_dry_run_only_for_a_branch_in_doubt)
{
	static const char header[] = { (char)0xd9, (char)0xd5, 0x05, (char)0xf9 };
	const struct sqla_recover_options options = { .dry_run = true };
	char *path = make_till("till"), *journal = must_printf("%s-journal", path);
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	struct heard heard;
	FILE *file = fopen(journal, "w");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(eq(sz, fwrite(header, 1, sizeof(header), file), sizeof(header)));
	cr_assert(zero(int, fclose(file)));
	cr_expect(eq(int, recover(&options, &heard, &report), SQLA_PENDING));
	cr_expect(eq(int, (int)heard.verdict, SQLA_VERDICT_COMMIT));
	cr_expect(eq(int, store_prepared(store), 1));
	free(journal);
	finish(store, path);
}

Test(scan, goes_on_past_a_store_that_fails)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct store *broken = store_new("broken");
	struct sqla_recover_report report;
	struct heard heard;

	store_break(broken, true);
	store_register(broken, "broken");
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, report.unreachable, 1));
	cr_assert(eq(int, heard.n_unreachable, 1));
	cr_assert(eq(int, store_committed(store), 1));
	cr_assert(eq(int, sqla_recoverer_unregister("broken"), 0));
	store_free(broken);
	finish(store, path);
}

Test(scan, does_not_touch_foreign_gids)
{
	struct store *store = store_new("shelf");
	struct sqla_recover_report report;
	struct heard heard;

	store_add(store, "sqla1.not-really");
	store_add(store, "131077_AAAA_BBBB");
	store_register(store, "shelf");
	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	cr_assert(eq(int, heard.n, 0));
	cr_assert(eq(int, store_prepared(store), 2));
	finish(store, NULL);
}

Test(scan, keeps_the_error_of_an_earlier_call_when_it_succeeds)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_session *session;

	cr_assert(eq(int, sqla_session_open("nowhere", &session), SQLA_ENOTFOUND));
	cr_assert(eq(int, sqla_recover(&keep, NULL, NULL, NULL), SQLA_OK));
	cr_assert(eq(int, sqla_error_last()->status, SQLA_ENOTFOUND));
	finish(store, path);
}

/* ---- some of them only --------------------------------------------------- */

static bool is_one_of(const char *uuid, void *arg)
{
	return strstr(arg, uuid);
}

/* Two branches of one store: a committed one, and one that can never commit. */
static struct store *leave_two(const char *engine, char **ret_first)
{
	struct store *store = leave_committed(engine);
	struct store *refuser = store_new("refuser");

	*ret_first = must_printf("%s", store_gid(store));
	store_refuse(refuser);
	cr_assert(lt(int, move(engine, store, refuser), 0));
	cr_assert(eq(int, store_prepared(store), 2));
	store_free(refuser);
	return store;
}

Test(wanted, ends_one_transaction_and_passes_by_all_others)
{
	char *path = make_till("till"), *first;
	struct store *store = leave_two("till", &first);
	const struct sqla_recover_options options = { .wanted = is_one_of, .wanted_arg = first };
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_expect(eq(int, heard.n, 1));
	cr_expect(eq(int, report.committed, 1));
	cr_expect(eq(int, report.left, 0));
	cr_expect(eq(int, store_prepared(store), 1));
	free(first);
	finish(store, path);
}

Test(wanted, forgets_no_row_of_others)
{
	char *path = make_till("till"), *first, none[] = "";
	struct store *store = leave_two("till", &first);
	struct sqla_recover_options options = { .wanted = is_one_of, .wanted_arg = none };
	struct sqla_recover_report report;
	struct heard heard;

	cr_assert(eq(int, recover(NULL, &heard, &report), SQLA_OK));
	(void)sleep(3);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_expect(eq(int, report.forgotten, 0));
	cr_expect(eq(int, (int)rows(path, "committed"), 1));
	options.wanted_arg = first;
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_expect(eq(int, report.forgotten, 1));
	free(first);
	finish(store, path);
}

/* ---- rows -------------------------------------------------------------- */

Test(rows, are_cleaned_when_every_branch_has_ended)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	const struct sqla_recover_options options = { 0 };
	struct heard heard;

	cr_assert(eq(int, (int)rows(path, "committed"), 1));
	(void)sleep(3);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_assert(eq(int, report.committed, 1));
	cr_assert(eq(int, report.forgotten, 1));
	cr_assert(eq(int, (int)rows(path, "committed"), 0));
	finish(store, path);
}

Test(rows, stay_while_a_branch_is_prepared)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	const struct sqla_recover_options options = { .grace_s = 1000 };
	struct heard heard;

	(void)sleep(3);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_PENDING));
	cr_assert(eq(int, report.forgotten, 0));
	cr_assert(eq(int, (int)rows(path, "committed"), 1));
	finish(store, path);
}

Test(rows, stay_while_a_branch_is_where_nobody_can_be_asked)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");
	struct sqla_recover_report report;
	const struct sqla_recover_options options = { 0 };
	struct heard heard;

	cr_assert(eq(int, recover(&keep, &heard, &report), SQLA_OK));
	cr_assert(eq(int, sqla_recoverer_unregister("shelf"), 0));
	(void)sleep(3);
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_assert(eq(int, report.forgotten, 0));
	cr_assert(eq(int, (int)rows(path, "committed"), 1));
	store_register(store, "shelf");
	cr_assert(eq(int, recover(&options, &heard, &report), SQLA_OK));
	cr_assert(eq(int, report.forgotten, 1));
	finish(store, path);
}

/* ---- the question of somebody else's store ------------------------------ */

static int ask_store(void *arg)
{
	const struct store *store = arg;

	return store_prepared(store) > 0;
}

Test(outcome, is_commit_when_the_decision_is_there)
{
	char *path = make_till("till");
	struct store *store = leave_committed("till");

	cr_assert(eq(int, sqla_outcome(store_gid(store), ask_store, store), SQLA_OK));
	finish(store, path);
}

Test(outcome, is_abort_when_it_can_never_commit)
{
	char *path = make_till("till");
	struct store *store = leave_aborted("till");

	cr_assert(eq(int, sqla_outcome(store_gid(store), ask_store, store), SQLA_EABORTED));
	finish(store, path);
}

Test(outcome, is_in_doubt_when_the_decider_is_not_registered)
{
	char *path = make_till("till");
	struct store *store = leave_aborted("till");

	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	cr_assert(eq(int, sqla_outcome(store_gid(store), ask_store, store), SQLA_EINDOUBT));
	cr_assert(ne(int, (int)strlen(sqla_error_last()->hint), 0));
	finish(store, path);
}

Test(outcome, of_a_foreign_gid_is_not_found)
{
	struct store *store = store_new("shelf");

	cr_assert(eq(int, sqla_outcome("nobody's", ask_store, store), SQLA_ENOTFOUND));
	cr_assert(eq(int, sqla_outcome(NULL, ask_store, store), SQLA_EMISUSE));
	cr_assert(eq(int, sqla_outcome("nobody's", NULL, store), SQLA_EMISUSE));
	store_free(store);
}
