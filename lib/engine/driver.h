/*
 * driver.h - for implementers: the contract between engines, sessions and
 * recovery above, and PostgreSQL and SQLite below. One driver per kind of
 * database, one connection object per native connection.
 *
 * Statuses are those of error.h; whoever returns a negative one has set the
 * error detail with the engine's name. "Unknown" is SQLA_EINDOUBT, as in
 * resource.h (I7).
 *
 * A connection is used by one thread at a time; `cancel` excepted.
 */
#ifndef ENGINE_DRIVER_H
#define ENGINE_DRIVER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlassist/engine.h>
#include <sqlassist/recover.h>
#include <sqlassist/resource.h>
#include <sqlassist/session.h>

#include "engine/roll.h"

struct driver;
struct driver_rows;
struct lease;

/*
 * What an engine was registered with, normalized: defaults are filled in,
 * choices are SQLA_YES or SQLA_NO, SQLA_ZERO is 0, SQLA_UNLIMITED is INT_MAX.
 * Immutable and shared; every connection holds a reference (config_ref).
 */
struct engine_config {
	const struct driver *driver;
	char *name;
	char *url;			    /* secret: never in a text */
	char *redacted_url;		    /* for texts */
	struct sqla_engine_options options; /* texts owned by the config */
	unsigned references;		    /* atomic */
};

struct engine_config *config_ref(struct engine_config *config);
void config_unref(struct engine_config *config);

/* The head of every driver's connection object, as its first member. */
struct driver_conn {
	const struct driver *driver;
	struct engine_config *config;	 /* a reference */
	unsigned generation;		 /* of base/fork.h, when it was opened */
	int64_t opened_ms;		 /* base/clock.h */
	bool is_broken;			 /* lost or in an unknown state: is never pooled again */
	bool is_in_transaction;		 /* begin was called, and not yet ended */
	struct roll_entry roll;		 /* the pool's */
	struct lease *lease;		 /* the pool's alone: it is out, and watched; or NULL */
	struct driver_conn *next, *prev; /* the pool's: on its shelf */
};

enum driver_purpose {
	DRIVER_SESSION,	 /* work of the application */
	DRIVER_RECOVERY, /* looking and ending: creates no file and no table,
			    short timeouts, never in a transaction */
};

/* How a statement's rows are read. The head of a driver's own object. */
struct driver_rows_ops {
	int (*next)(struct driver_rows *rows); /* 1, 0 or negative */
	int (*columns)(const struct driver_rows *rows);
	const char *(*name)(const struct driver_rows *rows, int column);
	bool (*is_null)(struct driver_rows *rows, int column);
	/* 0, or negative if the value does not fit; never called for NULL. */
	int (*get_int)(struct driver_rows *rows, int column, int64_t *ret);
	int (*get_real)(struct driver_rows *rows, int column, double *ret);
	int (*get_text)(struct driver_rows *rows, int column, const char **ret);
	int (*get_blob)(struct driver_rows *rows, int column, const void **ret, size_t *ret_size);
	void (*free)(struct driver_rows *rows);
};
struct driver_rows {
	const struct driver_rows_ops *ops;
	int64_t affected;
};

enum driver_savepoint { DRIVER_SAVEPOINT_SET, DRIVER_SAVEPOINT_ROLLBACK, DRIVER_SAVEPOINT_RELEASE };

/* A prepared branch as its server lists it. Texts valid during the callback. */
struct driver_prepared {
	const char *gid;
	const char *owner;
	const char *database;
	const char *xid; /* its own, for end_prepared */
	int64_t age_s;
	int blocked;	 /* sessions that wait for it, -1 unknown */
	bool is_endable; /* this user may end it, from this database */
};
typedef int driver_prepared_fn(void *arg, const struct driver_prepared *prepared);

/* A decision row. */
struct driver_row {
	const char *uuid;
	const char *verdict;  /* "committed" or "aborted" */
	const char *branches; /* "" for tombstones */
	int64_t age_s;
};
typedef int driver_row_fn(void *arg, const struct driver_row *row);

