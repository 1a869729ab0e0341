/*
 * demo-proof.h - comparing, sale by sale, what the till sold with what the
 * ledger says.
 */
#ifndef DEMO_PROOF_H
#define DEMO_PROOF_H

#include <stdbool.h>
#include <stdint.h>

struct proof {
	int64_t sold, sold_cents;     /* the till's own record */
	int64_t booked, booked_cents; /* rows of the ledger */
	int64_t missing;	      /* sold, and not booked */
	int64_t repeated;	      /* booked once more than sold */
	int64_t wrong;		      /* booked with another amount, or never sold */
	int64_t waiting;	      /* still in the outbox */
	bool has_server;
	int64_t in_doubt; /* prepared transactions that it still holds */
	int64_t hot;	  /* journals of files that whoever opens them must deal with */
};

/* Reads both databases. Negative, and told on stderr, when they cannot be. */
int proof_read(const char *ledger_url, struct proof *ret_proof);

bool proof_holds(const struct proof *proof);

void proof_print(const struct proof *proof);

#endif
