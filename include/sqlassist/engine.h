/*
 * engine.h - the registry: one place where databases have names.
 *
 * Register engines at start, before other threads use them; look-ups are
 * thread-safe. Names are any text up to 63 bytes but "!default" and "!all".
 */
#ifndef SQLASSIST_ENGINE_H
#define SQLASSIST_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <sqlassist/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqla_session;

/* For yes-or-no options; a zeroed options struct means the defaults. */
enum sqla_choice {
	SQLA_DEFAULT = 0,
	SQLA_YES = 1,
	SQLA_NO = 2,
};

/* For numbers where 0 means the default. */
#define SQLA_ZERO (-1)	    /* none */
#define SQLA_UNLIMITED (-2) /* no bound */

enum sqla_decide { SQLA_DECIDE_AUTO = 0, SQLA_DECIDE_PREFER = 1, SQLA_DECIDE_NEVER = 2 };
enum sqla_decision_table { SQLA_TABLE_AUTO = 0, SQLA_TABLE_MANUAL = 1 };
enum sqla_outcome { SQLA_OUTCOME_XID = 0, SQLA_OUTCOME_ROW = 1 };
enum sqla_initial_state { SQLA_INITIAL_ACTIVE = 0, SQLA_INITIAL_CHANGED = 1 };

/*
 * Options of an engine. Zero is the default of every field, so
 * `struct sqla_engine_options o = { .readonly = SQLA_YES }` says all there is
 * to say. Texts are copied.
 */
struct sqla_engine_options {
	enum sqla_choice is_default; /* sessions of NULL use it; no. The first
					engine is the default while none says so */
	enum sqla_choice joined;     /* sessions join transactions; yes */
	enum sqla_choice scoped;     /* one session a scope (thread); yes */
	enum sqla_choice readonly;   /* no writes; no */
	enum sqla_choice autocommit; /* unjoined: no transactions at all; no */
	enum sqla_initial_state initial_state; /* changed: a joined session counts
						  as changed without being asked */
	enum sqla_choice keep_session; /* keep the connection after a commit; no */
	enum sqla_decide decide;     /* may its branch be the decider; auto */
	enum sqla_decision_table decision_table; /* auto: created when first used */
	const char *decision_schema; /* PostgreSQL; "sqlassist" */
	enum sqla_outcome outcome;   /* row: exact outcome of one-phase commits too */
	enum sqla_choice wal_group;  /* SQLite; see sqlassist-sqlite-group(7); no */
	int keep_decisions;	     /* seconds a decision is kept at least; 60 */
	int pool_size;		     /* connections kept; 5 */
	int pool_overflow;	     /* more when busy; 10; SQLA_ZERO, SQLA_UNLIMITED */
	int pool_timeout_ms;	     /* wait for a free one; 30000 */
	int pool_recycle_s;	     /* replace older ones; never */
	enum sqla_choice pool_pre_ping; /* test before use; no */
	int connect_timeout_ms;	     /* 10000 */
	int statement_timeout_ms;    /* PostgreSQL's own, set at connect; none */
	int busy_timeout_ms;	     /* SQLite: wait for locks; 5000 */
	const char *isolation;	     /* PostgreSQL: "read committed", "repeatable read",
					"serializable"; SQLite: "deferred", "immediate",
					"exclusive". The database's default */
	enum sqla_choice echo;	     /* log every statement (SQLA_LOG_DEBUG); no */
	intptr_t reserved[8];	     /* zero */
};

/*
 * Names a database. Nothing is connected yet. OPTIONS may be NULL: joined and
 * scoped. URL: "postgresql://..." as libpq takes it; "sqlite:///relative",
 * "sqlite:////absolute", "sqlite://" (in memory; a private one per session).
 *   SQLA_EALREADY  the name is taken
 *   SQLA_ECONFIG   the URL or an option is bad; the text names it
 *   SQLA_EMISUSE   joined but not scoped
 *   SQLA_EDISABLED joined, while SQLASSIST_DISABLE_TRANSACTION is set
 */
int sqla_engine_register(const char *name, const char *url,
			 const struct sqla_engine_options *options);

/*
 * Registers every engine of an ini file (sqlassist.ini(5)), all or none.
 * SQLA_ECONFIG names file and line.
 */
int sqla_engines_load(const char *ini_path);

/* Name of the default engine, or NULL. Valid until it is unregistered. */
const char *sqla_engine_default(void);

/*
 * Fills NAMES with at most N names, in order of registration, and returns how
 * many there are. Valid until unregistered.
 */
size_t sqla_engine_names(const char *names[], size_t n);

/*
 * Drops the pooled connections of an engine (NULL: all); those in use are
 * dropped when they come back. In a forked child this happens by itself.
 */
int sqla_engine_reinit(const char *name);

/*
 * Forgets an engine (NULL: all) and closes its connections. SQLA_EALREADY:
 * sessions still use it.
 */
int sqla_engine_unregister(const char *name);

/*
 * Which session of a scoped engine is meant: sessions are shared by equal
 * keys. NULL: one per thread, the default.
 */
typedef uintptr_t sqla_scope_fn(void);
int sqla_engine_set_scope(const char *name, sqla_scope_fn *fn);

#ifdef __cplusplus
}
#endif
#endif
