/*
 * Setting this thread's error detail. Every function that returns a negative
 * status to the application has set it. Fixed buffers, so that out of memory
 * can be told too.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <sqlassist/error.h>

#if defined(__GNUC__)
#define BASE_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define BASE_PRINTF(f, a)
#endif

/*
 * Sets the whole detail and returns STATUS, for `return error_set(...)`.
 * ENGINE and HINT may be NULL. Texts are cut at a UTF-8 boundary, newlines
 * become spaces, and passwords in URLs and conninfo strings are redacted.
 */
int error_set(int status, const char *engine, const char *hint, const char *format, ...)
	BASE_PRINTF(4, 5);

/* Adds the database's code to the detail that was just set; may be NULL/0. */
void error_set_sqlstate(const char *sqlstate);
void error_set_sqlite_code(int extended_code);

/* Names the engine in the detail that was just set, if it names none. */
void error_set_engine(const char *engine);

/*
 * For code of the application's that answers with a status alone: clear
 * before calling it, ensure after it failed, so that no stale detail is taken
 * for its own.
 */
void error_clear(void);
int error_ensure(int status, const char *engine, const char *what);

/* Out of memory, with the detail. Returns SQLA_ENOMEM. */
int error_nomem(void);

/* No failure. Its texts are not zeroed beyond their ends: this is done at every step. */
void error_none(struct sqla_error *ret);
void error_copy(struct sqla_error *ret, const struct sqla_error *from);

/* To keep the first failure while cleaning up. */
void error_save(struct sqla_error *ret_saved);
/* Puts it back and returns its status. */
int error_restore(const struct sqla_error *saved);

#endif
