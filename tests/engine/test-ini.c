#include <sqlassist/engine.h>

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/fake.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

static void unregister_all(void)
{
	(void)sqla_engine_unregister(NULL);
}

TestSuite(ini, .fini = unregister_all);

/* Loads a file with TEXT in it. */
static int load(const char *text)
{
	char *path = scratch_path("engines.ini");
	FILE *file = fopen(path, "w");
	int status;

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		must_fail("cannot write %s", path);
	status = sqla_engines_load(path);
	free(path);
	return status;
}

/* TEXT is refused with STATUS at LINE, for a reason with WHY, and nothing of
 * it is registered. */
static void expect_refusal(const char *text, int status, int line, const char *why)
{
	char *place = must_printf("engines.ini:%d: ", line);

	cr_expect(eq(int, load(text), status), "%s", text);
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, place), NULL), "%s: %s", place,
		  sqla_error_last()->message);
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, why), NULL), "%s: %s", why,
		  sqla_error_last()->message);
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 0));
	free(place);
}

static const struct sqla_engine_options *options_of(const char *name)
{
	struct engine *engine;
	const struct sqla_engine_options *options;

	cr_assert(eq(int, engine_get(name, &engine), 0));
	options = &engine_config(engine)->options;
	engine_unref(engine);
	return options;
}

static const char *url_of(const char *name)
{
	struct engine *engine;
	const char *url;

	cr_assert(eq(int, engine_get(name, &engine), 0));
	url = engine_config(engine)->url;
	engine_unref(engine);
	return url;
}

Test(ini, a_section_for_each_engine)
{
	cr_assert(eq(int,
		     load("; engines\n"
			  "[engine:writer]\n"
			  "url = fake://bank\n"
			  "pool_size = 7\n"
			  "isolation = serializable\n"
			  "\n"
			  "[engine:reader]\n"
			  "url: fake://bank ; the same\n"
			  "readonly = yes\n"
			  "is_default = yes\n"),
		     0),
		  "%s", sqla_error_last()->message);
	cr_expect(eq(int, options_of("writer")->pool_size, 7));
	cr_expect(eq(str, (char *)options_of("writer")->isolation, "serializable"));
	cr_expect(eq(int, (int)options_of("reader")->readonly, SQLA_YES));
	cr_expect(eq(str, (char *)url_of("reader"), "fake://bank"));
	cr_expect(eq(str, (char *)sqla_engine_default(), "reader"));
}

Test(ini, keys_by_prefix_in_one_section)
{
	cr_assert(eq(int,
		     load("[sqlassist]\n"
			  "sqlassist_reader.url = fake://r\n"
			  "sqlassist_reader.readonly = on\n"
			  "sqlassist_writer.url = fake://w\n"
			  "sqlassist_dotted.name.url = fake://d\n"),
		     0),
		  "%s", sqla_error_last()->message);
	cr_expect(eq(str, (char *)url_of("writer"), "fake://w"));
	cr_expect(eq(str, (char *)url_of("dotted.name"), "fake://d"));
	cr_expect(eq(int, (int)options_of("reader")->readonly, SQLA_YES));
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 3));
}

Test(ini, variables_of_the_environment_are_put_in)
{
	cr_assert(eq(int, setenv("T_HOST", "here", 1), 0));
	cr_assert(eq(int, setenv("T_SIZE", "9", 1), 0));
	cr_assert(eq(int,
		     load("[engine:a]\nurl = fake://${T_HOST}/${T_HOST}$x\n"
			  "pool_size = ${T_SIZE}\n"),
		     0),
		  "%s", sqla_error_last()->message);
	cr_expect(eq(str, (char *)url_of("a"), "fake://here/here$x"));
	cr_expect(eq(int, options_of("a")->pool_size, 9));
}

Test(ini, a_variable_that_is_not_there_is_an_error)
{
	expect_refusal("[engine:a]\nurl = fake://${T_NOT_SET}\n", SQLA_ECONFIG, 2, "T_NOT_SET");
	expect_refusal("[engine:a]\nurl = fake://${\n", SQLA_ECONFIG, 2, "not closed");
	expect_refusal("[engine:a]\nurl = fake://${}\n", SQLA_ECONFIG, 2, "empty");
	cr_assert(eq(int, setenv("T_OUTER", "${T_INNER}", 1), 0));
	expect_refusal("[engine:a]\nurl = fake://${T_${OUTER}}\n", SQLA_ECONFIG, 2, "not set");
	cr_assert(eq(int, load("[engine:a]\nurl = fake://${T_OUTER}\n"), 0));
	cr_expect(eq(str, (char *)url_of("a"), "fake://${T_INNER}"), "a value is not read again");
}

