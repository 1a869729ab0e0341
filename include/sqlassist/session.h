/*
 * session.h - conversations with engines.
 *
 * A session is one conversation with one engine. Order: open -> exec, query
 * -> close. On a joined engine opening begins a transaction if there is none
 * and joins it at the first use; txn_commit commits it, and the handle stays
 * valid: its next use begins anew. Close never fails; it rolls back whatever
 * nobody has committed. One thread at a time.
 *
 * An unjoined session commits itself: sqla_session_commit, _rollback. On an
 * autocommit engine every statement stands alone.
 */
#ifndef SQLASSIST_SESSION_H
#define SQLASSIST_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sqlassist/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqla_session;
struct sqla_rows;
struct pg_conn;
struct sqlite3;

/* ---- values ------------------------------------------------------------ */

enum sqla_type {
	SQLA_NULL = 0,
	SQLA_INT = 1,
	SQLA_REAL = 2,
	SQLA_TEXT = 3,
	SQLA_BLOB = 4,
	SQLA_BOOL = 5,
};

/*
 * A value for a placeholder. Text and blobs are borrowed during the call.
 * Text must be valid UTF-8 without NUL bytes; it need not end with one when
 * made with sqla_text_n.
 */
struct sqla_value {
	enum sqla_type type;
	size_t size; /* bytes of text or blob */
	union {
		int64_t i;
		double r;
		const void *p;
	} as;
};

static inline struct sqla_value sqla_null(void)
{
	struct sqla_value v;

	memset(&v, 0, sizeof(v));
	return v;
}

static inline struct sqla_value sqla_int(int64_t i)
{
	struct sqla_value v = sqla_null();

	v.type = SQLA_INT;
	v.as.i = i;
	return v;
}

static inline struct sqla_value sqla_bool(bool b)
{
	struct sqla_value v = sqla_null();

	v.type = SQLA_BOOL;
	v.as.i = b;
	return v;
}

static inline struct sqla_value sqla_real(double r)
{
	struct sqla_value v = sqla_null();

	v.type = SQLA_REAL;
	v.as.r = r;
	return v;
}

/* SIZE bytes of text. A NULL TEXT is SQL's NULL. */
static inline struct sqla_value sqla_text_n(const char *text, size_t size)
{
	struct sqla_value v = sqla_null();

	if (text) {
		v.type = SQLA_TEXT;
		v.as.p = text;
		v.size = size;
	}
	return v;
}

/* Text that ends with a NUL byte. A NULL TEXT is SQL's NULL. */
static inline struct sqla_value sqla_text(const char *text)
{
	return sqla_text_n(text, text ? strlen(text) : 0);
}

/* SIZE bytes. A NULL BYTES is SQL's NULL, unless SIZE is 0: empty. */
static inline struct sqla_value sqla_blob(const void *bytes, size_t size)
{
	struct sqla_value v = sqla_null();

	if (bytes || size == 0) {
		v.type = SQLA_BLOB;
		v.as.p = bytes ? bytes : "";
		v.size = size;
	}
	return v;
}

/* ---- life -------------------------------------------------------------- */

/*
 * Opens a session on ENGINE (NULL: the default one). A scoped engine gives
 * the scope's session again, counted: close as often as you open, or
 * sqla_session_remove once.
 *   SQLA_ENOTFOUND  no such engine; the text names those there are
 *   SQLA_ENOTXN     joined, the manager is explicit and nothing is current
 *   SQLA_EFAILED    the current transaction can only be aborted
 */
int sqla_session_open(const char *engine, struct sqla_session **ret_s);

/*
 * Gives the handle back; the last close of a session frees it, and rolls back
 * unless a transaction has joined it: then it is freed when that ends. NULL
 * is allowed.
 */
void sqla_session_close(struct sqla_session *s);

/* Ends this scope's session of ENGINE however often it was opened. */
int sqla_session_remove(const char *engine);

/* ---- use --------------------------------------------------------------- */

/*
 * Runs one SQL statement with $1, $2... replaced by N values.
 *   SQLA_EDATABASE  refused; sqla_error_last() has SQLSTATE or SQLite code
 *   SQLA_ERETRY     refused for a reason that passes (class 40, busy, locked)
 *   SQLA_ECONNECT   no connection, and nothing was done; or lost with the work
 *		     of the transaction, which can only abort
 *   SQLA_EREADONLY, SQLA_EFAILED, SQLA_EFORKED, SQLA_ETIMEOUT, SQLA_EMISUSE
 */
int sqla_exec_array(struct sqla_session *s, const char *sql, const struct sqla_value values[],
		    size_t n);

/* The same for a statement that returns rows; close *RET_ROWS. */
int sqla_query_array(struct sqla_session *s, struct sqla_rows **ret_rows, const char *sql,
		     const struct sqla_value values[], size_t n);

