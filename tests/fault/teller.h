/*
 * teller.h - transfers between the databases of a bank, made in this process
 * and step by step, so that a step can be disturbed.
 */
#ifndef FAULT_TELLER_H
#define FAULT_TELLER_H

#include <stdint.h>

#include <sqlassist.h>

#include "fault/bank.h"

enum { TELLER_MAX = 4 };

struct teller {
	struct bank *bank;
	char names[TELLER_MAX][2]; /* of the engines: their letters */
	struct sqla_session *sessions[TELLER_MAX];
	size_t n;
};

/* Registers an engine for each database of the bank, which is borrowed. */
void teller_open(struct teller *t, struct bank *bank, const struct sqla_engine_options *options);

/* Unregisters them. */
void teller_close(struct teller *t);

/* Opens sessions and writes transfer ID: 0, or what the first step that failed
 * answered. */
int teller_write(struct teller *t, int64_t id);

/* Commits what was written: with the transaction, or the only session itself
 * where that is not joined. */
int teller_commit(struct teller *t);

/* Aborts what was not committed and closes the sessions. */
void teller_leave(struct teller *t);

/* Recovers until nothing is in doubt: a server may not have noticed yet that
 * a client is gone. Fails the test if that takes a minute. */
void teller_recover(struct teller *t);

#endif
