/*
 * tap.h - a proxy that remembers what was said, and lets one thing happen to
 * one message.
 *
 * What is remembered is the real traffic, so that a test can go through all of
 * its messages, whatever they are, and strike at each in turn.
 */
#ifndef WIRE_TAP_H
#define WIRE_TAP_H

#include "wire/proxy.h"

enum strike_kind {
	/* Both sides are cut instead of passing the message: a FIN, a RST. */
	STRIKE_CUT,
	STRIKE_RESET,
	/* The first bytes are passed, and then both sides are cut. */
	STRIKE_TRUNCATE,
	/* Passed, and then the client is cut off: the server notices nothing until
	 * tap_settle. The work is done, its answer is lost. */
	STRIKE_ORPHAN,
	/* Nothing is passed any more, in either direction, until tap_settle. */
	STRIKE_FREEZE,
	/* Passed, but later. */
	STRIKE_DELAY,
	/* The client's message fails in the server, as an ERROR with the SQLSTATE: its
	 * transaction is failed or ended there as well. A startup packet is refused with
	 * a FATAL one. */
	STRIKE_REFUSE,
	/* Instead of the message there is a FATAL error, and the server hangs up: what it
	 * did before stays done. */
	STRIKE_FATAL,
	/* The server says something else, instead of the message or ahead of it. */
	STRIKE_SAY,
};

struct strike {
	enum wire_side side;
	unsigned nth; /* message of that side */
	enum strike_kind kind;
	size_t bytes;	      /* of TRUNCATE: 0 to all but one */
	const char *sqlstate; /* of REFUSE and FATAL */
	UT_string *words;     /* of SAY; borrowed */
	bool is_ahead;
	int curfew_ms; /* after which all wires are cut, or 0: whoever waits in vain */
};

/* What is kept of a message. */
struct heard {
	enum wire_side side;
	unsigned nth;
	char type;
	size_t size;
};

struct tap;

struct tap *tap_start(const struct cluster *c);
void tap_free(struct tap *tap);

/* Of the proxy; borrowed. */
struct proxy *tap_proxy(struct tap *tap);

enum { STRIKES_MAX = 2 };

/* Counts and remembers from now on; N strikes (copied) happen in their order, each
 * once. */
void tap_watch(struct tap *tap, const struct strike strikes[], size_t n);

/* Whether all of them have happened. */
bool tap_has_struck(struct tap *tap);

/* Nothing strikes any more, and the proxy settles. */
void tap_settle(struct tap *tap);

/* What was heard since tap_watch, as a new array (free it). */
struct heard *tap_heard(struct tap *tap, size_t *ret_n);

/* Whether STRIKE makes sense of HEARD: a server's message cannot be refused. */
bool strike_fits(const struct strike *strike, const struct heard *heard);

const char *strike_name(enum strike_kind kind);

#endif