#ifndef __cplusplus
/*
 * sqla_exec(s, sql, values...) and sqla_query(s, &rows, sql, values...): the
 * same with the values in the call, each made by sqla_int() and friends.
 * Macros, so that the compiler checks every value's type; use the array form
 * in C++.
 */
#define sqla_exec(s, ...) \
	sqla_exec_array((s), SQLA_FIRST_(__VA_ARGS__, 0), SQLA_VALUES_(__VA_ARGS__, sqla_null()))
#define sqla_query(s, ret_rows, ...)                                   \
	sqla_query_array((s), (ret_rows), SQLA_FIRST_(__VA_ARGS__, 0), \
			 SQLA_VALUES_(__VA_ARGS__, sqla_null()))
#define SQLA_FIRST_(first, ...) first
#define SQLA_LIST_(first, ...) ((const struct sqla_value[]){ __VA_ARGS__ })
#define SQLA_VALUES_(...) \
	SQLA_LIST_(__VA_ARGS__), sizeof(SQLA_LIST_(__VA_ARGS__)) / sizeof(struct sqla_value) - 1
#endif

/*
 * Rows. They are valid until closed; those of SQLite also end with the
 * transaction. Columns count from 0.
 */

/* Goes to the next row: 1, 0 at the end, or negative. */
int sqla_rows_next(struct sqla_rows *rows);

/*
 * Values of the current row. NULL gives 0, NULL, or an empty blob. A value
 * that does not fit gives 0 and is remembered: sqla_rows_close returns it.
 * Text and blobs are valid until the next sqla_rows_next or close.
 */
int64_t sqla_rows_int(struct sqla_rows *rows, int column);
double sqla_rows_real(struct sqla_rows *rows, int column);
bool sqla_rows_bool(struct sqla_rows *rows, int column);
const char *sqla_rows_text(struct sqla_rows *rows, int column);
const void *sqla_rows_blob(struct sqla_rows *rows, int column, size_t *ret_size);
bool sqla_rows_is_null(struct sqla_rows *rows, int column);

/* Number of columns; name of one (NULL: no such column); number of one by
 * name, or SQLA_ENOTFOUND. */
int sqla_rows_columns(const struct sqla_rows *rows);
const char *sqla_rows_name(const struct sqla_rows *rows, int column);
int sqla_rows_column(struct sqla_rows *rows, const char *name);

/* Rows that the statement inserted, updated or deleted. */
int64_t sqla_rows_affected(const struct sqla_rows *rows);

/* The session that made the rows. */
struct sqla_session *sqla_rows_session(const struct sqla_rows *rows);

/* Frees, and returns the first failure of reading them. NULL is allowed. */
int sqla_rows_close(struct sqla_rows *rows);

/* Rows that this session's latest statement changed; 0 without one. */
int64_t sqla_session_affected(const struct sqla_session *s);

/* ---- ending an unjoined session's work --------------------------------- */

/* SQLA_EMANAGED on a joined session: txn_commit commits it. */
int sqla_session_commit(struct sqla_session *s);

/* On a joined session too: its part of the transaction is undone. */
int sqla_session_rollback(struct sqla_session *s);

/* ---- the session's part in its transaction ----------------------------- */

enum sqla_session_state {
	SQLA_SESSION_ACTIVE = 0,
	SQLA_SESSION_CHANGED = 1,
	SQLA_SESSION_READONLY = 2,
};

enum sqla_session_state sqla_session_state(const struct sqla_session *s);

/*
 * The session did something that the engine cannot see (NOTIFY, an advisory
 * lock, a foreign data wrapper). Ordinary writes are noticed by themselves.
 * SQLA_EREADONLY on a readonly session.
 */
int sqla_session_mark_changed(struct sqla_session *s);

/*
 * This session did something that cannot be prepared (NOTIFY, a temporary
 * table, a WITH HOLD cursor): in this transaction its commit must be the
 * decision.
 */
int sqla_session_must_decide(struct sqla_session *s);

/* Whether the session holds a connection now. */
bool sqla_session_is_connected(const struct sqla_session *s);

const char *sqla_session_engine(const struct sqla_session *s);

/* Pointers by name, for the application; borrowed; NULL removes. Names that
 * begin with "sqla_" are the library's, and request.h sets "request". */
int sqla_session_set_info(struct sqla_session *s, const char *key, void *value);
void *sqla_session_info(const struct sqla_session *s, const char *key);

/*
 * The native connection, in a transaction that has begun: what is done
 * through it is part of the transaction and is noticed. Do not commit, roll
 * back or close it. Valid until the transaction ends. NULL: another kind of
 * engine, or sqla_error_last().
 */
struct pg_conn *sqla_session_pg(struct sqla_session *s);
struct sqlite3 *sqla_session_sqlite(struct sqla_session *s);

#ifdef __cplusplus
}
#endif
#endif
