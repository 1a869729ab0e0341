/* Engines and sessions that must work, for tests of sessions. */
#ifndef TESTS_SESSION_HELPER_H
#define TESTS_SESSION_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlassist.h>

/*
 * Registers engine NAME on a new SQLite file with a table t(id, v). Returns
 * new text: the file's path.
 */
char *must_file_engine(const char *name, const struct sqla_engine_options *options);

/* Rows in t, seen from outside. */
int64_t rows_in(const char *path);

struct sqla_session *must_open(const char *engine);

/* Runs SQL without values. */
void must_run(struct sqla_session *s, const char *sql);

/* The first column of the first row. */
int64_t must_int(struct sqla_session *s, const char *sql);

/* Whether the latest error's text or hint has TEXT in it. */
bool error_says(const char *text);

/* Runs FN(arg) in a forked child and returns its answer, 0 to 127. */
int in_child(int (*fn)(void *arg), void *arg);

/* Runs FN(arg) in a thread and waits for its end. */
void in_thread(void *(*fn)(void *arg), void *arg);

/* Collects log lines from now on; whether one had TEXT in it. */
void log_collect(void);
bool log_has(const char *text);

#endif
