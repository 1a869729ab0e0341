/*
 * Fault points: named places of the protocol at which a test build can kill
 * the process, fail, delay or stop it. They are listed once, in
 * faultpoints.def, and exist only with configure --enable-fault-points.
 *
 * SQLASSIST_FAULT="name:action[:after]" arms one; actions: kill (SIGKILL),
 * stop (SIGSTOP), fail (the step is treated as a lost connection), delay
 * (100 ms), refuse (the step votes no). `after`: let it pass so many times
 * first. SQLASSIST_FAULT_LOG=path appends each point that is passed.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

enum fault_point {
#define FAULT_POINT(name, text) FAULT_##name,
#include "base/faultpoints.def"
#undef FAULT_POINT
	FAULT_POINTS
};

enum fault_action { FAULT_NONE = 0, FAULT_FAIL, FAULT_REFUSE };

#ifdef SQLA_FAULT_POINTS
/* Passes a point; returns what the caller is to pretend. */
enum fault_action fault_pass(enum fault_point point);
const char *fault_name(enum fault_point point);
const char *fault_text(enum fault_point point);
/* Arms as the variable would; NULL disarms. */
void fault_arm(const char *spec);
#else
#define fault_pass(point) FAULT_NONE
#endif

/* Most points only kill, stop or delay. */
#define fault_here(name) ((void)fault_pass(FAULT_##name))

#endif