Test(ini, what_a_variable_holds_is_not_told)
{
	cr_assert(eq(int, setenv("T_SECRET", "hunter2", 1), 0));
	expect_refusal("[engine:a]\nurl = fake://a\npool_size = ${T_SECRET}\n", SQLA_ECONFIG, 3,
		       "${T_SECRET}");
	cr_expect(zero(ptr, strstr(sqla_error_last()->message, "hunter2")));
	cr_expect(zero(ptr, strstr(sqla_error_last()->hint, "hunter2")));
}

Test(ini, what_is_not_understood_is_an_error_with_its_line)
{
	expect_refusal("[engine:a]\nurl = fake://a\n[other]\nx = 1\n", SQLA_ECONFIG, 4, "other");
	expect_refusal("url = fake://a\n", SQLA_ECONFIG, 1, "section");
	expect_refusal("[engine:a]\nurl = fake://a\npoolsize = 3\n", SQLA_ECONFIG, 3, "poolsize");
	expect_refusal("[engine:a]\nurl = fake://a\npool_size = many\n", SQLA_ECONFIG, 3,
		       "pool_size");
	expect_refusal("[engine:a]\nurl = fake://a\nreadonly\n", SQLA_ECONFIG, 3, "key");
	expect_refusal("[engine:a\nurl = fake://a\n", SQLA_ECONFIG, 1, "section");
	expect_refusal("[engine: a]\nurl = fake://a\n", SQLA_ECONFIG, 2, "blank");
	expect_refusal("[engine:a ]\nurl = fake://a\n", SQLA_ECONFIG, 2, "blank");
	expect_refusal("[sqlassist]\nsqlassist_a .url = fake://a\n", SQLA_ECONFIG, 2, "blank");
	expect_refusal("[sqlassist]\nreader.url = fake://a\n", SQLA_ECONFIG, 2, "reader.url");
	expect_refusal("[sqlassist]\nsqlassist_url = fake://a\n", SQLA_ECONFIG, 2, "sqlassist_url");
}

Test(ini, a_section_is_alone_on_its_line_and_has_keys)
{
	expect_refusal("[engine:a]\n[engine:b]\nurl = fake://b\n", SQLA_ECONFIG, 1, "without");
	expect_refusal("[engine:b]\nurl = fake://b\n\n[engine:a]\n# none\n", SQLA_ECONFIG, 4,
		       "without");
	expect_refusal("[engine:a] url = fake://a\necho = yes\n", SQLA_ECONFIG, 1, "follows");
	expect_refusal("[engine:a]b]\nurl = fake://a\n", SQLA_ECONFIG, 1, "follows");
	expect_refusal("\xEF\xBB\xBF[engine:a]\n", SQLA_ECONFIG, 1, "without");
	cr_expect(eq(int, load("\xEF\xBB\xBF[engine:a] ; till\nurl = fake://a\n"), 0), "%s",
		  sqla_error_last()->message);
}

Test(ini, values_that_only_look_right_are_errors)
{
	static const char *const values[] = { "",      "0x10", "3 4",	"3;4",
					      "-1",    "+",    "1e3",	"99999999999999999999",
					      "65536", "yes",  "\"3\"", "three" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "[engine:a]\nurl = fake://a\npool_size = %s\n",
			       values[i]);
		expect_refusal(text, SQLA_ECONFIG, 3, "pool_size");
	}
	expect_refusal("[engine:a]\nurl =\n", SQLA_ECONFIG, 2, "URL");
	expect_refusal("[engine:a]\nurl = \"fake://a\"\n", SQLA_ECONFIG, 2, "URL");
	expect_refusal("[engine:a]\n= fake://a\n", SQLA_ECONFIG, 2, "option \"\"");
	expect_refusal("[engine:a]\nURL = fake://a\n", SQLA_ECONFIG, 2, "URL");
	expect_refusal("[sqlassist]\nsqlassist_!default.url = fake://a\n", SQLA_ECONFIG, 2,
		       "reserved");
	expect_refusal("[sqlassist]\nsqlassist_.url = fake://a\n", SQLA_ECONFIG, 2, "name");
}

