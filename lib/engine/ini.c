/*
 * Engines from an ini file: a section for each,
 *
 *	[engine:writer]
 *	url = postgresql:///bank
 *	pool_size = 10
 *
 * or keys by prefix in one section:
 *
 *	[sqlassist]
 *	sqlassist_writer.url = postgresql:///bank
 *
 * ${NAME} in a value is the environment's variable. Strict: whatever is not
 * understood is an error with file and line, and nothing is registered.
 */
#include <sqlassist/engine.h>

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/error.h"
#include "base/stream.h"
#include "engine/config.h"
#include "engine/options.h"
#include "engine/registry.h"

#define SECTION_PREFIX "engine:"
#define SHARED_SECTION "sqlassist"
#define KEY_PREFIX "sqlassist_"
#define SECTION_MAX 49 /* inih cuts longer ones without a word */
#define VARIABLE_MAX 127

/* What the file says of one engine. */
struct draft {
	char *name;
	char *url;
	int line;    /* its first key */
	int section; /* the line of the section it is in */
	struct sqla_engine_options options;
	uint64_t is_set; /* a bit for each option */
	struct draft *next, *prev;
};

struct loader {
	const char *path;
	FILE *file;
	int line;	 /* read last */
	int section;	 /* line of the latest section */
	bool has_keys;	 /* it has some */
	int failed_line; /* of the first failure, whose detail is kept: */
	struct sqla_error failure;
	struct draft *drafts;
};

/* Any failure, with the place in front of its text. */
static int fail_at(const struct loader *loader, int line, int status, const char *engine,
		   const char *hint, const char *format, ...) BASE_PRINTF(6, 7);
