/* report.h - figures as a line for people and as JSON for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>

#include "cell.h"

void report_header(const struct places *places, int n_threads);
void report_line(const struct figures *f);

/* Returns new values. */
json_t *report_figures(const struct places *places, int n_threads, const struct figures *f);
/* What is measured on: processors, kernel, disk, versions, what else runs; no
 * names. SECONDS is how long each way runs in a cell. */
json_t *report_machine(const char *folder, double seconds);

#endif
