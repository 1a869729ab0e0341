#include "engine/options.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "support/test.h"

static struct sqla_engine_options must_normalize(const struct sqla_engine_options *options)
{
	struct sqla_engine_options result;

	cr_assert(eq(int, options_normalize("e", options, &result), 0));
	return result;
}

static void expect_refusal(const struct sqla_engine_options *options, const char *option)
{
	struct sqla_engine_options result;

	cr_assert(eq(int, options_normalize("e", options, &result), SQLA_ECONFIG));
	cr_assert(ne(ptr, strstr(sqla_error_last()->message, option), NULL), "%s",
		  sqla_error_last()->message);
	cr_assert(ne(str, (char *)sqla_error_last()->hint, ""));
}

Test(options, without_any_the_documented_defaults_hold)
{
	struct sqla_engine_options result = must_normalize(NULL);

	cr_expect(eq(int, (int)result.joined, SQLA_YES));
	cr_expect(eq(int, (int)result.scoped, SQLA_YES));
	cr_expect(eq(int, (int)result.readonly, SQLA_NO));
	cr_expect(eq(int, (int)result.is_default, SQLA_NO));
	cr_expect(eq(str, (char *)result.decision_schema, "sqlassist"));
	cr_expect(eq(ptr, (void *)result.isolation, NULL));
	cr_expect(eq(int, result.keep_decisions, 60));
	cr_expect(eq(int, result.pool_size, 5));
	cr_expect(eq(int, result.pool_overflow, 10));
	cr_expect(eq(int, result.pool_timeout_ms, 30000));
	cr_expect(eq(int, result.pool_recycle_s, 0));
	cr_expect(eq(int, result.pool_leak_ms, 0));
	cr_expect(eq(int, result.statement_timeout_ms, 0));
	cr_expect(eq(int, result.busy_timeout_ms, 5000));
	cr_expect(eq(int, result.statement_cache, 100));
	cr_expect(eq(int, result.wal_group, SQLA_NO));
	options_clear(&result);
}

Test(options, zero_and_unlimited_become_numbers)
{
	struct sqla_engine_options wanted = { .pool_overflow = SQLA_ZERO,
					      .pool_timeout_ms = SQLA_UNLIMITED };
	struct sqla_engine_options result = must_normalize(&wanted);

	cr_expect(eq(int, result.pool_overflow, 0));
	cr_expect(eq(int, result.pool_timeout_ms, INT_MAX));
	options_clear(&result);
}

Test(options, texts_are_copied)
{
	char isolation[] = "serializable";
	struct sqla_engine_options wanted = { .isolation = isolation };
	struct sqla_engine_options result = must_normalize(&wanted);

	isolation[0] = 'X';
	cr_expect(eq(str, (char *)result.isolation, "serializable"));
	options_clear(&result);
	cr_expect(eq(ptr, (void *)result.isolation, NULL));
}

Test(options, a_bad_one_is_named)
{
	struct sqla_engine_options choice = { .readonly = (enum sqla_choice)7 };
	struct sqla_engine_options word = { .decide = (enum sqla_decide)3 };
	struct sqla_engine_options number = { .pool_size = -3 };
	struct sqla_engine_options zero = { .connect_timeout_ms = SQLA_ZERO };
	struct sqla_engine_options empty = { .isolation = "", .decision_schema = "x" };

	expect_refusal(&choice, "readonly");
	expect_refusal(&word, "decide");
	expect_refusal(&number, "pool_size");
	expect_refusal(&zero, "connect_timeout_ms");
	expect_refusal(&empty, "isolation");
}

Test(options, a_reserved_field_must_be_zero)
{
	struct sqla_engine_options wanted = { .reserved = { 0, 1 } };

	expect_refusal(&wanted, "reserved");
}

Test(options, every_listed_name_is_found)
{
	char list[512];
	int found = 0;

	options_list(list, sizeof(list));
	for (char *name = strtok(list, ", "); name; name = strtok(NULL, ", "), found++)
		cr_expect(ge(int, options_find(name), 0), "%s", name);
	cr_expect(eq(int, found, 25));
	cr_expect(lt(int, options_find("poolsize"), 0));
}

/* What TEXT makes of option NAME. */
static int set(struct sqla_engine_options *options, const char *name, const char *text)
{
	memset(options, 0, sizeof(*options));
	return options_set("e", options, options_find(name), text);
}

Test(options, texts_of_a_file_are_understood)
{
	struct sqla_engine_options options;

	cr_expect(eq(int, set(&options, "readonly", "Yes"), 0));
	cr_expect(eq(int, (int)options.readonly, SQLA_YES));
	cr_expect(eq(int, set(&options, "joined", "off"), 0));
	cr_expect(eq(int, (int)options.joined, SQLA_NO));
	cr_expect(eq(int, set(&options, "decide", "never"), 0));
	cr_expect(eq(int, (int)options.decide, SQLA_DECIDE_NEVER));
	cr_expect(eq(int, set(&options, "pool_size", "12"), 0));
	cr_expect(eq(int, options.pool_size, 12));
	cr_expect(eq(int, set(&options, "pool_overflow", "0"), 0));
	cr_expect(eq(int, options.pool_overflow, SQLA_ZERO));
	cr_expect(eq(int, set(&options, "pool_overflow", "unlimited"), 0));
	cr_expect(eq(int, options.pool_overflow, SQLA_UNLIMITED));
	cr_expect(eq(int, set(&options, "isolation", "serializable"), 0));
	cr_expect(eq(str, (char *)options.isolation, "serializable"));
	options_clear(&options);
}

Test(options, other_texts_of_a_file_are_refused)
{
	static const char *const bad[][2] = {
		{ "readonly", "maybe" },
		{ "readonly", "" },
		{ "decide", "sometimes" },
		{ "pool_size", "-1" },
		{ "pool_size", "3x" },
		{ "pool_size", "" },
		{ "pool_size", "99999999999999999999" },
		{ "pool_size", "65536" },
		{ "connect_timeout_ms", "0" },
		{ "isolation", "" },
	};
	struct sqla_engine_options options;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(eq(int, set(&options, bad[i][0], bad[i][1]), SQLA_ECONFIG), "%s = %s",
			  bad[i][0], bad[i][1]);
}

static void collect(void *arg, const char *name, const char *value, bool is_default)
{
	char *text = arg;

	if (!is_default)
		(void)sprintf(text + strlen(text), "%s=%s ", name, value);
}

Test(options, all_can_be_shown_in_the_words_of_a_file)
{
	struct sqla_engine_options wanted = { .readonly = SQLA_YES,
					      .decide = SQLA_DECIDE_NEVER,
					      .decision_schema = "own",
					      .pool_overflow = SQLA_UNLIMITED,
					      .pool_timeout_ms = 50 };
	struct sqla_engine_options result = must_normalize(NULL);
	char text[1024] = "";

	options_each(&result, collect, text);
	cr_expect(eq(str, text, (char *)""), "the defaults are told from what was set");
	options_clear(&result);
	result = must_normalize(&wanted);
	options_each(&result, collect, text);
	cr_expect(eq(str, text,
		     (char *)"readonly=yes decide=never decision_schema=own "
			     "pool_overflow=unlimited pool_timeout_ms=50 "));
	options_clear(&result);
}
