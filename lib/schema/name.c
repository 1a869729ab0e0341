#include "schema/name.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist/table.h>

#include "base/error.h"
#include "schema/sql.h"

/* ---- cutting ------------------------------------------------------------- */

/* FNV-1a. Names made with it live on in databases, so it must never change,
 * also when a library's hash does. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
	return hash;
}

static bool is_inside_character(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

const char *name_cut(const char *name, size_t most, char text[NAME_CUT_SIZE])
{
	enum { TAIL = 13 }; /* "_" and twelve digits */
	size_t length = strlen(name), kept;

	if (most == 0 || length <= most)
		return name;
	kept = most - TAIL;
	while (kept > 0 && is_inside_character(name[kept]))
		kept--;
	memcpy(text, name, kept);
	(void)snprintf(text + kept, NAME_CUT_SIZE - kept, "_%012" PRIx64,
		       hash_of(name) & 0xffffffffffffU);
	return text;
}

void name_put(FILE *out, const char *name, size_t most)
{
	char text[NAME_CUT_SIZE];

	(void)putc('"', out);
	for (name = name_cut(name, most, text); *name; name++) {
		if (*name == '"')
			(void)putc('"', out);
		(void)putc(*name, out);
	}
	(void)putc('"', out);
}

void name_put_list(FILE *out, const char *const names[], size_t most)
{
	(void)putc('(', out);
	for (size_t i = 0; i < SQLA_KEY_COLUMNS && names[i]; i++) {
		(void)fputs(i ? ", " : "", out);
		name_put(out, names[i], most);
	}
	(void)putc(')', out);
}

char *name_fold(const char *name)
{
	char *folded = strdup(name);

	for (char *at = folded; at && *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + 'a' - 'A');
	return folded;
}

/* ---- the convention ------------------------------------------------------ */

/* A placeholder about columns: [referred_]column_0[N|_N]_{name,key,label}. */
struct columns_word {
	bool is_referred, is_label;
	unsigned first;
	bool is_list;
	const char *between;
};

static bool read_columns_word(const char *word, struct columns_word *ret)
{
	static const char referred[] = "referred_", column[] = "column_";

	memset(ret, 0, sizeof(*ret));
	ret->between = "";
	ret->is_referred = strncmp(word, referred, strlen(referred)) == 0;
	word += ret->is_referred ? strlen(referred) : 0;
	if (strncmp(word, column, strlen(column)) != 0)
		return false;
	word += strlen(column);
	if (!isdigit((unsigned char)*word))
		return false;
	ret->first = (unsigned)(*word++ - '0');
	if (strncmp(word, "_N_", 3) == 0)
		ret->between = "_";
	ret->is_list = *word == 'N' || *ret->between;
	word += *ret->between ? 2 : ret->is_list ? 1 : 0;
	ret->is_label = strcmp(word, "_label") == 0;
	return ret->is_label || strcmp(word, "_name") == 0 || strcmp(word, "_key") == 0;
}

static bool is_word(const char *word)
{
	struct columns_word columns;

	return strcmp(word, "table_name") == 0 || strcmp(word, "referred_table_name") == 0 ||
	       strcmp(word, "constraint_name") == 0 || read_columns_word(word, &columns);
}

static bool put_columns(FILE *out, const struct columns_word *word, const struct name_parts *parts)
{
	const char *const *columns = word->is_referred ? parts->referred_columns : parts->columns;
	const char *table = word->is_referred ? parts->referred_table : parts->table;
	size_t i = word->first;

	for (size_t k = 0; k <= i; k++)
		if (!columns || !table || !columns[k])
			return false;
	do {
		if (i > word->first)
			(void)fputs(word->between, out);
		if (word->is_label)
			(void)fprintf(out, "%s_", table);
		(void)fputs(columns[i++], out);
	} while (word->is_list && i < SQLA_KEY_COLUMNS && columns[i]);
	return true;
}

static bool put_word(FILE *out, const char *word, const struct name_parts *parts)
{
	struct columns_word columns;
	const char *text;

	if (read_columns_word(word, &columns))
		return put_columns(out, &columns, parts);
	text = strcmp(word, "table_name") == 0	    ? parts->table :
	       strcmp(word, "constraint_name") == 0 ? parts->constraint :
						      parts->referred_table;
	if (text)
		(void)fputs(text, out);
	return text != NULL;
}

/*
 * Goes through CONVENTION: prints its text to OUT, and gives each placeholder
 * to PUT. Without PARTS it only looks whether the placeholders exist.
 */
static int expand(const char *convention, FILE *out, const struct name_parts *parts)
{
	for (const char *at = convention; *at; at++) {
		char word[40] = "";
		int used = 0;

		if (*at != '%' || at[1] == '%') {
			at += *at == '%';
			if (out)
				(void)putc(*at, out);
			continue;
		}
		if (sscanf(at, "%%(%39[a-zA-Z0-9_])s%n", word, &used) != 1 || used == 0 ||
		    !is_word(word))
			return error_set(SQLA_EMISUSE, NULL,
					 "Placeholders are listed in sqla_metadata_new(3); a "
					 "percent sign is %%.",
					 "the naming convention \"%s\" has an unknown placeholder "
					 "at \"%s\"",
					 convention, at);
		if (parts && !put_word(out, word, parts))
			return error_set(SQLA_EMISUSE, NULL,
					 "Give it a name, or change the naming convention.",
					 "table \"%s\": the naming convention \"%s\" asks for a "
					 "%s, and there is none",
					 parts->table, convention, word);
		at += used - 1;
	}
	return 0;
}

int name_check_convention(const char *convention)
{
	return expand(convention, NULL, NULL);
}

int name_make(const char *convention, const struct name_parts *parts, char **ret_name)
{
	struct sql name;
	int status = sql_begin(&name);
	int failure;

	if (status < 0)
		return status;
	failure = expand(convention, name.out, parts);
	status = sql_end(&name);
	if (failure < 0) {
		free(name.text);
		return failure;
	}
	if (status == 0)
		*ret_name = name.text;
	return status;
}
