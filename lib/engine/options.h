/* Options of an engine: one table names, bounds, reads and normalizes them. */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include <stdbool.h>

#include <sqlassist/engine.h>

/*
 * Fills RET_OPTIONS with OPTIONS and every default, as engine_config wants
 * them, with texts of its own. SQLA_ECONFIG names the option and what it may
 * be; ENGINE is for that text.
 */
int options_normalize(const char *engine, const struct sqla_engine_options *options,
		      struct sqla_engine_options *ret_options);

/* Frees the texts of options that were normalized or set here. */
void options_clear(struct sqla_engine_options *options);

/* Number of the option called NAME, below 64, or negative. */
int options_find(const char *name);

/*
 * Sets option NUMBER from the text of a configuration file; a text of its own
 * is taken. "0" and "unlimited" are SQLA_ZERO and SQLA_UNLIMITED.
 */
int options_set(const char *engine, struct sqla_engine_options *options, int number,
		const char *value);

/* Writes "name, name, ..." of all options, cut to SIZE. */
void options_list(char *ret_text, size_t size);

/*
 * Tells FN of every option in OPTIONS, which are normalized, in the words of a
 * configuration file, and whether that is what it is by default. VALUE is ""
 * for no text, and valid during the call.
 */
typedef void options_fn(void *arg, const char *name, const char *value, bool is_default);
void options_each(const struct sqla_engine_options *options, options_fn *fn, void *arg);

#endif
