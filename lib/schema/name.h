/* Names: quoting, cutting to an engine's limit, and the naming convention. */
#ifndef SCHEMA_NAME_H
#define SCHEMA_NAME_H

#include <stdio.h>

enum { NAME_CUT_SIZE = 64 };

/* What a name is made of; NULL: the convention may not ask for it. */
struct name_parts {
	const char *table;
	const char *const *columns; /* SQLA_KEY_COLUMNS, ended by NULL if fewer */
	const char *referred_table;
	const char *const *referred_columns;
	const char *constraint;
};

/* SQLA_EMISUSE: CONVENTION has a placeholder that does not exist. */
int name_check_convention(const char *convention);

/* Stores new text; SQLA_EMISUSE: a part is asked for that is not there. */
int name_make(const char *convention, const struct name_parts *parts, char **ret_name);

/*
 * NAME if it has at most MOST bytes (0: any number; at most NAME_CUT_SIZE - 1),
 * else its beginning up to a whole character and a hash of all of it, in TEXT.
 */
const char *name_cut(const char *name, size_t most, char text[NAME_CUT_SIZE]);

/* Prints NAME, cut, in double quotes. */
void name_put(FILE *out, const char *name, size_t most);

/* Prints up to SQLA_KEY_COLUMNS names in parentheses. */
void name_put_list(FILE *out, const char *const names[], size_t most);

/* New text, or NULL: NAME as SQLite compares names, in ASCII lower case. */
char *name_fold(const char *name);

#endif