enum driver_look_result {
	LOOK_COMMITTED, /* the row is there, and durable */
	LOOK_ABORTED,	/* can never commit: a tombstone, or (SQLite) the lock */
	LOOK_OPEN,	/* its coordinator may be alive (I4) */
	LOOK_UNKNOWN,	/* cannot be said (I6) */
};

/* A look at a decider: DESIGN's "to look". */
struct driver_look {
	const char *uuid;
	const char *site;		       /* expected; another site: LOOK_UNKNOWN. NULL: any */
	txn_still_prepared_fn *still_prepared; /* NULL: treated as "none is" */
	void *arg;
	bool dry_run;	    /* leave nothing behind: no tombstone is committed */
	int fence_s;	    /* > 0: a claim open that long may be ended by force */
	bool is_own;	    /* the live coordinator asks, and soon: its connection is
			      known to be gone; a row without branches, which nobody
			      can be asked about, cannot be forgotten yet */
	char evidence[256]; /* out: what was seen, one line, always set */
};

/* Many looks at one decider, alike but for whose they are. */
struct driver_looks {
	struct driver_look *items;
	enum driver_look_result *results; /* all LOOK_UNKNOWN when it begins */
	size_t n;
	/* Whether each of the branches that N looks ask about, told by their args,
	 * is still prepared: 1, 0 (one is not), or negative. */
	int (*all_prepared)(void *const args[], size_t n);
};

/* One of many prepared branches to be ended. */
struct driver_ending {
	const char *gid;
	bool is_commit;
	bool is_done; /* out: it was ended, by this call */
};

struct driver {
	const char *name; /* "postgresql", "sqlite" */

	/* ---- registration: pure, no I/O */
	bool (*claims_url)(const char *url);
	/* Optional. Returns a new URL that means the same wherever the process
	 * goes later; SQLA_ECONFIG. ENGINE is for the text. */
	int (*resolve_url)(const char *engine, const char *url, char **ret_url);
	int (*check)(const struct engine_config *config); /* SQLA_ECONFIG */

	/* ---- life. open blocks within connect_timeout_ms. close sends what the
	 * protocol wants; abandon is close in a forked child: it frees and closes
	 * descriptors, and tells the server and the files nothing. */
	int (*open)(struct engine_config *config, enum driver_purpose purpose,
		    struct driver_conn **ret_conn);
	void (*close)(struct driver_conn *conn);
	void (*abandon)(struct driver_conn *conn);

	/* Proven idle: no transaction, nothing under way, nothing unread. */
	bool (*is_idle)(const struct driver_conn *conn);
	/* Makes it idle if that can be done: rolls back, ends rows. May block. */
	int (*reset)(struct driver_conn *conn);
	/* One round trip: does it still answer? */
	int (*ping)(struct driver_conn *conn);
	/* How an administrator finds it: writes a backend's process id, or a file.
	 * Asked once, right after open; no I/O. */
	void (*describe)(struct driver_conn *conn, char *ret_id, size_t size);

	/* ---- work */
	/* The transaction begins with the next statement (one round trip). */
	int (*begin)(struct driver_conn *conn, bool readonly);
	/* Sends a begin that was put off, for native handles. */
	int (*begin_now)(struct driver_conn *conn);
	/* RET_ROWS NULL: rows are not wanted. SQL holds one statement. */
	int (*execute)(struct driver_conn *conn, const char *sql, const struct sqla_value values[],
		       size_t n, struct driver_rows **ret_rows, int64_t *ret_affected);
	int (*rollback)(struct driver_conn *conn);
	/* Savepoint NUMBER, counted from 1 by the caller. */
	int (*savepoint)(struct driver_conn *conn, enum driver_savepoint verb, unsigned number);
	/* From any thread; the conn is kept alive by the caller. Must not block. */
	void (*cancel)(struct driver_conn *conn);
	void *(*native)(struct driver_conn *conn); /* PGconn or sqlite3 */
	/* Whether the latest failure may pass in a new transaction. */
	bool (*is_transient)(const struct driver_conn *conn);

