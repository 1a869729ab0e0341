/*
 * scan.h - one recovery pass over everything that is registered.
 */
#ifndef RECOVERY_SCAN_H
#define RECOVERY_SCAN_H

#include <stdatomic.h>

#include <sqlassist/recover.h>

/* What grace_s = 0 means. */
#define SCAN_GRACE_S 5

/* The grace period that OPTIONS (may be NULL) ask for, in seconds. */
int scan_grace(const struct sqla_recover_options *options);

/*
 * The whole pass, as sqla_recover; RET_REPORT is required. STOP (may be NULL)
 * ends it after the step under way, and what was not done is left.
 */
int scan_run(const struct sqla_recover_options *options, sqla_in_doubt_fn *fn, void *arg,
	     const atomic_bool *stop, struct sqla_recover_report *ret_report);

#endif
