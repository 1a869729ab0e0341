/*
 * sqlassist panel: looks at what is in doubt, and prints the panel of this
 * very process, for files that a web server or a metrics collector reads.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlassist.h>

typedef char *reading(const struct sqla_panel *panel);

static int read_options(int argc, char **argv, reading **ret_read)
{
	static const struct option options[] = {
		COMMON_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "html", no_argument, NULL, 't' },
		{ "prometheus", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	reading *chosen = NULL;
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		reading *this = c == 'j' ? sqla_panel_json :
				c == 't' ? sqla_panel_html :
				c == 'p' ? sqla_panel_prometheus :
					   NULL;

		if (this && chosen && this != chosen)
			return usage_error("--json, --html and --prometheus exclude each other");
		if (this) {
			chosen = this;
			continue;
		}
		status = common_option(c);
		if (status != EXIT_GO_ON)
			return status;
	}
	if (chosen)
		*ret_read = chosen;
	return common_ready(argc, argv, 0);
}

/* A page of its own around the piece of HTML. */
static void print(const char *text, bool is_html)
{
	if (is_html)
		(void)fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			    "<meta name=\"viewport\" content=\"width=device-width\">"
			    "<title>SQLAssist</title></head><body>\n",
			    stdout);
	(void)fputs(text, stdout);
	if (is_html)
		(void)puts("</body></html>");
}

static int print_panel(reading *read)
{
	struct sqla_panel *panel;
	char *text;

	if (sqla_panel_take(NULL, &panel) < 0)
		return library_error();
	text = read(panel);
	sqla_panel_free(panel);
	if (!text)
		return library_error();
	print(text, read == sqla_panel_html);
	free(text);
	return EXIT_GO_ON;
}

int panel_main(int argc, char **argv)
{
	reading *read = sqla_panel_json;
	int status = read_options(argc, argv, &read);
	int in_doubt;

	if (status != EXIT_GO_ON)
		return status;
	/* An engine that could not be asked is in the panel, too. */
	in_doubt = sqla_in_doubt(NULL, NULL);
	if (in_doubt < 0)
		status = library_error();
	else
		status = in_doubt > 0 ? EXIT_TROUBLE : EXIT_WELL;
	if (print_panel(read) != EXIT_GO_ON)
		return EXIT_USAGE;
	return status;
}
