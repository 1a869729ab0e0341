/* Types and actions as words in JSON. */
#ifndef SCHEMA_WORDS_H
#define SCHEMA_WORDS_H

#include <sqlassist/table.h>

/* NULL: there is none of that number. */
const char *words_type(enum sqla_column_type type);
const char *words_action(enum sqla_action action);

/* Whether WORD is one. */
bool words_find_type(const char *word, enum sqla_column_type *ret_type);
bool words_find_action(const char *word, enum sqla_action *ret_action);

#endif