	/* ---- the protocol: the members of txn_resource_ops of the same name */
	unsigned (*abilities)(struct driver_conn *conn);
	const char *(*why_not)(struct driver_conn *conn, enum txn_ability ability);
	int (*ask)(struct driver_conn *conn);
	int (*advance)(struct driver_conn *conn, struct pollfd *wait);
	void (*give_up)(struct driver_conn *conn); /* leaves it broken */
	/* A step answered TXN_WAIT: has all of it left this process? NULL where
	 * none ever answers so. */
	bool (*is_sent)(struct driver_conn *conn);
	int (*commit)(struct driver_conn *conn);
	int (*prepare)(struct driver_conn *conn, const char *gid);
	int (*commit_prepared)(struct driver_conn *conn, const char *gid);
	int (*rollback_prepared)(struct driver_conn *conn, const char *gid);
	int (*site)(struct driver_conn *conn, char ret_site[TXN_SITE_MAX + 1]);
	/* Whoever looks at CONN's transaction finds it open already, and will until it
	 * ends: its claim may be made when PREPAREs are under way (I4). NULL: never. */
	bool (*is_open_to_looks)(struct driver_conn *conn);
	/* DUE: uuids that may be forgotten on the way (SQLite); may be ignored:
	 * returns through RET_TOOK whether it took them. */
	int (*claim)(struct driver_conn *conn, const struct txn_decision *decision,
		     const char *const due[], size_t n_due, bool *ret_took);
	int (*decide)(struct driver_conn *conn);
	/* LEADER's decide commits CONN too; both of this driver. NULL: it has no
	 * groups. The group ends with the transaction of either. */
	int (*follow)(struct driver_conn *conn, struct driver_conn *leader);
	/* After a one-phase commit of CONN (now broken) was unknown. Blocks. */
	int (*outcome)(struct driver_conn *conn);

	/* ---- recovery, on a DRIVER_RECOVERY connection; all of it blocks */
	enum driver_look_result (*look)(struct driver_conn *conn, struct driver_look *look);
	int (*list_prepared)(struct driver_conn *conn, driver_prepared_fn *fn, void *arg);
	int (*is_prepared)(struct driver_conn *conn, const char *gid); /* 1, 0, negative */
	/* Ends a prepared branch. XID (may be NULL) tells how a branch that has
	 * vanished had ended: the other way is SQLA_EMIXED. */
	int (*end_prepared)(struct driver_conn *conn, const char *gid, bool commit,
			    const char *xid);
	/*
	 * Optional, all three: the same for many at once, in fewer round trips and
	 * forced writes. What goes smoothly is done; of all else nothing is said, and
	 * it is looked at, and ended, one by one. Negative: an error came in
	 * between, and is told.
	 */
	int (*look_at_all)(struct driver_conn *conn, struct driver_looks *looks);
	int (*are_prepared)(struct driver_conn *conn, const char *const gids[], size_t n);
	int (*end_all)(struct driver_conn *conn, struct driver_ending endings[], size_t n);
	/* Rows older than AGE_S seconds. No table: no rows. */
	int (*list_rows)(struct driver_conn *conn, int64_t age_s, driver_row_fn *fn, void *arg);
	int (*forget_rows)(struct driver_conn *conn, const char *const uuids[], size_t n);
	int (*purge_tombstones)(struct driver_conn *conn); /* how many */

	/* What cut-off transactions have left beside the database, which deals with
	 * it when it is opened: told without opening it. NULL: nothing ever. */
	void (*leftovers)(struct engine_config *config, sqla_leftover_fn *fn, void *arg);
	/* On a DRIVER_RECOVERY connection: removes of it what nobody needs. NULL:
	 * there is nothing to remove. */
	void (*tidy)(struct driver_conn *conn);
	/* Where both follow (TXN_FOLLOWS): what speaks against changing both in a
	 * transaction, and the remedy in RET_REMEDY; NULL: nothing. Valid until the
	 * next call on ONE. NULL where none follows. */
	const char *(*apart)(struct driver_conn *one, struct driver_conn *other,
			     const char **ret_remedy);

	/* ---- administration. Opens what it needs; returns the worst severity. */
	int (*doctor)(struct engine_config *config, sqla_finding_fn *fn, void *arg);
	char *(*doctor_sql)(const struct engine_config *config); /* new text */
};

/* Every driver of this build, ended by NULL; defined above, in session/drivers.c. */
extern const struct driver *const drivers_all[];

#endif
