/*
 * recover.h - finishing what a crash left in doubt.
 *
 * Any process with the same engines configured may recover, at any time and
 * as often as it likes: recovery never guesses, and may race with other
 * recoverers and with live coordinators. Thread-safe.
 */
#ifndef SQLASSIST_RECOVER_H
#define SQLASSIST_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlassist/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An engine or recoverer that could not be asked. Texts are valid during the
 * callback; none is NULL. Must not stop the background recovery it runs in. */
typedef void sqla_unreachable_fn(const char *engine, const char *reason, const char *remedy,
				 void *arg);

/* Whether a pass is to deal with the transaction UUID. UUID is valid during the
 * call; must not call back into the library. */
typedef bool sqla_wanted_fn(const char *uuid, void *arg);

/* What a crash has left beside a database that deals with it by itself, when it is
 * opened: SQLite's files. */
enum sqla_leftover_kind {
	SQLA_LEFTOVER_JOURNAL = 1, /* a rollback journal */
	SQLA_LEFTOVER_SUPER = 2,   /* the super-journal of several files */
	SQLA_LEFTOVER_WAL = 3,	   /* a guarded WAL, which only this library opens */
};

/* What any program does about it that opens one of its databases now. */
enum sqla_leftover_effect {
	SQLA_EFFECT_NONE = 1,	  /* nothing */
	SQLA_EFFECT_ROLLBACK = 2, /* rolls it back */
	SQLA_EFFECT_COMMIT = 3,	  /* commits it: that was decided */
	SQLA_EFFECT_UNKNOWN = 4,  /* cannot be said: do not open it */
	SQLA_EFFECT_REFUSED = 5,  /* cannot open the database, and changes nothing */
};

/* Texts are valid during the callback; none is NULL. */
struct sqla_leftover {
	const char *engine; /* that it lies beside */
	enum sqla_leftover_kind kind;
	enum sqla_leftover_effect effect;
	const char *file; /* its name */
	const char *uuid; /* of the transaction, or "": not to be told */
	const char *const *databases;
	size_t n_databases;
	const char *evidence; /* what was found */
	const char *stock;    /* the effect, in words */
	const char *remedy;   /* what to do; a safe command */
	int status;	      /* SQLA_OK dealt with, SQLA_PENDING there */
};
typedef void sqla_leftover_fn(const struct sqla_leftover *leftover, void *arg);

/* Zero is the default of every field. */
struct sqla_recover_options {
	int grace_s;	/* younger branches are left alone, by their server's clock;
			5; negative: none */
	int fence_s;	/* end a decider that has been open for so long, by
			terminating its backend; never */
	bool dry_run;	/* look and report, change nothing: files that were left
			hot are opened only if a branch is in doubt */
	bool keep_rows; /* do not clean forgotten decision rows */
	sqla_unreachable_fn *unreachable; /* is told of each at the end; may be NULL */
	void *unreachable_arg;
	sqla_wanted_fn *wanted; /* others are passed by: not looked at, not ended,
				   not told, not forgotten; NULL: all */
	void *wanted_arg;
	sqla_leftover_fn *leftover; /* is told of each at the end; may be NULL */
	void *leftover_arg;
	intptr_t reserved[2];
};

/* What was found about an in-doubt branch. */
enum sqla_verdict {
	SQLA_VERDICT_COMMIT = 1,   /* the decision is there: commit */
	SQLA_VERDICT_ROLLBACK = 2, /* it can never commit: roll back */
	SQLA_VERDICT_OPEN = 3,	   /* its coordinator may be alive: leave (I4) */
	SQLA_VERDICT_UNKNOWN = 4,  /* cannot be said (I6): leave */
	SQLA_VERDICT_YOUNG = 5,	   /* within the grace period: leave */
	SQLA_VERDICT_FOREIGN = 6,  /* another owner's or database's: not ours to end */
};

/* One in-doubt branch. Texts are valid during the callback; none is NULL. */
struct sqla_in_doubt {
	const char *engine; /* where the branch is prepared */
	const char *gid;
	const char *uuid;  /* of the transaction */
	const char *owner; /* who prepared it */
	const char *database;
	int64_t age_s;	     /* seconds, by the server's clock */
	const char *decider; /* engine whose database decides, or "" */
	const char *decider_site;
	enum sqla_verdict verdict;
	const char *evidence; /* what was seen that supports the verdict */
	const char *remedy;   /* what will happen, or what to do; a safe command */
	int blocked;	      /* sessions that wait for its locks; -1 unknown */
	int status;	      /* recovery: SQLA_OK ended as the verdict says,
				     SQLA_PENDING left, or why it failed */
};

