/*
 * A server that says what no server says: in place of each message of a commit and
 * of a recovery, or ahead of it. It may make us doubt, or give up; it never makes us
 * say "committed" of what is not, nor crash, nor wait for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/main.h"
#include "support/test.h"
#include "support/cluster.h"
#include "wire/strikes.h"

TEST_MAIN({ .name = "one" }, { .name = "two" })

enum {
	FLOOD = 2000,	 /* notices */
	HUGE = 1 << 20,	 /* bytes of one value */
	CURFEW_MS = 150, /* a client that waits for more is cut off then */
	COLUMNS = 40,
};

static const struct shape two_servers = { .name = "two servers", .parties = "pq" };
static const struct shape alone = { .name = "one server", .parties = "p" };

/* ---- what is said -------------------------------------------------------- */

static void say_tag_rollback(UT_string *out)
{
	wire_put_tag(out, "ROLLBACK");
}

static void say_tag_empty(UT_string *out)
{
	wire_put_tag(out, "");
}

static void say_tag_long(UT_string *out)
{
	char tag[3000];

	memset(tag, 'C', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	wire_put_tag(out, tag);
}

static void say_no_columns(UT_string *out)
{
	wire_put_columns(out, NULL, 0);
}

static void say_many_columns(UT_string *out)
{
	const char *names[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		names[i] = "is_standby";
	wire_put_columns(out, names, COLUMNS);
}

static void say_row_of_nothing(UT_string *out)
{
	wire_put_row(out, NULL, 0);
}

static void say_row_of_null(UT_string *out)
{
	const char *values[COLUMNS] = { NULL };

	wire_put_row(out, values, 1);
	wire_put_row(out, values, COLUMNS);
}

static void say_huge_row(UT_string *out)
{
	char *text = malloc(HUGE + 1);
	const char *values[] = { text };

	if (!text)
		must_fail("out of memory");
	memset(text, '9', HUGE);
	text[HUGE] = '\0';
	wire_put_row(out, values, 1);
	free(text);
}

/* A value with zeros in it, and one whose length is a lie. */
static void say_row_with_zeros(UT_string *out)
{
	static const char row[] = "\0\1\0\0\0\5a\0b\0c";
	static const char liar[] = "\0\1\0\0\1\0ab";

	wire_put(out, 'D', row, sizeof(row) - 1);
	wire_put(out, 'D', liar, sizeof(liar) - 1);
}

static void say_no_row(UT_string *out)
{
	wire_put_tag(out, "SELECT 0");
}

static void say_ready(UT_string *out)
{
	wire_put_ready(out, 'I');
}

static void say_in_transaction(UT_string *out)
{
	wire_put_ready(out, 'T');
}

static void say_odd_state(UT_string *out)
{
	wire_put_ready(out, '?');
}

static void say_copy(UT_string *out)
{
	wire_put(out, 'G', "\0\0\0", 3);
}

static void say_unknown_type(UT_string *out)
{
	wire_put(out, '!', "boo", 3);
}

static void say_suspended(UT_string *out)
{
	wire_put(out, 's', "", 0);
}

static void say_empty_query(UT_string *out)
{
	wire_put(out, 'I', "", 0);
}

static void say_password_please(UT_string *out)
{
	wire_put(out, 'R', "\0\0\0\3", 4);
}

static void say_error_of_nothing(UT_string *out)
{
	wire_put(out, 'E', "", 1);
}

static void say_error_without_code(UT_string *out)
{
	static const char body[] = "SERROR\0MI say so\0";

	wire_put(out, 'E', body, sizeof(body));
}

static void say_endless(UT_string *out)
{
	utstring_bincpy(out, "D\x7f\xff\xff\xff", 5);
}

static void say_less_than_nothing(UT_string *out)
{
	utstring_bincpy(out, "C\0\0\0\1", 5);
}

static void say_notices(UT_string *out)
{
	for (int i = 0; i < FLOOD; i++)
		wire_put_error(out, 'N', "NOTICE", "00000", "la la la");
}

static void say_warning(UT_string *out)
{
	wire_put_error(out, 'N', "WARNING", "01000", "not confirmed by the standby");
}

static void say_parameters(UT_string *out)
{
	wire_put_parameter(out, "client_encoding", "SJIS");
	wire_put_parameter(out, "standard_conforming_strings", "off");
	wire_put_parameter(out, "server_version", "99999999999999");
}

struct lie {
	const char *name;
	void (*say)(UT_string *out);
	bool is_ahead; /* what the server says follows */
};

static const struct lie lies[] = {
	{ "tag ROLLBACK", say_tag_rollback, false },
	{ "empty tag", say_tag_empty, false },
	{ "long tag", say_tag_long, false },
	{ "no columns", say_no_columns, false },
	{ "many columns", say_many_columns, false },
	{ "row of nothing", say_row_of_nothing, false },
	{ "row of NULL", say_row_of_null, false },
	{ "huge row", say_huge_row, false },
	{ "row with zeros", say_row_with_zeros, false },
	{ "no row", say_no_row, false },
	{ "ready", say_ready, false },
	{ "in a transaction", say_in_transaction, false },
	{ "odd state", say_odd_state, false },
	{ "copy", say_copy, false },
	{ "unknown type", say_unknown_type, false },
	{ "suspended", say_suspended, false },
	{ "empty query", say_empty_query, false },
	{ "password please", say_password_please, false },
	{ "error of nothing", say_error_of_nothing, false },
	{ "error without code", say_error_without_code, false },
	{ "endless message", say_endless, false },
	{ "negative length", say_less_than_nothing, false },
	{ "nothing at all", NULL, false },
	{ "more rows", say_row_of_null, true },
	{ "an extra answer", say_no_row, true },
	{ "an extra ready", say_ready, true },
	{ "notices", say_notices, true },
	{ "warning", say_warning, true },
	{ "parameters", say_parameters, true },
};

/* ---- lying --------------------------------------------------------------- */

static struct strike strike_of(const struct lie *lie, UT_string *words)
{
	utstring_clear(words);
	if (lie->say)
		lie->say(words);
	return (struct strike){
		.kind = STRIKE_SAY,
		.words = words,
		.is_ahead = lie->is_ahead,
		.curfew_ms = CURFEW_MS,
	};
}

/* In a short run each message meets every fifth lie, or (where it takes long) one of
 * them, and each lie as many messages. */
enum { SHARE = 5, SMALL_SHARE = sizeof(lies) / sizeof(lies[0]) };

static bool is_wanted(size_t target, size_t lie, size_t share)
{
	return getenv("SQLA_TEST_LONG") || target % share == lie % share;
}

static void lie_at(struct strikes *sweep, const struct target *target, struct strike strike,
		   const char *name)
{
	char *false_word;
	int status;

	if (!strikes_aim(target, &strike) || strike.side != WIRE_SERVER)
		return;
	ledger_work(sweep->ledger);
	(void)txn_set_timeout(txn_current(), 10 * CURFEW_MS);
	tap_watch(ledger_tap(sweep->ledger, target->party), &strike, 1);
	status = ledger_end(sweep->ledger);
	false_word = ledger_false_word(sweep->ledger, status);
	if (false_word)
		(void)fprintf(stderr, "%s: ", name);
	strikes_note(sweep, target, &strike, status, false_word);
	ledger_forgive(sweep->ledger);
	strikes_clean(sweep);
}

static void lie_all(const struct shape *shape, size_t share)
{
	struct strikes sweep;
	UT_string words;

	utstring_init(&words);
	strikes_start(&sweep, shape);
	for (size_t i = 0; i < sweep.n_targets; i++)
		for (size_t j = 0; j < sizeof(lies) / sizeof(lies[0]); j++)
			if (is_wanted(i, j, share))
				lie_at(&sweep, &sweep.targets[i], strike_of(&lies[j], &words),
				       lies[j].name);
	strikes_end(&sweep);
	utstring_done(&words);
}

Test(hostile_answer, to_the_commit_of_one_server)
{
	lie_all(&alone, 1);
}

Test(hostile_answer, to_the_commit_of_two_servers)
{
	lie_all(&two_servers, SHARE);
}

/* ---- recovery ------------------------------------------------------------ */

/* Cuts at TARGET; whether that leaves a branch whose transaction has committed. */
static bool leaves_pending(struct strikes *sweep, const struct target *target)
{
	struct strike cut = { .kind = STRIKE_CUT };
	char *left;
	int status;

	(void)strikes_aim(target, &cut);
	ledger_work(sweep->ledger);
	tap_watch(ledger_tap(sweep->ledger, target->party), &cut, 1);
	status = ledger_end(sweep->ledger);
	left = ledger_calm(sweep->ledger);
	cr_assert(zero(ptr, left), "%s", left);
	return status == SQLA_PENDING && ledger_prepared(sweep->ledger) > 0;
}

static struct target find_end(struct strikes *sweep)
{
	for (size_t i = 0; i < sweep->n_targets; i++) {
		if (leaves_pending(sweep, &sweep->targets[i]))
			return sweep->targets[i];
		ledger_forgive(sweep->ledger);
		strikes_clean(sweep);
	}
	must_fail("no cut leaves a branch in doubt");
}

static int recover(void)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };

	return sqla_recover(&now, NULL, NULL, NULL);
}

