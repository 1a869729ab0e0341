/*
 * Panels of a process with SQLite engines. The documents are read back with
 * jansson, as a program would.
 */
#include "panel/panel.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>

#include "recovery/store.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

#define GID "sqla1.5d4f2f80-4c1e-4b62-8a57-0d1d5e1c7a01.1.nowhere.somebody"

static char *path;

static void must_register(const char *name, const struct sqla_engine_options *options)
{
	char *url = must_printf("sqlite:///%s", path);

	if (sqla_engine_register(name, url, options) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(url);
}

static void setup(void)
{
	path = scratch_path("shop.db");
	must_exec_file(path, "CREATE TABLE IF NOT EXISTS t(x)");
	must_register("reader", NULL);
}

static void teardown(void)
{
	(void)txn_abort();
	(void)sqla_session_remove("reader");
	(void)sqla_engine_unregister(NULL);
	free(path);
}

TestSuite(panel, .init = setup, .fini = teardown);

typedef char *reading(const struct sqla_panel *panel);

/* One reading of a panel of RQ, as new text. */
static char *must_read(struct sqla_request *rq, reading *read)
{
	struct sqla_panel *panel;
	char *text;

	if (sqla_panel_take(rq, &panel) < 0)
		must_fail("%s", sqla_error_last()->message);
	text = read(panel);
	sqla_panel_free(panel);
	if (!text)
		must_fail("%s", sqla_error_last()->message);
	return text;
}

/* The panel of RQ as a document. */
static json_t *must_parse(struct sqla_request *rq)
{
	char *text = must_read(rq, sqla_panel_json);
	json_error_t error;
	json_t *document = json_loads(text, 0, &error);

	if (!document)
		must_fail("%s in %s", error.text, text);
	free(text);
	return document;
}

static void expect_in(const char *text, const char *part)
{
	cr_expect(ne(ptr, (void *)(uintptr_t)strstr(text, part), NULL), "\"%s\" is not in:\n%s",
		  part, text);
}

static void expect_not_in(const char *text, const char *part)
{
	cr_expect(eq(ptr, (void *)(uintptr_t)strstr(text, part), NULL), "\"%s\" is in:\n%s", part,
		  text);
}

/* Borrowed; "" for what is no text. */
static char *string_of(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return (char *)(uintptr_t)(value ? value : "");
}

/* As functions: Criterion cannot take a macro in parentheses. */
#define IS(what)                                                     \
	static bool is_##what(const json_t *object, const char *key) \
	{                                                            \
		return json_is_##what(json_object_get(object, key)); \
	}
IS(true)
IS(false)
IS(null)
IS(real)

static void must_work(const char *engine, const char *sql)
{
	struct sqla_session *s;

	if (sqla_session_open(engine, &s) < 0 || sqla_exec(s, sql) < 0)
		must_fail("%s", sqla_error_last()->message);
	sqla_session_close(s);
}

/* ---- what is in it ------------------------------------------------------------ */

Test(panel, a_fresh_process_has_engines_and_no_history)
{
	json_t *panel = must_parse(NULL);
	json_t *engine = json_array_get(json_object_get(panel, "engines"), 0);

	cr_expect(eq(int, (int)json_integer_value(json_object_get(panel, "pid")), getpid()));
	cr_expect(eq(str, string_of(engine, "name"), (char *)"reader"));
	cr_expect(is_true(engine, "is_default"));
	cr_expect(is_null(panel, "request"));
	cr_expect(is_null(panel, "transaction"));
	cr_expect(is_null(panel, "in_doubt"));
	cr_expect(zero(sz, json_array_size(json_object_get(panel, "recent"))));
	json_decref(panel);
}

Test(panel, a_process_without_engines_has_one_too)
{
	json_t *panel;

	(void)sqla_engine_unregister(NULL);
	panel = must_parse(NULL);
	cr_expect(zero(sz, json_array_size(json_object_get(panel, "engines"))));
	json_decref(panel);
}

Test(panel, options_say_what_was_set)
{
	const struct sqla_engine_options options = { .readonly = SQLA_YES };
	json_t *panel, *set;

	must_register("other", &options);
	panel = must_parse(NULL);
	set = json_object_get(json_array_get(json_object_get(panel, "engines"), 1), "options");
	cr_expect(eq(str, string_of(json_object_get(set, "readonly"), "value"), (char *)"yes"));
	cr_expect(is_false(json_object_get(set, "readonly"), "is_default"));
	cr_expect(is_true(json_object_get(set, "joined"), "is_default"));
	json_decref(panel);
}

Test(panel, a_connection_is_shown_with_its_file_and_its_opener)
{
	json_t *panel, *c;

	must_work("reader", "INSERT INTO t VALUES (1)");
	panel = must_parse(NULL);
	c = json_array_get(json_object_get(json_array_get(json_object_get(panel, "engines"), 0),
					   "connections"),
			   0);
	expect_in(string_of(c, "id"), "shop.db");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(c, "opened_by")), getpid()));
	cr_expect(is_true(c, "in_use"));
	cr_expect(is_false(c, "inherited"));
	json_decref(panel);
}

