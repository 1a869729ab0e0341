/* Waiting for what another process is about to answer. */
#ifndef BASE_AWAIT_H
#define BASE_AWAIT_H

#include <poll.h>

/*
 * poll(), with its arguments and answers, errno too; but where no other thread of ours
 * waits, whoever else wants this processor gets it first. A server on the same machine
 * is one of them, and mostly has its answer ready when the turn comes back to us: then
 * nobody is put to sleep, and no server pays for waking us. Where nobody wants it, or
 * the server is elsewhere, that costs a fraction of a microsecond.
 *
 * Not where others wait as well: threads that sleep come in step with each other, so
 * that a server forces its log once for several of them. All awake, they take turns
 * instead, and it does so up to three times as often.
 *
 * For steps of the work and of the commit, which are answered soon. With others on
 * the processor it may take longer than MS by the turns that they take.
 * MS 0 only looks, and so keeps it.
 */
int await_answer(struct pollfd waits[], nfds_t n, int ms);

#endif
