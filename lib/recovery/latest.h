/*
 * What the latest recovery pass of this process left in doubt, and what all
 * passes have ended: kept so that it can be shown without asking a database.
 * A pass collects for itself and is published when it is done. Thread-safe; a
 * forked child has seen no pass.
 */
#ifndef RECOVERY_LATEST_H
#define RECOVERY_LATEST_H

#include <stdint.h>

#include <sqlassist/recover.h>
#include <sqlassist/resource.h>

#define LATEST_TEXT 512

/* A branch as it was left; texts are cut. */
struct latest_branch {
	char engine[64];
	char gid[TXN_GID_MAX + 1];
	char uuid[37];
	char owner[64];
	char database[64];
	char decider[64];
	int64_t age_s; /* when it was seen */
	enum sqla_verdict verdict;
	int status;
	int blocked;
	char evidence[LATEST_TEXT];
	char remedy[LATEST_TEXT];
	struct latest_branch *next, *prev;
};

/* An engine that could not be asked. */
struct latest_unreachable {
	char engine[64];
	char reason[LATEST_TEXT];
	struct latest_unreachable *next, *prev;
};

struct latest_pass {
	int64_t ended_ms; /* clock_boot_ms; 0: there was none */
	struct sqla_recover_report report;
	struct latest_branch *branches; /* at most LATEST_MOST */
	struct latest_unreachable *unreachable;
	unsigned n_branches; /* in doubt */
	unsigned n_young;    /* within the grace period: most likely at work */
	unsigned n_foreign;  /* other users' and databases' */
};

#define LATEST_MOST 100 /* branches kept in full */

/* Adds to a pass under way. Young and foreign branches are counted, and not kept.
 * Without memory the entry is left out. */
void latest_add(struct latest_pass *pass, const struct sqla_in_doubt *branch);
void latest_add_unreachable(struct latest_pass *pass, const char *engine, const char *reason);

/* PASS is done: it is the latest now, and owned here. */
void latest_publish(struct latest_pass *pass, const struct sqla_recover_report *report);

/* Copies the latest pass; free it with latest_clear. RET_TOTALS: of all passes. */
void latest_copy(struct latest_pass *ret_pass, struct sqla_recover_report *ret_totals);
void latest_clear(struct latest_pass *pass);

#endif
