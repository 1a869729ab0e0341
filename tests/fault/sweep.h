/*
 * sweep.h - a scenario is run once to see which fault points it passes, then
 * once more for every pass with something going wrong just there.
 */
#ifndef FAULT_SWEEP_H
#define FAULT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "fault/bank.h"

/* What a coordinator does. */
struct scenario {
	const char *name;
	const char *kinds;  /* of databases, see bank_new */
	const char *option; /* of the coordinator, or NULL */
	const char *veto;   /* the engine that votes no, or NULL */
};

/* Ended by a NULL name. Two PostgreSQL servers, one and a file, three
 * branches, one phase; and each with somebody who votes no. */
extern const struct scenario scenarios[];
const struct scenario *scenario_get(const char *name);

/* The nth time (from 0) that a process came by a point. */
struct pass {
	const char *point;
	int nth;
};

/* The passes in PATH, in order, as a new array (free it); a missing file holds
 * none. */
struct pass *passes_read(const char *path, size_t *ret_n);

/* New text: arms ACTION there. */
char *pass_fault(const struct pass *pass, const char *action);

/* Where in the order of the protocol a point is; the word aborts the test if
 * it is none of faultpoints.def. */
int point_number(const char *point);
extern const char *const point_names[]; /* ended by NULL */

/* Whether this is make check-long, and how often it repeats a sweep: so often, or
 * once. */
bool sweep_is_long(void);
int sweep_rounds(int long_rounds);
/* By how many passes a sweep goes on: one in make check-long, otherwise USUAL, where
 * several sweeps that begin at different passes share them. */
size_t sweep_stride(size_t usual);

struct cluster;

/* A sweep under way. */
struct sweep {
	const struct scenario *scenario;
	struct bank *bank;
	int transfers; /* that each coordinator makes */
	int n_left;    /* that die for sweep_leave_behind; 0: one */
	int64_t next_id;
	char *passed; /* file of the passes of a measured run */
	struct pass *passes;
	size_t n_passes;
	struct cluster *servers[2]; /* of this sweep alone, or NULL */
	int64_t settled_ms;	    /* the longest way to nothing in doubt so far */
};

/* SUITE tells the databases of concurrent tests apart. */
void sweep_start(struct sweep *sweep, const char *suite, const struct scenario *scenario,
		 int transfers);

/* The same on servers of its own: recovery passes no branches of others there,
 * and they may crash. */
void sweep_start_apart(struct sweep *sweep, const struct scenario *scenario, int transfers);

/* The server of the databases of KIND, which is the sweep's own. Borrowed. */
struct cluster *sweep_server(const struct sweep *sweep, char kind);

void sweep_end(struct sweep *sweep);

/* Starts a coordinator that makes new transfers. */
struct child *sweep_coordinator(struct sweep *sweep, const char *fault, const char *passed);

/* Starts a recoverer. FAULT and PASSED may be NULL; OPTION: the scenario's. */
struct child *sweep_recoverer(struct sweep *sweep, const char *option, const char *fault,
			      const char *passed);

/* Runs coordinators without a fault and remembers the passes of the second:
 * the first also made the decision tables. */
void sweep_measure(struct sweep *sweep);

/* Kills coordinators at POINT, one after the other, waits until no server works for
 * them, and returns the last. */
struct child *sweep_leave_behind(struct sweep *sweep, const char *point);

/* Remembers the passes of a recoverer that finds what is left then. */
void sweep_measure_recovery(struct sweep *sweep, const char *point);

/* Remembers the passes in sweep->passed and removes the file. */
void sweep_take_passes(struct sweep *sweep);

/* Runs a recoverer to its end and returns what it answered: OK or PENDING. */
int sweep_recover(struct sweep *sweep, const char *option);

/* Waits for C, and fails the test if it does not end as EXPECTED. */
void sweep_expect(const struct sweep *sweep, const char *step, struct child *c,
		  enum child_state expected);

/*
 * What an operator would do after a crash: recovery at once, and again until
 * nothing is left. Returns NULL, or new text of what is wrong then, also with
 * the word of C (may be NULL).
 */
char *sweep_settle(struct sweep *sweep, struct child *c);

/* sweep_settle, and fails the test at a violation. */
void sweep_must_agree(struct sweep *sweep, const char *step, struct child *c);

/* Prints that all agree after a step, and what C had told. */
void sweep_progress(const struct sweep *sweep, const char *step, struct child *c);

/* Fails the test with what is known about a step. Takes VIOLATION. */
void sweep_report(const struct sweep *sweep, const char *step, struct child *c, char *violation);

/*
 * What must have become of the transfer during which a coordinator that told
 * nothing more of it died at POINT: 1 committed, 0 not, -1 either.
 */
int sweep_fate(const struct scenario *scenario, const char *point);

#endif
