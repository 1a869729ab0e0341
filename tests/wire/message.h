/*
 * message.h - PostgreSQL's messages (protocol 3): a type, a length that counts
 * itself, a body. Before its type-less startup packet is accepted a client may
 * ask for TLS, and is answered with one byte.
 *
 * The writers append to a UT_string, so that what a server might say can be
 * put together: by the proxy in place of what it did say, or by a server that
 * does not exist.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/must.h"

#define utstring_oom() must_fail("out of memory")
#include <utstring.h>

enum wire_side { WIRE_CLIENT, WIRE_SERVER }; /* who says it */

enum {
	WIRE_HEADER = 5,     /* bytes of type and length */
	WIRE_UNTYPED = '\0', /* the type of startup, cancel and TLS requests */
	WIRE_BYTE = '?',     /* the type of the one-byte answer */
};

struct wire_message {
	enum wire_side from;
	unsigned nth; /* of this side, over all connections, since proxy_watch */
	char type;
	const unsigned char *bytes; /* with the header */
	size_t size;
};

/* The length of the whole message at BYTES, 0 if not even that is there. */
size_t wire_size(const unsigned char *bytes, size_t n, bool is_typed);

/* Whether a type-less packet asks for TLS or GSS; or is a startup. */
bool wire_is_encryption_request(const struct wire_message *m);
bool wire_is_startup(const struct wire_message *m);

/* Whether TEXT is in the message's bytes, as in its SQL or its error. */
bool wire_has(const struct wire_message *m, const char *text);

/* ---- writing ------------------------------------------------------------- */

/* A message of any TYPE; the length is made to fit. */
void wire_put(UT_string *out, char type, const void *body, size_t n);

/* ErrorResponse or (TYPE 'N') NoticeResponse. */
void wire_put_error(UT_string *out, char type, const char *severity, const char *sqlstate,
		    const char *text);
/* ReadyForQuery: 'I' idle, 'T' in a transaction, 'E' in a failed one. */
void wire_put_ready(UT_string *out, char status);
/* CommandComplete. */
void wire_put_tag(UT_string *out, const char *tag);
/* ParameterStatus. */
void wire_put_parameter(UT_string *out, const char *name, const char *value);
/* DataRow of N text columns; NULL is SQL's. */
void wire_put_row(UT_string *out, const char *const values[], unsigned n);
/* RowDescription of N text columns. */
void wire_put_columns(UT_string *out, const char *const names[], unsigned n);
/* Query and Execute of a portal, from a client. */
void wire_put_query(UT_string *out, const char *sql);
void wire_put_execute(UT_string *out, const char *portal);

#endif