/* In a child: the first panel still shows the parent's connection as such. */
static int check_in_child(void)
{
	json_t *panel = must_parse(NULL);
	json_t *c =
		json_array_get(json_object_get(json_array_get(json_object_get(panel, "engines"), 0),
					       "connections"),
			       0);
	int status = !(json_is_true(json_object_get(c, "inherited")) &&
		       json_is_null(json_object_get(panel, "transaction")) &&
		       json_integer_value(json_object_get(c, "opened_by")) == getppid());

	json_decref(panel);
	return status;
}

Test(panel, a_forked_child_sees_which_connections_are_its_parents)
{
	int status = -1;
	pid_t pid;

	must_work("reader", "INSERT INTO t VALUES (1)");
	pid = fork();
	if (pid == 0)
		_exit(check_in_child());
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
}

Test(panel, the_current_transaction_is_shown_with_its_branches)
{
	json_t *panel, *t, *b;

	must_work("reader", "INSERT INTO t VALUES (1)");
	(void)txn_note(txn_current(), "sells a pear");
	(void)txn_set_user(txn_current(), "ada");
	panel = must_parse(NULL);
	t = json_object_get(panel, "transaction");
	cr_expect(eq(str, string_of(t, "state"), (char *)"active"));
	cr_expect(eq(str, string_of(t, "description"), (char *)"sells a pear"));
	cr_expect(eq(str, string_of(t, "user"), (char *)"ada"));
	cr_assert(eq(sz, json_array_size(json_object_get(t, "branches")), 1));
	b = json_array_get(json_object_get(t, "branches"), 0);
	cr_expect(eq(str, string_of(b, "name"), (char *)"reader"));
	cr_expect(eq(str, string_of(b, "phase"), (char *)"working"));
	json_decref(panel);
}

Test(panel, a_transaction_that_has_ended_is_among_the_recent_ones)
{
	json_t *panel, *t;

	must_work("reader", "INSERT INTO t VALUES (1)");
	cr_assert(zero(int, txn_commit()));
	panel = must_parse(NULL);
	t = json_array_get(json_object_get(panel, "recent"), 0);
	cr_expect(eq(str, string_of(t, "outcome"), (char *)"committed"));
	cr_expect(is_real(json_object_get(t, "steps_ms"), "decide"));
	cr_expect(is_null(json_object_get(t, "steps_ms"), "prepare"));
	cr_expect(eq(int,
		     (int)json_integer_value(
			     json_object_get(json_object_get(panel, "totals"), "committed")),
		     1));
	cr_expect(ne(ptr, json_object_get(json_object_get(panel, "totals"), "late_pending"), NULL));
	json_decref(panel);
}

