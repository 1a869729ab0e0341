#include "wire/tap.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <utarray.h>

#define MAGIC "sqlassist-tap" /* a portal that there is not */

enum { DELAY_MS = 10 };

/* What becomes of the answers of a wire on which a message was refused. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_OF_QUERY,  /* swallowed up to ReadyForQuery */
	REFUSAL_OF_PORTAL, /* the one error is put in other words */
};

/* All but the proxy is guarded by its lock. */
struct tap {
	struct proxy *proxy;
	struct strike strikes[STRIKES_MAX];
	size_t n_strikes;
	size_t struck; /* so many of them have happened */
	bool is_armed;
	enum refusal refusal;
	struct proxy_wire *refused; /* the wire */
	const char *sqlstate;	    /* of what it was refused with */
	UT_array *heard;
	UT_string out;
};

static const UT_icd heard_icd = { .sz = sizeof(struct heard) };

bool strike_fits(const struct strike *strike, const struct heard *heard)
{
	bool is_typed = heard->type != WIRE_UNTYPED && heard->type != WIRE_BYTE;

	switch (strike->kind) {
	case STRIKE_TRUNCATE:
		return strike->bytes > 0 && strike->bytes < heard->size;
	case STRIKE_REFUSE:
		return heard->side == WIRE_CLIENT && is_typed && strchr("QPBDE", heard->type);
	case STRIKE_FATAL:
		return is_typed || (heard->side == WIRE_CLIENT && heard->size > 8);
	case STRIKE_CUT:
	case STRIKE_RESET:
	case STRIKE_ORPHAN:
	case STRIKE_FREEZE:
	case STRIKE_DELAY:
		break;
	case STRIKE_SAY:
		return heard->side == WIRE_SERVER && heard->type != WIRE_BYTE;
	}
	return true;
}

const char *strike_name(enum strike_kind kind)
{
	static const char *const names[] = {
		[STRIKE_CUT] = "cut",
		[STRIKE_RESET] = "reset",
		[STRIKE_TRUNCATE] = "truncated",
		[STRIKE_ORPHAN] = "answer lost",
		[STRIKE_FREEZE] = "frozen",
		[STRIKE_DELAY] = "delayed",
		[STRIKE_REFUSE] = "refused",
		[STRIKE_FATAL] = "fatal",
		[STRIKE_SAY] = "words",
	};

	return names[kind];
}

/* ---- refusing ------------------------------------------------------------ */

static void say_error(struct tap *tap, struct proxy_wire *wire, const char *severity)
{
	wire_put_error(&tap->out, 'E', severity, tap->sqlstate, "the test says so");
	proxy_say_string(wire, WIRE_SERVER, &tap->out);
}

/*
 * The server must fail what it does not get, or the refusal would be a lie. A
 * transaction whose COMMIT fails is ended; one whose statement fails is not.
 */
static void refuse(struct tap *tap, struct proxy_wire *wire, const struct wire_message *m)
{
	tap->refused = wire;
	if (m->type == 'Q') {
		tap->refusal = REFUSAL_OF_QUERY;
		wire_put_query(&tap->out, "ROLLBACK");
	} else {
		tap->refusal = REFUSAL_OF_PORTAL;
		wire_put_execute(&tap->out, MAGIC);
	}
	proxy_say_string(wire, WIRE_CLIENT, &tap->out);
}

/* Whether the answer M was dealt with here. */
static bool put_in_other_words(struct tap *tap, struct proxy_wire *wire,
			       const struct wire_message *m)
{
	if (tap->refusal == REFUSAL_OF_QUERY) {
		if (m->type != 'Z')
			return true;
		say_error(tap, wire, "ERROR");
		tap->refusal = REFUSAL_NONE;
		return false;
	}
	if (m->type != 'E' || !wire_has(m, MAGIC))
		return false;
	say_error(tap, wire, "ERROR");
	tap->refusal = REFUSAL_NONE;
	return true;
}

/* ---- striking ------------------------------------------------------------ */

