/*
 * report.h - what a recovery pass found, for people or as JSON.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <sqlassist.h>

struct report {
	bool is_json;
	bool is_dry;	  /* nothing was ended */
	json_t *branches; /* while is_json */
	json_t *unreachable;
	json_t *leftovers;
	int n_branches; /* told so far */
	int n_leftovers;
};

/* Runs one pass and prints it. QUIET: nothing is printed for people when
 * there is nothing to tell. Returns an exit status. */
int report_pass(struct sqla_recover_options *options, bool is_json, bool is_quiet);

/* TEXT as JSON, whatever bytes it has. NULL: out of memory. */
json_t *report_text(const char *text);

/* Prints VALUE as one document and frees it; NULL: out of memory. */
int report_json(json_t *value, bool is_compact);

/* Prints TEXT without control characters: names come from strangers. */
void report_put(const char *text);

#endif
