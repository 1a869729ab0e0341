/*
 * drill-report.h - what was tried, how often and what was found, for an
 * auditor or as JSON.
 */
#ifndef DRILL_REPORT_H
#define DRILL_REPORT_H

#include <time.h>

#include "drill-crew.h"

/* What a kill interrupted, and what became of it. */
enum drill_fate {
	FATE_WORKING = 0,
	FATE_UNPREPARED,
	FATE_UNDECIDED,
	FATE_DECIDED,
	FATE_DONE,
	DRILL_FATES
};

struct drill_report {
	const struct drill_ledger *ledger;
	const struct drill_crew *crew;
	unsigned seed;
	time_t started;
	double seconds;
	int64_t transfers, committed, refused, in_doubt; /* by what their callers were told */
	int64_t fates[DRILL_FATES];
	int recoveries, recoverers_killed;
	int checks;
	int64_t settle_max_us, settle_sum_us; /* from all dead to nothing in doubt */
	bool is_stopped;		      /* by somebody */
	bool is_clean;			      /* the scratch tables are gone */
	struct drill_trouble trouble;	      /* why it ended early; status 0: not */
};

/* Adds the transfers from FIRST on to the counts. */
void drill_report_count(struct drill_report *report, int64_t first);

/* Whether nothing was found, and something was tried. */
bool drill_report_is_good(const struct drill_report *report);

void drill_report_print(const struct drill_report *report);

/* EXIT_GO_ON, or an exit status after a complaint. */
int drill_report_json(const struct drill_report *report);

#endif
