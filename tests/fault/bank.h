/*
 * bank.h - databases that hold accounts, and what must be true of them
 * whatever was killed: a transfer is in all databases it names or in none,
 * no money is lost or made, nothing is in doubt.
 */
#ifndef FAULT_BANK_H
#define FAULT_BANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault/child.h"

struct bank;

/*
 * Makes a bank of one database for each letter of KINDS: "a" and "b" are
 * PostgreSQL databases on the clusters of that name, "l" and "m" are SQLite
 * files, "v" and "w" such in WAL mode. NAME makes them different from those of other tests.
 */
struct bank *bank_new(const char *name, const char *kinds);
void bank_free(struct bank *bank);

/*
 * Starts tests/fault/coordinator on the bank's databases with the words of
 * TAIL behind the engines; OPTIONS is one more option or NULL.
 */
__attribute__((format(printf, 5, 6))) struct child *bank_start(const struct bank *bank,
							       const char *fault,
							       const char *passed,
							       const char *option, const char *tail,
							       ...);

/* Waits until no server works for anybody but us: a killed client's last
 * message may still be under way. Servers must run. */
void bank_wait_quiet(struct bank *bank);

/* How many transactions are prepared in the bank's databases. */
int64_t bank_in_doubt(struct bank *bank);

/* 1: transfer ID is in all its databases, 0: in none, -1: in some. */
int bank_has(struct bank *bank, int64_t id);

/* How many transfers there are in all databases together. */
size_t bank_transfers(struct bank *bank);

/*
 * The checker. Returns new text of the first thing that is not true, or NULL:
 * also that each transfer TOLD of ended as was told, and that files are whole.
 */
char *bank_violation(struct bank *bank, const struct told told[], size_t n_told);

/* The databases, to break them: URL of the nth, or path of a SQLite file. */
const char *bank_database(const struct bank *bank, size_t nth);

/* Letters of the databases. */
const char *bank_kinds(const struct bank *bank);

#endif