static void expect_status(struct sqla_request *rq, const char *status)
{
	json_t *panel = must_parse(rq);
	json_t *engines = json_object_get(json_object_get(panel, "request"), "engines");

	cr_expect(eq(str, string_of(json_array_get(engines, 0), "status"),
		     (char *)(uintptr_t)status));
	json_decref(panel);
}

Test(panel, a_request_goes_from_init_to_start_to_end)
{
	const struct sqla_request_options bound = { .bound = SQLA_YES };
	struct sqla_request *rq;
	json_t *panel, *r;

	cr_assert(zero(int, sqla_request_begin_with(NULL, &bound, &rq)));
	expect_status(rq, "INIT");
	cr_assert(ne(ptr, sqla_request_reader(rq), NULL));
	cr_assert(zero(int, sqla_exec(sqla_request_reader(rq), "INSERT INTO t VALUES (1)")));
	expect_status(rq, "START");
	panel = must_parse(rq);
	r = json_object_get(panel, "request");
	cr_expect(is_true(r, "bound"));
	cr_expect(eq(str, string_of(r, "transaction"), (char *)(uintptr_t)txn_uuid(txn_current())));
	expect_in(string_of(json_array_get(json_object_get(r, "engines"), 0), "connection"),
		  "shop.db");
	json_decref(panel);
	cr_assert(zero(int, sqla_request_end(rq, 0)));
	expect_status(rq, "END");
	sqla_request_free(rq);
}

Test(panel, what_recovery_left_is_shown_without_asking_again)
{
	struct store *store = store_new("shelf");
	json_t *panel, *d;

	store_add(store, GID);
	store_register(store, "shelf");
	cr_assert(eq(int, sqla_recover(NULL, NULL, NULL, NULL), SQLA_PENDING));
	(void)sqla_recoverer_unregister("shelf");
	store_free(store);
	panel = must_parse(NULL);
	d = json_object_get(panel, "in_doubt");
	cr_expect(ge(i64, json_integer_value(json_object_get(d, "age_ms")), 0));
	cr_expect(eq(str, string_of(json_array_get(json_object_get(d, "branches"), 0), "gid"),
		     (char *)GID));
	json_decref(panel);
}

/* ---- what must not be in it ----------------------------------------------------- */

#ifdef SQLA_WITH_LIBPQ
static void expect_in_none(const char *part)
{
	static reading *const readings[] = { sqla_panel_json, sqla_panel_html,
					     sqla_panel_prometheus };

	for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		char *text = must_read(NULL, readings[i]);

		expect_not_in(text, part);
		free(text);
	}
}

Test(panel, passwords_are_in_no_reading)
{
	cr_assert(zero(int, sqla_engine_register("bank", "postgresql://me:PEAR17@host/db", NULL)));
	expect_in_none("PEAR17");
}
#endif

Test(panel, what_strangers_wrote_stays_text)
{
	char *html, *metrics;

	must_register("<b a=\"x\">", NULL);
	must_work("reader", "INSERT INTO t VALUES (1)");
	(void)txn_note(txn_current(), "<script>alert('1')</script> \xFF");
	(void)txn_set_user(txn_current(), "</span><i>");
	html = must_read(NULL, sqla_panel_html);
	expect_in(html, "&lt;script&gt;alert(&#39;1&#39;)");
	expect_in(html, "&lt;b a=&quot;x&quot;&gt;");
	expect_not_in(html, "<script");
	expect_not_in(html, "</span><i>");
	expect_not_in(html, "\xFF");
	free(html);
	cr_assert(zero(int, txn_commit()));
	html = must_read(NULL, sqla_panel_html);
	expect_not_in(html, "<script");
	free(html);
	metrics = must_read(NULL, sqla_panel_prometheus);
	expect_in(metrics, "{engine=\"<b a=\\\"x\\\">\"");
	free(metrics);
	json_decref(must_parse(NULL));
}

/* ---- Prometheus ------------------------------------------------------------------ */

