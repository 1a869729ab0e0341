/* A connection of the liar, and the messages that it sends on it. */
#ifndef FUZZ_LIAR_WIRE_H
#define FUZZ_LIAR_WIRE_H

#include <pthread.h>
#include <stdio.h>

#include "fuzz/fuzz.h"
#include "fuzz/liar.h"

enum { GID_ROOM = 256, STATEMENTS_MAX = 64 };

/* What is stored; guarded by the liar's lock. */
struct liar_database {
	char gid[GID_ROOM]; /* prepared, or "" */
	bool has_decision;
	struct liar_claims claims;
};

struct liar_conn {
	int fd;
	int number;
	char database; /* 'a' or 'b' */
	struct fuzz_input lies;
	char status; /* of the transaction: I, T, E */
	bool has_claim;
	bool is_skipping; /* up to the next sync, behind an error */
	bool is_closing;
	char *out; /* what is to be sent, and its stream */
	size_t size;
	FILE *into;
	struct {
		char name[64];
		char *sql;
	} statements[STATEMENTS_MAX];
	unsigned bound; /* which of them */
};

/* The database of a connection, until liar_unlock. */
struct liar_database *liar_lock(const struct liar_conn *conn);
void liar_unlock(void);

/* Messages: they go out with the next sync. */
void wire_put(struct liar_conn *conn, char type, const void *body, size_t size);
void wire_put_text(struct liar_conn *conn, char type, const char *text);
/* TYPE: E or N. */
void wire_put_report(struct liar_conn *conn, char type, const char *severity, const char *state);
void wire_put_ready(struct liar_conn *conn, char status);
/* NAMES and VALUES of N columns; a NULL is one. */
void wire_put_columns(struct liar_conn *conn, const char *const names[], unsigned n);
void wire_put_row(struct liar_conn *conn, const char *const values[], unsigned n);
/* Any bytes, as they are. */
void wire_put_raw(struct liar_conn *conn, const void *bytes, size_t size);

/* The answer to SQL; liar-answers.c. */
void liar_answer(struct liar_conn *conn, const char *sql);

#endif
