#include "base/error.h"

#include <string.h>

#include <sqlassist/resource.h>

#include "support/test.h"

Test(error, every_status_has_a_phrase_of_its_own)
{
	for (int one = SQLA_EDATABASE; one <= SQLA_PENDING; one++) {
		cr_expect(ne(str, (char *)sqla_strerror(one), (char *)"unknown status"), "%d", one);
		for (int other = one + 1; other <= SQLA_PENDING; other++)
			cr_expect(
				ne(str, (char *)sqla_strerror(one), (char *)sqla_strerror(other)));
	}
	cr_expect(eq(str, (char *)sqla_strerror(-9999), (char *)"unknown status"));
}

Test(error, the_detail_names_engine_cause_and_remedy)
{
	const struct sqla_error *last = sqla_error_last();

	cr_expect(eq(int, error_set(SQLA_EDATABASE, "till", "try", "no %s", "table"),
		     SQLA_EDATABASE));
	error_set_sqlstate("42P01");
	error_set_sqlite_code(1);
	cr_expect(eq(int, last->status, SQLA_EDATABASE));
	cr_expect(eq(str, (char *)last->engine, (char *)"till"));
	cr_expect(eq(str, (char *)last->message, (char *)"no table"));
	cr_expect(eq(str, (char *)last->hint, (char *)"try"));
	cr_expect(eq(str, (char *)last->sqlstate, (char *)"42P01"));
	cr_expect(eq(int, last->sqlite_code, 1));
	(void)error_set(SQLA_EMISUSE, NULL, NULL, "other");
	cr_expect(eq(str, (char *)last->sqlstate, (char *)""), "a new failure starts afresh");
}

Test(error, a_text_is_one_line_and_cut_between_characters)
{
	char long_text[700];

	memset(long_text, 'x', 510);
	(void)strcpy(long_text + 510, "\xc3\xa4\xc3\xa4");
	(void)error_set(SQLA_EMISUSE, NULL, NULL, "%s", long_text);
	cr_expect(eq(sz, strlen(sqla_error_last()->message), (size_t)510));
	(void)error_set(SQLA_EMISUSE, NULL, NULL, "one\ntwo\r\n");
	cr_expect(eq(str, (char *)sqla_error_last()->message, (char *)"one two"));
}

Test(error, a_secret_that_the_cut_would_halve_is_redacted_in_text_and_hint)
{
	char long_text[700];

	memset(long_text, 'x', 480);
	(void)strcpy(long_text + 480, " postgresql://me:SECRETSECRETSECRETSECRET@host/db");
	(void)error_set(SQLA_EMISUSE, NULL, long_text, "%s", long_text);
	cr_expect(eq(ptr, strstr(sqla_error_last()->message, "SEC"), NULL));
	cr_expect(eq(ptr, strstr(sqla_error_last()->hint, "SEC"), NULL));
}

Test(error, arguments_may_point_into_the_detail_that_is_replaced)
{
	(void)error_set(SQLA_EMISUSE, "e", "hint", "first");
	(void)error_set(SQLA_EABORTED, sqla_error_last()->engine, sqla_error_last()->hint,
			"second after %s", sqla_error_last()->message);
	cr_expect(eq(str, (char *)sqla_error_last()->message, (char *)"second after first"));
	cr_expect(eq(str, (char *)sqla_error_last()->hint, (char *)"hint"));
}

Test(error, an_implementer_sets_the_detail_too)
{
	cr_expect(eq(int, sqla_error_set(SQLA_EABORTED, "spool", "full", NULL), SQLA_EABORTED));
	cr_expect(eq(str, (char *)sqla_error_last()->message, (char *)"full"));
	cr_expect(eq(int, sqla_error_set(0, "spool", "full", NULL), SQLA_EMISUSE));
}

Test(error, the_first_failure_survives_cleaning_up)
{
	struct sqla_error first;

	(void)error_set(SQLA_EDATABASE, "a", NULL, "first");
	error_save(&first);
	(void)error_set(SQLA_ECONNECT, "b", NULL, "second");
	cr_expect(eq(int, error_restore(&first), SQLA_EDATABASE));
	cr_expect(eq(str, (char *)sqla_error_last()->message, (char *)"first"));
}
