#include "engine/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum option_type { OPTION_CHOICE, OPTION_WORD, OPTION_NUMBER, OPTION_TEXT };

enum option_flag { MAY_BE_ZERO = 1, MAY_BE_UNLIMITED = 2, MAY_BE_BOTH = 3 };

#define OPTION_WORDS 4
#define OPTION_TEXT_MAX 63 /* bytes: PostgreSQL's identifiers are no longer */

struct option {
	const char *name;
	size_t offset;
	enum option_type type;
	int fallback; /* choices and numbers: what zero stands for */
	int max;
	unsigned flags;
	const char *text;		 /* texts: what NULL stands for */
	const char *words[OPTION_WORDS]; /* in the order of their enum, from 0 */
};

/* The members of one line of the table. */
#define FIELD(field) .name = #field, .offset = offsetof(struct sqla_engine_options, field)
#define CHOICE(field, value) FIELD(field), .type = OPTION_CHOICE, .fallback = (value)
#define WORD(field) FIELD(field), .type = OPTION_WORD
#define NUMBER(field, value) FIELD(field), .type = OPTION_NUMBER, .fallback = (value)
#define TEXT(field, value) FIELD(field), .type = OPTION_TEXT, .text = (value)

static const struct option options_table[] = {
	{ CHOICE(is_default, SQLA_NO) },
	{ CHOICE(joined, SQLA_YES) },
	{ CHOICE(scoped, SQLA_YES) },
	{ CHOICE(readonly, SQLA_NO) },
	{ CHOICE(autocommit, SQLA_NO) },
	{ WORD(initial_state), .words = { "active", "changed" } },
	{ CHOICE(keep_session, SQLA_NO) },
	{ WORD(decide), .words = { "auto", "prefer", "never" } },
	{ WORD(decision_table), .words = { "auto", "manual" } },
	{ TEXT(decision_schema, "sqlassist") },
	{ WORD(outcome), .words = { "xid", "row" } },
	{ NUMBER(keep_decisions, 60), .max = INT_MAX, .flags = MAY_BE_BOTH },
	{ NUMBER(pool_size, 5), .max = 65535, .flags = MAY_BE_BOTH },
	{ NUMBER(pool_overflow, 10), .max = 65535, .flags = MAY_BE_BOTH },
	{ NUMBER(pool_timeout_ms, 30000), .max = INT_MAX, .flags = MAY_BE_BOTH },
	{ NUMBER(pool_recycle_s, 0), .max = INT_MAX, .flags = MAY_BE_BOTH },
	{ CHOICE(pool_pre_ping, SQLA_NO) },
	{ NUMBER(connect_timeout_ms, 10000), .max = INT_MAX, .flags = MAY_BE_UNLIMITED },
	{ NUMBER(statement_timeout_ms, 0), .max = INT_MAX, .flags = MAY_BE_BOTH },
	{ NUMBER(busy_timeout_ms, 5000), .max = INT_MAX, .flags = MAY_BE_BOTH },
	{ TEXT(isolation, NULL) },
	{ CHOICE(echo, SQLA_NO) },
	{ NUMBER(pool_leak_ms, 0), .max = INT_MAX, .flags = MAY_BE_BOTH },
	{ NUMBER(statement_cache, 100), .max = 65535, .flags = MAY_BE_ZERO },
	{ CHOICE(wal_group, SQLA_NO) },
};

#define OPTIONS (sizeof(options_table) / sizeof(options_table[0]))

_Static_assert(OPTIONS < 64, "callers keep a set of options in 64 bits");
_Static_assert(sizeof(enum sqla_choice) == sizeof(int), "options are read as int");

static int read_int(const struct option *option, const struct sqla_engine_options *options)
{
	int value;

	memcpy(&value, (const char *)options + option->offset, sizeof(value));
	return value;
}

static void write_int(const struct option *option, struct sqla_engine_options *options, int value)
{
	memcpy((char *)options + option->offset, &value, sizeof(value));
}