static int fail_at(const struct loader *loader, int line, int status, const char *engine,
		   const char *hint, const char *format, ...)
{
	char text[sizeof(((struct sqla_error *)0)->message)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(status, engine, hint, "%s:%d: %s", loader->path, line, text);
}

#define refuse(loader, engine, hint, ...) \
	fail_at(loader, (loader)->line, SQLA_ECONFIG, engine, hint, __VA_ARGS__)

/* Puts the place in front of the failure that was just set. */
static int fail_again(const struct loader *loader, int line)
{
	struct sqla_error error;

	error_save(&error);
	return fail_at(loader, line, error.status == SQLA_EMISUSE ? SQLA_ECONFIG : error.status,
		       error.engine, error.hint, "%s", error.message);
}

static int keep_failure(struct loader *loader, int status)
{
	if (status < 0 && !loader->failure.status) {
		error_save(&loader->failure);
		loader->failed_line = loader->line;
	}
	return status;
}

/* ---- values ------------------------------------------------------------ */

/* Besides base/env.c the one reader of the environment: what a value names. */
static int expand_variable(const struct loader *loader, const char *from, size_t length, FILE *into)
{
	char name[VARIABLE_MAX + 1];
	const char *value;

	if (length == 0 || length > VARIABLE_MAX)
		return refuse(loader, NULL, "Write ${NAME}.",
			      "an environment variable's name is "
			      "empty or too long");
	(void)snprintf(name, sizeof(name), "%.*s", (int)length, from);
	value = getenv(name);
	if (!value)
		return refuse(loader, NULL, "Set it before loading the file.",
			      "the environment variable %s is not set", name);
	return fputs(value, into) < 0 ? error_nomem() : 0;
}

static int write_expanded(const struct loader *loader, const char *value, FILE *into)
{
	const char *open;
	int status = 0;

	while (status == 0 && (open = strstr(value, "${"))) {
		size_t length = strcspn(open + 2, "}");

		if (open[2 + length] == '\0')
			return refuse(loader, NULL, "Write ${NAME}.", "a ${ is not closed");
		if (fwrite(value, 1, (size_t)(open - value), into) != (size_t)(open - value))
			return error_nomem();
		status = expand_variable(loader, open + 2, length, into);
		value = open + 2 + length + 1;
	}
	if (status == 0 && fputs(value, into) < 0)
		status = error_nomem();
	return status;
}

/* New text: VALUE with its variables. */
static int expand(const struct loader *loader, const char *value, char **ret_text)
{
	char *text = NULL;
	size_t size = 0;
	FILE *into = stream_open(&text, &size);
	int status;

	if (!into)
		return error_nomem();
	status = write_expanded(loader, value, into);
	if (fclose(into) != 0 && status == 0)
		status = error_nomem();
	if (status < 0)
		free(text);
	else
		*ret_text = text;
	return status;
}

/* ---- keys -------------------------------------------------------------- */

static void draft_free(struct draft *draft)
{
	if (!draft)
		return;
	options_clear(&draft->options);
	free(draft->name);
	free(draft->url);
	free(draft);
}

static int draft_of(struct loader *loader, const char *name, size_t length,
		    struct draft **ret_draft)
{
	struct draft *draft;

	if (length > 0 &&
	    (isspace((unsigned char)name[0]) || isspace((unsigned char)name[length - 1])))
		return refuse(loader, NULL, "Write [" SECTION_PREFIX "NAME] without blanks.",
			      "a blank around an engine's name: \"%.*s\"", (int)length, name);
	DL_FOREACH(loader->drafts, draft) {
		if (strlen(draft->name) != length || memcmp(draft->name, name, length) != 0)
			continue;
		if (draft->section != loader->section)
			return refuse(loader, draft->name, "Say all of an engine in one section.",
				      "engine \"%s\" was configured in line %d already",
				      draft->name, draft->line);
		*ret_draft = draft;
		return 0;
	}
	draft = calloc(1, sizeof(*draft));
	if (!draft)
		return error_nomem();
	draft->name = strndup(name, length);
	if (!draft->name) {
		draft_free(draft);
		return error_nomem();
	}
	draft->line = loader->line;
	draft->section = loader->section;
	DL_APPEND(loader->drafts, draft);
	*ret_draft = draft;
	return 0;
}

static int refuse_twice(const struct loader *loader, const char *engine, const char *key)
{
	return refuse(loader, engine,
		      "A line that begins with a blank continues the line before it.",
		      "%s of engine \"%s\" is given twice", key, engine);
}

static int set_url(const struct loader *loader, struct draft *draft, const char *value)
{
	if (draft->url)
		return refuse_twice(loader, draft->name, "url");
	draft->url = strdup(value);
	return draft->url ? 0 : error_nomem();
}

/* What the environment put in may be a secret in a wrong place. */
static int refuse_value(const struct loader *loader, const struct draft *draft, const char *key,
			const char *written)
{
	if (!strstr(written, "${"))
		return fail_again(loader, loader->line);
	return refuse(loader, draft->name, "Look at the variable.",
		      "option %s of engine \"%s\" cannot be what \"%s\" stands for", key,
		      draft->name, written);
}

/* VALUE is what WRITTEN stands for. */
static int set_key(const struct loader *loader, struct draft *draft, const char *key,
		   const char *value, const char *written)
{
	char known[512];
	int number;

	if (strcmp(key, "url") == 0)
		return set_url(loader, draft, value);
	number = options_find(key);
	if (number < 0) {
		options_list(known, sizeof(known));
		return refuse(loader, draft->name, known, "engine \"%s\" has no option \"%s\"",
			      draft->name, key);
	}
	if (draft->is_set & UINT64_C(1) << number)
		return refuse_twice(loader, draft->name, key);
	draft->is_set |= UINT64_C(1) << number;
	if (options_set(draft->name, &draft->options, number, value) < 0)
		return refuse_value(loader, draft, key, written);
	return 0;
}

/* Which engine, and which of its keys, a line is about. Borrowed. */
struct subject {
	const char *engine;
	size_t length; /* of the engine's name */
	const char *key;
};

static int locate_by_prefix(const struct loader *loader, const char *name,
			    struct subject *ret_subject)
{
	const char *engine = name + strlen(KEY_PREFIX);
	const char *dot = strrchr(name, '.');

	if (strncmp(name, KEY_PREFIX, strlen(KEY_PREFIX)) != 0 || !dot || dot < engine)
		return refuse(loader, NULL,
			      "Use " KEY_PREFIX "NAME.url, " KEY_PREFIX "NAME.OPTION.",
			      "unknown key \"%s\"", name);
	ret_subject->engine = engine;
	ret_subject->length = (size_t)(dot - engine);
	ret_subject->key = dot + 1;
	return 0;
}

static int locate(const struct loader *loader, const char *section, const char *name,
		  struct subject *ret_subject)
{
	if (strlen(section) >= SECTION_MAX)
		return refuse(loader, NULL, "Use a shorter name.",
			      "a section's name has %d bytes or more", SECTION_MAX);
	if (strcmp(section, SHARED_SECTION) == 0)
		return locate_by_prefix(loader, name, ret_subject);
	if (strncmp(section, SECTION_PREFIX, strlen(SECTION_PREFIX)) != 0)
		return refuse(loader, NULL, "Use [" SECTION_PREFIX "NAME] or [" SHARED_SECTION "].",
			      "a key in an unknown section: [%s]", section);
	ret_subject->engine = section + strlen(SECTION_PREFIX);
	ret_subject->length = strlen(ret_subject->engine);
	ret_subject->key = name;
	return 0;
}

static int take_pair(struct loader *loader, const char *section, const char *name,
		     const char *value)
{
	struct subject subject = { .engine = NULL };
	struct draft *draft = NULL;
	char *text = NULL;
	int status = locate(loader, section, name, &subject);

	if (status == 0)
		status = draft_of(loader, subject.engine, subject.length, &draft);
	if (status == 0)
		status = expand(loader, value, &text);
	if (status == 0)
		status = set_key(loader, draft, subject.key, text, value);
	free(text);
	return status;
}

/* inih's handler: 0 means failure. */
static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct loader *loader = arg;

	if (loader->failure.status)
		return 0;
	loader->has_keys = true;
	return keep_failure(loader, take_pair(loader, section, name, value)) == 0;
}

/* ---- lines ------------------------------------------------------------- */