Test(ini, both_forms_in_one_file)
{
	cr_assert(eq(int,
		     load("[sqlassist]\nsqlassist_a.url = fake://a\n[engine:b]\nurl = fake://b\n"),
		     0),
		  "%s", sqla_error_last()->message);
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 2));
}

Test(ini, duplicates_are_errors)
{
	expect_refusal("[engine:a]\nurl = fake://a\nurl = fake://b\n", SQLA_ECONFIG, 3, "twice");
	expect_refusal("[engine:a]\nurl = fake://a\necho = yes\necho = no\n", SQLA_ECONFIG, 4,
		       "echo");
	expect_refusal("[engine:a]\nurl = fake://a\n[engine:b]\nurl = fake://b\n"
		       "[engine:a]\necho = yes\n",
		       SQLA_ECONFIG, 6, "line 2");
	expect_refusal("[engine:a]\nurl = fake://a\n[engine:a]\necho = yes\n", SQLA_ECONFIG, 4,
		       "line 2");
	expect_refusal("[engine:a]\nurl = fake://a\n[sqlassist]\nsqlassist_a.echo = yes\n",
		       SQLA_ECONFIG, 4, "line 2");
	expect_refusal("[engine:a]\nurl = fake://a\n pool_size = 3\n", SQLA_ECONFIG, 3, "twice");
}

Test(ini, an_engine_that_registration_refuses_is_named_with_its_line)
{
	expect_refusal("[engine:a]\nurl = fake://a\n\n[engine:!all]\nurl = fake://b\n",
		       SQLA_ECONFIG, 5, "reserved");
	expect_refusal("[engine:a]\nurl = fake://a\n[engine:b]\nurl = mysql://b\n", SQLA_ECONFIG, 4,
		       "mysql");
	expect_refusal("[engine:a]\nurl = fake://a\nscoped = no\n", SQLA_ECONFIG, 2, "scoped");
	expect_refusal("[engine:a]\necho = yes\n", SQLA_ECONFIG, 2, "no url");
	expect_refusal("[engine:]\nurl = fake://a\n", SQLA_ECONFIG, 2, "name");
}

Test(ini, long_lines_and_names_are_refused_and_not_misread)
{
	char text[600];
	char name[80];

	(void)snprintf(text, sizeof(text), "[engine:a]\nurl = fake://%0300d\n", 0);
	expect_refusal(text, SQLA_ECONFIG, 2, "bytes");
	memset(name, 'n', sizeof(name));
	name[60] = '\0';
	(void)snprintf(text, sizeof(text), "[engine:%s]\nurl = fake://a\n", name);
	expect_refusal(text, SQLA_ECONFIG, 2, "bytes");
}

Test(ini, a_name_that_is_registered_already_loads_nothing)
{
	cr_assert(eq(int, sqla_engine_register("b", "fake://x", NULL), 0));
	cr_expect(eq(int, load("[engine:a]\nurl = fake://a\n[engine:b]\nurl = fake://b\n"),
		     SQLA_EALREADY));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "engines.ini:4: "), NULL), "%s",
		  sqla_error_last()->message);
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 1));
}

Test(ini, a_file_that_says_nothing_or_cannot_be_read_is_an_error)
{
	cr_expect(eq(int, load(""), SQLA_ECONFIG));
	cr_expect(eq(int, load("# nothing\n"), SQLA_ECONFIG));
	cr_expect(eq(int, sqla_engines_load("/no/such/file.ini"), SQLA_ECONFIG));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "/no/such/file.ini"), NULL));
	cr_expect(eq(int, sqla_engines_load("/"), SQLA_ECONFIG));
}

Test(ini, the_last_line_needs_no_newline)
{
	cr_expect(eq(int, load("[engine:a]\r\nurl = fake://a\r\npool_size = 3"), 0));
	cr_expect(eq(int, options_of("a")->pool_size, 3));
	cr_expect(eq(str, (char *)url_of("a"), "fake://a"));
}

Test(ini, passwords_stay_out_of_texts)
{
	expect_refusal("[engine:a]\nurl = mysql://u:hunter2@h/d\n", SQLA_ECONFIG, 2, "mysql");
	cr_expect(eq(ptr, strstr(sqla_error_last()->message, "hunter2"), NULL));
}