static const char *read_text(const struct option *option, const struct sqla_engine_options *options)
{
	const char *text;

	memcpy(&text, (const char *)options + option->offset, sizeof(text));
	return text;
}

static void write_text(const struct option *option, struct sqla_engine_options *options,
		       const char *text)
{
	memcpy((char *)options + option->offset, &text, sizeof(text));
}

/* What OPTION may be, for a hint. */
static void describe(const struct option *option, char *ret_text, size_t size)
{
	int used = 0;

	switch (option->type) {
	case OPTION_CHOICE:
		snprintf(ret_text, size, "Use yes or no.");
		break;
	case OPTION_WORD:
		ret_text[0] = '\0';
		for (size_t i = 0; i < OPTION_WORDS && option->words[i]; i++)
			used += snprintf(ret_text + used, size - (size_t)used, "%s%s",
					 i ? ", " : "Use one of ", option->words[i]);
		break;
	case OPTION_NUMBER:
		snprintf(ret_text, size, "Use a number from %d to %d%s.",
			 option->flags & MAY_BE_ZERO ? 0 : 1, option->max,
			 option->flags & MAY_BE_UNLIMITED ? ", or unlimited" : "");
		break;
	case OPTION_TEXT:
		snprintf(ret_text, size, "Use 1 to %d bytes of text.", OPTION_TEXT_MAX);
		break;
	}
}

static int refuse(const struct option *option, const char *engine, const char *value)
{
	char hint[256];

	describe(option, hint, sizeof(hint));
	return error_set(SQLA_ECONFIG, engine, hint, "option %s of engine \"%s\" cannot be %s",
			 option->name, engine, value);
}

static int refuse_int(const struct option *option, const char *engine, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	return refuse(option, engine, text);
}

static int word_count(const struct option *option)
{
	int n = 0;

	while (n < OPTION_WORDS && option->words[n])
		n++;
	return n;
}

static int normalize_number(const struct option *option, const char *engine, int value,
			    int *ret_value)
{
	if (value == 0)
		*ret_value = option->fallback;
	else if (value == SQLA_ZERO && option->flags & MAY_BE_ZERO)
		*ret_value = 0;
	else if (value == SQLA_UNLIMITED && option->flags & MAY_BE_UNLIMITED)
		*ret_value = INT_MAX;
	else if (value > 0 && value <= option->max)
		*ret_value = value;
	else
		return refuse_int(option, engine, value);
	return 0;
}

static int normalize_text(const struct option *option, const char *engine, const char *text,
			  struct sqla_engine_options *options)
{
	char *copy;

	write_text(option, options, NULL);
	if (!text)
		text = option->text;
	if (!text)
		return 0;
	if (!*text || strlen(text) > OPTION_TEXT_MAX)
		return refuse(option, engine, *text ? "so long" : "empty");
	copy = strdup(text);
	if (!copy)
		return error_nomem();
	write_text(option, options, copy);
	return 0;
}

static int normalize_one(const struct option *option, const char *engine,
			 struct sqla_engine_options *options)
{
	int value;
	int status = 0;

	if (option->type == OPTION_TEXT)
		return normalize_text(option, engine, read_text(option, options), options);
	value = read_int(option, options);
	if (option->type == OPTION_NUMBER)
		status = normalize_number(option, engine, value, &value);
	else if (option->type == OPTION_CHOICE && value == SQLA_DEFAULT)
		value = option->fallback;
	else if (option->type == OPTION_CHOICE && value != SQLA_YES && value != SQLA_NO)
		status = refuse_int(option, engine, value);
	else if (option->type == OPTION_WORD && (value < 0 || value >= word_count(option)))
		status = refuse_int(option, engine, value);
	write_int(option, options, value);
	return status;
}

/* Texts are the caller's until they are copied: nothing of them may be freed. */
static void forget_texts(struct sqla_engine_options *options, size_t from)
{
	for (size_t i = from; i < OPTIONS; i++)
		if (options_table[i].type == OPTION_TEXT)
			write_text(&options_table[i], options, NULL);
}

