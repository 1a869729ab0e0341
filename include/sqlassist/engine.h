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
	/* Sessions of NULL use it; no. The first engine while none says so. */
	enum sqla_choice is_default;
	/* Sessions join transactions; yes. */
	enum sqla_choice joined;
	/* One session a scope (thread); yes. */
	enum sqla_choice scoped;
	/* No writes; no. */
	enum sqla_choice readonly;
	/* Unjoined: no transactions at all; no. */
	enum sqla_choice autocommit;
	/* Changed: a joined session counts as changed without being asked. */
	enum sqla_initial_state initial_state;
	/* Keep the connection after a commit; no. */
	enum sqla_choice keep_session;
	/* May its branch be the decider; auto. */
	enum sqla_decide decide;
	/* Auto: created when first used. */
	enum sqla_decision_table decision_table;
	/* PostgreSQL; "sqlassist". */
	const char *decision_schema;
	/* Row: exact outcome of one-phase commits too. */
	enum sqla_outcome outcome;
	/* Seconds a decision is kept at least; 60. The same in every program
	 * that uses the database. */
	int keep_decisions;
	/* Connections kept; 5. More when busy; 10, SQLA_ZERO, SQLA_UNLIMITED. */
	int pool_size;
	int pool_overflow;
	/* Wait for a free one; 30000. Replace older ones; never. Test before
	 * use; no. */
	int pool_timeout_ms;
	int pool_recycle_s;
	enum sqla_choice pool_pre_ping;
	/* 10000. */
	int connect_timeout_ms;
	/* PostgreSQL's own, set at connect; none. */
	int statement_timeout_ms;
	/* SQLite: wait for locks; 5000. */
	int busy_timeout_ms;
	/* PostgreSQL: "read committed", "repeatable read", "serializable";
	 * SQLite: "deferred", "immediate", "exclusive". The database's default. */
	const char *isolation;
	/* Log every statement (SQLA_LOG_DEBUG); no. */
	enum sqla_choice echo;
	/* Log a warning once a connection is in use that long, with the calls
	 * that took it; none. */
	int pool_leak_ms;
	/* Statements that each connection keeps prepared; 100. SQLA_ZERO: none. */
	int statement_cache;
	/* SQLite: files in WAL mode commit together with others too; no. See
	 * sqlassist-sqlite-group(7). */
	enum sqla_choice wal_group;
	/* Zero. */
	intptr_t reserved[7];
};

/*
 * Names a database. Nothing is connected yet. OPTIONS may be NULL: joined and
 * scoped; while SQLASSIST_DISABLE_TRANSACTION is set, not joined.
 * URL: "postgresql://..." as libpq takes it; "sqlite:///relative" (to the
 * working directory now), "sqlite:////absolute", "sqlite://" (in memory; a
 * private one per session).
 *   SQLA_EALREADY  the name is taken
 *   SQLA_ECONFIG   the URL or an option is bad; the text names it
 *   SQLA_EMISUSE   joined but not scoped
 *   SQLA_EDISABLED joined = SQLA_YES, while SQLASSIST_DISABLE_TRANSACTION is set
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
 * keys. Threads that get one key at the same time share an unjoined session,
 * which is misuse that nobody notices: one thread at a time may use it. NULL:
 * one per thread, the default.
 */
typedef uintptr_t sqla_scope_fn(void);
int sqla_engine_set_scope(const char *name, sqla_scope_fn *fn);

#ifdef __cplusplus
}
#endif
#endif
