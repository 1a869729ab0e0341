/*
 * drill-crew.h - the workers as their killer sees them: each is started with a
 * plan of how it dies.
 */
#ifndef DRILL_CREW_H
#define DRILL_CREW_H

#include <sys/types.h>

#include "drill-ledger.h"

/* How a worker ends. */
enum drill_plan {
	PLAN_POINT = 0, /* at a fault point of the library's */
	PLAN_COMMIT,	/* a moment after a transfer of its was seen to commit */
	PLAN_RANDOM,	/* at any moment */
	PLAN_FREEZE,	/* stopped while it commits; goes on after recovery */
	DRILL_PLANS
};

/* A fault point, and how often an undisturbed transfer or two come by. */
struct drill_point {
	char name[64];
	int passes;
	int kills;
};

enum { DRILL_POINTS = 128 };

struct drill_crew {
	struct drill_ledger *ledger;
	int threads;
	unsigned seed;
	uint32_t lives; /* started so far */
	struct {
		pid_t pid; /* 0: none */
		enum drill_plan plan;
		int point; /* of PLAN_POINT */
	} workers[DRILL_WORKERS];
	struct drill_point points[DRILL_POINTS];
	int n_points, next_point;
	int kills;
	int by_plan[DRILL_PLANS];
};

/* Finds out whether this build has fault points, and which are passed here. */
int drill_crew_measure(struct drill_crew *crew);

/* Starts workers where they are missing. 0 or -1: no process. */
int drill_crew_hire(struct drill_crew *crew);

/*
 * Lets the plan of worker NTH come true, or that of another who is earlier.
 * A frozen one stays so until drill_crew_thaw. 1: it is frozen; 0: somebody is dead;
 * -1: somebody gave up, for the reason in ledger->trouble.
 */
int drill_crew_strike(struct drill_crew *crew, int nth);
void drill_crew_thaw(struct drill_crew *crew, int nth);

/* Kills and reaps all that are left. */
void drill_crew_kill_all(struct drill_crew *crew);

#endif
