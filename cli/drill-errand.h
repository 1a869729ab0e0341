/*
 * drill-errand.h - one thing done to the databases, by a process of its own.
 * The drill itself never talks to them: so each of its workers and recoverers
 * is as fresh as after a crash, and may be killed.
 */
#ifndef DRILL_ERRAND_H
#define DRILL_ERRAND_H

#include <sys/types.h>

#include "drill-ledger.h"

/* Returns a status; of a negative one the detail is in ledger->trouble. */
typedef int errand_fn(struct drill_ledger *ledger, void *arg);

/* Starts FN in a child, out of reach of Ctrl-C, which dies with its parent. -1:
 * no process. */
pid_t errand_start(struct drill_ledger *ledger, errand_fn *fn, void *arg);

/* Kills and reaps it. Whether it was still alive. */
bool errand_kill(pid_t pid);

/* Runs it to its end, for at most SECONDS. A negative status: failed, with the
 * reason in ledger->trouble. */
int errand_run(struct drill_ledger *ledger, errand_fn *fn, void *arg, int seconds);

#endif