/* A recovery that was lied to may give up; what it did is what was decided. */
static void lie_to_recovery(struct strikes *sweep, const struct target *end,
			    const struct target *target, struct strike strike)
{
	char *violation;
	int answer;

	if (!strikes_aim(target, &strike) || strike.side != WIRE_SERVER)
		return;
	cr_assert(leaves_pending(sweep, end));
	tap_watch(ledger_tap(sweep->ledger, target->party), &strike, 1);
	answer = recover();
	violation = ledger_calm(sweep->ledger);
	if (!violation && answer == 0 && ledger_prepared(sweep->ledger) > 0)
		violation = must_printf("recovery says that nothing is in doubt");
	if (!violation)
		violation = ledger_violation(sweep->ledger, SQLA_PENDING);
	strikes_note(sweep, target, &strike, SQLA_PENDING, violation);
	ledger_forgive(sweep->ledger);
	strikes_clean(sweep);
}

Test(hostile_answer, to_recovery)
{
	struct strikes sweep;
	struct target end;
	UT_string words;

	utstring_init(&words);
	strikes_start(&sweep, &two_servers);
	end = find_end(&sweep);
	strikes_listen(&sweep);
	cr_assert(eq(int, recover(), 0));
	strikes_take_targets(&sweep);
	strikes_clean(&sweep);
	for (size_t i = 0; i < sweep.n_targets; i++)
		for (size_t j = 0; j < sizeof(lies) / sizeof(lies[0]); j++)
			if (is_wanted(i, j, SMALL_SHARE))
				lie_to_recovery(&sweep, &end, &sweep.targets[i],
						strike_of(&lies[j], &words));
	strikes_end(&sweep);
	utstring_done(&words);
}

