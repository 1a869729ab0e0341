/*
 * A talk: commands sent together, in one round trip, and their answers. It
 * never blocks by itself; a blocking call is a talk that is awaited.
 *
 * Between talks the connection is outside libpq's pipeline mode, and as soon as the
 * application has been given its handle it has the blocking mode in which the
 * application may have put it.
 */
#ifndef POSTGRES_TALK_H
#define POSTGRES_TALK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

struct pg_link;

struct pg_statement;

enum {
	PG_TALK_MAX = 10,
	PG_WIRE_MAX = 2 * PG_TALK_MAX, /* each may be prepared first */
};

enum pg_send {
	PG_SEND_PLAIN,	/* parsed and planned each time */
	PG_SEND_SIMPLE, /* the same, in one message where it is alone: no values */
	PG_SEND_OWN,	/* prepared; its SQL lives as long as the link, or until dropped */
	PG_SEND_KEPT,	/* prepared when it comes again */
};

/* Types, lengths and formats may be NULL: text whose type is inferred. */
struct pg_command {
	const char *sql;
	enum pg_send how;
	int n;
	const char *const *values;
	const Oid *types;
	const int *lengths;
	const int *formats;
	int columns;	/* that the rows of the answer must have; 0: it may be anything */
	bool wants_row; /* and there must be one */
	bool is_apart;	/* what went before is over, also by an error, when it begins */
};

/* What one answer on the wire belongs to. */
struct pg_wire {
	unsigned command;
	bool is_preparing;
};

struct pg_talk {
	unsigned sent;	   /* commands */
	unsigned expected; /* answers on the wire */
	unsigned answered;
	int failed;    /* index of the first command that failed, or -1 */
	bool is_open;  /* answers are still due */
	bool is_fresh; /* just sent: no answer can be there yet */
	bool is_pipeline;
	unsigned syncs; /* of the pipeline that are still to come */
	bool is_lost;	/* the connection failed: what was done is unknown (I7) */
	bool is_late;	/* lost, because there was no answer in time */
	bool is_copy;	/* lost, because the statement was a COPY */
	bool is_odd;	/* lost, because the answer is none to what was asked */
	bool is_stale;	/* the server no longer has a statement as it was prepared */
	bool is_warned; /* the server warned of something meanwhile */
	bool was_nonblocking;
	size_t told;			/* bytes of libpq's error text that answers have carried */
	PGresult *results[PG_TALK_MAX]; /* one for each command, or NULL */

	/* Of what was sent and what is expected; anything beyond. */
	struct pg_statement *statements[PG_TALK_MAX]; /* the commands are sent as, or NULL */
	int columns[PG_TALK_MAX];		      /* of the commands */
	bool wants_row[PG_TALK_MAX];
	struct pg_wire wire[PG_WIRE_MAX];

	/* For the life of the link. */
	bool is_lent; /* the application knows the connection */
};

/*
 * Forgets the last talk and sends N commands, copied. One command that need not
 * be prepared first is sent without a pipeline. Negative, with the detail: nothing can be said of what
 * the server will do with what it got.
 */
int pg_talk_send(struct pg_link *link, const struct pg_command commands[], unsigned n);

/* TXN_WAIT with WAIT filled, or 0 when all answers are in or the connection is
 * lost: failed and is_lost tell. Never blocks. */
int pg_talk_go(struct pg_link *link, struct pollfd *wait);

/* Goes on until the end; the connection is given up as lost after PATIENCE_MS
 * (0: never). */
void pg_talk_await(struct pg_link *link, int patience_ms);

/* Sends, awaits, and returns 0 if every command succeeded, else the status of
 * the failure with its detail, which begins with DOING. */
int pg_talk_run(struct pg_link *link, const struct pg_command commands[], unsigned n,
		int patience_ms, const char *doing);

/* A cell as text; "" for NULL, and where the server has sent no such cell,
 * whatever was asked of it. */
const char *pg_cell(const PGresult *result, int row, int column);
/* The first column of the first row of answer I; "" for none and for NULL. */
const char *pg_talk_value(const struct pg_link *link, unsigned i);
/* The tag of answer I, "" for none (I7). */
const char *pg_talk_tag(const struct pg_link *link, unsigned i);
/* The answer that failed, or NULL. */
const PGresult *pg_talk_failure(const struct pg_link *link);

/* From now on notices are heard here, and warnings noted; whatever the application
 * has set for them is set aside for good, when a talk begins at the latest. */
void pg_talk_hear(struct pg_link *link);

/* The application is about to be given the connection. */
void pg_talk_lend(struct pg_link *link);

/* Frees the answers. */
void pg_talk_clear(struct pg_link *link);

#endif
