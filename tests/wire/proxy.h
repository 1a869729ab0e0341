/*
 * proxy.h - stands between libpq and a real server, and understands both.
 *
 * A thread of its own passes messages on, one at a time and whole; a handler
 * sees each of them first and decides what becomes of it. What the handler
 * knows is guarded by the proxy's lock, which it is called with.
 *
 * It listens on a TCP port of 127.0.0.1, so that a reset is a reset. Every
 * function aborts the test when it does not work.
 */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include "wire/message.h"

struct cluster;
struct proxy;
struct proxy_wire; /* one connection: both its halves */

/*
 * Called for every message, with the proxy's lock held. It does with M what it
 * likes, by the functions below; what it does not pass is swallowed. False:
 * the wire freezes in front of M, in both directions, until proxy_settle.
 */
typedef bool proxy_handler(void *arg, struct proxy_wire *wire, const struct wire_message *m);

struct proxy *proxy_start(const struct cluster *c, proxy_handler *handler, void *arg);

/* Cuts all wires and ends the thread. NULL is allowed. */
void proxy_free(struct proxy *proxy);

/* Returns new text: a URL for libpq. */
char *proxy_url(const struct proxy *proxy, const char *database);

/* Counts messages from 0 again. */
void proxy_watch(struct proxy *proxy);

/* Ends wires that are cut on one side only, and thaws those that are frozen. */
void proxy_settle(struct proxy *proxy);

/* Cuts all wires in so many milliseconds. For handlers, too: they hold the lock that
 * is needed. proxy_settle calls it off. */
void proxy_set_curfew(struct proxy *proxy, int ms);

/* How many wires there are. */
unsigned proxy_wires(struct proxy *proxy);

void proxy_lock(struct proxy *proxy);
void proxy_unlock(struct proxy *proxy);

/* ---- for handlers -------------------------------------------------------- */

/* As it came. */
void proxy_pass(struct proxy_wire *wire, const struct wire_message *m);

/* N bytes, as if FROM had said them. */
void proxy_say(struct proxy_wire *wire, enum wire_side from, const void *bytes, size_t n);

/* The same of a string, which is then empty. */
void proxy_say_string(struct proxy_wire *wire, enum wire_side from, UT_string *string);

/* Ends one half, or both; by a reset where it is TCP's. What the other half still
 * says is swallowed. */
void proxy_hang_up_on(struct proxy_wire *wire, enum wire_side side, bool by_reset);
void proxy_hang_up(struct proxy_wire *wire, bool by_reset);

#endif