typedef void sqla_in_doubt_fn(const struct sqla_in_doubt *branch, void *arg);

struct sqla_recover_report {
	int committed;	 /* branches committed */
	int rolled_back; /* branches rolled back */
	int left;	 /* branches left in doubt, for the reason reported */
	int mixed;	 /* ended by hand against the decision */
	int unreachable; /* engines that could not be asked */
	int forgotten;	 /* decision rows cleaned */
};

/*
 * Ends every in-doubt branch of the registered engines (and of registered
 * recoverers) that can be ended. OPTIONS, FN and RET_REPORT may be NULL; FN
 * is called for every branch found. Blocks for network round trips; one bad
 * engine or branch never stops the others.
 *   SQLA_OK       nothing of ours is in doubt any more
 *   SQLA_PENDING  some branches are left, or an engine could not be asked
 *   SQLA_EMIXED   a branch was found ended against the decision; the report
 *		   is filled in
 */
int sqla_recover(const struct sqla_recover_options *options, sqla_in_doubt_fn *fn, void *arg,
		 struct sqla_recover_report *ret_report);

/*
 * Explains every in-doubt branch and changes nothing. Returns how many there
 * are of ours, or a negative status: SQLA_ECONNECT if one could not be asked,
 * after all the others were.
 */
int sqla_in_doubt(sqla_in_doubt_fn *fn, void *arg);

/*
 * Recovers in a thread of the library's: at once, every INTERVAL_MS (0: 10
 * seconds), and soon after a commit answered PENDING or EINDOUBT. In a forked
 * child there is none until it is started there.
 */
int sqla_recovery_start(int interval_ms, const struct sqla_recover_options *options);

/* Ends the thread and waits for it. */
void sqla_recovery_stop(void);

/*
 * What was decided about GID, which an implementer of resource.h found
 * prepared in a store of its own: SQLA_OK commit it, SQLA_EABORTED roll it
 * back, SQLA_EINDOUBT leave it. STILL_PREPARED is asked meanwhile whether it
 * still is (1, 0, or negative).
 */
int sqla_outcome(const char *gid, int (*still_prepared)(void *arg), void *arg);

/*
 * For implementers: lets recovery end the in-doubt branches of a store of
 * one's own. All members are required.
 */
struct sqla_recoverer_ops {
	size_t size; /* sizeof(struct sqla_recoverer_ops) */
	/* As in txn_resource_ops. */
	int (*site)(void *self, char *ret_site, size_t size);
	/* Calls EACH for every prepared gid of ours; stops when it is negative. */
	int (*list)(void *self, int (*each)(void *arg, const char *gid, int64_t age_s), void *arg);
	int (*is_prepared)(void *self, const char *gid);
	int (*commit_prepared)(void *self, const char *gid);
	int (*rollback_prepared)(void *self, const char *gid);
};
/* NAME is copied; OPS and SELF are borrowed until unregistered. */
int sqla_recoverer_register(const char *name, const struct sqla_recoverer_ops *ops, void *self);
int sqla_recoverer_unregister(const char *name);

/* ---- checking ---------------------------------------------------------- */

enum sqla_severity { SQLA_FINDING_OK = 0, SQLA_FINDING_WARNING = 1, SQLA_FINDING_ERROR = 2 };

/* One finding of sqla_doctor. Texts are valid during the callback. */
struct sqla_finding {
	const char *engine;
	const char *check; /* a short constant word, for scripts */
	enum sqla_severity severity;
	const char *message;
	const char *remedy; /* "" when all is well */
};
typedef void sqla_finding_fn(const struct sqla_finding *finding, void *arg);

/*
 * Checks an engine (NULL: all) for what would hurt later. Returns the worst
 * severity found, or a negative status.
 */
int sqla_doctor(const char *engine, sqla_finding_fn *fn, void *arg);

/*
 * The SQL that an administrator runs where the library may not create the
 * decision table itself. Returns new text (free it with free), or NULL.
 */
char *sqla_doctor_sql(const char *engine);

/*
 * Forgets ENGINE's tombstones (decision rows with the verdict "aborted") for
 * which it is certain that no transaction that was open when they were made
 * is open still (I5). Returns how many, or a negative status.
 */
int sqla_doctor_purge_tombstones(const char *engine);

#ifdef __cplusplus
}
#endif
#endif
