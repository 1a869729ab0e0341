/*
 * A resource for tests: it writes down what is asked of it, in a log that
 * several share, and answers as it was told to.
 */
#ifndef TESTS_TXN_RECORDER_H
#define TESTS_TXN_RECORDER_H

#include <sqlassist/resource.h>

#define RECORDER_LOG 4096

/* The calls of all recorders, "name.step " each, in order. */
extern char recorder_log[RECORDER_LOG];

struct recorder {
	const char *key; /* sort key and name */
	struct txn_resource_ops ops;
	/* Answers; zero is yes. */
	int begin, flush, ask, commit, prepare, commit_prepared, rollback_prepared;
	int claim, follow, decide, look, outcome, abort, savepoint, savepoint_rollback;
	bool should_retry;
	unsigned abilities;
	const void *group;	 /* NULL: in none */
	struct recorder *leader; /* that it follows */
	bool is_unchanged;
	int is_prepared;
	bool is_slow; /* answers steps with TXN_WAIT first */
	int waiting;  /* the answer kept back */
	int released; /* how often */
	int outcome_told;
	int cancelled;
	int pipe[2];  /* for is_slow: readable at once, unless is_deaf */
	bool is_deaf; /* never answers */
	char gid[TXN_GID_MAX + 1];
	char branches[2048];
};

/* A resource that can do everything, and has changed something. */
void recorder_init(struct recorder *r, const char *key);
/* ... that has no prepare, or no claim. */
void recorder_init_one_phase(struct recorder *r, const char *key);
void recorder_close(struct recorder *r);

/* Joins the current transaction, beginning one if needed. */
void must_join(struct recorder *r);

#endif
