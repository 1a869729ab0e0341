/* Log lines for the application's callback. Secrets are redacted here too. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

void log_write(enum sqla_log_level level, const char *format, ...) BASE_PRINTF(2, 3);

#define log_info(...) log_write(SQLA_LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(SQLA_LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_write(SQLA_LOG_ERROR, __VA_ARGS__)

/* Compiled away by configure --disable-debug-log. */
#ifdef SQLA_NO_DEBUG_LOG
#define log_debug(...) ((void)0)
#else
#define log_debug(...) log_write(SQLA_LOG_DEBUG, __VA_ARGS__)
#endif

#endif
