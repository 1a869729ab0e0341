#include "tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* ---- the file ------------------------------------------------------------ */

/* Returns new text; NULL: errno. */
static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t length;

	if (!in)
		return NULL;
	/* JSON has no NUL byte: all of it is one "line". */
	length = getdelim(&text, &size, '\0', in);
	if (length < 0 && feof(in) && !ferror(in)) {
		free(text);
		text = strdup("");
	} else if (length < 0) {
		free(text);
		text = NULL;
	}
	(void)fclose(in);
	return text;
}

int tables_read(const char *path, struct sqla_metadata **ret_metadata)
{
	char *text = read_file(path);
	int status;

	if (!text)
		return usage_error("cannot read \"%s\": %s", path, strerror(errno));
	status = sqla_metadata_parse(text, ret_metadata);
	free(text);
	return status < 0 ? library_error() : EXIT_GO_ON;
}

/* ---- comparing ----------------------------------------------------------- */

struct comparison {
	const char *engine;
	sqla_finding_fn *fn;
	void *arg;
	int worst;
};

static void find(struct comparison *c, enum sqla_severity severity, const char *message,
		 const char *remedy)
{
	struct sqla_finding finding = {
		.engine = c->engine,
		.check = "tables",
		.severity = severity,
		.message = message,
		.remedy = remedy,
	};

	if ((int)severity > c->worst)
		c->worst = (int)severity;
	c->fn(&finding, c->arg);
}

/* What is not declared may be somebody else's. */
static void on_difference(const struct sqla_difference *d, void *arg)
{
	static const char *const said[] = {
		[SQLA_MISSING] = "is declared, and missing",
		[SQLA_EXTRA] = "is not declared",
		[SQLA_DIFFERENT] = "is not as declared",
	};
	struct comparison *c = arg;
	char message[1024];

	(void)snprintf(message, sizeof(message), "table %s%s%s%s%s: %s%s%s%s%s", d->table,
		       strcmp(d->aspect, "table") == 0 ? "" : ", ",
		       strcmp(d->aspect, "table") == 0 ? "" : d->aspect, *d->name ? " " : "",
		       d->name, said[d->kind], *d->declared ? "; declared: " : "", d->declared,
		       *d->found ? "; found: " : "", d->found);
	find(c, d->kind == SQLA_EXTRA ? SQLA_FINDING_WARNING : SQLA_FINDING_ERROR, message,
	     d->kind == SQLA_EXTRA ? "Declare it, or drop it." :
				     "Change the database or the declaration: they must agree.");
}

int tables_compare(const struct sqla_metadata *metadata, const char *engine, sqla_finding_fn *fn,
		   void *arg)
{
	struct comparison c = { .engine = engine, .fn = fn, .arg = arg };
	int n = sqla_metadata_check(metadata, engine, on_difference, &c);

	if (n < 0)
		find(&c, SQLA_FINDING_ERROR, sqla_error_last()->message, sqla_error_last()->hint);
	else if (n == 0)
		find(&c, SQLA_FINDING_OK, "the tables are as they are declared", "");
	return c.worst;
}
