/* report.h - figures as a line for people and as JSON for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>

#include "cell.h"

void report_header(const struct shape *shape, int n_threads);
void report_line(const struct figures *f);

/* Returns new values. */
json_t *report_figures(const struct shape *shape, int n_threads, const struct figures *f);
/* What was measured on: processors, kernel, disk, versions; no names. */
json_t *report_machine(const char *folder);

#endif
