/*
 * child.h - a coordinator or recoverer as a process of its own, with a fault
 * point armed.
 */
#ifndef FAULT_CHILD_H
#define FAULT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct child;

enum child_state {
	CHILD_ENDED,   /* by itself, with exit status 0 */
	CHILD_KILLED,  /* by SIGKILL, as planned */
	CHILD_STOPPED, /* by SIGSTOP; it can go on */
	CHILD_FAILED,  /* anything else; its output says why */
};

/* What a coordinator told of a transfer. */
struct told {
	int64_t id;
	int status;
};

/*
 * Starts tests/fault/coordinator with ARGS, ended by NULL. FAULT arms a fault
 * point ("name:action:after"), PASSED is a file that gets the names of those
 * that are passed; both may be NULL. Aborts the test if it cannot.
 */
struct child *child_start(const char *const args[], const char *fault, const char *passed);

/* Waits until it ends or stops; kills it, as failed, after some minutes. */
enum child_state child_wait(struct child *c);

void child_signal(const struct child *c, int signal);

/* What it wrote, valid until the next call here or child_free. */
const char *child_output(struct child *c);

/* The transfers of which it told, borrowed; valid as child_output. */
const struct told *child_told(struct child *c, size_t *ret_n);

/* What recovery answered, an enum sqla_status; INT_MIN: it did not come so far. */
int child_recovered(struct child *c);

/* Kills it if it lives. NULL is allowed. */
void child_free(struct child *c);

#endif
