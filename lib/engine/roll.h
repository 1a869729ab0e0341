/*
 * The roll: which pooled connections are open, who opened them, and how their
 * databases know them, for whoever shows it. An entry is the connection's own
 * and allocates nothing. Thread-safe; a forked child sees its parent's
 * entries, by their process id, until it has let go of the connections.
 */
#ifndef ENGINE_ROLL_H
#define ENGINE_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct engine_config;

#define ROLL_ID 160 /* bytes of an id with its NUL */

struct roll_entry {
	const struct engine_config *config; /* NULL: not on the roll */
	char id[ROLL_ID];		    /* "backend 4711", a file's path */
	pid_t opener;
	int64_t opened_ms; /* base/clock.h */
	bool is_used;	   /* atomic */
	struct roll_entry *next, *prev;
};

/* Fills ENTRY but its id, and calls it out. Its memory stays until roll_leave. */
void roll_enter(struct roll_entry *entry, const struct engine_config *config);
/* Nothing, if ENTRY is not on the roll. */
void roll_leave(struct roll_entry *entry);
void roll_use(struct roll_entry *entry, bool is_used);

/* Copies at most N entries of CONFIG's engine, oldest first, and returns how
 * many there are. */
size_t roll_call(const struct engine_config *config, struct roll_entry entries[], size_t n);

#endif