/* ---- what was found so ----------------------------------------------------- */

/* Everything that the server says, but for that it is ready. */
static bool leave_out(void *arg, struct proxy_wire *wire, const struct wire_message *m)
{
	const bool *is_lying = arg;

	if (!*is_lying || m->from == WIRE_CLIENT || m->type == 'Z')
		proxy_pass(wire, m);
	return true;
}

Test(hostile_answer, that_is_left_out_is_not_taken_for_success)
{
	const struct sqla_engine_options alone_each = { .joined = SQLA_NO, .autocommit = SQLA_YES };
	bool is_lying = false;
	struct cluster *c = cluster_get("one");
	struct proxy *proxy = proxy_start(c, leave_out, &is_lying);
	char *url = proxy_url(proxy, "postgres");
	struct sqla_session *s;

	cr_assert(eq(int, sqla_engine_register("liar", url, &alone_each), 0));
	cr_assert(eq(int, sqla_session_open("liar", &s), 0));
	cr_assert(eq(int, sqla_exec(s, "SELECT 1"), 0));
	proxy_lock(proxy);
	is_lying = true;
	proxy_unlock(proxy);
	cr_expect(eq(int, sqla_exec(s, "SELECT 2"), SQLA_ECONNECT));
	sqla_session_close(s);
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0));
	proxy_free(proxy);
	cluster_free(c);
	free(url);
}
