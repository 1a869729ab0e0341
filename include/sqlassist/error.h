/*
 * error.h - what every call returns, and where to read why.
 *
 * Every function of libsqlassist that can fail returns a status: 0 or
 * positive for success, negative for failure. The detail of this thread's
 * latest failure is sqla_error_last(). On failure outputs stay untouched.
 */
#ifndef SQLASSIST_ERROR_H
#define SQLASSIST_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Statuses. Their numbers never change; new ones are appended. */
enum sqla_status {
	SQLA_OK = 0,	      /* done */
	SQLA_PENDING = 1,     /* committed; a branch is still to be told, and
				 recovery does it: nothing for the caller to do */
	SQLA_EABORTED = -1,   /* nothing was committed anywhere */
	SQLA_ERETRY = -2,     /* like EABORTED; a new attempt may succeed */
	SQLA_EINDOUBT = -3,   /* the outcome is not known yet; recovery will
				 know it. Do not repeat the work before that */
	SQLA_EMIXED = -4,     /* somebody ended a branch by hand, against the
				 decision: the databases disagree */
	SQLA_EDOOMED = -5,    /* the transaction is doomed: only abort */
	SQLA_EFAILED = -6,    /* an earlier operation failed: only abort */
	SQLA_ENOTXN = -7,     /* no transaction is current */
	SQLA_EALREADY = -8,   /* a transaction is already under way, or a name
				 is taken */
	SQLA_EMANAGED = -9,   /* the transaction manager commits this session */
	SQLA_EREADONLY = -10, /* a write where only reading is allowed */
	SQLA_EDISABLED = -11, /* SQLASSIST_DISABLE_TRANSACTION is set */
	SQLA_EUNSAFE = -12,   /* cannot be made atomic; nothing was changed */
	SQLA_EMISUSE = -13,   /* a call that the contract forbids; no state
				 was changed */
	SQLA_ENOMEM = -14,    /* out of memory */
	SQLA_ECONNECT = -15,  /* no connection, or it was lost */
	SQLA_ETIMEOUT = -16,  /* the deadline passed: only abort; or no pooled
				 connection came free in time */
	SQLA_EFORKED = -17,   /* made by the parent process */
	SQLA_ENOTFOUND = -18, /* no such engine, column or item */
	SQLA_ECONFIG = -19,   /* a bad URL, option or configuration file */
	SQLA_EDATABASE = -20, /* the database refused the statement */
	SQLA_EMANY = -21,     /* more than one, where one was asked for */
};

/*
 * The detail of a failure. Fields are only ever appended, and the library
 * alone makes these objects.
 */
struct sqla_error {
	int status;	   /* one of enum sqla_status; SQLA_OK: no failure yet */
	char engine[64];   /* name of the engine or resource, or "" */
	char sqlstate[6];  /* PostgreSQL's SQLSTATE, or "" */
	int sqlite_code;   /* SQLite's extended result code, or 0 */
	char message[512]; /* one line: what happened */
	char hint[512];	   /* one line: what to do about it, or "" */
};

/*
 * The detail of this thread's latest failure, to be read right after the call
 * that failed. Never NULL; valid until the next call into the library on this
 * thread; borrowed, never freed.
 */
const struct sqla_error *sqla_error_last(void);

/* A fixed English phrase for STATUS, for any number. Never NULL. */
const char *sqla_strerror(int status);

enum sqla_log_level {
	SQLA_LOG_DEBUG = 0,
	SQLA_LOG_INFO = 1,
	SQLA_LOG_WARNING = 2,
	SQLA_LOG_ERROR = 3,
};

/*
 * Receives the library's log lines; LINE has no newline and is valid during
 * the call. Called on any thread, also concurrently; must not call back
 * into the library.
 */
typedef void sqla_log_fn(enum sqla_log_level level, const char *line, void *arg);

/*
 * Sends log lines of LEVEL and above to FN; NULL: silence, which is the
 * default. The library itself never writes to stdout or stderr.
 * Set it before other threads use the library.
 */
void sqla_log_set(enum sqla_log_level level, sqla_log_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
