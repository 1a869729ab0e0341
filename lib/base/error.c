#include "base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sqlassist/resource.h>

#include "base/redact.h"

static _Thread_local struct sqla_error last;

static const struct {
	int status;
	const char *text;
} phrases[] = {
	{ SQLA_OK, "done" },
	{ SQLA_PENDING, "committed, a branch is still to be told" },
	{ SQLA_EABORTED, "nothing was committed" },
	{ SQLA_ERETRY, "aborted, a new attempt may succeed" },
	{ SQLA_EINDOUBT, "the outcome is not known yet" },
	{ SQLA_EMIXED, "a branch was ended by hand against the decision" },
	{ SQLA_EDOOMED, "the transaction is doomed" },
	{ SQLA_EFAILED, "an earlier operation of the transaction failed" },
	{ SQLA_ENOTXN, "no transaction is current" },
	{ SQLA_EALREADY, "already under way or taken" },
	{ SQLA_EMANAGED, "the transaction manager commits this session" },
	{ SQLA_EREADONLY, "read only" },
	{ SQLA_EDISABLED, "transactions are disabled" },
	{ SQLA_EUNSAFE, "cannot be made atomic" },
	{ SQLA_EMISUSE, "the call is not allowed here" },
	{ SQLA_ENOMEM, "out of memory" },
	{ SQLA_ECONNECT, "no connection" },
	{ SQLA_ETIMEOUT, "too late" },
	{ SQLA_EFORKED, "belongs to the parent process" },
	{ SQLA_ENOTFOUND, "not found" },
	{ SQLA_ECONFIG, "bad configuration" },
	{ SQLA_EDATABASE, "the database refused the statement" },
	{ SQLA_EMANY, "more than one" },
};

const struct sqla_error *sqla_error_last(void)
{
	return &last;
}

const char *sqla_strerror(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "unknown status";
}

/* Before a text is cut: a secret that was cut in two would not be recognized. */
#define WHOLE 2048

/* One line, whole UTF-8 characters, no secrets: texts go to logs and pages. */
static void set_text(char *ret_text, size_t size, const char *text)
{
	char whole[WHOLE];
	size_t length;

	(void)snprintf(whole, sizeof(whole), "%.*s", WHOLE - 1, text ? text : "");
	redact_in_place(whole);
	(void)snprintf(ret_text, size, "%.*s", (int)size - 1, whole);
	length = strlen(ret_text);
	if (length + 1 == size) {
		while (length > 0 && ((unsigned char)ret_text[length - 1] & 0xC0) == 0x80)
			length--;
		if (length > 0 && (unsigned char)ret_text[length - 1] >= 0xC0)
			length--;
	}
	while (length > 0 && isspace((unsigned char)ret_text[length - 1]))
		length--;
	ret_text[length] = '\0';
	for (char *c = ret_text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
}

/* HINT, like any argument, may point into the detail that is being replaced. */
int error_set(int status, const char *engine, const char *hint, const char *format, ...)
{
	struct sqla_error next = { .status = status };
	char message[WHOLE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	set_text(next.message, sizeof(next.message), message);
	set_text(next.engine, sizeof(next.engine), engine);
	set_text(next.hint, sizeof(next.hint), hint);
	last = next;
	return status;
}

void error_set_sqlstate(const char *sqlstate)
{
	(void)snprintf(last.sqlstate, sizeof(last.sqlstate), "%s", sqlstate ? sqlstate : "");
}

void error_set_sqlite_code(int extended_code)
{
	last.sqlite_code = extended_code;
}

void error_set_engine(const char *engine)
{
	if (last.engine[0] || !engine)
		return;
	set_text(last.engine, sizeof(last.engine), engine);
}

static bool is_none(const struct sqla_error *error)
{
	return !error->status && !*error->engine && !*error->sqlstate && !error->sqlite_code;
}

void error_none(struct sqla_error *ret)
{
	ret->status = 0;
	ret->engine[0] = '\0';
	ret->sqlstate[0] = '\0';
	ret->sqlite_code = 0;
	ret->message[0] = '\0';
	ret->hint[0] = '\0';
}

/* There is seldom anything to copy. */
void error_copy(struct sqla_error *ret, const struct sqla_error *from)
{
	if (is_none(from))
		error_none(ret);
	else
		*ret = *from;
}

void error_clear(void)
{
	error_none(&last);
}

int error_ensure(int status, const char *engine, const char *what)
{
	if (last.status == 0)
		return error_set(status, engine, NULL, "%s: %s", what, sqla_strerror(status));
	last.status = status;
	error_set_engine(engine);
	return status;
}

int sqla_error_set(int status, const char *name, const char *message, const char *hint)
{
	if (status >= 0)
		return error_set(SQLA_EMISUSE, name, NULL, "sqla_error_set: %d is no failure",
				 status);
	return error_set(status, name, hint, "%s", message ? message : sqla_strerror(status));
}

int error_nomem(void)
{
	return error_set(SQLA_ENOMEM, NULL, "Free memory, abort the transaction and try again.",
			 "out of memory");
}

void error_save(struct sqla_error *ret_saved)
{
	error_copy(ret_saved, &last);
}

int error_restore(const struct sqla_error *saved)
{
	error_copy(&last, saved);
	return last.status;
}
