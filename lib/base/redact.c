#include "base/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Replaces [from, to) by at most three asterisks; returns what follows them. */
static char *mask(char *from, char *to)
{
	size_t length = (size_t)(to - from);
	size_t stars = length < 3 ? length : 3;

	memset(from, '*', stars);
	memmove(from + stars, to, strlen(to) + 1);
	return from + stars;
}

/*
 * Where the secret of USER:SECRET@HOST ends. libpq takes the first '@' before a
 * '/'; people forget to escape either, so the last '@' is taken, and one behind
 * a '/' too unless it is a parameter's.
 */
static char *end_of_secret(char *user, bool is_url)
{
	size_t length = is_url ? strlen(user) : strcspn(user, " \t\r\n\"'");
	char *slash = memchr(user, '/', length);
	char *question = memchr(user, '?', length);
	char *end = memrchr(user, '@', slash ? (size_t)(slash - user) : length);

	return end ? end : memrchr(user, '@', question ? (size_t)(question - user) : length);
}

static void redact_users(char *text, bool is_url)
{
	char *at = text;

	while ((at = strstr(at, "://"))) {
		char *user = at + 3;
		char *end = end_of_secret(user, is_url);
		char *colon = end ? memchr(user, ':', (size_t)(end - user)) : NULL;

		at = colon ? mask(colon + 1, end) : user;
	}
}

/* The character at *AT, which a URL may have as %XX; goes behind it. */
static int take_character(char **at)
{
	unsigned code = (unsigned char)**at;
	int length = 1;

	if (code == '%' && isxdigit((unsigned char)(*at)[1]) && isxdigit((unsigned char)(*at)[2]))
		(void)sscanf(*at, "%%%2x%n", &code, &length);
	*at += length;
	return tolower((int)code);
}

/* What stands behind the word "password" at AT; NULL: it is not there. */
static char *behind_word(char *at)
{
	for (const char *c = "password"; *c; c++)
		if (!*at || take_character(&at) != *c)
			return NULL;
	return at;
}

static char *find_word(char *at, char **ret_behind)
{
	for (; *at; at++)
		if ((*ret_behind = behind_word(at)))
			return at;
	return NULL;
}

/*
 * password=SECRET, password='SE CRET' or password=SE\ CRET (conninfo, URL
 * parameters, ini). Nobody knows whether a text has it from a URL, where '&' ends
 * it, or from a conninfo, where it does not: rather too much is taken.
 */
static char *end_of_value(char *value)
{
	char *at = value;

	if (*value == '\'' || *value == '"')
		for (at++; *at && *at != *value; at++)
			at += *at == '\\' && at[1];
	for (; *at && !isspace((unsigned char)*at); at++)
		at += *at == '\\' && at[1];
	return at;
}

static void redact_settings(char *text, bool is_url)
{
	char *at = text, *value;

	while ((at = find_word(at, &value))) {
		value += strspn(value, " \t");
		at = value;
		if (*value != '=')
			continue;
		value += 1 + strspn(value + 1, " \t");
		at = mask(value, is_url ? strchrnul(value, '&') : end_of_value(value));
	}
}

/* Without a scheme it may be a conninfo, which was given in its place. */
static bool has_scheme(const char *url)
{
	return strncmp(url + strcspn(url, ":= \t"), "://", 3) == 0;
}

void redact_url_in_place(char *url)
{
	redact_users(url, true);
	redact_settings(url, has_scheme(url));
}

void redact_in_place(char *text)
{
	redact_users(text, false);
	redact_settings(text, false);
}