static void strike(struct tap *tap, struct proxy_wire *wire, const struct wire_message *m,
		   const struct strike *s)
{
	tap->sqlstate = s->sqlstate;
	switch (s->kind) {
	case STRIKE_CUT:
	case STRIKE_RESET:
		proxy_hang_up(wire, s->kind == STRIKE_RESET);
		break;
	case STRIKE_TRUNCATE:
		proxy_say(wire, m->from, m->bytes, s->bytes);
		proxy_hang_up(wire, false);
		break;
	case STRIKE_ORPHAN:
		proxy_pass(wire, m);
		proxy_hang_up_on(wire, WIRE_CLIENT, false);
		break;
	case STRIKE_DELAY:
		(void)poll(NULL, 0, DELAY_MS);
		proxy_pass(wire, m);
		break;
	case STRIKE_REFUSE:
		refuse(tap, wire, m);
		break;
	case STRIKE_FATAL:
		say_error(tap, wire, "FATAL");
		proxy_hang_up(wire, false);
		break;
	case STRIKE_SAY:
		proxy_say(wire, WIRE_SERVER, utstring_body(s->words), utstring_len(s->words));
		if (s->is_ahead)
			proxy_pass(wire, m);
		break;
	case STRIKE_FREEZE:
		break;
	}
	if (s->curfew_ms)
		proxy_set_curfew(tap->proxy, s->curfew_ms);
}

/* The strike that M is the message of, or NULL. */
static const struct strike *due(const struct tap *tap, const struct wire_message *m)
{
	const struct strike *next = &tap->strikes[tap->struck];

	if (!tap->is_armed || tap->struck == tap->n_strikes || m->from != next->side ||
	    m->nth != next->nth)
		return NULL;
	return next;
}

static bool handle(void *arg, struct proxy_wire *wire, const struct wire_message *m)
{
	const struct heard heard = { m->from, m->nth, m->type, m->size };
	struct tap *tap = arg;
	const struct strike *now = due(tap, m);

	if (now) {
		tap->struck++;
		strike(tap, wire, m, now);
		return now->kind != STRIKE_FREEZE;
	}
	utarray_push_back(tap->heard, &heard);
	if (tap->refusal && tap->refused == wire && m->from == WIRE_SERVER &&
	    put_in_other_words(tap, wire, m))
		return true;
	proxy_pass(wire, m);
	return true;
}

/* ---- for tests ----------------------------------------------------------- */

struct tap *tap_start(const struct cluster *c)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		must_fail("out of memory");
	utstring_init(&tap->out);
	utarray_new(tap->heard, &heard_icd);
	tap->proxy = proxy_start(c, handle, tap);
	return tap;
}

void tap_free(struct tap *tap)
{
	if (!tap)
		return;
	proxy_free(tap->proxy);
	utarray_free(tap->heard);
	utstring_done(&tap->out);
	free(tap);
}

struct proxy *tap_proxy(struct tap *tap)
{
	return tap->proxy;
}

void tap_watch(struct tap *tap, const struct strike strikes[], size_t n)
{
	if (n > STRIKES_MAX)
		must_fail("too many strikes");
	proxy_watch(tap->proxy);
	proxy_lock(tap->proxy);
	utarray_clear(tap->heard);
	for (size_t i = 0; i < n; i++)
		tap->strikes[i] = strikes[i];
	tap->n_strikes = n;
	tap->struck = 0;
	tap->is_armed = true;
	tap->refusal = REFUSAL_NONE;
	proxy_unlock(tap->proxy);
}

bool tap_has_struck(struct tap *tap)
{
	bool has_struck;

	proxy_lock(tap->proxy);
	has_struck = tap->struck == tap->n_strikes;
	proxy_unlock(tap->proxy);
	return has_struck;
}

void tap_settle(struct tap *tap)
{
	proxy_lock(tap->proxy);
	tap->is_armed = false;
	proxy_unlock(tap->proxy);
	proxy_settle(tap->proxy);
}

struct heard *tap_heard(struct tap *tap, size_t *ret_n)
{
	struct heard *heard;

	proxy_lock(tap->proxy);
	*ret_n = utarray_len(tap->heard);
	heard = calloc(*ret_n + 1, sizeof(*heard));
	if (!heard)
		must_fail("out of memory");
	for (size_t i = 0; i < *ret_n; i++)
		heard[i] = *(const struct heard *)utarray_eltptr(tap->heard, i);
	proxy_unlock(tap->proxy);
	return heard;
}
