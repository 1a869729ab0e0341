/* The claim of a deciding branch: engine/driver.h, "the protocol". */
#ifndef POSTGRES_CLAIM_H
#define POSTGRES_CLAIM_H

#include "engine/driver.h"

struct pg_link;

int pg_claim(struct driver_conn *conn, const struct txn_decision *decision, const char *const due[],
	     size_t n_due, bool *ret_took);

/* Frees what claims have left in LINK. */
void pg_claim_free(struct pg_link *link);

#endif