/* NAME of a sample without what histograms add to their family's. */
static void family_of(const char *line, char *ret_name, size_t size)
{
	static const char *const suffixes[] = { "_bucket", "_sum", "_count" };
	size_t length = strcspn(line, "{ ");

	(void)snprintf(ret_name, size, "%.*s", (int)length, line);
	for (size_t i = 0; i < 3; i++) {
		char *end = strstr(ret_name, suffixes[i]);

		if (end && strcmp(end, suffixes[i]) == 0)
			*end = '\0';
	}
}

Test(panel, every_sample_follows_the_type_of_its_family)
{
	char *metrics = must_read(NULL, sqla_panel_prometheus);
	char type[128] = "";
	int samples = 0;
	char *rest = metrics;

	cr_assert(eq(int, metrics[strlen(metrics) - 1], '\n'));
	for (char *line; (line = strsep(&rest, "\n"));) {
		char name[128];

		if (strncmp(line, "# TYPE ", 7) == 0) {
			family_of(line + 7, type, sizeof(type));
			continue;
		}
		if (!*line || *line == '#')
			continue;
		samples++;
		family_of(line, name, sizeof(name));
		cr_expect(eq(str, name, type));
	}
	cr_expect(gt(int, samples, 20));
	free(metrics);
}

Test(panel, a_commit_is_in_the_counter_and_in_one_bucket_of_each_histogram)
{
	char *metrics;

	must_work("reader", "INSERT INTO t VALUES (1)");
	cr_assert(zero(int, txn_commit()));
	metrics = must_read(NULL, sqla_panel_prometheus);
	expect_in(metrics, "sqlassist_transactions_total{outcome=\"committed\",phases=\"1\"} 1\n");
	expect_in(metrics, "sqlassist_late_failures_total{outcome=\"pending\"} 0\n");
	expect_in(metrics, "sqlassist_commit_duration_seconds_bucket{le=\"+Inf\"} 1\n");
	expect_in(metrics, "sqlassist_commit_duration_seconds_bucket{le=\"10\"} 1\n");
	expect_in(metrics, "sqlassist_commit_duration_seconds_count 1\n");
	expect_in(metrics, "sqlassist_commit_step_duration_seconds_count{step=\"decide\"} 1\n");
	expect_in(metrics, "sqlassist_commit_step_duration_seconds_count{step=\"prepare\"} 0\n");
	expect_in(metrics, "sqlassist_pool_connections{engine=\"reader\",state=\"idle\"} 1\n");
	free(metrics);
}

Test(panel, in_doubt_is_not_told_as_zero_before_anybody_has_looked)
{
	char *metrics = must_read(NULL, sqla_panel_prometheus);

	expect_not_in(metrics, "sqlassist_in_doubt_branches");
	free(metrics);
	cr_assert(zero(int, sqla_recover(NULL, NULL, NULL, NULL)));
	metrics = must_read(NULL, sqla_panel_prometheus);
	expect_in(metrics, "sqlassist_in_doubt_branches 0\n");
	free(metrics);
}

/* ---- misuse, threads ------------------------------------------------------------- */

Test(panel, nothing_in_the_place_of_a_panel_is_misuse)
{
	cr_expect(eq(int, sqla_panel_take(NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(ptr, sqla_panel_json(NULL), NULL));
	cr_expect(eq(int, sqla_error_last()->status, SQLA_EMISUSE));
	cr_expect(eq(ptr, sqla_panel_html(NULL), NULL));
	cr_expect(eq(ptr, sqla_panel_prometheus(NULL), NULL));
	sqla_panel_free(NULL);
}

static void *work_and_commit(void *unused)
{
	for (int i = 0; i < 30; i++) {
		must_work("reader", "SELECT count(*) FROM t");
		(void)txn_commit();
	}
	return unused;
}

Test(panel, it_can_be_taken_while_others_work)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, work_and_commit, NULL)));
	for (int i = 0; i < 20; i++)
		free(must_read(NULL, sqla_panel_html));
	for (int i = 0; i < 3; i++)
		cr_assert(zero(int, pthread_join(threads[i], NULL)));
}
