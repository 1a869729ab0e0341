#include "base/redact.h"

#include <stdio.h>
#include <string.h>

#include "support/test.h"

Test(redact, no_secret_is_left)
{
	static const char *const texts[] = {
		"postgresql://me:SECRET@host/db",
		"postgres://me:SE@CRET@host/db?x=1",
		"cannot use \"postgresql://me:SECRET@host/db\" here",
		"postgresql://me:SEC/RET@host/db",
		"postgresql://me:SEC#RET@host/db",
		"postgresql://me:SEC?RET@host/db",
		"two: postgresql://a:SECRET@h/1 postgresql://b:SECRET@h/2",
		"host=h password=SECRET user=me",
		"host=h password = SECRET user=me",
		"host=h password='SEC RET' user=me",
		"postgresql://h/db?password=SECRET&user=me",
		"sslpassword=SECRET",
		"PASSWORD=SECRET",
		"postgresql:///db?pass%77ord=SECRET",
		"postgresql:///db?%50%41%53%53%57%4f%52%44=SECRET&user=me",
		"password='SECRET",
		"host=h password=S&ECRET,RET;SEC\"RET user=me",
		"host=h password=S\\ ECRET\\\\ user=me",
		"host=h password='S\\'SEC RET' user=me",
		"host=h password=\"SEC\"RET user=me",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s", texts[i]);
		redact_in_place(text);
		cr_expect(eq(ptr, strstr(text, "SEC"), NULL), "%s", text);
		cr_expect(eq(ptr, strstr(text, "CRET"), NULL), "%s", text);
		cr_expect(eq(ptr, strstr(text, "RET"), NULL), "%s", text);
	}
}

Test(redact, the_rest_is_left_as_it_is)
{
	static const char *const texts[] = {
		"",
		"postgresql:///bank",
		"postgresql://me@host:5432/db",
		"postgresql://host:5432/db?x=a@b",
		"sqlite:////var/lib/till.db",
		"password authentication failed for user \"me\"",
		"a passfile=/x is fine",
		"postgresql:///db?application_name=%70ass%zzword=%",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s", texts[i]);
		redact_in_place(text);
		cr_expect(eq(str, text, (char *)texts[i]));
	}
}

/* libpq takes them as they are. */
Test(redact, no_secret_is_left_of_a_url_with_special_characters)
{
	static const char *const urls[] = {
		"postgresql:///db?password=;SECRET",
		"postgresql:///db?password=a,SECRET&user=me",
		"postgresql:///db?password=a b'\"SECRET",
		"postgresql:///db?sslpassword='SECRET' SECRET",
		"postgresql://me:a b\"SECRET@host/db",
		"host=h password=a&SECRET user=me", /* no URL, and refused */
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char url[128];

		(void)snprintf(url, sizeof(url), "%s", urls[i]);
		redact_url_in_place(url);
		cr_expect(eq(ptr, strstr(url, "SECRET"), NULL), "%s", url);
		redact_in_place(url);
		cr_expect(eq(ptr, strstr(url, "SECRET"), NULL), "%s", url);
	}
}