int options_normalize(const char *engine, const struct sqla_engine_options *options,
		      struct sqla_engine_options *ret_options)
{
	static const struct sqla_engine_options defaults;
	struct sqla_engine_options result = options ? *options : defaults;
	int status = 0;

	for (size_t i = 0; i < sizeof(result.reserved) / sizeof(result.reserved[0]); i++)
		if (result.reserved[i])
			return error_set(SQLA_ECONFIG, engine, "Zero the options before use.",
					 "a reserved option of engine \"%s\" is not zero", engine);
	for (size_t i = 0; i < OPTIONS; i++) {
		status = normalize_one(&options_table[i], engine, &result);
		if (status < 0) {
			forget_texts(&result, i + 1);
			options_clear(&result);
			return status;
		}
	}
	*ret_options = result;
	return 0;
}

void options_clear(struct sqla_engine_options *options)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *option = &options_table[i];

		if (option->type != OPTION_TEXT)
			continue;
		free((void *)(uintptr_t)read_text(option, options));
		write_text(option, options, NULL);
	}
}

int options_find(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(options_table[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int parse_choice(const char *value)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(value, yes[i]) == 0)
			return SQLA_YES;
		if (strcasecmp(value, no[i]) == 0)
			return SQLA_NO;
	}
	return -1;
}

static int parse_word(const struct option *option, const char *value)
{
	for (int i = 0; i < word_count(option); i++)
		if (strcasecmp(value, option->words[i]) == 0)
			return i;
	return -1;
}

/* A number as the struct has it, or 0, which no text stands for. */
static int parse_number(const char *value)
{
	char *end;
	long number;

	if (strcasecmp(value, "unlimited") == 0)
		return SQLA_UNLIMITED;
	errno = 0;
	number = strtol(value, &end, 10);
	if (end == value || *end || errno || number < 0 || number > INT_MAX)
		return 0;
	return number == 0 ? SQLA_ZERO : (int)number;
}

static int set_number(const struct option *option, const char *engine,
		      struct sqla_engine_options *options, const char *value)
{
	int number = parse_number(value);
	int normalized;

	if (number == 0 || normalize_number(option, engine, number, &normalized) < 0)
		return refuse(option, engine, *value ? value : "empty");
	write_int(option, options, number);
	return 0;
}

int options_set(const char *engine, struct sqla_engine_options *options, int number,
		const char *value)
{
	const struct option *option = &options_table[number];
	int parsed;

	switch (option->type) {
	case OPTION_TEXT:
		free((void *)(uintptr_t)read_text(option, options));
		return normalize_text(option, engine, value, options);
	case OPTION_NUMBER:
		return set_number(option, engine, options, value);
	default:
		parsed = option->type == OPTION_CHOICE ? parse_choice(value) :
							 parse_word(option, value);
		if (parsed < 0)
			return refuse(option, engine, *value ? value : "empty");
		write_int(option, options, parsed);
		return 0;
	}
}

void options_list(char *ret_text, size_t size)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < OPTIONS && used < size; i++)
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "",
					 options_table[i].name);
}

/* ---- showing ------------------------------------------------------------- */

static const char *show_int(const struct option *option, int value, char *text, size_t size)
{
	if (option->type == OPTION_CHOICE)
		return value == SQLA_YES ? "yes" : "no";
	if (option->type == OPTION_WORD)
		return option->words[value];
	if (value == INT_MAX)
		return "unlimited";
	(void)snprintf(text, size, "%d", value);
	return text;
}

static bool is_fallback_text(const struct option *option, const char *text)
{
	return text && option->text ? strcmp(text, option->text) == 0 : text == option->text;
}

void options_each(const struct sqla_engine_options *options, options_fn *fn, void *arg)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *option = &options_table[i];
		char number[16];

		if (option->type == OPTION_TEXT) {
			const char *text = read_text(option, options);

			fn(arg, option->name, text ? text : "", is_fallback_text(option, text));
		} else {
			int value = read_int(option, options);

			fn(arg, option->name, show_int(option, value, number, sizeof(number)),
			   value == option->fallback);
		}
	}
}