/* inih tells of no section without keys, so its end is watched here: an engine
 * that is named and has no url would be passed over without a word. */
static int end_section(const struct loader *loader)
{
	if (!loader->section || loader->has_keys)
		return 0;
	return fail_at(loader, loader->section, SQLA_ECONFIG, NULL, "Give it keys, or take it out.",
		       "a section without keys");
}

/* inih reads up to the first ] and skips whatever follows it. */
static int begin_section(struct loader *loader, const char *line)
{
	const char *end = strchr(line, ']');
	int status = end_section(loader);

	loader->section = loader->line;
	loader->has_keys = false;
	if (status == 0 && end && !strchr("#;", end[1 + strspn(end + 1, " \t\r\n")]))
		status = refuse(loader, NULL, "Put it on a line of its own; a name has no ].",
				"something follows the ] of a section");
	return status;
}

/* The first character that counts, behind what may stand before it. */
static char first_of(const struct loader *loader, const char *line)
{
	static const char mark[] = "\xEF\xBB\xBF";

	if (loader->line == 1 && strncmp(line, mark, strlen(mark)) == 0)
		line += strlen(mark);
	return line[strspn(line, " \t")];
}

/*
 * inih's reader: counts lines, since handlers are not told, and refuses those
 * that do not fit into inih's buffer, which would be taken for two.
 */
static char *read_line(char *line, int size, void *arg)
{
	struct loader *loader = arg;
	size_t length;

	if (loader->failure.status || !fgets(line, size, loader->file))
		return NULL;
	loader->line++;
	length = strlen(line);
	if (length == 0 || (line[length - 1] != '\n' && !feof(loader->file))) {
		(void)keep_failure(loader,
				   refuse(loader, NULL,
					  "Keep long values in the environment: ${NAME}.",
					  "a line has more than %d bytes, or a NUL", size - 2));
		return NULL;
	}
	if (first_of(loader, line) == '[' && keep_failure(loader, begin_section(loader, line)) < 0)
		return NULL;
	return line;
}

static int read_drafts(struct loader *loader)
{
	int line;

	loader->file = fopen(loader->path, "re");
	if (!loader->file)
		return error_set(SQLA_ECONFIG, NULL, "Check its name and rights.",
				 "cannot read \"%s\": %s", loader->path, strerror(errno));
	line = ini_parse_stream(read_line, loader, on_pair, loader);
	if (line < 0)
		return error_nomem();
	if (line > 0 && (!loader->failure.status || line < loader->failed_line)) {
		loader->line = line;
		return refuse(loader, NULL, "Use [section] and key = value.",
			      "neither a section nor a key with a value");
	}
	if (!loader->failure.status)
		(void)keep_failure(loader, end_section(loader));
	if (loader->failure.status)
		return error_restore(&loader->failure);
	if (ferror(loader->file))
		return error_set(SQLA_ECONFIG, NULL, "Check its name and rights.",
				 "cannot read \"%s\": %s", loader->path, strerror(errno));
	if (!loader->drafts)
		return error_set(SQLA_ECONFIG, NULL, "Add a section [engine:NAME] with a url.",
				 "\"%s\" names no engine", loader->path);
	return 0;
}

static int make_engine(const struct loader *loader, const struct draft *draft,
		       struct engine **ret_engine)
{
	struct engine_config *config;

	if (!draft->url)
		return fail_at(loader, draft->line, SQLA_ECONFIG, draft->name, "Add url = ...",
			       "engine \"%s\" has no url", draft->name);
	if (config_new(draft->name, draft->url, &draft->options, &config) < 0)
		return fail_again(loader, draft->line);
	return engine_new(config, ret_engine);
}

/* All engines are made before the first is registered. */
static int register_drafts(const struct loader *loader)
{
	struct engine **engines;
	struct draft *draft;
	size_t n = 0;
	int status = 0;

	DL_COUNT(loader->drafts, draft, n);
	engines = calloc(n, sizeof(*engines));
	if (!engines)
		return error_nomem();
	n = 0;
	DL_FOREACH(loader->drafts, draft) {
		status = make_engine(loader, draft, &engines[n]);
		if (status < 0)
			break;
		n++;
	}
	if (status == 0) {
		status = registry_add(engines, n);
		DL_FOREACH(loader->drafts, draft) {
			if (status < 0 && strcmp(draft->name, sqla_error_last()->engine) == 0)
				status = fail_again(loader, draft->line);
		}
	}
	while (n > 0)
		engine_unref(engines[--n]);
	free(engines);
	return status;
}

int sqla_engines_load(const char *ini_path)
{
	struct loader loader = { .path = ini_path };
	struct draft *draft, *next;
	int status;

	if (!ini_path)
		return error_set(SQLA_EMISUSE, NULL, NULL, "no path of an ini file was given");
	status = read_drafts(&loader);
	if (status == 0)
		status = register_drafts(&loader);
	if (loader.file)
		(void)fclose(loader.file);
	DL_FOREACH_SAFE(loader.drafts, draft, next) {
		DL_DELETE(loader.drafts, draft);
		draft_free(draft);
	}
	return status;
}
