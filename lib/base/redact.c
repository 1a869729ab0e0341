#include "base/redact.h"

#include <string.h>
#include <strings.h>

/* Replaces [from, to) by at most three asterisks; returns what follows them. */
static char *mask(char *from, char *to)
{
	size_t length = (size_t)(to - from);
	size_t stars = length < 3 ? length : 3;

	memset(from, '*', stars);
	memmove(from + stars, to, strlen(to) + 1);
	return from + stars;
}

/* scheme://user:SECRET@host: the last '@' before the path ends the secret,
 * since people forget to escape one inside it. */
static void redact_urls(char *text)
{
	char *at = text;

	while ((at = strstr(at, "://"))) {
		char *user = at + 3;
		size_t length = strcspn(user, "/?# \t\r\n\"'");
		char *colon = memchr(user, ':', length);
		char *end = memrchr(user, '@', length);

		at = user;
		if (colon && end && colon < end)
			at = mask(colon + 1, end);
	}
}

/* password=SECRET or password='SE CRET' (conninfo, URL parameters, ini). */
static void redact_settings(char *text)
{
	static const char word[] = "password";
	char *at = text;

	while ((at = strcasestr(at, word))) {
		char *value = at + strlen(word);

		value += strspn(value, " \t");
		at = value;
		if (*value != '=')
			continue;
		value += 1 + strspn(value + 1, " \t");
		if (*value == '\'' || *value == '"') {
			char *end = strchr(value + 1, *value);

			at = mask(value + 1, end ? end : value + strlen(value));
		} else {
			at = mask(value, value + strcspn(value, " \t\r\n&\"',;"));
		}
	}
}

void redact_in_place(char *text)
{
	redact_urls(text);
	redact_settings(text);
}
