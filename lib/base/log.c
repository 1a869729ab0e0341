#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/redact.h"

/* Set before other threads use the library, as the contract says. */
static sqla_log_fn *sink;
static void *sink_arg;
static enum sqla_log_level threshold;

void sqla_log_set(enum sqla_log_level level, sqla_log_fn *fn, void *arg)
{
	sink = fn;
	sink_arg = arg;
	threshold = level;
}

void log_write(enum sqla_log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (!sink || level < threshold)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	redact_in_place(line);
	for (char *c = line; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	sink(level, line, sink_arg);
}
