#include "base/log.h"

#include <string.h>

#include "support/test.h"

static char seen[2048];
static int lines;

static void sink(enum sqla_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)strcpy(arg, line);
	lines++;
}

Test(log, lines_below_the_level_are_dropped)
{
	log_warning("nobody listens");
	sqla_log_set(SQLA_LOG_WARNING, sink, seen);
	log_info("too quiet");
	cr_expect(eq(int, lines, 0));
	log_warning("loud %d", 1);
	cr_expect(eq(int, lines, 1));
	cr_expect(eq(str, seen, (char *)"loud 1"));
}

Test(log, a_line_has_no_newline_and_no_secret)
{
	sqla_log_set(SQLA_LOG_DEBUG, sink, seen);
	log_error("a\nb postgresql://u:SECRET@h/d");
	cr_expect(eq(ptr, strchr(seen, '\n'), NULL));
	cr_expect(eq(ptr, strstr(seen, "SECRET"), NULL));
}

Test(log, a_line_that_is_too_long_is_cut)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sqla_log_set(SQLA_LOG_DEBUG, sink, seen);
	log_error("%s", text);
	cr_expect(eq(sz, strlen(seen), (size_t)1023));
}
